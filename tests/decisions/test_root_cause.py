"""Where a loss comes from: columns, slices, days."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evenkeel.decisions.root_cause import (
    Binned,
    bin_numbers,
    bin_values,
    first_day_of_change,
    losing_slices,
    loss_of_column,
    ranked,
)


def test_numbers_are_binned_by_the_reference_and_missing_ones_apart() -> None:
    """Ten bins of the reference's quantiles; what is beyond its range is in the outer ones, what is missing in the last."""
    binned = bin_numbers(np.arange(100.0), np.array([-5.0, 50.0, 500.0, np.nan]))
    assert np.bincount(binned.reference).tolist() == [10] * 10
    assert [binned.names[place] for place in binned.window] == ["below 9.9", "49.5 to 59.4", "from 89.1", "missing"]


def test_values_are_binned_by_name_and_rare_ones_together() -> None:
    """The most frequent values by name, all others as one, and the missing ones apart."""
    reference = np.array(["a"] * 5 + ["b"] * 3 + ["c"] + [""])
    binned = bin_values(reference, np.array(["b", "c", "new", ""]), most=2)
    assert [binned.names[place] for place in binned.window] == ["b", "other values", "other values", "missing"]
    assert np.bincount(binned.reference).tolist() == [5, 3, 1, 1]


@pytest.mark.parametrize("binned", [bin_numbers(np.full(4, np.nan), np.ones(4)), bin_numbers(np.ones(4), np.ones(4))])
def test_a_column_without_variation_has_bins_all_the_same(binned: Binned) -> None:
    """All null or constant, every row has its bin."""
    assert max(*binned.reference, *binned.window) < len(binned.names)


@given(st.integers(0, 2**32))
@settings(max_examples=30)
def test_both_parts_add_up_to_the_rise(seed: int) -> None:
    """Whatever moved, shift and rest are the whole rise of the mean loss."""
    rng = np.random.default_rng(seed)
    binned = bin_values(rng.choice(list("abc"), 200), rng.choice(list("bcdx"), 90))
    before, now = rng.random(200), rng.random(90) + 0.5
    found = loss_of_column("x", binned, before, now)
    assert found.shift + found.within == pytest.approx(now.mean() - before.mean())


def test_the_column_that_moved_and_matters_comes_first() -> None:
    """Rows that went from a good value to a bad one explain the rise; a column that moved and does not matter explains none."""
    rng = np.random.default_rng(2)
    weather, colour = rng.random(8000) < 0.1, rng.random(8000) < 0.5
    weather_now, colour_now = rng.random(8000) < 0.6, rng.random(8000) < 0.9
    loss, loss_now = (0.3 + 0.4 * one + 0.05 * rng.normal(size=8000) for one in (weather, weather_now))
    columns = {"weather": (weather, weather_now), "colour": (colour, colour_now)}
    found = ranked(
        [
            loss_of_column(name, bin_values(before.astype(str), now.astype(str)), loss, loss_now)
            for name, (before, now) in columns.items()
        ]
    )
    assert [one.column for one in found] == ["weather", "colour"]
    assert found[0].shift == pytest.approx(0.2, abs=0.02)
    assert found[1].shift == pytest.approx(0.0, abs=0.01)


def slices(extra: float) -> list[tuple[str, str]]:
    """Rows lose 0.5 and `extra` more at JFK now."""
    rng = np.random.default_rng(3)
    days = np.repeat(np.arange(14), 100)
    before, now = rng.choice(["JFK", "EWR", "LGA"], 1400), rng.choice(["JFK", "EWR", "LGA"], 1400)
    losses = 0.5 + 0.1 * rng.normal(size=1400), 0.5 + 0.1 * rng.normal(size=1400) + extra * (now == "JFK")
    found = losing_slices({"origin": bin_values(before, now)}, losses, (days, days), most=4, alpha=0.01, seed=1)
    return [(one.column, one.value) for one in found]


def test_the_slice_in_which_the_loss_rose_is_named_and_no_other() -> None:
    """Beyond chance only; where nothing rose, none is."""
    assert slices(0.2) == [("origin", "JFK")]
    assert slices(0.0) == []


def test_the_first_day_of_another_level_is_found() -> None:
    """Twenty days of one level and eight of another."""
    rng = np.random.default_rng(4)
    change = first_day_of_change(np.r_[np.zeros(20), np.ones(8)] + 0.2 * rng.normal(size=28), alpha=0.05, seed=1)
    assert change is not None
    assert change.first == 20
    assert change.before < 0.3 < 0.7 < change.after


def test_days_of_one_level_have_no_first_day_of_another() -> None:
    """At most about alpha of 200 level periods are taken for a change; few or constant days never are."""
    series = np.random.default_rng(5).normal(size=(200, 20))
    assert sum(first_day_of_change(one, alpha=0.05, seed=1) is not None for one in series) <= 19
    assert first_day_of_change(np.array([0.0, 0.0, 9.0, 9.0]), alpha=0.05, seed=1) is None
    assert first_day_of_change(np.ones(20), alpha=0.05, seed=1) is None
