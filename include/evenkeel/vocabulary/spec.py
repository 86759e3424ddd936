"""The model spec: everything a team says about a model, frozen and strict."""

from __future__ import annotations

import hashlib
import json
import re
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Any, Literal, get_args
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from croniter import croniter
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, model_validator

from evenkeel.vocabulary.metrics import METRICS_OF_TASK, Task
from evenkeel.vocabulary.partition import Partition, parse_duration
from evenkeel.vocabulary.presets import fill_preset

ColumnType = Literal["string", "int64", "float64", "bool", "timestamp"]


def _duration(value: object) -> timedelta:
    if isinstance(value, timedelta):
        return value
    if not isinstance(value, str):
        raise ValueError(f"{value!r} is not a duration: write a whole number and m, h, d or w, such as 36h or 60d")
    return parse_duration(value)


def _cron(value: str) -> str:
    if len(value.split()) != 5 or not croniter.is_valid(value):
        raise ValueError("is not a cron expression of five fields, such as '0 6 * * 1' (Mondays at 06:00)")
    return value


def _daily(value: str) -> str:
    minute, hour, *days = _cron(value).split()
    if not (minute.isdigit() and hour.isdigit() and days == ["*", "*", "*"]):
        raise ValueError("must be one fixed time every day, such as '30 3 * * *': a partition is a day")
    if 1 <= int(hour) < 3:
        raise ValueError("lies between 01:00 and 03:00, which some days do not have or have twice; take another hour")
    return value


def _timezone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError):  # a name that is a folder, or leads out of the database
        raise ValueError("is not a time zone of the IANA database, such as America/New_York or UTC") from None
    return value


def _off(value: object) -> object:
    return "off" if value is False else value  # YAML reads a bare `off` as false


def _connection(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_.-]+", value):
        raise ValueError(
            "is not the id of an Airflow connection, such as slack_default; an address or a token belongs into that connection"
        )
    return value


def _address(value: str) -> str:
    if not re.fullmatch(r"[^@\s,;<>]+@[^@\s,;<>]+", value):
        raise ValueError("is not an e-mail address, such as oncall@example.com")
    return value


def _not_empty(value: tuple[str, ...]) -> tuple[str, ...]:
    if not value:
        raise ValueError("is empty; name at least one")
    return value


def _own_column(value: str) -> str:
    if value.startswith("_"):
        raise ValueError("begins with an underscore; such names are kept for the columns evenkeel writes")
    return value


Duration = Annotated[
    timedelta,
    BeforeValidator(_duration),
    PlainSerializer(lambda d: f"{int(d.total_seconds() // 60)}m", return_type=str),
]
PositiveDuration = Annotated[Duration, Field(gt=timedelta(0))]
Cron = Annotated[str, AfterValidator(_cron)]
DailyCron = Annotated[str, AfterValidator(_daily)]
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$", max_length=60)]
Column = Annotated[str, Field(min_length=1), AfterValidator(_own_column)]
Columns = Annotated[tuple[Column, ...], Field(strict=False)]
DottedPath = Annotated[str, Field(pattern=r"^[A-Za-z_]\w*(\.[A-Za-z_]\w*)+$")]
FunctionPath = Annotated[str, Field(pattern=r"^[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*$")]


ConnectionId = Annotated[str, AfterValidator(_connection)]
What = Literal["decay", "drift", "rolled_back", "needs_person", "refused", "failed"]
"""What people are told of: a champion worse than it promised, inputs or scores that moved, a champion rolled back, a person that
is needed, a gate's refusal, a run that failed.
"""
EVERYTHING: tuple[What, ...] = get_args(What)


