"""Folds: learning from earlier days, measured on later ones."""

from __future__ import annotations

import itertools
from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st

from evenkeel.decisions.folds import expanding_folds
from evenkeel.vocabulary.partition import Partition

NEW_YORK = "America/New_York"
HOUR, DAY = timedelta(hours=1), timedelta(days=1)

days = st.sets(st.integers(0, 120), min_size=1, max_size=60).map(
    lambda numbers: [Partition(date(2013, 1, 10) + number * DAY, NEW_YORK) for number in numbers]
)
maturations = st.integers(0, 80).map(lambda hours: hours * HOUR)


@given(
    days=days,
    count=st.integers(2, 6),
    gap=st.integers(0, 3).map(DAY.__mul__),
    maturation=maturations,
    share=st.floats(0.1, 0.9),
)
def test_folds_never_look_ahead(
    days: list[Partition], count: int, gap: timedelta, maturation: timedelta, share: float
) -> None:
    """Whatever days there are, also where clocks change, every label learnt from was known before the first day measured on
    began, with the gap between them in calendar days; no day is cut; later folds know more (law 15).
    """
    folds = expanding_folds(days, count, gap=gap, maturation=maturation, share=share)
    assert len(folds) <= count
    for fold in folds:
        first = min(fold.test, key=lambda one: one.start)
        assert all(one.end + maturation <= first.start for one in fold.train)
        assert all(one.day + gap < first.day for one in fold.train)
        assert {*fold.train, *fold.test} <= set(days)
    for earlier, later in itertools.pairwise(folds):
        assert set(earlier.train) <= set(later.train)
        assert max(one.day for one in earlier.test) < min(one.day for one in later.test)


def test_the_last_half_is_measured_on() -> None:
    """Ten days in three folds of one day, or in two of two days, with a day's gap: the days that can be counted on paper."""
    ten = [Partition(date(2013, 2, 1 + number), NEW_YORK) for number in range(10)]
    three = expanding_folds(ten, 3, gap=DAY, maturation=DAY)
    assert [[one.day.day for one in fold.test] for fold in three] == [[8], [9], [10]]
    assert [fold.train[-1].day.day for fold in three] == [6, 7, 8]
    two = expanding_folds(ten, 2, gap=DAY, maturation=DAY)
    assert [[one.day.day for one in fold.test] for fold in two] == [[7, 8], [9, 10]]


def test_too_few_days_make_fewer_folds() -> None:
    """Three days leave one fold of the three that were asked for, two leave none."""
    three = [Partition(date(2013, 2, 1 + number), NEW_YORK) for number in range(3)]
    assert len(expanding_folds(three, 3, gap=DAY, maturation=DAY)) == 1
    assert expanding_folds(three[:2], 3, gap=DAY, maturation=DAY) == ()
