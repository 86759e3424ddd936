"""The promotion gate."""

from __future__ import annotations

import math

import pytest

from evenkeel.decisions.promotion import judge_challenger
from evenkeel.vocabulary.verdict import Outcome, Verdict


def judge(
    challenger: float, champion: float, *, metric: str = "roc_auc", labels: int = 1000, margin: float = 0.01
) -> Verdict:
    return judge_challenger(
        metric=metric,
        challenger=challenger,
        champion=champion,
        opponent="champion 3",
        labels=labels,
        margin=margin,
        min_labels=500,
    )


@pytest.mark.parametrize(
    ("metric", "challenger", "champion", "outcome"),
    [
        ("roc_auc", 0.72, 0.70, Outcome.PASS),
        ("roc_auc", 0.705, 0.70, Outcome.REFUSE),
        ("roc_auc", 0.68, 0.70, Outcome.REFUSE),
        ("log_loss", 0.50, 0.52, Outcome.PASS),
        ("log_loss", 0.52, 0.50, Outcome.REFUSE),
        ("mae", 9.0, 10.0, Outcome.PASS),
    ],
)
def test_a_challenger_must_gain_more_than_the_margin(
    metric: str, challenger: float, champion: float, outcome: Outcome
) -> None:
    """Better by more than the margin passes, whichever way the metric runs; anything else is refused."""
    assert judge(challenger, champion, metric=metric).outcome is outcome


def test_the_champion_again_is_refused() -> None:
    """A challenger that does exactly what the champion does is not promoted, even at margin zero (law 17)."""
    assert judge(0.7, 0.7, margin=0.0).outcome is Outcome.REFUSE


def test_too_few_labels_are_inconclusive() -> None:
    """However large the gain, too few labels decide nothing (law 18)."""
    assert judge(0.9, 0.5, labels=499).outcome is Outcome.INCONCLUSIVE


@pytest.mark.parametrize(("challenger", "champion"), [(math.nan, 0.7), (0.7, math.nan)])
def test_an_undefined_metric_is_inconclusive_and_never_a_pass(challenger: float, champion: float) -> None:
    """A metric that is not a number cannot win, and its numbers are fit for JSON."""
    verdict = judge(challenger, champion)
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert all(value is None or math.isfinite(value) for value in verdict.numbers.values())


def test_the_reason_names_both_the_rows_and_the_margin() -> None:
    """The sentence can be checked by hand."""
    assert judge(0.72, 0.70).reason == (
        "roc_auc 0.7200 against 0.7000 of champion 3 on the same 1000 rows: better by 0.0200, more than the margin 0.01"
    )