class Part(BaseModel):
    """Base of every part of a spec: unknown keys are mistakes, types are not guessed, nothing changes after reading."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid")


class FileSource(Part):
    """Parquet or CSV files in a folder (any fsspec URI), optionally in `column=value` folders by local day."""

    kind: Literal["parquet", "csv"]
    uri: str
    partition_column: str | None = None


class DeltaSource(Part):
    """A Delta Lake table."""

    kind: Literal["delta"]
    uri: str


class SqlSource(Part):
    """A query with `:start` and `:end`, against an Airflow connection or an SQLAlchemy URL."""

    kind: Literal["sql"]
    query: str
    connection: str | None = None
    url: str | None = None

    @model_validator(mode="after")
    def _one_database_and_a_window(self) -> SqlSource:
        if (self.connection is None) == (self.url is None):
            raise ValueError(
                "needs exactly one of `connection` (an Airflow connection id) and `url` (an SQLAlchemy URL)"
            )
        missing = [bound for bound in (":start", ":end") if bound not in self.query]
        if missing:
            raise ValueError(
                f"the query must filter its event time by {' and '.join(missing)}, or it would be read whole"
            )
        return self


Source = Annotated[FileSource | DeltaSource | SqlSource, Field(discriminator="kind")]


class Table(Part):
    """A source read by a window of event time: which columns, of which types, and when each row became known.

    `known_at` says when the world knew, `ingested_at` when the row landed: what landed after the as-of is not there, and of
    several rows of one key the one that landed last counts. `timezone` is that of timestamps without one of their own.
    """

    source: Source
    event_time: Column
    columns: dict[Column, ColumnType] = Field(min_length=1)
    known_at: Column | None = None
    ingested_at: Column | None = None
    timezone: Annotated[str, AfterValidator(_timezone)] = "UTC"

    @model_validator(mode="after")
    def _time_columns_are_timestamps(self) -> Table:
        for column in filter(None, (self.event_time, self.known_at, self.ingested_at)):
            if self.columns.get(column) != "timestamp":
                raise ValueError(f"column {column!r} must be listed under `columns` with type timestamp")
        return self


class Rows(Table):
    """What is scored: one row per key. `available_after` counts from the partition's start; without it, its end."""

    key: Annotated[tuple[Column, ...], Field(strict=False, min_length=1)]
    available_after: Duration | None = None

    @model_validator(mode="after")
    def _keys_are_columns(self) -> Rows:
        for column in self.key:
            if column not in self.columns:
                raise ValueError(f"key column {column!r} must be listed under `columns`")
        return self


class Label(Table):
    """What came true: joined to the rows by key, and not there before it was known."""

    column: Column
    known_after: Duration | None = None
    maturation: PositiveDuration

    @model_validator(mode="after")
    def _one_way_to_know(self) -> Label:
        if (self.known_at is None) == (self.known_after is None):
            raise ValueError(
                "needs exactly one of `known_at` (a column) and `known_after` (a duration after the event)"
            )
        if self.column not in self.columns:
            raise ValueError(f"label column {self.column!r} must be listed under `columns`")
        if self.known_after is not None and self.maturation < self.known_after:
            raise ValueError("`maturation` must be at least `known_after`: by then nearly every label is known")
        return self


class Input(Table):
    """History a feature function may look at: what was known at the partition's as-of, so far back."""

    lookback: PositiveDuration

    @model_validator(mode="after")
    def _known_at_is_said(self) -> Input:
        if self.known_at is None:
            raise ValueError("needs `known_at`, the column that says when a row became known")
        return self


class Features(Part):
    """The columns a model sees, and the function that makes them (without one, they are columns of the rows)."""

    function: FunctionPath | None = None
    numeric: Columns = ()
    categorical: Columns = ()

    @property
    def names(self) -> tuple[str, ...]:
        """All features, numeric first: the column order of every model."""
        return self.numeric + self.categorical

    @model_validator(mode="after")
    def _some_and_no_twice(self) -> Features:
        if not self.names:
            raise ValueError("names no feature: list columns under `numeric` or `categorical`")
        twice = sorted({name for name in self.names if self.names.count(name) > 1})
        if twice:
            raise ValueError(f"lists {', '.join(map(repr, twice))} more than once")
        return self


class DataGate(Part):
    """Which expectation suites guard the data, and how many rows may be set aside before a partition is refused.

    `labels` guards what a training learns from; `recent` is how far back a suite's `recent_...` parameters look.
    """

    rows: Name
    scores: Name
    labels: Name | None = None
    recent: PositiveDuration = timedelta(days=14)
    quarantine_budget: Annotated[float, Field(ge=0, le=1)] = 0.02


