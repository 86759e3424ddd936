"""How sure a mean over days is: an interval that treats a day, not a row, as what was drawn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import ndtri, stdtrit

from evenkeel.vocabulary.estimate import Estimate

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Values = Sequence[float] | NDArray[np.float64]


def mean_of_days(
    values: Values, *, seed: int = 0, level: float = 0.95, resamples: int = 2000, block: int | None = None
) -> Estimate | None:
    """The mean of one value a day, with a bootstrap interval that resamples whole days.

    Rows of one day share its weather, and neighbouring days resemble each other, so neither rows nor single days are
    independent. What is drawn with replacement are therefore blocks of `block` consecutive days, the first following the last
    (circular block bootstrap):

        m* = mean of the first n of ceil(n / b) blocks drawn,   interval = m + w (quantiles of m* less their mean)

    with n days, block length b, k = n / b and w = sqrt(k / (k - 1)) t / z, which undoes the narrowness of quantiles drawn from
    few blocks: t and z are the level's quantiles of Student's law with k - 1 degrees of freedom and of the normal law.

    Sources: D. Politis and J. Romano, "A circular block-resampling procedure for stationary data" (1992); P. Hall, J. Horowitz
    and B.-Y. Jing, "On blocking rules for the bootstrap with dependent data" (Biometrika 1995) for a length of the order of
    n^(1/3); T. Hesterberg, "What teachers should know about the bootstrap" (The American Statistician 2015) for the widening.

    Args:
        values: shape (n,), one finite value a day, in the order of the days.
        seed: of the draws.
        level: how often the interval is to hold the true mean.
        resamples: how many means are drawn.
        block: days a block; by default n^(1/3), rounded.

    Returns:
        The mean with its interval; one without width for a single day, or None where there is no day.
    """
    days = np.asarray(values, dtype=np.float64)
    if not len(days):
        return None
    mean = float(days.mean())
    length = block_length(len(days)) if block is None else min(block, len(days))
    if len(days) <= length:
        return Estimate(mean, mean, mean, len(days))
    drawn = days[_drawn_days(len(days), length, resamples, seed)].mean(axis=1)
    return estimate_of_draws(mean, drawn, len(days), length, level)


def block_length(days: int) -> int:
    """Days a block, of the order of n^(1/3)."""
    length: int = max(1, round(float(days) ** (1 / 3)))
    return min(days, length)


def weights_of_days(days: int, *, resamples: int, seed: int) -> NDArray[np.float64]:
    """How often each day is drawn, shape (resamples, days): blocks of days as in `mean_of_days`."""
    drawn = _drawn_days(days, block_length(days), resamples, seed)
    places = drawn + days * np.arange(resamples)[:, None]
    weights: NDArray[np.float64] = np.bincount(places.ravel(), minlength=resamples * days).astype(np.float64)
    return weights.reshape(resamples, days)


def estimate_of_draws(value: float, drawn: NDArray[np.float64], days: int, length: int, level: float) -> Estimate:
    """The interval around a value that draws of whole blocks of days give, widened as in `mean_of_days`.

    Args:
        value: of all days, each once.
        drawn: shape (r,), of the days drawn.
        days: how many days there are, more than `length`.
        length: days a block.
        level: how often the interval is to hold the true value.
    """
    blocks = days / length
    upper = (1 + level) / 2
    widening = np.sqrt(blocks / (blocks - 1)) * stdtrit(blocks - 1, upper) / ndtri(upper)
    # Less their own mean: what cannot be negative, such as a calibration error, is larger on draws than on all days.
    tails = np.quantile(drawn - drawn.mean(), [1 - upper, upper]) * widening
    return Estimate(value, value + float(tails[0]), value + float(tails[1]), days)


@dataclass(frozen=True)
class Drawn:
    """A value of all days, each once, and of draws of whole blocks of them, shape (r,)."""

    value: float
    draws: NDArray[np.float64]
    days: int


def difference_of_draws(one: Drawn, other: Drawn, level: float) -> Estimate:
    """The difference `one - other` of two samples of days that share none, with its interval.

    Both are drawn from apart, their draws widened by sqrt(k / (k - 1)) each and subtracted. The interval is the quantiles of
    those differences, times t / z with the degrees of freedom of two variances s^2 of k blocks:

        (s1^2 + s2^2)^2 / (s1^4 / (k1 - 1) + s2^4 / (k2 - 1))

    Sources: B. Welch, "The generalization of Student's problem when several different population variances are involved"
    (Biometrika 1947) for the degrees of freedom; the widening as in `mean_of_days`.

    Args:
        one: what is subtracted from, of more days than one of its blocks has.
        other: what is subtracted, likewise.
        level: how often the interval is to hold the true difference.
    """
    blocks = np.array([each.days / block_length(each.days) for each in (one, other)])
    first, second = (
        (each.draws - each.draws.mean()) * np.sqrt(k / (k - 1)) for each, k in zip((one, other), blocks, strict=True)
    )
    value, days = one.value - other.value, min(one.days, other.days)
    variances = np.array([first.var(), second.var()])
    if not variances.sum():
        return Estimate(value, value, value, days)
    freedom = variances.sum() ** 2 / np.sum(variances**2 / (blocks - 1))
    upper = (1 + level) / 2
    apart = first[: len(second)] - second[: len(first)]
    tails = np.quantile(apart - apart.mean(), [1 - upper, upper]) * stdtrit(freedom, upper) / ndtri(upper)
    return Estimate(value, value + float(tails[0]), value + float(tails[1]), days)


def difference_of_days(
    values: Values,
    others: Values,
    *,
    seed: int = 0,
    level: float = 0.95,
    resamples: int = 2000,
    block: int | None = None,
) -> Estimate | None:
    """The mean of `values - others`, day by day on the same days: what both share (a storm) cancels out.

    Args:
        values: shape (n,), one finite value a day.
        others: shape (n,), what they are compared with on the same days.
        seed: of the draws.
        level: how often the interval is to hold the true mean difference.
        resamples: how many means are drawn.
        block: days a block; as in `mean_of_days`.

    Raises ValueError where the two have different lengths.
    """
    here, there = np.asarray(values, dtype=np.float64), np.asarray(others, dtype=np.float64)
    if here.shape != there.shape:
        raise ValueError(
            f"{len(here)} days cannot be compared with {len(there)}: pass the same days, in the same order"
        )
    return mean_of_days(here - there, seed=seed, level=level, resamples=resamples, block=block)


def rolling_mean_of_days(
    values: Values, *, window: int = 7, least: int = 4, seed: int = 0, level: float = 0.95, resamples: int = 500
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """The mean of each day and the ones before it, with its interval: single days of the window are drawn.

    Args:
        values: shape (n,), one value a day, NaN where there is none.
        window: days a mean is taken over.
        least: below so many values in a window there is no mean.
        seed: of the draws.
        level: as in `mean_of_days`.
        resamples: how many means are drawn for each day.

    Returns:
        Mean, lower and upper end, each of shape (n,) and NaN where there is no mean.
    """
    days = np.asarray(values, dtype=np.float64)
    found = np.full((3, len(days)), np.nan)
    for place in range(len(days)):
        inside = days[max(0, place + 1 - window) : place + 1]
        estimate = None
        if np.isfinite(inside).sum() >= least:
            estimate = mean_of_days(
                inside[np.isfinite(inside)], seed=seed + place, level=level, resamples=resamples, block=1
            )
        if estimate is not None:
            found[:, place] = estimate.value, estimate.low, estimate.high
    return found[0], found[1], found[2]


def _drawn_days(days: int, block: int, resamples: int, seed: int) -> NDArray[np.int64]:
    """For each resample the places of its days, shape (resamples, days)."""
    blocks = -(-days // block)
    first = np.random.default_rng(seed).integers(0, days, size=(resamples, blocks, 1))
    places: NDArray[np.int64] = (first + np.arange(block)) % days
    return places.reshape(resamples, blocks * block)[:, :days]
