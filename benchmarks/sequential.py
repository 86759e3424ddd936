"""The shadow's test under daily looks: how often it promotes a shadow without any gain, and how soon it finds one.

    python -m benchmarks.sequential [--trials 200] [--days 60]

Beside it, on the same days, the naive rule (the mean gain so far is above zero) and a plain one-sided t-test, both at each look.
A trial counts once it has promoted at any look. Nothing is measured on a machine: the figures depend on the seed only.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import stats

from evenkeel.decisions.sequential import e_value_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Days = NDArray[np.float64]
    Rule = Callable[[Days], bool]

ALPHA = 0.05
MIN_DAYS = 7
"""As the spec's default: no rule decides on fewer."""

EFFECTS = (0.2, 0.3, 0.5, 0.7, 1.0, 1.5)
"""True gains, in standard deviations of a day's gain."""


@dataclass(frozen=True)
class Rate:
    """How many of some trials promoted, and the exact 95 % interval (Clopper and Pearson) of the rate; median day, if any did."""

    promoted: int
    trials: int
    day: float | None

    @property
    def interval(self) -> tuple[float, float]:
        """Its lower and upper end."""
        k, n = self.promoted, self.trials
        low = 0.0 if k == 0 else float(stats.beta.ppf(0.025, k, n - k + 1))
        return low, 1.0 if k == n else float(stats.beta.ppf(0.975, k + 1, n - k))

    def __str__(self) -> str:
        low, high = self.interval
        when = "" if self.day is None else f", day {self.day:.0f}"
        return f"{self.promoted / self.trials:6.1%} ({low:.1%} to {high:.1%}{when})"


def gaussian(draw: np.random.Generator, days: int) -> Days:
    """Independent days of standard deviation 1."""
    return draw.standard_normal(days)


def heavy_tailed(draw: np.random.Generator, days: int) -> Days:
    """Student's t with three degrees of freedom, scaled to a standard deviation of 1."""
    return draw.standard_t(3, days) / np.sqrt(3)


def autocorrelated(draw: np.random.Generator, days: int, correlation: float = 0.3) -> Days:
    """A first-order autoregression of standard deviation 1."""
    noise = draw.standard_normal(days)
    found = np.empty(days)
    found[0] = noise[0]
    for day in range(1, days):
        found[day] = correlation * found[day - 1] + np.sqrt(1 - correlation**2) * noise[day]
    return found


def skewed(draw: np.random.Generator, days: int) -> Days:
    """Mostly a little better, seldom much worse: the worst case of a t-test for a gain (an exponential, turned round)."""
    return 1 - draw.exponential(1, days)


SERIES: dict[str, Callable[[np.random.Generator, int], Days]] = {
    "Gaussian": gaussian,
    "heavy-tailed (t, 3 df)": heavy_tailed,
    "AR(1), 0.3": autocorrelated,
    "skewed (exponential)": skewed,
}


def naive(days: Days) -> bool:
    """The mean so far is above zero."""
    return bool(days.mean() > 0)


def t_test(days: Days) -> bool:
    """A plain one-sided t-test at ALPHA."""
    return bool(stats.ttest_1samp(days, 0, alternative="greater").pvalue <= ALPHA)


def sequential(days: Days) -> bool:
    """The shadow's."""
    return e_value_of(days) >= 1 / ALPHA


def by_day(block: int) -> Rule:
    """The shadow's, with other blocks."""
    return lambda days: e_value_of(days, block=block) >= 1 / ALPHA


RULES: dict[str, Rule] = {
    "naive": naive,
    "t-test at each look": t_test,
    "sequential, days": by_day(1),
    "sequential, pairs": by_day(2),
    "sequential, blocks of 3": sequential,
}


def rate(rule: Rule, trials: list[Days]) -> Rate:
    """How many trials a rule promotes at any look, and when."""
    first = [next((n for n in range(MIN_DAYS, len(days) + 1) if rule(days[:n])), None) for days in trials]
    found = [one for one in first if one is not None]
    return Rate(len(found), len(trials), float(np.median(found)) if found else None)


def drawn(series: str, trials: int, days: int, *, effect: float = 0.0, seed: int = 0) -> list[Days]:
    """Trials of a series, the same ones for every rule and effect."""
    place = list(SERIES).index(series)
    return [SERIES[series](np.random.default_rng([seed, place, one]), days) + effect for one in range(trials)]


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--trials", type=int, default=200)
    parser.add_argument("--days", type=int, default=60)
    asked = parser.parse_args()
    looks = f"a look a day from day {MIN_DAYS} to {asked.days}, alpha {ALPHA:g}"
    print(f"False promotions: {asked.trials} trials without a gain, {looks}")
    for series in SERIES:
        trials = drawn(series, asked.trials, asked.days)
        for name, rule in RULES.items():
            print(f"  {series:24} {name:24} {rate(rule, trials)}")
    print(
        f"\nPower: the share of {asked.trials} Gaussian trials promoted within {asked.days} days, and the median day of those"
    )
    for effect in EFFECTS:
        trials = drawn("Gaussian", asked.trials, asked.days, effect=effect, seed=1)
        for name in ("sequential, days", "sequential, pairs", "sequential, blocks of 3"):
            print(f"  gain {effect:.1f} sd               {name:24} {rate(RULES[name], trials)}")


if __name__ == "__main__":
    main()
