"""The shadow's test: right however often it is looked at, and blind to what is no evidence."""

from __future__ import annotations

import math

import numpy as np
import pytest
from benchmarks.sequential import ALPHA, SERIES, drawn, naive, rate, sequential
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate, stats

from evenkeel.decisions.canary import in_canary, place_of
from evenkeel.decisions.sequential import SCALE, ShadowOutcome, ShadowVerdict, e_value_of, judge_shadow_days

GAINS = [0.03, 0.01, 0.05, 0.02, 0.04, 0.03, 0.01, 0.06] * 4


def judged(gains: list[float], *, ended: bool = False, margin: float = 0.0, labels: int = 1000) -> ShadowVerdict:
    return judge_shadow_days(
        gains, metric="roc_auc", margin=margin, alpha=0.05, labels=labels, min_days=7, min_labels=500, ended=ended
    )


@pytest.mark.parametrize("mean", [-0.4, 0.0, 0.8])
def test_the_closed_form_is_the_mixture_of_t_ratios(mean: float) -> None:
    """The e-value is what integrating noncentral against central t densities over the half-normal prior gives."""
    values = np.random.default_rng(1).normal(mean, 2.0, 9)
    t = values.mean() / values.std(ddof=1) * 3

    def weighed(effect: float) -> float:
        prior = 2 * stats.norm.pdf(effect, scale=SCALE)
        return float(prior * stats.nct.pdf(t, 8, 3 * effect) / stats.t.pdf(t, 8))

    assert e_value_of(values, block=1) == pytest.approx(integrate.quad(weighed, 0, 6)[0], rel=1e-6)


@pytest.mark.parametrize("series", SERIES)
def test_looked_at_daily_it_promotes_without_a_gain_no_more_often_than_alpha(series: str) -> None:
    """On 200 trials the rate is one that a true rate of alpha would give; the naive rule promotes four in five (law 17)."""
    trials = drawn(series, 200, 30)
    limit = stats.binom.ppf(0.99, len(trials), ALPHA)
    assert rate(sequential, trials).promoted <= limit
    assert rate(naive, trials).promoted > 0.7 * len(trials)


def test_a_gain_of_one_standard_deviation_is_found_within_a_month() -> None:
    """In four of five trials."""
    assert rate(sequential, drawn("Gaussian", 100, 30, effect=1.0)).promoted >= 80


def test_nothing_is_learnt_from_one_block_or_from_equal_days() -> None:
    """A shadow that scores as the champion does is never promoted, and neither is one that was seen for days only."""
    assert e_value_of([]) == e_value_of([0.2]) == e_value_of([0.2, 0.3, 0.1, 0.2, 0.3]) == 1.0
    assert e_value_of([0.0] * 400) == e_value_of([0.01] * 400) == 1.0
    assert judged([0.0] * 400, ended=True).outcome is ShadowOutcome.DROP


@given(st.lists(st.floats(-1e6, 1e6), max_size=80), st.floats(0, 1e3))
def test_an_e_value_is_finite_and_less_gain_gives_less_of_it(values: list[float], less: float) -> None:
    """However long or odd the series is."""
    here, lower = e_value_of(values), e_value_of(np.asarray(values) - less)
    assert 0 < here < math.inf
    if min(here, lower) != 1.0 and max(here, lower) != 1.0:  # what has no spread is no evidence
        assert lower <= here * (1 + 1e-6)


def test_its_unit_does_not_matter() -> None:
    """Gains in another unit are the same evidence."""
    assert e_value_of(np.asarray(GAINS) * 1e-8) == pytest.approx(e_value_of(GAINS))


@pytest.mark.parametrize(
    ("gains", "ended", "outcome", "said"),
    [
        (GAINS, False, ShadowOutcome.PROMOTE, "better beyond chance"),
        (GAINS, True, ShadowOutcome.PROMOTE, "better beyond chance"),
        (GAINS[:6], False, ShadowOutcome.CONTINUE, "6 of 7 days"),
        (GAINS[:6], True, ShadowOutcome.DROP, "6 of 7 days"),
        ([-one for one in GAINS], False, ShadowOutcome.CONTINUE, "not decided yet"),
        ([-one for one in GAINS], True, ShadowOutcome.DROP, "no gain could be shown within its term"),
        ([], True, ShadowOutcome.DROP, "no day could be measured"),
        ([math.nan] * 20, False, ShadowOutcome.CONTINUE, "no day could be measured"),
    ],
)
def test_a_shadow_is_promoted_goes_on_or_is_dropped(
    gains: list[float], ended: bool, outcome: ShadowOutcome, said: str
) -> None:
    """With a reason that says why, and the numbers to check it by."""
    verdict = judged(gains, ended=ended)
    assert verdict.outcome is outcome
    assert said in verdict.reason
    assert verdict.numbers["days"] == len([one for one in gains if math.isfinite(one)])


def test_the_gain_must_exceed_the_margin_and_have_labels_enough() -> None:
    """A gain of 0.03 is none beyond a margin of 0.05, and few labels decide nothing."""
    assert judged(GAINS, margin=0.05).outcome is ShadowOutcome.CONTINUE
    assert judged(GAINS, labels=499).outcome is ShadowOutcome.CONTINUE


def test_a_canary_holds_its_share_of_the_keys_and_the_same_ones_every_time() -> None:
    """Where a key lies is pinned: another release must not move it. A larger share holds the smaller one's keys."""
    assert place_of(["UA1545"]) == pytest.approx(0.14409426505)
    assert place_of(["UA", 1545]) != place_of(["UA1", 545])
    keys = [(f"flight {number}",) for number in range(20_000)]
    tenth, fifth = in_canary(keys, 0.1), in_canary(keys, 0.2)
    assert abs(tenth.mean() - 0.1) < 0.01
    assert fifth[tenth].all()
    assert not in_canary(keys, 0.0).any()
