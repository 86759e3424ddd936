"""The drift rule and the decay rule."""

from __future__ import annotations

import pytest

from evenkeel.decisions.decay import judge_decay
from evenkeel.decisions.drift import judge_drift
from evenkeel.vocabulary.verdict import DriftOutcome


@pytest.mark.parametrize(
    ("moved", "outcome"),
    [
        ([False, False, False, False], DriftOutcome.NONE),
        ([True, False, False, False], DriftOutcome.WATCH),
        ([True, True, False, False], DriftOutcome.DRIFT),
        ([True, True, True, True], DriftOutcome.DRIFT),
    ],
)
def test_drift_is_a_share_of_moved_columns(moved: list[bool], outcome: DriftOutcome) -> None:
    """No moved column is none, some are watch, the share or more is drift."""
    columns = {f"x{place}": value for place, value in enumerate(moved)}
    assert judge_drift(columns, rows=1000, min_rows=500, share=0.5).outcome is outcome


@pytest.mark.parametrize(("columns", "rows"), [({"x": True}, 499), ({}, 1000), ({"x": False}, 0)])
def test_too_little_data_is_not_no_drift(columns: dict[str, bool], rows: int) -> None:
    """Too few rows, or no column at all, is `insufficient_data` (law 21)."""
    assert judge_drift(columns, rows=rows, min_rows=500, share=0.5).outcome is DriftOutcome.INSUFFICIENT_DATA


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
