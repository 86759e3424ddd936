"""The decay rule: the champion on matured labels against what it did on its own holdout, whole days of both drawn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from evenkeel.decisions.day_statistics import PLAIN, Terms, metric_of_days
from evenkeel.decisions.uncertainty import Drawn, block_length, difference_of_draws, estimate_of_draws, weights_of_days
from evenkeel.vocabulary.metrics import GREATER_IS_BETTER, Task, range_of
from evenkeel.vocabulary.verdict import DriftOutcome, DriftVerdict

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from evenkeel.decisions.comparison import Predictions
    from evenkeel.vocabulary.estimate import Estimate

    Floats = NDArray[np.float64]

LEAST_DAYS = 2
"""Days below which there is no interval of days."""

_RESAMPLES = 1000
_UNDEFINED = 0.05
"""Share of draws on which a metric may be undefined before it has no interval."""


@dataclass(frozen=True)
class Sample:
    """Labelled predictions of some days. `own` are weights of the rows, shape (n,), where they are not all alike."""

    labels: NDArray[np.generic]
    predicted: Predictions
    days: NDArray[np.generic]
    own: Floats | None = None

    @property
    def day_count(self) -> int:
        """How many days there are rows of."""
        return len(np.unique(self.days))


@dataclass(frozen=True)
class Fall:
    """A metric as it was promised and as it is now, and how much worse it is; positive is worse, whichever way it runs.

    Each is None where it is undefined, or where there are too few days for an interval.
    """

    promised: Estimate | None
    measured: Estimate | None
    fall: Estimate | None


def measure_fall(
    task: Task,
    metric: str,
    promised: Sample,
    window: Sample,
    *,
    alpha: float,
    seed: int,
    terms: Terms = PLAIN,
    resamples: int = _RESAMPLES,
) -> Fall:
    """A metric of two samples that share no day, and the fall from the first to the second.

    Args:
        task: the kind of label.
        metric: one of `day_statistics.measured_metrics`.
        promised: the champion's own holdout.
        window: the matured labels of now.
        alpha: one-sided chance of error: intervals are of level 1 - 2 alpha, so that each bound alone holds with 1 - alpha.
        seed: of the draws.
        terms: threshold, costs and quantile, for the metrics that need them.
        resamples: how many times days are drawn of each.
    """
    level = 1 - 2 * alpha
    before, now = (
        _drawn(task, metric, sample, seed=seed + place, terms=terms, resamples=resamples)
        for place, sample in enumerate((promised, window))
    )
    fall = None
    if before is not None and now is not None:
        better = GREATER_IS_BETTER[metric]
        fall = difference_of_draws(before, now, level) if better else difference_of_draws(now, before, level)
    return Fall(_estimate(metric, before, level), _estimate(metric, now, level), fall)


def judge_decay(
    *, metric: str, found: Fall | None, labels: int, days: int, holdout_days: int, min_labels: int, tolerance: float
) -> DriftVerdict:
    """Whether the champion decayed: it fell by more than the tolerance, beyond what chance makes of these days.

    Args:
        metric: name of the metric.
        found: the fall with its interval, or None where nothing could be measured.
        labels: matured labels in the window.
        days: days they are of.
        holdout_days: days of the champion's holdout.
        min_labels: below this many labels the answer is `insufficient_data`.
        tolerance: how far the metric may fall, in its own unit. Decayed is whose fall has a lower bound above it; a fall whose
            estimate alone is above it is worth watching.
    """
    numbers: dict[str, float | int | None] = {"labels": labels, "days": days, "tolerance": tolerance}
    lacking = _lacking(metric, found, labels, days, holdout_days, min_labels)
    if lacking is not None or found is None or found.fall is None or found.promised is None or found.measured is None:
        return DriftVerdict(DriftOutcome.INSUFFICIENT_DATA, str(lacking), numbers)
    fall = found.fall
    numbers |= {"promised": found.promised.value, "measured": found.measured.value}
    numbers |= {"fall": fall.value, "fall_low": fall.low, "fall_high": fall.high}
    now = f"{metric} {found.measured.value:.4f} on {labels} matured labels of {days} days"
    sentence = f"{now}, {found.promised.value:.4f} was promised"
    interval = f"[{fall.low:.4f}, {fall.high:.4f}]"
    if fall.low > tolerance:
        reason = f"{sentence}: worse by {fall.value:.4f} {interval}, surely more than {tolerance:g}"
        return DriftVerdict(DriftOutcome.DRIFT, reason, numbers)
    if fall.value > tolerance:
        reason = f"{sentence}: worse by {fall.value:.4f}, more than {tolerance:g}, but not beyond chance {interval}"
        return DriftVerdict(DriftOutcome.WATCH, reason, numbers)
    reason = f"{sentence}: no fall beyond {tolerance:g} {interval}"
    return DriftVerdict(DriftOutcome.NONE, reason, numbers)


def _lacking(metric: str, found: Fall | None, labels: int, days: int, holdout_days: int, min_labels: int) -> str | None:
    """What is missing for an answer, or None."""
    if labels < min_labels:
        return f"{labels} matured labels in the window, {min_labels} are needed"
    if not holdout_days:
        return "no row of the champion's holdout is on record, so nothing was promised"
    for count, whose in ((days, "the window's labels"), (holdout_days, "the champion's holdout")):
        if count < LEAST_DAYS:
            return f"{whose} are of {count} day, {LEAST_DAYS} are needed to tell a fall from a day's luck"
    if found is None or found.measured is None:
        return f"{metric} is undefined on {labels} matured labels"
    if found.promised is None:
        return f"{metric} is undefined on the champion's holdout"
    return None if found.fall is not None else f"{metric} is undefined on too many draws of days"


def _drawn(task: Task, metric: str, sample: Sample, *, seed: int, terms: Terms, resamples: int) -> Drawn | None:
    keys, places = np.unique(sample.days, return_inverse=True)
    if len(keys) < LEAST_DAYS:
        return None
    measure = metric_of_days(
        task,
        metric,
        sample.labels,
        sample.predicted.values,
        places,
        sample.predicted.classes,
        count=len(keys),
        terms=terms,
        own=sample.own,
    )
    return draw_metric(measure, len(keys), seed=seed, resamples=resamples)


def draw_metric(
    measure: Callable[[Floats], Floats], days: int, *, seed: int, resamples: int = _RESAMPLES
) -> Drawn | None:
    """A metric of all days and of draws of them; None where it is undefined, of all or of too many draws.

    Args:
        measure: from weights of days, shape (r, d), to the metric, shape (r,).
        days: how many, at least `LEAST_DAYS`.
        seed: of the draws.
        resamples: how many times days are drawn.
    """
    weights = weights_of_days(days, resamples=resamples, seed=seed)
    value, drawn = float(measure(np.ones((1, days)))[0]), measure(weights)
    there = drawn[np.isfinite(drawn)]
    if not np.isfinite(value) or len(there) < (1 - _UNDEFINED) * len(drawn):
        return None
    return Drawn(value, there, days)


def _estimate(metric: str, drawn: Drawn | None, level: float) -> Estimate | None:
    if drawn is None:
        return None
    found = estimate_of_draws(drawn.value, drawn.draws, drawn.days, block_length(drawn.days), level)
    return found.within(range_of(metric))
