"""The drift rule and the decay rule."""

from __future__ import annotations

import pytest

from evenkeel.decisions.decay import judge_decay
from evenkeel.decisions.drift import Moved, judge_drift
from evenkeel.vocabulary.verdict import DriftOutcome


def moved(
    column: str, score: float, *, threshold: float = 0.2, effect: float = 0.3, kind: str = "distribution"
) -> Moved:
    return Moved(column, kind, "wasserstein", score, threshold, effect)


@pytest.mark.parametrize(
    ("scores", "outcome"),
    [
        ([0.1, 0.2], DriftOutcome.NONE),
        ([0.1, 0.25], DriftOutcome.WATCH),
        ([0.1, 0.3], DriftOutcome.DRIFT),
        ([0.25, 0.9], DriftOutcome.DRIFT),
    ],
)
def test_drift_is_beyond_chance_and_large_enough(scores: list[float], outcome: DriftOutcome) -> None:
    """What chance explains is none, what is beyond it is watched, and what is large as well is drift."""
    measures = [moved(f"x{place}", score) for place, score in enumerate(scores)]
    assert judge_drift(measures, rows=1000, min_rows=500).outcome is outcome


def test_a_reason_names_what_moved_most_first() -> None:
    """Causes are told in the order of how far beyond chance they are, each in words that stay the same."""
    verdict = judge_drift(
        [moved("hour", 0.4), moved("dest", 0.9, kind="unseen"), moved("wind", 0.1)], rows=1000, min_rows=500
    )
    assert verdict.reason == (
        "2 of 3 measures drifted: unseen values of dest 0.9 where 0.2 is chance, hour 0.4 where 0.2 is chance"
    )


@pytest.mark.parametrize(("measures", "rows"), [([moved("x", 0.9)], 499), ([], 1000), ([moved("x", 0.1)], 0)])
def test_too_little_data_is_not_no_drift(measures: list[Moved], rows: int) -> None:
    """Too few rows, or nothing measured at all, is `insufficient_data` (law 21)."""
    assert judge_drift(measures, rows=rows, min_rows=500).outcome is DriftOutcome.INSUFFICIENT_DATA


@pytest.mark.parametrize(
    ("metric", "promised", "measured", "outcome"),
    [
        ("roc_auc", 0.70, 0.71, DriftOutcome.NONE),
        ("roc_auc", 0.70, 0.69, DriftOutcome.NONE),
        ("roc_auc", 0.70, 0.665, DriftOutcome.WATCH),
        ("roc_auc", 0.70, 0.64, DriftOutcome.DRIFT),
        ("mae", 0.70, 0.76, DriftOutcome.DRIFT),
        ("mae", 0.70, 0.60, DriftOutcome.NONE),
    ],
)
def test_decay_is_a_fall_below_the_promise(
    metric: str, promised: float, measured: float, outcome: DriftOutcome
) -> None:
    """Beyond the tolerance it is decay, beyond half of it worth watching, whichever way the metric runs."""
    verdict = judge_decay(
        metric=metric, promised=promised, measured=measured, labels=900, min_labels=500, tolerance=0.05
    )
    assert verdict.outcome is outcome


@pytest.mark.parametrize(
    ("promised", "measured", "labels"), [(0.7, 0.5, 499), (None, 0.5, 900), (0.7, None, 0), (0.7, float("nan"), 900)]
)
def test_decay_without_a_basis_is_insufficient_data(
    promised: float | None, measured: float | None, labels: int
) -> None:
    """Too few labels, no promise, or an undefined metric never says that all is well (law 21)."""
    verdict = judge_decay(
        metric="roc_auc", promised=promised, measured=measured, labels=labels, min_labels=500, tolerance=0.05
    )
    assert verdict.outcome is DriftOutcome.INSUFFICIENT_DATA
