"""The drift rule: how many columns moved, by methods and thresholds that are fixed in the spec."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evenkeel.vocabulary.verdict import DriftOutcome, DriftVerdict

if TYPE_CHECKING:
    from collections.abc import Mapping

_NAMED = 10
"""How many columns a reason names before it only counts: reasons travel between tasks and are to stay small."""


def judge_drift(moved: Mapping[str, bool], *, rows: int, min_rows: int, share: float) -> DriftVerdict:
    """Whether a window drifted from its reference.

    Args:
        moved: for each column (features and the score), whether its distance is beyond the threshold.
        rows: rows in the window.
        min_rows: below this many the answer is `insufficient_data`, which is not `none`.
        share: the share of moved columns from which it is drift.
    """
    names = [name for name, is_moved in moved.items() if is_moved]
    found = len(names) / len(moved) if moved else 0.0
    numbers = {"rows": rows, "columns": len(moved), "moved": len(names), "share": round(found, 4)}
    if rows < min_rows or not moved:
        return DriftVerdict(
            DriftOutcome.INSUFFICIENT_DATA, f"{rows} rows in the window, {min_rows} are needed", numbers
        )
    if not names:
        return DriftVerdict(DriftOutcome.NONE, f"none of {len(moved)} columns moved", numbers)
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    sentence = f"{len(names)} of {len(moved)} columns moved ({', '.join(sorted(names)[:_NAMED])}{more})"
    if found >= share:
        return DriftVerdict(DriftOutcome.DRIFT, f"{sentence}: at least the share {share:g}", numbers)
    return DriftVerdict(DriftOutcome.WATCH, f"{sentence}: less than the share {share:g}", numbers)