class Range(Part):
    """Values between two bounds, whole numbers where both bounds are; `log` spreads trials evenly over magnitudes."""

    low: int | float
    high: int | float
    log: bool = False

    @model_validator(mode="after")
    def _in_order(self) -> Range:
        if self.low >= self.high:
            raise ValueError(f"low {self.low:g} must be below high {self.high:g}")
        if self.log and self.low <= 0:
            raise ValueError(f"a range on a log scale must begin above zero, not at {self.low:g}")
        return self


class Choices(Part):
    """One of these values."""

    choices: Annotated[tuple[str | bool | int | float | None, ...], Field(strict=False, min_length=2)]


class Candidate(Part):
    """An estimator by import path, or a preset, behind imputing and encoding that suit it.

    `search` holds the parameters to be tuned, within `training.tuning`; `params` those that are set. `imbalance: balanced`
    weighs rows so that every class weighs the same. `calibration` corrects probabilities on the later part of the training
    rows. `storage: pickle` is for estimators that skops cannot store: their files are loaded by a digest on the ledger only.
    With a `window` it learns from the last so many days of the training part only; the same estimator under two windows is
    two candidates, of which the better on later days becomes the challenger.
    """

    name: Name
    preset: str | None = None
    estimator: DottedPath
    params: dict[str, Any] = Field(default_factory=dict)
    encoding: Literal["ordinal", "one_hot"] = "ordinal"
    search: dict[str, Range | Choices] = Field(default_factory=dict)
    imbalance: Literal["ignore", "balanced"] = "ignore"
    calibration: Literal["none", "sigmoid", "isotonic"] = "none"
    storage: Literal["skops", "pickle"] = "skops"
    window: PositiveDuration | None = None

    @model_validator(mode="before")
    @classmethod
    def _filled_by_its_preset(cls, content: Any) -> Any:
        return fill_preset(content) if isinstance(content, dict) else content

    @model_validator(mode="after")
    def _tuned_or_set(self) -> Candidate:
        both = sorted(set(self.params) & set(self.search))
        if both:
            raise ValueError(f"{', '.join(both)} is both set under `params` and tuned under `search`; keep one")
        return self


class Tuning(Part):
    """How long the parameters under a candidate's `search` are looked for: by trials, each measured on later days of the
    training part (`folds`), and no longer than `limit`.
    """

    trials: Annotated[int, Field(ge=1)] = 20
    folds: Annotated[int, Field(ge=2)] = 3
    limit: PositiveDuration = timedelta(minutes=10)


class Training(Part):
    """When and on what a challenger is trained: a window before the as-of, split by time with a gap.

    Without a schedule a model is trained when its checks ask for it, or by hand. `keep_versions` is how long the model file of a
    challenger that was turned down is kept; without it, for ever, as is that of every champion and shadow.
    """

    schedule: Cron | None = None
    window: PositiveDuration
    holdout: PositiveDuration
    gap: PositiveDuration
    seed: int = 0
    candidates: Annotated[tuple[Candidate, ...], Field(strict=False, min_length=1)]
    tuning: Tuning = Tuning()
    keep_versions: Annotated[Duration, Field(ge=timedelta(days=7))] | None = None

    @model_validator(mode="after")
    def _window_holds_the_split(self) -> Training:
        if self.holdout + self.gap >= self.window:
            raise ValueError(
                f"impossible window: holdout {_days(self.holdout)} and gap {_days(self.gap)} leave nothing to train on "
                f"in a window of {_days(self.window)}"
            )
        names = [candidate.name for candidate in self.candidates]
        if len(set(names)) < len(names):
            raise ValueError(f"candidates must have names of their own, got {', '.join(names)}")
        whole = self.window - self.holdout - self.gap
        for one in self.candidates:
            if one.window is not None and one.window > whole:
                raise ValueError(
                    f"candidate {one.name} asks for a window of {_days(one.window)}, but the training part has {_days(whole)}: "
                    f"the window of {_days(self.window)} without its holdout and gap; widen training.window"
                )
        return self


class Costs(Part):
    """What a wrong answer costs, in a unit of the team's own; right ones cost nothing. The threshold that separates yes from no
    is the cheapest on the training part.
    """

    false_positive: Annotated[float, Field(gt=0)]
    false_negative: Annotated[float, Field(gt=0)]


