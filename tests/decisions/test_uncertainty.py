"""How sure a mean over days is: intervals that treat days, not rows, as what was drawn."""

from __future__ import annotations

import math

import numpy as np
import pytest

from evenkeel.decisions.uncertainty import (
    Drawn,
    difference_of_days,
    difference_of_draws,
    mean_of_days,
    rolling_mean_of_days,
    weights_of_days,
)


def days(seed: int, count: int = 60, *, likeness: float = 0.0) -> np.ndarray:
    """Days of mean zero, each as like the one before it as `likeness` says."""
    shocks = np.random.default_rng(seed).normal(size=count + 50)
    values = np.zeros(count + 50)
    for place in range(1, count + 50):
        values[place] = likeness * values[place - 1] + shocks[place]
    return values[50:]


def coverage(*, likeness: float, block: int | None) -> float:
    """Of 300 simulated periods, the share whose interval holds the true mean."""
    found = [mean_of_days(days(seed, likeness=likeness), seed=seed, resamples=400, block=block) for seed in range(300)]
    return float(np.mean([one.low <= 0 <= one.high for one in found if one is not None]))


def test_the_interval_holds_the_true_mean_as_often_as_it_says() -> None:
    """Of 300 periods of independent days, about 95 % have the true mean in their interval."""
    assert 0.91 <= coverage(likeness=0.0, block=None) <= 0.98


def test_blocks_of_days_allow_for_days_that_are_like_their_neighbours() -> None:
    """Where a day resembles the one before it, single days promise too much, and blocks of them clearly more than that."""
    alone, together = coverage(likeness=0.5, block=1), coverage(likeness=0.5, block=None)
    assert alone < 0.85
    assert together > alone + 0.05


def test_what_days_share_cancels_out_of_a_difference() -> None:
    """Two policies on the same days, one of them always 0.1 better: the difference is sure, though each alone is not."""
    shared, noise = days(1), np.random.default_rng(2).normal(scale=0.05, size=(2, 60))
    mine, theirs = shared + 0.1 + noise[0], shared + noise[1]
    difference, alone = difference_of_days(mine, theirs), mean_of_days(mine)
    assert difference is not None
    assert alone is not None
    assert 0 < difference.low < 0.1 < difference.high
    assert alone.low < 0 < alone.high


def test_a_difference_holds_the_truth_as_often_as_it_says() -> None:
    """Of 300 pairs of periods, about 95 % have the true difference in their interval."""
    hits = []
    for seed in range(300):
        noise = np.random.default_rng(1000 + seed).normal(scale=0.3, size=(2, 60))
        shared = days(seed)
        found = difference_of_days(shared + 0.2 + noise[0], shared + noise[1], seed=seed, resamples=400)
        hits.append(found is not None and found.low <= 0.2 <= found.high)
    assert 0.91 <= np.mean(hits) <= 0.98


def test_different_days_are_not_compared() -> None:
    """A difference is of the same days; lists of other lengths are a mistake."""
    with pytest.raises(ValueError, match="3 days cannot be compared with 2"):
        difference_of_days([1.0, 2.0, 3.0], [1.0, 2.0])


def test_the_same_days_give_the_same_interval() -> None:
    """Draws come from the seed and nothing else (law 1)."""
    assert mean_of_days(days(3), seed=5) == mean_of_days(days(3), seed=5)
    assert mean_of_days(days(3), seed=5) != mean_of_days(days(3), seed=6)


def test_no_day_has_no_mean_and_one_day_no_width() -> None:
    """Nothing is made up: no day gives None, a single day an interval of no width."""
    assert mean_of_days([]) is None
    one = mean_of_days([0.7])
    assert one is not None
    assert (one.value, one.low, one.high, one.days) == (0.7, 0.7, 0.7, 1)


def test_a_rolling_mean_looks_back_only_and_waits_for_enough_days() -> None:
    """The mean of a day is that of the seven to it; with fewer than four values among them there is none."""
    values = [1.0, 2.0, math.nan, 3.0, 4.0, 5.0, 6.0, 7.0, 100.0]
    mean, low, high = rolling_mean_of_days(values)
    assert np.isnan(mean[:4]).all()
    assert mean[4] == pytest.approx(np.mean([1, 2, 3, 4]))
    assert mean[7] == pytest.approx(np.mean([2, 3, 4, 5, 6, 7]))
    assert (low[4:] <= mean[4:]).all()
    assert (mean[4:] <= high[4:]).all()


def drawn(values: np.ndarray, seed: int) -> Drawn:
    """The mean of days, and of 400 draws of them."""
    weights = weights_of_days(len(values), resamples=400, seed=seed)
    return Drawn(float(values.mean()), weights @ values / weights.sum(axis=1), len(values))


@pytest.mark.parametrize(("first", "second", "louder"), [(14, 14, 1.0), (14, 6, 1.0), (14, 6, 4.0), (3, 14, 4.0)])
def test_the_difference_of_two_samples_is_as_sure_as_it_says(first: int, second: int, louder: float) -> None:
    """Of 400 pairs of samples of one law, of whatever lengths and spreads, about 90 % have zero in their interval."""
    hits = 0
    for seed in range(400):
        rng = np.random.default_rng([seed, 8])
        one, other = louder * rng.normal(size=first), rng.normal(size=second)
        found = difference_of_draws(drawn(one, seed), drawn(other, seed + 1000), 0.9)
        hits += found.low <= 0 <= found.high
    assert 0.85 <= hits / 400 <= 0.97


def test_days_that_are_all_alike_differ_surely() -> None:
    """Two samples without any variation have a difference without width."""
    found = difference_of_draws(drawn(np.ones(5), 1), drawn(np.zeros(5), 2), 0.9)
    assert (found.value, found.low, found.high) == (1.0, 1.0, 1.0)
