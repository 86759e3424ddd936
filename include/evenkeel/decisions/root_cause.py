"""Where a loss of performance comes from: which columns, which rows, and since which day."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from evenkeel.decisions.decay import LEAST_DAYS, draw_metric
from evenkeel.decisions.uncertainty import difference_of_draws

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from evenkeel.decisions.uncertainty import Drawn
    from evenkeel.vocabulary.estimate import Estimate

    Floats = NDArray[np.float64]

BINS = 10
MOST_VALUES = 20
"""Values of a column told apart, those with the most rows of the reference; the others are one."""

MISSING, OTHER = "missing", "other values"

LEAST_ROWS = 30
"""Rows of the window a slice must have to be told of."""

LEAST_DAYS_TO_CHANGE = 5
"""Days below which no day is named as the first."""

_PERMUTATIONS = 999


@dataclass(frozen=True)
class Binned:
    """A column's rows in bins: for each bin its name, and for each row of both sides the place of its bin."""

    names: tuple[str, ...]
    reference: NDArray[np.int64]
    window: NDArray[np.int64]


@dataclass(frozen=True)
class LossOfColumn:
    """How much of the rise of the mean loss one column accounts for; both parts add up to the rise, for each column."""

    column: str
    shift: float
    within: float


@dataclass(frozen=True)
class LossOfSlice:
    """Rows in which the loss rose: how much, and how much of the whole rise is theirs."""

    column: str
    value: str
    rows: int
    rise: Estimate
    contribution: float


@dataclass(frozen=True)
class Change:
    """A series of days whose level changed: the place of the first day of the new level, and both levels."""

    first: int
    before: float
    after: float
    chance: float


def bin_numbers(reference: Floats, window: Floats, bins: int = BINS) -> Binned:
    """Numbers in bins that end at quantiles of the reference; rows without a number are a bin of their own.

    Args:
        reference: shape (m,), NaN where there is none.
        window: shape (n,), likewise.
        bins: at most so many, fewer where many numbers are equal.
    """
    there = reference[np.isfinite(reference)]
    edges = np.unique(np.quantile(there, np.linspace(0, 1, bins + 1)[1:-1])) if len(there) else np.empty(0)
    shown = [f"{one:.4g}" for one in edges]
    names = ["all"] if not shown else [f"below {shown[0]}", *map(" to ".join, pairwise(shown))]
    names += [f"from {shown[-1]}"] if shown else []

    def placed(values: Floats) -> NDArray[np.int64]:
        found = np.searchsorted(edges, values, side="right")
        return np.where(np.isfinite(values), found, len(names)).astype(np.int64)

    return Binned((*names, MISSING), placed(reference), placed(window))


def bin_values(reference: NDArray[np.str_], window: NDArray[np.str_], most: int = MOST_VALUES) -> Binned:
    """Text in bins, one a value; those beyond the most frequent of the reference are one bin.

    Args:
        reference: shape (m,), empty where there is none.
        window: shape (n,), likewise.
        most: how many values have a bin of their own.
    """
    present, counts = np.unique(reference[reference != ""], return_counts=True)
    kept = np.sort(present[np.argsort(-counts, kind="stable")[:most]])

    def placed(values: NDArray[np.str_]) -> NDArray[np.int64]:
        found = np.searchsorted(kept, values)
        inside = np.minimum(found, max(len(kept) - 1, 0))
        is_kept = kept[inside] == values if len(kept) else np.zeros(len(values), dtype=bool)
        return np.where(is_kept, inside, np.where(values == "", len(kept) + 1, len(kept))).astype(np.int64)

    return Binned((*kept.tolist(), OTHER, MISSING), placed(reference), placed(window))


def loss_of_column(column: str, binned: Binned, loss_reference: Floats, loss_window: Floats) -> LossOfColumn:
    """The rise of the mean loss in two parts: rows that moved between a column's bins, and bins in which rows lose more.

        shift  = sum_b (p_window(b) - p_reference(b)) loss_reference(b)
        within = sum_b p_window(b) (loss_window(b) - loss_reference(b))

    with p(b) the share of rows in bin b and loss(b) their mean loss. A bin without rows of the reference is taken to lose there
    what all rows do. Columns that are dependent share what they account for, so parts of different columns do not add up.

    Source: E. Kitagawa, "Components of a difference between two rates" (JASA 1955).

    Args:
        column: its name.
        binned: its rows in bins.
        loss_reference: shape (m,), loss of each row of the reference.
        loss_window: shape (n,), of the window.
    """
    p_reference, before = _of_bins(binned.reference, loss_reference, len(binned.names))
    p_window, now = _of_bins(binned.window, loss_window, len(binned.names))
    before = np.where(p_reference > 0, before, loss_reference.mean())
    return LossOfColumn(
        column, float(np.sum((p_window - p_reference) * before)), float(np.sum(p_window * (now - before)))
    )


