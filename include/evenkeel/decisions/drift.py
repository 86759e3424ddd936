"""The drift rule: what chance does not explain, and what of it is large enough to matter."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from evenkeel.decisions.calibrated import in_thresholds
from evenkeel.vocabulary.verdict import DriftOutcome, DriftVerdict

if TYPE_CHECKING:
    from collections.abc import Sequence

_NAMED = 5
"""How many measures a reason names before it only counts: reasons travel between tasks and are to stay small."""

TOGETHER = "features together"
"""The column of the measure that looks at all features at once."""

_WORDS = {"nulls": "nulls of {}", "unseen": "unseen values of {}"}


@dataclass(frozen=True)
class Moved:
    """One measure of a window.

    Args:
        column: what was measured.
        kind: `distribution`, `nulls` or `unseen`; `together` for all features at once.
        method: how.
        score: the measure: a distance, or by how much a rate differs.
        threshold: what chance explains.
        effect: the least score that is worth an answer.
    """

    column: str
    kind: str
    method: str
    score: float
    threshold: float
    effect: float

    @property
    def excess(self) -> float:
        """The score in units of its threshold: above 1, chance does not explain it."""
        return in_thresholds(self.score, self.threshold)

    @property
    def verdict(self) -> DriftOutcome:
        """`drift` beyond chance and large enough, `watch` beyond chance only."""
        if self.excess <= 1:
            return DriftOutcome.NONE
        return DriftOutcome.DRIFT if self.score >= self.effect else DriftOutcome.WATCH

    @property
    def cause(self) -> str:
        """What moved, in words; the same words each time, for a cause is answered once."""
        return _WORDS.get(self.kind, "{}").format(self.column)


def judge_drift(measures: Sequence[Moved], *, rows: int, min_rows: int) -> DriftVerdict:
    """Whether a window drifted from its reference: `drift` where any measure did, `watch` where one is beyond chance only.

    The thresholds hold for all measures together, so one measure beyond its own is enough.

    Args:
        measures: everything that was measured.
        rows: rows in the window.
        min_rows: below this many the answer is `insufficient_data`, which is not `none`.
    """
    moved = sorted((one for one in measures if one.excess > 1), key=lambda one: -one.excess)
    drifted = [one for one in moved if one.verdict is DriftOutcome.DRIFT]
    largest = max((one.excess for one in measures), default=0.0)
    numbers: dict[str, float | int | None] = {
        "rows": rows,
        "measures": len(measures),
        "beyond_chance": len(moved),
        "drifted": len(drifted),
        "excess": round(largest, 4),
    }
    if rows < min_rows:
        reason = f"{rows} rows in the window, {min_rows} are needed (drift.min_rows)"
        return DriftVerdict(DriftOutcome.INSUFFICIENT_DATA, reason, numbers)
    if not measures:
        return DriftVerdict(DriftOutcome.INSUFFICIENT_DATA, "there was nothing to measure", numbers)
    if not moved:
        return DriftVerdict(DriftOutcome.NONE, f"chance explains all {len(measures)} measures", numbers)
    told = _told(drifted or moved)
    if drifted:
        return DriftVerdict(DriftOutcome.DRIFT, f"{len(drifted)} of {len(measures)} measures drifted: {told}", numbers)
    reason = f"{len(moved)} of {len(measures)} measures are beyond chance, all of them small: {told}"
    return DriftVerdict(DriftOutcome.WATCH, reason, numbers)


def _told(measures: Sequence[Moved]) -> str:
    said = [f"{one.cause} {one.score:.3g} where {one.threshold:.3g} is chance" for one in measures[:_NAMED]]
    more = [f"and {len(measures) - _NAMED} more"] if len(measures) > _NAMED else []
    return ", ".join(said + more)
