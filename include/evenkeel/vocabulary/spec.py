"""The model spec: everything a team says about a model, frozen and strict."""

from __future__ import annotations

import hashlib
import json
from datetime import date, datetime, time, timedelta
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from croniter import croniter
from pydantic import Field, model_validator

from evenkeel.vocabulary.metrics import METRICS_OF_TASK, Task
from evenkeel.vocabulary.partition import Partition, at_wall_time
from evenkeel.vocabulary.spec_fields import Duration, Name, Part, TimeZone, in_words
from evenkeel.vocabulary.spec_monitoring import Alerts, Drift, Retraining
from evenkeel.vocabulary.spec_tables import DataGate, Features, Input, Label, Rows
from evenkeel.vocabulary.spec_training import Evaluation, Promotion, Scoring, Training


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
    timezone: TimeZone = "UTC"
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
                f"training.gap: {in_words(self.training.gap)} is shorter than label.maturation "
                f"{in_words(self.label.maturation)}; the training part would hold labels that were not known when the holdout "
                "began"
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
                f"scoring.schedule: {self.scoring.schedule!r} runs {in_words(run)} after a partition's start, its rows are "
                f"available {in_words(available)} after it (rows.available_after)"
            )
        minute, hour = (int(part) for part in self.drift.schedule.split()[:2])
        check = timedelta(days=1, hours=hour, minutes=minute)
        if check <= run:
            raise ValueError(
                f"drift.schedule: {self.drift.schedule!r} checks a partition {in_words(check)} after its start, its scores are "
                f"made {in_words(run)} after it (scoring.schedule)"
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
        """The instant at which a partition's rows are available to be scored, in UTC: on the clocks so long after midnight as
        `rows.available_after` says, or when the partition is over.
        """
        if self.rows.available_after is None:
            return partition.end
        return at_wall_time(datetime.combine(partition.day, time()) + self.rows.available_after, self.timezone)

    def check_as_of(self, partition: Partition) -> datetime:
        """The instant a drift check of a partition acts from, in UTC: when its schedule comes to it, the day after."""
        minute, hour = (int(part) for part in self.drift.schedule.split()[:2])
        return at_wall_time(datetime.combine(partition.shift(1).day, time(hour, minute)), self.timezone)

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
            found.add(at_wall_time(tick, self.timezone))
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
