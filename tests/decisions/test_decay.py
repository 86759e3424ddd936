"""The decay rule: the champion on matured labels against its own holdout."""

from __future__ import annotations

import numpy as np
import pytest

from evenkeel.decisions.comparison import Predictions
from evenkeel.decisions.decay import Fall, Sample, judge_decay, measure_fall
from evenkeel.vocabulary.estimate import Estimate
from evenkeel.vocabulary.verdict import DriftOutcome, DriftVerdict


def days_of(seed: int, days: int = 14, *, slope: float = 1.0, wander: float = 0.0, rows: int = 200) -> Sample:
    """Rows whose log odds are `slope` times what the model says they are; `wander` is how much a day's level differs."""
    rng = np.random.default_rng(seed)
    day = np.repeat(np.arange(days), rows)
    odds = rng.normal(size=len(day))
    level = wander * rng.normal(size=days)[day]
    labels = (rng.random(len(day)) < 1 / (1 + np.exp(-(slope * odds + level)))).astype(float)
    return Sample(labels, Predictions(1 / (1 + np.exp(-odds))), day)


def judged(found: Fall | None, *, labels: int = 900, days: int = 14, holdout_days: int = 14) -> DriftVerdict:
    return judge_decay(
        metric="roc_auc",
        found=found,
        labels=labels,
        days=days,
        holdout_days=holdout_days,
        min_labels=500,
        tolerance=0.05,
    )


def fall(low: float, value: float, high: float) -> Fall:
    return Fall(Estimate(0.7, 0.68, 0.72, 14), Estimate(0.7 - value, 0, 1, 14), Estimate(value, low, high, 14))


@pytest.mark.parametrize(
    ("low", "value", "high", "outcome"),
    [
        (-0.02, 0.00, 0.02, DriftOutcome.NONE),
        (0.01, 0.03, 0.05, DriftOutcome.NONE),
        (-0.20, 0.04, 0.30, DriftOutcome.NONE),
        (0.02, 0.06, 0.10, DriftOutcome.WATCH),
        (0.05, 0.10, 0.15, DriftOutcome.WATCH),
        (0.06, 0.10, 0.14, DriftOutcome.DRIFT),
    ],
)
def test_decay_is_a_fall_beyond_the_tolerance_and_beyond_chance(
    low: float, value: float, high: float, outcome: DriftOutcome
) -> None:
    """Decayed is whose whole interval lies beyond the tolerance; an estimate beyond it is worth watching; the rest is none."""
    assert judged(fall(low, value, high)).outcome is outcome


@pytest.mark.parametrize(
    ("found", "counts", "says"),
    [
        (fall(0.1, 0.2, 0.3), {"labels": 499}, "499 matured labels in the window, 500 are needed"),
        (None, {"holdout_days": 0}, "nothing was promised"),
        (Fall(None, None, None), {"days": 1}, "the window's labels are of 1 day, 2 are needed"),
        (Fall(None, None, None), {"holdout_days": 1}, "the champion's holdout are of 1 day, 2 are needed"),
        (Fall(Estimate(0.7, 0.6, 0.8, 9), None, None), {}, "roc_auc is undefined on 900 matured labels"),
        (Fall(None, Estimate(0.7, 0.6, 0.8, 9), None), {}, "roc_auc is undefined on the champion's holdout"),
    ],
)
def test_decay_without_a_basis_is_insufficient_data_and_says_why(
    found: Fall | None, counts: dict[str, int], says: str
) -> None:
    """Too few labels or days, no promise, an undefined metric: never that all is well, and each by its own words (law 21)."""
    verdict = judged(found, **counts)
    assert verdict.outcome is DriftOutcome.INSUFFICIENT_DATA
    assert says in verdict.reason


@pytest.mark.parametrize(("metric", "sign"), [("roc_auc", 1), ("log_loss", 1), ("brier", 1)])
def test_a_fall_is_worse_whichever_way_the_metric_runs(metric: str, sign: int) -> None:
    """A model whose scores mean less than before has a positive fall, and one whose scores mean more a negative one."""
    good, bad = days_of(1, slope=1.0), days_of(2, slope=0.2)
    there = measure_fall("binary", metric, good, bad, alpha=0.05, seed=3).fall
    back = measure_fall("binary", metric, bad, good, alpha=0.05, seed=3).fall
    assert there is not None
    assert back is not None
    assert there.low > 0 > back.high
    assert there.value == pytest.approx(-back.value)


def test_days_of_one_law_seldom_fall_beyond_chance() -> None:
    """Of 200 windows of the holdout's own law, whose days differ much, about 5 % are beyond chance: alpha (law 20)."""
    beyond = 0
    for seed in range(200):
        one, other = (days_of(2 * seed + side, 10, wander=1.0, rows=60) for side in (0, 1))
        found = measure_fall("binary", "log_loss", one, other, alpha=0.05, seed=seed, resamples=300).fall
        beyond += found is not None and found.low > 0
    assert beyond <= 19  # a rate of 5 % gives so many or fewer in 99.5 % of the cases


def test_weights_of_rows_move_the_window_and_not_the_promise() -> None:
    """Weighed to the rows that hold, a window in which half the rows are flipped has not fallen."""
    promised, window = days_of(1), days_of(2)
    flipped = np.arange(len(window.labels)) % 2 == 0
    labels = np.where(flipped, 1 - window.labels, window.labels)
    plain = Sample(labels, window.predicted, window.days)
    weighed = Sample(labels, window.predicted, window.days, np.where(flipped, 0.0, 1.0))
    falls = [measure_fall("binary", "roc_auc", promised, one, alpha=0.05, seed=1) for one in (plain, weighed)]
    assert falls[0].promised == falls[1].promised
    assert falls[0].fall is not None
    assert falls[1].fall is not None
    assert falls[0].fall.low > 0.15
    assert falls[1].fall.high < 0.08