class Evaluation(Part):
    """What is measured on the holdout beside the task's metrics.

    `slices` are columns (features, or text columns of the rows) whose values are measured apart; `sensitive` ones are also
    compared with each other. `costs` is for binary models, `quantile` is that of a regression's pinball loss.
    """

    slices: Columns = ()
    sensitive: Columns = ()
    costs: Costs | None = None
    quantile: Annotated[float, Field(gt=0, lt=1)] = 0.5
    explained_rows: Annotated[int, Field(ge=50)] = 1_000


class Shadow(Part):
    """What becomes of a challenger whose gate was inconclusive: it scores beside the champion for at most `term`, and is judged
    each day as labels mature. `canary` is the share of keys whose published scores are the shadow's already.
    """

    term: PositiveDuration
    canary: Annotated[float, Field(ge=0, le=0.5)] = 0.0


class Promotion(Part):
    """What a challenger must show, on the same holdout rows as the champion (or a baseline, where there is none).

    Promoted is whose gain on `metric` is beyond `margin` with confidence: `alpha` is the chance of promoting one that gains no
    more than the margin. `min_labels` and `min_days` are needed to decide at all. `slices` says by how much the metric may fall
    in any value of a column, `calibration_tolerance` by how much calibration may get worse, `latency_ms` (for a thousand rows)
    and `size_mb` what scoring may cost. `baseline` is what a first champion must beat: `prior`, or a simple candidate.

    A latency is measured once a training, and kept with its run: repeated, the training is judged by the same. It is that of the
    machine, and of what else ran on it then; in a home of its own the same training may be judged otherwise.
    """

    metric: str
    margin: Annotated[float, Field(ge=0)]
    alpha: Annotated[float, Field(gt=0, le=0.2)] = 0.05
    min_labels: Annotated[int, Field(ge=1)] = 500
    min_days: Annotated[int, Field(ge=2)] = 7
    baseline: Literal["prior"] | Candidate = "prior"
    slices: dict[Column, Annotated[float, Field(ge=0)]] = Field(default_factory=dict)
    calibration_tolerance: Annotated[float, Field(gt=0)] | None = None
    latency_ms: Annotated[float, Field(gt=0)] | None = None
    size_mb: Annotated[float, Field(gt=0)] | None = None
    shadow: Shadow | None = None
    mode: Literal["automatic", "approval"] = "automatic"
    approval_timeout: PositiveDuration = timedelta(days=1)


class Scoring(Part):
    """When a partition is scored, and how many rows one shard holds at most."""

    schedule: DailyCron
    shard_rows: Annotated[int, Field(ge=1)] = 250_000


class Decay(Part):
    """How far the champion's metric on matured labels may fall below what it did on its own holdout.

    Decayed is whose fall is beyond `tolerance`, in the metric's unit, with the confidence of `drift.alpha`.
    """

    window: PositiveDuration
    tolerance: Annotated[float, Field(gt=0)]
    min_labels: Annotated[int, Field(ge=1)] = 500


class Drift(Part):
    """The drift check: the scored window against what the champion learnt from.

    What moved is told by thresholds that the reference's own days give: `alpha` is the chance that a window like the reference
    drifts in anything. Beyond chance is not yet worth an answer: that is a distance from `numeric_effect` (by `numeric_method`)
    or `categorical_effect` up, a rate of nulls or unseen values that differs by `rate_effect`, features that are told apart
    together with a ROC AUC of `together_effect`. `season` is how long ago the same season was: what is then as it is now is no
    drift. At most `daily_rows` rows a day are looked at, and `sample` rows where a classifier is fitted or a page is drawn.
    """

    schedule: DailyCron
    window: PositiveDuration
    alpha: Annotated[float, Field(gt=0, le=0.2)] = 0.05
    numeric_method: Literal["wasserstein", "jensenshannon", "psi"] = "wasserstein"
    categorical_method: Literal["jensenshannon", "psi"] = "jensenshannon"
    numeric_effect: Annotated[float, Field(ge=0)] = 0.1
    categorical_effect: Annotated[float, Field(ge=0)] = 0.1
    rate_effect: Annotated[float, Field(ge=0, le=1)] = 0.01
    together_effect: Annotated[float, Field(ge=0.5, le=1)] = 0.6
    season: PositiveDuration | None = None
    min_rows: Annotated[int, Field(ge=1)] = 500
    daily_rows: Annotated[int, Field(ge=100)] = 10_000
    sample: Annotated[int, Field(ge=100)] = 5_000
    decay: Decay


