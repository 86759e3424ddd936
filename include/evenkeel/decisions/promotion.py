"""The promotion gate: a challenger against the champion on the same rows, by a margin."""

from __future__ import annotations

import math

from evenkeel.vocabulary.metrics import gain
from evenkeel.vocabulary.verdict import Outcome, Verdict


def judge_challenger(
    *, metric: str, challenger: float, champion: float, opponent: str, labels: int, margin: float, min_labels: int
) -> Verdict:
    """Whether a challenger may replace what it met.

    Args:
        metric: the spec's metric.
        challenger: its value on the holdout.
        champion: the opponent's value on the same rows.
        opponent: who that is, in words: `champion 3`, or `the baseline`.
        labels: how many matured labels the rows have.
        margin: least gain, in the metric's unit.
        min_labels: below this many labels nothing is decided.

    Returns:
        `pass`, `refuse`, or `inconclusive` where there are too few labels or a metric is undefined.
    """
    difference = gain(metric, challenger, champion)
    numbers = {"challenger": challenger, "opponent": champion, "gain": difference, "margin": margin, "labels": labels}
    if labels < min_labels:
        return Verdict(Outcome.INCONCLUSIVE, f"{labels} matured labels, {min_labels} are needed", _finite(numbers))
    if not (math.isfinite(challenger) and math.isfinite(champion)):
        return Verdict(Outcome.INCONCLUSIVE, f"{metric} is undefined on these {labels} labels", _finite(numbers))
    compared = f"{metric} {challenger:.4f} against {champion:.4f} of {opponent} on the same {labels} rows"
    if difference > margin:
        return Verdict(
            Outcome.PASS, f"{compared}: better by {difference:.4f}, more than the margin {margin:g}", numbers
        )
    word = "better" if difference > 0 else "worse" if difference < 0 else "different"
    return Verdict(Outcome.REFUSE, f"{compared}: {word} by {abs(difference):.4f}, the margin is {margin:g}", numbers)


def _finite(numbers: dict[str, float]) -> dict[str, float | int | None]:
    return {name: value if math.isfinite(value) else None for name, value in numbers.items()}
