"""The decay rule: the champion on matured labels against what it promised when it was promoted."""

from __future__ import annotations

import math

from evenkeel.vocabulary.metrics import gain
from evenkeel.vocabulary.verdict import DriftOutcome, DriftVerdict


def judge_decay(
    *, metric: str, promised: float | None, measured: float | None, labels: int, min_labels: int, tolerance: float
) -> DriftVerdict:
    """Whether the champion does worse on matured labels than it was promised to.

    Args:
        metric: the spec's metric.
        promised: its value on the holdout of the promotion; None where the champion's record holds none.
        measured: its value over the window's matured labels; None where there are none.
        labels: how many matured labels the window holds.
        min_labels: below this many the answer is `insufficient_data`.
        tolerance: the fall, in the metric's unit, from which it is decay; half of it is worth a `watch`.
    """
    numbers: dict[str, float | int | None] = {"promised": promised, "measured": measured, "labels": labels}
    if measured is not None and not math.isfinite(measured):
        numbers["measured"] = None
    if labels < min_labels or measured is None:
        return DriftVerdict(
            DriftOutcome.INSUFFICIENT_DATA, f"{labels} matured labels in the window, {min_labels} are needed", numbers
        )
    if promised is None:
        return DriftVerdict(DriftOutcome.INSUFFICIENT_DATA, "the champion's record holds no promise", numbers)
    if not math.isfinite(measured):
        return DriftVerdict(
            DriftOutcome.INSUFFICIENT_DATA, f"{metric} is undefined on {labels} matured labels", numbers
        )
    fall = -gain(metric, measured, promised)
    numbers["fall"] = fall
    sentence = f"{metric} {measured:.4f} on {labels} matured labels, {promised:.4f} was promised"
    if fall > tolerance:
        return DriftVerdict(DriftOutcome.DRIFT, f"{sentence}: worse by {fall:.4f}, more than {tolerance:g}", numbers)
    if fall > tolerance / 2:
        return DriftVerdict(
            DriftOutcome.WATCH, f"{sentence}: worse by {fall:.4f}, more than half of {tolerance:g}", numbers
        )
    return DriftVerdict(DriftOutcome.NONE, f"{sentence}: within {tolerance:g}", numbers)