class Cap(Part):
    """At most so many retrainings within so long, those left out whose data a gate refused."""

    trainings: Annotated[int, Field(ge=1)] = 4
    within: PositiveDuration = timedelta(days=90)


class Retraining(Part):
    """When a signal is answered: it must persist (in `needed` of the last `of` checks), an earlier answer must have had time to
    work (`cooldown`), and the `cap` is not reached.

    A cause is answered once: after a retraining that kept the champion it is answered for `answer_holds`, or until there is
    another champion. `rollback` says what becomes of a decayed champion that its retraining kept: `automatic` returns to an
    earlier champion that is better beyond the promotion's margin, `off` calls a person. `mode: off` leaves every answer to
    people: signals are declined, on record.
    """

    mode: Annotated[Literal["automatic", "off"], BeforeValidator(_off)] = "automatic"
    needed: Annotated[int, Field(ge=1)] = 3
    of: Annotated[int, Field(ge=1)] = 5
    cooldown: PositiveDuration = timedelta(days=14)
    cap: Cap = Cap()
    answer_holds: PositiveDuration = timedelta(days=60)
    rollback: Annotated[Literal["automatic", "off"], BeforeValidator(_off)] = "automatic"

    @model_validator(mode="after")
    def _needed_fits(self) -> Retraining:
        if self.needed > self.of:
            raise ValueError(f"needed: {self.needed} signals can never be found in the last of: {self.of} checks")
        return self


class Route(Part):
    """Base of every route: `about` is of what its readers hear."""

    about: Annotated[tuple[What, ...], Field(strict=False), AfterValidator(_not_empty)] = EVERYTHING


class EmailRoute(Route):
    """E-mail to some addresses, by an Airflow connection of type SMTP, which says who it is from."""

    kind: Literal["email"]
    name: Name = "email"
    to: Annotated[tuple[Annotated[str, AfterValidator(_address)], ...], Field(strict=False), AfterValidator(_not_empty)]
    connection: ConnectionId = "smtp_default"


class SlackRoute(Route):
    """A Slack channel, by an Airflow connection of type Slack Incoming Webhook."""

    kind: Literal["slack"]
    name: Name = "slack"
    connection: ConnectionId = "slack_default"


class WebhookRoute(Route):
    """A JSON object posted to the address in an Airflow connection of type HTTP."""

    kind: Literal["webhook"]
    name: Name = "webhook"
    connection: ConnectionId


AlertRoute = Annotated[EmailRoute | SlackRoute | WebhookRoute, Field(discriminator="kind")]


class Silence(Part):
    """What nobody is told of before the day `until` begins, and why; it is put on record as silenced.

    With `columns`, drift of these only, named as the alert names its causes (`dest`, `nulls of dest`, `features together`): where
    others moved too, people are told.
    """

    what: What
    columns: Annotated[tuple[str, ...], Field(strict=False)] = ()
    until: date
    reason: Annotated[str, Field(min_length=1)]

    @model_validator(mode="after")
    def _columns_drift(self) -> Silence:
        if self.columns and self.what != "drift":
            raise ValueError(f"`columns` are those that drift; leave them out to silence {self.what}")
        return self


class Alerts(Part):
    """Who is told of what, by which Airflow connection, once until it has been quiet for `repeat` or the cause is another."""

    routes: Annotated[tuple[AlertRoute, ...], Field(strict=False)] = ()
    repeat: PositiveDuration = timedelta(days=7)
    silences: Annotated[tuple[Silence, ...], Field(strict=False)] = ()

    @model_validator(mode="after")
    def _names_of_their_own(self) -> Alerts:
        names = [route.name for route in self.routes]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"several routes are called {', '.join(twice)}; give each a `name` of its own")
        return self


class Period(Part):
    """The days for which there is data: schedules start and end with it."""

    start: date
    end: date | None = None

    @model_validator(mode="after")
    def _in_order(self) -> Period:
        if self.end is not None and self.end <= self.start:
            raise ValueError(f"end {self.end} must be after start {self.start}")
        return self


