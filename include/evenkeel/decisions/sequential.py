"""The shadow's test: did it gain on the champion, judged anew each day, without being promoted by luck for being looked at often?

A test at a fixed level is right once. Repeated daily for two months it promotes a shadow without any gain far more often than it
says. This one stays right however often it is looked at, and whenever one stops.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

import numpy as np
from scipy.stats import t as student

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

SCALE = 0.7
"""Of the half-normal prior over effects, in standard deviations of a block's mean gain: gains of half to one and a half are found
soonest. Smaller finds large gains later (a scale of 0.3 needs three weeks and more), larger costs power at small ones."""

BLOCK = 3
"""Days averaged into one observation. Neighbouring days resemble each other (a week of storms), and a test of independent days
is wrong about them: on days with an autocorrelation of 0.3 and no gain, 60 daily looks promoted 9.7 % at a level of 5 %, 4.7 %
with pairs and 3.0 % with blocks of three; with 0.5 these are 19 %, 9 % and 5.0 % (20,000 trials each). It is also n^(1/3) for a
month of days, the length of `uncertainty.mean_of_days`."""

_NO_SPREAD = 1e-9
"""Standard deviations below this share of the largest gain are rounding."""

_LARGEST = 700.0
"""Logarithm of the largest e-value that is told apart from infinity."""


class ShadowOutcome(StrEnum):
    """What becomes of a shadow today."""

    PROMOTE = "promote"
    CONTINUE = "continue"
    DROP = "drop"


@dataclass(frozen=True)
class ShadowVerdict:
    """The answer of one look. `e_value` is the evidence for a gain beyond the margin: 1 is none, 1/alpha is enough."""

    outcome: ShadowOutcome
    e_value: float
    days: int
    gain: float | None
    reason: str
    numbers: Mapping[str, float | int | None] = field(default_factory=dict)


def judge_shadow_days(
    gains: Sequence[float],
    *,
    metric: str,
    margin: float,
    alpha: float,
    labels: int,
    min_days: int,
    min_labels: int,
    ended: bool,
) -> ShadowVerdict:
    """Whether a shadow may replace the champion, goes on, or is dropped because its term is over.

    Args:
        gains: shape (n,), the shadow's gain on the champion of each day, in the metric's unit and in the order of the days;
            a day on which the metric is undefined is left out, or NaN.
        metric: its name, for the reason.
        margin: the gain to be exceeded.
        alpha: the chance of ever promoting a shadow that gains no more than the margin.
        labels: how many matured labels those days have.
        min_days: below so many days nothing is decided.
        min_labels: below so many labels neither.
        ended: whether nothing more will be known of the shadow: its term is over and its last labels have matured.
    """
    days = np.asarray(gains, dtype=np.float64)
    days = days[np.isfinite(days)]
    e_value = e_value_of(days - margin)
    mean = float(days.mean()) if len(days) else None
    needed = 1 / alpha
    numbers = {
        "e_value": e_value,
        "needed": needed,
        "days": len(days),
        "gain": mean,
        "margin": margin,
        "labels": labels,
    }
    evidence = f"margin {margin:g}; e-value {e_value:.3g}, {needed:g} needed"
    seen = (
        "no day could be measured" if mean is None else f"{metric} gained {mean:+.4f} on {len(days)} days ({evidence})"
    )
    if len(days) < min_days or labels < min_labels:
        short = f"{len(days)} of {min_days} days and {labels} of {min_labels} labels that are needed to decide"
        outcome, said = (ShadowOutcome.DROP if ended else ShadowOutcome.CONTINUE), f"{seen}; {short}"
    elif e_value >= needed:
        outcome, said = ShadowOutcome.PROMOTE, f"{seen}: better beyond chance"
    elif ended:
        outcome, said = ShadowOutcome.DROP, f"{seen}: no gain could be shown within its term"
    else:
        outcome, said = ShadowOutcome.CONTINUE, f"{seen}: not decided yet"
    return ShadowVerdict(outcome, e_value, len(days), mean, said, numbers)


def e_value_of(values: Sequence[float] | NDArray[np.float64], *, scale: float = SCALE, block: int = BLOCK) -> float:
    """Evidence that the mean of a series is above zero, whatever its unknown spread: an e-value after every value.

    Under a mean of zero or less it exceeds 1/alpha at any time with a probability of at most alpha (Ville's inequality).
    It is the likelihood ratio of the t statistic (the standard deviation has the right-Haar prior in both hypotheses), mixed over
    standardised effects d > 0 with a half-normal prior of scale g. With n blocks, S1 their sum and S2 their sum of squares,

        E = 2 (1 + n g^2)^(-1/2) (1 - k^2)^(-n/2) F_n(k sqrt(n) / sqrt(1 - k^2)),    k = S1 / sqrt(S2 (n + 1 / g^2))

    where F_n is Student's distribution with n degrees of freedom: the mixture over d leaves exp(k^2 u^2 / 2) Phi(k u), whose
    mean over u = sqrt(S2) / sigma, a chi variable with n degrees of freedom, is what the formula says. E grows with the mean
    at a fixed spread, so that a mean below zero gives less of it than one of zero, path by path.

    Days are averaged in blocks of `block`, in order; the last ones that fill no block are not looked at yet. Fewer than two
    blocks, or values that are all the same, tell nothing about their spread and are no evidence: 1.

    Sources: T. L. Lai, "On confidence sequences" (Annals of Statistics 1976); M. F. Perez-Ortiz, T. Lardy, R. de Heide and
    P. Grunwald, "E-statistics, group invariance and anytime-valid testing" (Annals of Statistics 2024); H. Wang and A. Ramdas,
    "Anytime-valid t-tests and confidence sequences for Gaussian means with unknown variance" (2024). All for mixtures of
    t ratios; the closed form for a half-normal prior is the one derived above.

    Args:
        values: shape (n,), finite, one a day, in the order of the days.
        scale: g.
        block: days averaged into one observation.
    """
    days = np.asarray(values, dtype=np.float64)
    blocks = len(days) // block
    means = days[: blocks * block].reshape(blocks, block).mean(axis=1)
    largest = float(np.abs(means).max()) if blocks else 0.0
    if blocks < 2 or not largest or float(means.std()) <= _NO_SPREAD * largest:
        return 1.0
    means = means / largest  # squares of tiny gains would vanish
    k = float(means.sum() / math.sqrt(float((means**2).sum()) * (blocks + 1 / scale**2)))
    rest = 1 - k**2
    log_e = math.log(2) - 0.5 * math.log1p(blocks * scale**2) - blocks / 2 * math.log(rest)
    log_e += float(student.logcdf(k * math.sqrt(blocks / rest), blocks))
    return math.exp(max(-_LARGEST, min(log_e, _LARGEST)))
