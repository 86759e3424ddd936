"""The drift rule."""

from __future__ import annotations

import pytest

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
