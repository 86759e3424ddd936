"""Which days a candidate learns from and which later ones it is measured on, more than once, inside the training part."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from evenkeel.vocabulary.partition import back

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime, timedelta

    from evenkeel.vocabulary.partition import Partition


@dataclass(frozen=True)
class Fold:
    """Whole days to learn from, and later whole days to be measured on."""

    train: tuple[Partition, ...]
    test: tuple[Partition, ...]


def expanding_folds(
    days: Sequence[Partition], count: int, *, gap: timedelta, maturation: timedelta, share: float = 0.5
) -> tuple[Fold, ...]:
    """Folds of an expanding window: each is measured on the days that follow what the one before was measured on.

    What is measured on is the last `share` of the days, cut into `count` blocks of equal length. A fold learns from all days
    that end a gap, and a maturation, before its block begins, so that every label it learns from was known by then.

    Source: the rolling-origin evaluation of R. Hyndman and G. Athanasopoulos, "Forecasting: principles and practice" (3rd ed.,
    5.10), with a gap as in scikit-learn's TimeSeriesSplit.

    Args:
        days: the days there are rows of, in any order; some may be missing.
        count: how many folds.
        gap: between the last day learnt from and the first measured on; whole days are calendar days.
        maturation: how long after its event a label is known.
        share: how much of the days is measured on, in (0, 1).

    Returns:
        The folds in time order: fewer than `count`, or none, where the days are too few.
    """
    ordered = sorted(set(days), key=lambda day: day.start)
    size = max(1, int(len(ordered) * share / count))
    first = len(ordered) - size * count
    blocks = [ordered[start : start + size] for start in range(max(0, first), len(ordered), size)]
    found = []
    for block in blocks:
        limit = _learnt_until(block[0], gap, maturation)
        train = tuple(day for day in ordered if day.end <= limit)
        if train:
            found.append(Fold(train, tuple(block)))
    return tuple(found[-count:])


def _learnt_until(test: Partition, gap: timedelta, maturation: timedelta) -> datetime:
    # The gap counts calendar days, and one of 23 hours is shorter than a maturation of a day.
    return min(back(test.start, gap, test.timezone), test.start - maturation)
