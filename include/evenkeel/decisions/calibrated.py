"""Thresholds for a window of days: what the reference's own days, drawn as such a window, are apart by chance.

A fixed threshold means something else at every number of rows and for every column. Here the reference is held against itself:
whole days are drawn with replacement as a window and as a reference, in blocks of days, as many times as it takes to know which
distances the rhythm of its days and the number of rows bring about. One threshold a measure, such that in all of them together
at most a share `alpha` of windows like the reference's exceeds any.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import ndtri, stdtrit
from scipy.stats import nbinom

from evenkeel.decisions.profile import WEEK, Cells, Counted, Measure, Method, distance, is_constant

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

LEAST_DAYS = 7
"""A reference of fewer days does not tell how its days vary."""

_DRAWS = 500
_MOST = 1e6
"""The excess over a threshold of zero: of what chance never moves."""


@dataclass(frozen=True)
class Reference:
    """A column of the reference, with the method its distance is measured by."""

    cells: Cells
    counted: Counted
    method: Method


@dataclass(frozen=True)
class Together:
    """What telling two parts of the reference apart gives by chance: ROC AUC over some windows of days, of `rows` a side."""

    mean: float
    deviation: float
    draws: int
    rows: int


@dataclass(frozen=True)
class AgainstChance:
    """One measure of a window beside its threshold, which is what chance explains."""

    column: str
    measure: Measure
    method: str
    value: float
    threshold: float

    @property
    def excess(self) -> float:
        """The value in units of its threshold; above one, chance does not explain it."""
        return in_thresholds(self.value, self.threshold)


def in_thresholds(value: float, threshold: float) -> float:
    """A measure in units of its threshold, finite."""
    return value / threshold if threshold > 0 else (_MOST if value > 0 else 0.0)


def days_a_block(reference_days: int, window_days: int) -> int:
    """Days that are drawn together: a week, for the rhythm of its days, if the reference holds six of them and the window one."""
    return max(1, min(WEEK, window_days, reference_days // 6))


def measure_window(
    references: Sequence[Reference],
    windows: Mapping[str, Counted],
    *,
    alpha: float,
    seed: int,
    draws: int = _DRAWS,
) -> list[AgainstChance]:
    """Hold a window against the reference, every measure with its threshold.

    For each of r = 1..R draws, days of the reference are drawn twice with replacement, in circular blocks: as many as the window
    has, and as many as the reference has. Of the first, as many rows are kept as the window holds, if those are fewer. What the
    measures are then is what chance gives. With s_j the (1 - alpha) quantile of measure j, and u the (1 - alpha) quantile of
    the maximum over j of measure / s_j, the threshold of measure j is

        t_j = w u s_j,     w = sqrt(k / (k - 1)) T_{k-1}(1 - alpha / 2m) / N(1 - alpha / 2m)

    for the m measures that vary by chance and the k blocks of the reference: w makes up for how little so few blocks tell of the
    tails. T and N are the quantiles of Student's and the normal law. A rate's threshold (the distance of a constant column
    is one) is at least what may be met by chance after so few events, the quantile of the negative binomial law that Jeffreys'
    prior gives.

    Sources: P. Westfall and S. Young, "Resampling-based multiple testing" (1993) for the maximum; D. Politis and J. Romano (1992)
    for the blocks; T. Hesterberg (The American Statistician 2015) for the widening.

    Args:
        references: the columns of the reference; those of one number of days share their draws.
        windows: by column, what was counted in the window, in the reference's cells.
        alpha: the chance that a window like the reference's exceeds any threshold.
        seed: of the draws.
        draws: R.

    Raises ValueError where a column's reference has fewer than LEAST_DAYS days.
    """
    rng = np.random.default_rng(seed)
    drawn: dict[tuple[int, int], tuple[Floats, Floats]] = {}
    found: list[tuple[Reference, Measure, float, Floats, float, int]] = []
    for one in references:
        window, days = windows[one.cells.column], len(one.counted.nulls)
        if days < LEAST_DAYS:
            raise ValueError(f"{one.cells.column}: a reference of {days} days, {LEAST_DAYS} are needed")
        shape = (days, len(window.nulls))
        if shape not in drawn:
            block = days_a_block(*shape)
            drawn[shape] = _weights(days, shape[1], block, draws, rng), _weights(days, days, block, draws, rng)
        blocks = days // days_a_block(*shape)
        for measure, value, by_chance, least in _measures(one, window, *drawn[shape], rng):
            found.append((one, measure, value, by_chance, least, blocks))
    if not found:
        return []
    scales = [max(float(np.quantile(by_chance, 1 - alpha)), 0.0) for _, _, _, by_chance, _, _ in found]
    varying = max(1, sum(scale > 0 for scale in scales))
    largest = np.zeros(draws)
    for (_, _, _, by_chance, _, _), scale in zip(found, scales, strict=True):
        if scale > 0:
            largest = np.maximum(largest, by_chance / scale)
    common = float(np.quantile(largest, 1 - alpha))
    result = []
    for (one, measure, value, _, least, blocks), scale in zip(found, scales, strict=True):
        is_rate = measure != "distribution" or is_constant(one.counted.cells)
        rare = least_rate(least, one, windows[one.cells.column], alpha / len(found)) if is_rate else 0.0
        threshold = max(_widening(blocks, alpha / varying) * common * scale, rare)
        method = one.method if measure == "distribution" else "rate"
        result.append(AgainstChance(one.cells.column, measure, method, value, threshold))
    return result


def least_rate(events: float, reference: Reference, window: Counted, chance: float) -> float:
    """By how much a rate may rise by chance alone, rows taken for independent: the (1 - chance) quantile, less the rate."""
    rows, there = float(window.rows.sum()), float(reference.counted.rows.sum())
    if rows == 0 or there == 0:
        return 0.0
    most = float(nbinom.ppf(1 - chance, events + 0.5, there / (there + rows)))
    return max(most / rows - events / there, 1.0 / rows)


def threshold_together(
    chance: Together, *, alpha: float, reference_days: int, window_days: int, reference_rows: int, window_rows: int
) -> float:
    """The ROC AUC up to which chance explains that a window can be told from the reference.

    With the mean m and the deviation s that G windows of the reference's own gave, n rows a side,

        t = m + T_f(1 - alpha) sqrt((s^2 + e) (1 + 1 / G)),     e = max(0, (1 / a + 1 / b - 2 / n) / 12)

    for f = the windows that fit into the reference side by side, less one (at least 2), as overlapping ones tell little more. e
    is what the a and b rows of now, if fewer, add: the variance of the Mann-Whitney statistic without a difference is
    (1 / a + 1 / b) / 12 but for terms of higher order (H. Mann and D. Whitney, 1947).

    Args:
        chance: what the reference's own windows gave.
        alpha: the chance of exceeding it where nothing moved.
        reference_days: days of the reference.
        window_days: days of a window.
        reference_rows: rows of the reference that are told from the window's.
        window_rows: rows of the window.
    """
    extra = max(0.0, (1 / reference_rows + 1 / window_rows - 2 / chance.rows) / 12)
    deviation = np.sqrt((chance.deviation**2 + extra) * (1 + 1 / chance.draws))
    freedom = max(2, reference_days // window_days - 1)
    return min(1.0, max(chance.mean, 0.5) + float(deviation * stdtrit(freedom, 1 - alpha)))


def _measures(
    one: Reference, window: Counted, of_window: Floats, of_reference: Floats, rng: np.random.Generator
) -> list[tuple[Measure, float, Floats, float]]:
    """Each measure's value in the window, what it is by chance, shape (r,), and the reference's events where it is a rate."""
    counted = one.counted
    here, there = window.cells.sum(axis=0).astype(float), counted.cells.sum(axis=0).astype(float)
    drawn, reference = of_window @ counted.cells, of_reference @ counted.cells
    thinned = _thinned(drawn, int(here.sum()), rng)
    found: list[tuple[Measure, float, Floats, float]] = []
    if here.sum() > 0:
        value = float(distance(one.cells, one.method, here, there))
        found.append(("distribution", value, distance(one.cells, one.method, thinned, reference), 0.0))
    for measure, events, mine in (("nulls", counted.nulls, window.nulls), ("unseen", counted.unseen, window.unseen)):
        if measure == "unseen" and one.cells.numeric:
            continue
        rows = counted.rows
        rate = events.sum() / max(rows.sum(), 1)
        total = int(window.rows.sum())
        value = abs(mine.sum() / max(total, 1) - rate)
        both = np.stack([of_window @ events, of_window @ (rows - events)], axis=1)
        parts = _thinned(both, total, rng)
        gaps = parts[:, 0] / np.maximum(parts.sum(axis=1), 1) - (of_reference @ events) / np.maximum(
            of_reference @ rows, 1
        )
        found.append((measure, float(value), np.abs(gaps), float(events.sum())))  # type: ignore[arg-type]
    return found


def _thinned(counts: Floats, rows: int, rng: np.random.Generator) -> Floats:
    """As many rows of each draw as the window holds, drawn without replacement; all, where there are not more."""
    left = counts.astype(np.int64)
    total = left.sum(axis=1)
    if rows == 0 or (total <= rows).all():
        return counts
    wanted = np.minimum(total, rows)
    kept = np.empty_like(left)
    rest = total.copy()
    for cell in range(left.shape[1]):
        rest -= left[:, cell]
        kept[:, cell] = rng.hypergeometric(left[:, cell], rest, wanted)
        wanted = wanted - kept[:, cell]
    thinned: Floats = kept.astype(float)
    return thinned


def _weights(days: int, wanted: int, block: int, draws: int, rng: np.random.Generator) -> Floats:
    """How often each day is drawn, shape (r, d): circular blocks of days, `wanted` days in all."""
    blocks = -(-wanted // block)
    first = rng.integers(0, days, size=(draws, blocks, 1))
    places = ((first + np.arange(block)) % days).reshape(draws, -1)[:, :wanted] + days * np.arange(draws)[:, None]
    return np.bincount(places.ravel(), minlength=draws * days).astype(float).reshape(draws, days)


def _widening(blocks: int, chance: float) -> float:
    blocks = max(blocks, 2)
    factor: float = np.sqrt(blocks / (blocks - 1)) * stdtrit(blocks - 1, 1 - chance / 2) / ndtri(1 - chance / 2)
    return factor
