"""The drift rule."""

from __future__ import annotations

import pytest

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
