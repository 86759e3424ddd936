"""Calibrated thresholds: what chance explains at this number of rows, of days, of columns."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binomtest

from evenkeel.decisions.calibrated import (
    AgainstChance,
    Reference,
    Together,
    days_a_block,
    measure_window,
    threshold_together,
)
from evenkeel.decisions.profile import Counted, categorical_cells, numeric_cells

DAYS, WINDOW = 60, 14


def counted(values: np.ndarray, cells) -> Counted:  # type: ignore[no-untyped-def]
    """Rows of each day, NaN for a null; shape (days, rows)."""
    table = [np.bincount(np.searchsorted(cells.cuts, day[~np.isnan(day)]), minlength=cells.count) for day in values]
    none = np.zeros(len(values), dtype=np.int64)
    return Counted(np.array(table), np.isnan(values).sum(axis=1), none)


def measured(reference: np.ndarray, window: np.ndarray, *, alpha: float = 0.05, seed: int = 0) -> list[AgainstChance]:
    """Columns of the two, shape (columns, days, rows)."""
    cells = [numeric_cells(f"x{place}", one[~np.isnan(one)]) for place, one in enumerate(reference)]
    references = [Reference(of, counted(one, of), "wasserstein") for of, one in zip(cells, reference, strict=True)]
    windows = {of.column: counted(one, of) for of, one in zip(cells, window, strict=True)}
    return measure_window(references, windows, alpha=alpha, seed=seed)


def beyond(found: list[AgainstChance]) -> set[tuple[str, str]]:
    return {(one.column, one.measure) for one in found if one.excess > 1}


@pytest.mark.parametrize("rows", [4, 100])
@pytest.mark.parametrize("rhythm", ["none", "week", "memory"])
def test_windows_like_the_reference_raise_at_most_alpha_alarms(rows: int, rhythm: str) -> None:
    """Law 20: over 100 windows of the reference's own law, whatever the rows and the rhythm of its days."""
    rng = np.random.default_rng(11)
    alarms = 0
    for seed in range(100):
        level = {"none": np.zeros, "week": lambda n: np.sin(np.arange(n) * 2 * np.pi / 7), "memory": np.zeros}[rhythm](
            74
        )
        if rhythm == "memory":
            for day in range(1, 74):
                level[day] = 0.4 * level[day - 1] + 0.4 * rng.normal()
        values = rng.standard_t(3, size=(5, DAYS + WINDOW, rows)) + level[None, :, None]
        alarms += bool(beyond(measured(values[:, :DAYS], values[:, DAYS:], seed=seed)))
    assert binomtest(alarms, 100, 0.05, alternative="greater").pvalue > 0.01


def test_a_shift_of_one_column_is_found_there_and_nowhere_else() -> None:
    """Half a standard deviation in one of five columns, nulls in another: each is named, the others are not."""
    rng = np.random.default_rng(5)
    reference, window = rng.normal(size=(5, DAYS, 100)), rng.normal(size=(5, WINDOW, 100))
    window[1] += 0.5
    window[3, :, :10] = np.nan
    assert beyond(measured(reference, window)) == {("x1", "distribution"), ("x3", "nulls")}


def test_fewer_rows_are_further_apart_by_chance() -> None:
    """The threshold of a distance grows as a window has fewer rows; a fixed one would alarm or sleep."""
    rng = np.random.default_rng(6)
    reference = rng.normal(size=(1, DAYS, 200))
    few, many = (
        next(
            one.threshold
            for one in measured(reference, rng.normal(size=(1, WINDOW, rows)))
            if one.measure == "distribution"
        )
        for rows in (3, 200)
    )
    assert few > 2 * many


def test_one_null_where_there_was_none_is_no_news() -> None:
    """A rate that was zero has a threshold all the same: so many rows without an event allow for one."""
    rng = np.random.default_rng(7)
    reference, window = rng.normal(size=(1, DAYS, 50)), rng.normal(size=(1, WINDOW, 50))
    window[0, 0, 0] = np.nan
    assert beyond(measured(reference, window)) == set()


def test_an_unseen_category_is_found() -> None:
    """One row in twenty of a category the reference never held is beyond chance."""
    cells = categorical_cells("carrier", {"AA": 5000, "UA": 1000})
    of = Reference(
        cells, Counted(np.tile([50, 10, 0], (DAYS, 1)), np.zeros(DAYS, int), np.zeros(DAYS, int)), "jensenshannon"
    )
    window = Counted(np.tile([48, 9, 3], (WINDOW, 1)), np.zeros(WINDOW, int), np.full(WINDOW, 3))
    assert ("carrier", "unseen") in beyond(measure_window([of], {"carrier": window}, alpha=0.05, seed=1))


def test_a_reference_of_a_few_days_is_refused() -> None:
    """Fewer than a week does not tell how days vary."""
    rng = np.random.default_rng(8)
    with pytest.raises(ValueError, match="7 are needed"):
        measured(rng.normal(size=(1, 6, 50)), rng.normal(size=(1, 2, 50)))


def test_the_same_seed_gives_the_same_thresholds() -> None:
    """Law 1: a check repeated is the same check."""
    rng = np.random.default_rng(9)
    reference, window = rng.normal(size=(2, DAYS, 20)), rng.normal(size=(2, WINDOW, 10))
    assert measured(reference, window, seed=4) == measured(reference, window, seed=4)


@pytest.mark.parametrize(
    ("reference", "window", "block"), [(60, 14, 7), (60, 1, 1), (30, 14, 5), (14, 14, 2), (7, 3, 1)]
)
def test_days_are_drawn_in_weeks_where_there_are_enough(reference: int, window: int, block: int) -> None:
    """A week at most, the window at most, and at least six blocks in a reference."""
    assert days_a_block(reference, window) == block


def test_one_row_that_differs_from_a_constant_is_no_news() -> None:
    """A column that was constant has a threshold as a rate has: so many rows of one value allow for another one."""
    reference, window = np.full((1, DAYS, 50), 7.0), np.full((1, WINDOW, 50), 7.0)
    window[0, 0, 0] = 8.0
    assert beyond(measured(reference, window)) == set()
    window[0, :, :5] = 8.0
    assert beyond(measured(reference, window)) == {("x0", "distribution")}


def test_the_features_together_exceed_their_threshold_in_at_most_alpha_of_windows() -> None:
    """Law 20: where windows give normal areas, a further one is beyond what four of them say once in a hundred at most."""
    rng = np.random.default_rng(12)
    found = 0
    for _ in range(2000):
        own = 0.5 + 0.05 * rng.standard_normal(4)
        chance = Together(float(own.mean()), float(own.std(ddof=1)), 4, 600)
        threshold = threshold_together(
            chance, alpha=0.01, reference_days=60, window_days=14, reference_rows=600, window_rows=600
        )
        found += 0.5 + 0.05 * rng.standard_normal() > threshold
    assert binomtest(found, 2000, 0.01, alternative="greater").pvalue > 0.01


def test_fewer_rows_are_told_apart_more_easily_by_chance() -> None:
    """The threshold of the features together grows as a window has fewer rows than the reference's own had."""
    chance = Together(0.52, 0.02, 12, 1000)
    few, many = (
        threshold_together(chance, alpha=0.01, reference_days=60, window_days=14, reference_rows=1000, window_rows=rows)
        for rows in (50, 1000)
    )
    assert many < few <= 1.0