class ModelSpec(Part):
    """One model, from its sources to its retraining. Read it with `evenkeel.vocabulary.spec_file.load_spec`."""

    model: Name
    description: Annotated[str, Field(min_length=1)]
    owner: Annotated[str, Field(min_length=1)]
    tags: Annotated[tuple[str, ...], Field(strict=False)] = ()
    task: Task
    timezone: Annotated[str, AfterValidator(_timezone)] = "UTC"
    period: Period
    rows: Rows
    label: Label
    inputs: dict[Name, Input] = Field(default_factory=dict)
    features: Features
    data_gate: DataGate
    training: Training
    evaluation: Evaluation = Evaluation()
    promotion: Promotion
    scoring: Scoring
    drift: Drift
    retraining: Retraining = Retraining()
    alerts: Alerts = Alerts()
    history: Annotated[Duration, Field(ge=timedelta(days=7))] = timedelta(days=30)

    @model_validator(mode="after")
    def _parts_fit_together(self) -> ModelSpec:
        choices = METRICS_OF_TASK[self.task]
        if self.promotion.metric not in choices:
            raise ValueError(
                f"promotion.metric: {self.promotion.metric!r} does not measure a {self.task} task; "
                f"choose one of {', '.join(choices)}"
            )
        if self.training.gap < self.label.maturation:
            raise ValueError(
                f"training.gap: {_days(self.training.gap)} is shorter than label.maturation {_days(self.label.maturation)}; "
                "the training part would hold labels that were not known when the holdout began"
            )
        missing = [name for name in self.rows.key if name not in self.label.columns]
        if missing:
            raise ValueError(f"label.columns: must hold the key of the rows, {', '.join(missing)} is missing")
        if self.rows.event_time in self.features.names:
            raise ValueError(
                f"features: event time {self.rows.event_time!r} is no feature; derive one in a feature function"
            )
        self._scheduled_run_finds_its_rows()
        self._measured_columns_are_there()
        self._silenced_columns_are_there()
        if self.features.function is None:
            strangers = [name for name in self.features.names if name not in self.rows.columns]
            if strangers:
                raise ValueError(
                    f"features: {', '.join(strangers)} is no column of the rows; name a feature function or list the column"
                )
        return self

    def _silenced_columns_are_there(self) -> None:
        for number, silence in enumerate(self.alerts.silences):
            strangers = [
                name
                for name in silence.columns
                if _column_of(name) not in {*self.features.names, "features together"} and not name.startswith("_")
            ]
            if strangers:
                raise ValueError(
                    f"alerts.silences.{number}.columns: {', '.join(strangers)} is neither a feature nor a column of the scores "
                    f"such as _prediction, nor `nulls of` or `unseen values of` one, nor `features together`; the features are "
                    f"{', '.join(self.features.names)}"
                )

    def _measured_columns_are_there(self) -> None:
        text = {
            *self.features.categorical,
            *(name for name, kind in self.rows.columns.items() if kind in {"string", "bool"}),
        }
        for key, names in (("slices", self.evaluation.slices), ("sensitive", self.evaluation.sensitive)):
            strangers = [name for name in names if name not in text]
            if strangers:
                raise ValueError(
                    f"evaluation.{key}: {', '.join(strangers)} is neither a categorical feature nor a text column of the rows"
                )
        unmeasured = [name for name in self.promotion.slices if name not in self.sliced]
        if unmeasured:
            raise ValueError(
                f"promotion.slices: {', '.join(unmeasured)} is not measured; list it under evaluation.slices"
            )
        if self.evaluation.costs is not None and self.task != "binary":
            raise ValueError(f"evaluation.costs: are those of wrong answers of a binary model, this one is {self.task}")
        if self.task == "regression":
            if self.promotion.calibration_tolerance is not None:
                raise ValueError("promotion.calibration_tolerance: is about probabilities, a regression has none")
            asked = [
                one.name for one in self.training.candidates if one.imbalance != "ignore" or one.calibration != "none"
            ]
            if asked:
                raise ValueError(
                    f"training.candidates: {', '.join(asked)}: imbalance and calibration are about classes, a regression has none"
                )

    @property
    def sliced(self) -> tuple[str, ...]:
        """The columns whose values are measured apart, sensitive ones among them."""
        return tuple(dict.fromkeys((*self.evaluation.slices, *self.evaluation.sensitive)))

    @property
    def carried(self) -> tuple[str, ...]:
        """Sliced columns of the rows that are no feature: frames and training sets hold them, a model never sees them."""
        return tuple(name for name in self.sliced if name not in self.features.names and name not in self.rows.key)

    def _scheduled_run_finds_its_rows(self) -> None:
        minute, hour = (int(part) for part in self.scoring.schedule.split()[:2])
        run = timedelta(hours=hour, minutes=minute) + timedelta(days=0 if self.scores_the_day_it_runs else 1)
        available = timedelta(days=1) if self.rows.available_after is None else self.rows.available_after
        if run < available:
            raise ValueError(
                f"scoring.schedule: {self.scoring.schedule!r} runs {_days(run)} after a partition's start, its rows are "
                f"available {_days(available)} after it (rows.available_after)"
            )

    @property
    def hash(self) -> str:
        """Sixteen hex digits over everything that shapes a result (not the description, owner or tags, nor who is told, nor what
        is kept).
        """
        left_out: dict[str, Any] = dict.fromkeys(("description", "owner", "tags", "alerts"), True)
        content = self.model_dump(mode="json", exclude={**left_out, "training": {"keep_versions"}})
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]

    def partition(self, key: str) -> Partition:
        """The partition of a key such as `2013-04-01`. Raises AsOfMissingError for anything else."""
        return Partition.parse(key, self.timezone)

    def scoring_as_of(self, partition: Partition) -> datetime:
        """The instant at which a partition's rows are available to be scored, in UTC."""
        if self.rows.available_after is None:
            return partition.end
        return partition.start + self.rows.available_after

    def check_as_of(self, partition: Partition) -> datetime:
        """The instant a drift check of a partition acts from, in UTC: when its schedule comes to it, the day after."""
        minute, hour = (int(part) for part in self.drift.schedule.split()[:2])
        return datetime.combine(partition.shift(1).day, time(hour, minute), self.zone).astimezone(UTC)

    def training_as_of(self, partition: Partition) -> datetime:
        """The instant a training of a partition acts from, in UTC: when its schedule comes to that day, or its start."""
        found = self.scheduled_trainings(partition.start, partition.end)
        return found[0] if found else partition.start

    def scheduled_trainings(self, start: datetime, end: datetime) -> list[datetime]:
        """The instants in [start, end), in UTC and in order, at which the schedule trains; none where there is no schedule.

        As Airflow has it: a local time that the clocks skip is as much later as they skip, one that comes twice is the second.
        """
        if self.training.schedule is None:
            return []
        # Reckoned in local time without a zone, which a cron expression is, and then cut: a day is beside any change of clocks.
        local, until = (one.astimezone(self.zone).replace(tzinfo=None) for one in (start, end))
        ticks = croniter(self.training.schedule, local - timedelta(days=1))
        found = set()
        while (tick := ticks.get_next(datetime)) < until + timedelta(days=1):
            found.add(max(tick.replace(tzinfo=self.zone, fold=fold).astimezone(UTC) for fold in (0, 1)))
        return sorted(one for one in found if start <= one < end)

    @property
    def longest_training(self) -> timedelta:
        """For how long a training may be under way, the time included that a person has to approve."""
        by_hand = self.promotion.approval_timeout if self.promotion.mode == "approval" else timedelta(0)
        return timedelta(hours=12) + by_hand

    @property
    def scores_the_day_it_runs(self) -> bool:
        """Whether a partition's rows are there when it begins, so that a scheduled run is about its own day."""
        return self.rows.available_after is not None and self.rows.available_after < timedelta(days=1)

    @property
    def zone(self) -> ZoneInfo:
        """The time zone in which a partition is a day."""
        return ZoneInfo(self.timezone)


def _column_of(cause: str) -> str:
    return cause.removeprefix("nulls of ").removeprefix("unseen values of ")


def _days(duration: timedelta) -> str:
    hours = duration.total_seconds() / 3600
    return f"{hours / 24:g}d" if hours >= 24 else f"{hours:g}h"
