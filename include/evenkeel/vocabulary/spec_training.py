"""A spec's model: candidates, training, evaluation, promotion and scoring."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from evenkeel.vocabulary.presets import fill_preset
from evenkeel.vocabulary.spec_fields import (
    Column,
    Columns,
    Cron,
    DailyCron,
    DottedPath,
    Duration,
    Name,
    Part,
    PositiveDuration,
    in_words,
)


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
                f"impossible window: holdout {in_words(self.holdout)} and gap {in_words(self.gap)} leave nothing to train on "
                f"in a window of {in_words(self.window)}"
            )
        names = [candidate.name for candidate in self.candidates]
        if len(set(names)) < len(names):
            raise ValueError(f"candidates must have names of their own, got {', '.join(names)}")
        whole = self.window - self.holdout - self.gap
        for one in self.candidates:
            if one.window is not None and one.window > whole:
                raise ValueError(
                    f"candidate {one.name} asks for a window of {in_words(one.window)}, but the training part has "
                    f"{in_words(whole)}: the window of {in_words(self.window)} without its holdout and gap; widen training.window"
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