def losing_slices(
    columns: Mapping[str, Binned],
    losses: tuple[Floats, Floats],
    days: tuple[NDArray[np.generic], NDArray[np.generic]],
    *,
    most: int,
    alpha: float,
    seed: int,
) -> tuple[LossOfSlice, ...]:
    """The bins in which the loss concentrates, from the one that adds most to the rise of the mean loss.

    A bin adds p_window(b) (loss_window(b) - loss_reference(b)). Told is whose rise is beyond chance by days of both sides. They
    were picked from many, so their rises are larger than they will be found again.

    Args:
        columns: by name, its rows in bins.
        losses: of the reference's rows and of the window's.
        days: their days.
        most: how many bins are measured.
        alpha: chance of error on each side of a rise's interval.
        seed: of the draws.
    """
    found: list[tuple[float, str, int]] = []
    for column, binned in columns.items():
        p_window, now = _of_bins(binned.window, losses[1], len(binned.names))
        p_reference, before = _of_bins(binned.reference, losses[0], len(binned.names))
        enough = (p_window * len(losses[1]) >= LEAST_ROWS) & (p_reference > 0)
        added = p_window * (now - before)
        found += [(float(added[place]), column, int(place)) for place in np.flatnonzero(enough & (added > 0))]
    slices = []
    for contribution, column, place in sorted(found, key=lambda one: -one[0])[:most]:
        binned = columns[column]
        here, there = binned.window == place, binned.reference == place
        mine = _mean_of_days(losses[1][here], days[1][here], seed + 1)
        theirs = _mean_of_days(losses[0][there], days[0][there], seed)
        if mine is None or theirs is None:
            continue
        rise = difference_of_draws(mine, theirs, 1 - 2 * alpha)
        if rise.low > 0:
            slices.append(LossOfSlice(column, binned.names[place], int(here.sum()), rise, contribution))
    return tuple(slices)


def first_day_of_change(values: Floats, *, alpha: float, seed: int) -> Change | None:
    """The first day of another level: where the cumulated differences from the mean turn farthest from zero (CUSUM).

        S_t = sum over days up to t of (x - mean of x),   first day = the one after the largest |S_t|

    The chance is the share of orders of the same days, drawn at random, that turn as far. Days that are like their neighbours
    make it too small: a rhythm may be taken for a change.

    Sources: E. Page, "Continuous inspection schemes" (Biometrika 1954); W. Taylor, "Change-point analysis" (2000).

    Args:
        values: shape (n,), one finite value a day, in order.
        alpha: chance up to which it is a change.
        seed: of the random orders.

    Returns:
        The change, or None where there is none beyond chance or fewer than `LEAST_DAYS_TO_CHANGE` days.
    """
    days = len(values)
    if days < LEAST_DAYS_TO_CHANGE or np.ptp(values) == 0:
        return None
    turned = np.abs(np.cumsum(values - values.mean()))[:-1]
    orders = np.random.default_rng(seed).permuted(np.tile(values - values.mean(), (_PERMUTATIONS, 1)), axis=1)
    as_far = np.abs(np.cumsum(orders, axis=1))[:, :-1].max(axis=1) >= turned.max() * (1 - 1e-12)
    chance = (1 + int(as_far.sum())) / (1 + _PERMUTATIONS)
    if chance > alpha:
        return None
    first = int(turned.argmax()) + 1
    return Change(first, float(values[:first].mean()), float(values[first:].mean()), chance)


def ranked(losses: Sequence[LossOfColumn]) -> list[LossOfColumn]:
    """Columns from the one whose shift alone explains most of the rise."""
    return sorted(losses, key=lambda one: (-one.shift, one.column))


def _of_bins(places: NDArray[np.int64], losses: Floats, bins: int) -> tuple[Floats, Floats]:
    """Share of rows in each bin and their mean loss; 0 where there are none."""
    rows = np.bincount(places, minlength=bins).astype(np.float64)
    return rows / len(places), np.bincount(places, weights=losses, minlength=bins) / np.maximum(rows, 1)


def _mean_of_days(losses: Floats, days: NDArray[np.generic], seed: int) -> Drawn | None:
    keys, places = np.unique(days, return_inverse=True)
    if len(keys) < LEAST_DAYS:
        return None
    sums, rows = np.bincount(places, weights=losses), np.bincount(places).astype(np.float64)
    return draw_metric(lambda weights: (weights @ sums) / (weights @ rows), len(keys), seed=seed)
