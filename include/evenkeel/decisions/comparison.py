"""A challenger beside its opponent on the same rows: every metric with its interval, and the gain of one over the other.

Both are measured on the same draws of whole days (paired, block bootstrap): what they share, a stormy day say, cancels out of
the gain, and rows of one day are not taken for independent ones.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from evenkeel.decisions.day_statistics import PLAIN, Terms, measured_metrics, metric_of_days
from evenkeel.decisions.uncertainty import block_length, estimate_of_draws, weights_of_days
from evenkeel.vocabulary.estimate import Estimate
from evenkeel.vocabulary.metrics import GREATER_IS_BETTER, Task, range_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

CALIBRATION = "calibration_error"

_RESAMPLES = 1000
_LEAST = 30
"""Labels a slice must have to be measured at all."""

_MOST = 25
"""Values of a column that are measured, those with the most labels."""

_UNDEFINED = 0.05
"""Share of draws on which a metric may be undefined before it has no interval."""


@dataclass(frozen=True)
class Predictions:
    """Someone's predictions for the rows, in the shapes that `evaluation.evaluate` takes; `classes` for several classes."""

    values: NDArray[np.float64]
    classes: Sequence[object] = ()


@dataclass(frozen=True)
class SliceMeasured:
    """The rows in which a column has a value: the spec's metric there, and the gain."""

    column: str
    value: str
    labels: int
    challenger: Estimate | None
    gain: Estimate | None


@dataclass(frozen=True)
class Comparison:
    """What was measured of both, by metric; None where a metric is undefined on these rows.

    `gain` is positive where the challenger is better, whichever way the metric runs.
    """

    labels: int
    days: int
    level: float
    challenger: Mapping[str, Estimate | None]
    opponent: Mapping[str, Estimate | None]
    gain: Mapping[str, Estimate | None]
    slices: tuple[SliceMeasured, ...]


def compare(
    task: Task,
    metric: str,
    labels: NDArray[np.generic],
    days: NDArray[np.generic],
    challenger: Predictions,
    opponent: Predictions,
    *,
    alpha: float,
    seed: int,
    slices: Mapping[str, NDArray[np.generic]] | None = None,
    terms: Terms = PLAIN,
    only: Sequence[str] = (),
    resamples: int = _RESAMPLES,
) -> Comparison:
    """Measure both on the same rows and the same draws of days.

    Args:
        task: the kind of label.
        metric: the spec's, by which slices are measured.
        labels: shape (n,), known labels.
        days: shape (n,), the key of each row's day.
        challenger: predictions for the rows.
        opponent: predictions for the same rows.
        alpha: one-sided chance of error: intervals are of level 1 - 2 alpha, so that each bound alone holds with 1 - alpha.
        seed: of the draws.
        slices: by column, its text in each row, shape (n,).
        terms: threshold, costs and quantile, for the metrics that need them.
        only: the metrics to measure; all that the task and the terms define where none is named.
        resamples: how many times days are drawn.
    """
    keys, places = np.unique(days, return_inverse=True)
    draws = _Draws(len(keys), alpha, resamples, seed)

    def both(name: str, rows: NDArray[np.bool_] | slice) -> tuple[Estimate | None, Estimate | None, Estimate | None]:
        one, other = (
            draws.of(
                metric_of_days(
                    task, name, labels[rows], who.values[rows], places[rows], who.classes, count=len(keys), terms=terms
                )
            )
            for who in (challenger, opponent)
        )
        gained = one - other if GREATER_IS_BETTER[name] else other - one
        possible = range_of(name)
        return draws.estimate(one, possible), draws.estimate(other, possible), draws.estimate(gained)

    names = only or measured_metrics(task, terms)
    measured = {name: both(name, slice(None)) for name in names}
    found = []
    for column, values in (slices or {}).items():
        present, counts = np.unique(np.asarray(values).astype(str), return_counts=True)
        for place in np.argsort(-counts, kind="stable")[:_MOST]:
            if counts[place] >= _LEAST:
                inside = np.asarray(values).astype(str) == present[place]
                here, _, gained = both(metric, inside)
                found.append(SliceMeasured(column, str(present[place]), int(counts[place]), here, gained))
    return Comparison(
        labels=len(labels),
        days=len(keys),
        level=1 - 2 * alpha,
        challenger={name: one[0] for name, one in measured.items()},
        opponent={name: one[1] for name, one in measured.items()},
        gain={name: one[2] for name, one in measured.items()},
        slices=tuple(found),
    )


class _Draws:
    """The draws of days that everything is measured on."""

    def __init__(self, days: int, alpha: float, resamples: int, seed: int) -> None:
        self._days, self._level = days, 1 - 2 * alpha
        self._weights = weights_of_days(days, resamples=resamples, seed=seed)

    def of(self, metric: Callable[[Floats], Floats]) -> Floats:
        """A metric of all days, each once, and then of each draw; shape (1 + r,)."""
        return metric(np.vstack([np.ones((1, self._days)), self._weights]))

    def estimate(self, measured: Floats, possible: tuple[float, float] = (-math.inf, math.inf)) -> Estimate | None:
        """What was measured, with its interval, as far as values are `possible`; without width for days too few to draw from,
        None where it is undefined.
        """
        value, drawn = float(measured[0]), measured[1:]
        if not np.isfinite(value):
            return None
        length = block_length(self._days)
        if self._days <= length:
            return Estimate(value, value, value, self._days)
        there = drawn[np.isfinite(drawn)]
        if len(there) < (1 - _UNDEFINED) * len(drawn):
            return None
        return estimate_of_draws(value, there, self._days, length, self._level).within(possible)
