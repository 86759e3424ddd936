"""The promotion gate."""

from __future__ import annotations

from typing import Any

import pytest

from evenkeel.decisions.comparison import Comparison, SliceMeasured
from evenkeel.decisions.promotion import Cost, judge_challenger
from evenkeel.vocabulary.estimate import Estimate
from evenkeel.vocabulary.spec_training import Promotion
from evenkeel.vocabulary.verdict import Outcome, Verdict

RULES: dict[str, Any] = {"metric": "roc_auc", "margin": 0.002}


def around(value: float, width: float = 0.005) -> Estimate:
    return Estimate(value, value - width, value + width, 14)


def found(
    gain: Estimate | None,
    *,
    labels: int = 1000,
    days: int = 14,
    slices: tuple[SliceMeasured, ...] = (),
    calibration: Estimate | None = None,
) -> Comparison:
    value = 0.0 if gain is None else gain.value
    undefined = gain is None
    return Comparison(
        labels=labels,
        days=days,
        level=0.9,
        challenger={"roc_auc": None if undefined else around(0.7 + value)},
        opponent={"roc_auc": None if undefined else around(0.7)},
        gain={"roc_auc": gain, "calibration_error": calibration},
        slices=slices,
    )


def judge(compared: Comparison, cost: Cost | None = None, **rules: Any) -> Verdict:
    return judge_challenger(compared, Promotion(**RULES | rules), opponent="champion 3", cost=cost)


@pytest.mark.parametrize(
    ("gain", "outcome"),
    [
        (around(0.02), Outcome.PASS),
        (around(0.006), Outcome.INCONCLUSIVE),
        (around(0.0), Outcome.INCONCLUSIVE),
        (around(-0.004), Outcome.REFUSE),
        (around(0.001, 0.0005), Outcome.REFUSE),
        (Estimate(0.0, 0.0, 0.0, 14), Outcome.REFUSE),
    ],
)
def test_promoted_is_who_is_better_beyond_chance(gain: Estimate, outcome: Outcome) -> None:
    """The lower bound of the gain must be above the margin; where the upper is not either, more days would not help."""
    assert judge(found(gain)).outcome is outcome


def test_the_champion_again_is_refused_at_margin_zero_too() -> None:
    """A challenger that does exactly what the champion does is not promoted (law 17)."""
    assert judge(found(Estimate(0.0, 0.0, 0.0, 14)), margin=0.0).outcome is Outcome.REFUSE


@pytest.mark.parametrize(("labels", "days"), [(499, 14), (1000, 6)])
def test_too_few_labels_or_days_are_inconclusive(labels: int, days: int) -> None:
    """However large the gain, too little decides nothing (law 18)."""
    verdict = judge(found(around(0.2), labels=labels, days=days))
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert "are needed" in verdict.reason


def test_an_undefined_metric_is_inconclusive_and_never_a_pass() -> None:
    """A metric that is not a number cannot win, and its numbers are fit for JSON."""
    verdict = judge(found(None))
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert "undefined" in verdict.reason
    assert verdict.numbers["gain"] is None


@pytest.mark.parametrize(
    ("fall", "outcome"),
    [(around(-0.05), Outcome.REFUSE), (around(-0.032), Outcome.INCONCLUSIVE), (around(-0.01), Outcome.PASS)],
)
def test_no_named_slice_may_fall_by_more_than_its_floor(fall: Estimate, outcome: Outcome) -> None:
    """A gain paid for by one airport is refused where that is sure, and not decided where it may be."""
    slices = (SliceMeasured("origin", "JFK", 400, around(0.6), fall), SliceMeasured("carrier", "UA", 400, None, fall))
    verdict = judge(found(around(0.02), slices=slices), slices={"origin": 0.03})
    assert verdict.outcome is outcome
    assert "carrier" not in verdict.reason
    if outcome is not Outcome.PASS:
        assert "roc_auc of origin=JFK (400 rows) got worse by" in verdict.reason


@pytest.mark.parametrize(
    ("gain", "outcome"),
    [(around(-0.04), Outcome.REFUSE), (around(-0.022), Outcome.INCONCLUSIVE), (around(0.01), Outcome.PASS)],
)
def test_calibration_must_hold(gain: Estimate, outcome: Outcome) -> None:
    """A challenger that ranks better and whose probabilities are further off than allowed does not pass."""
    assert judge(found(around(0.02), calibration=gain), calibration_tolerance=0.02).outcome is outcome


@pytest.mark.parametrize("cost", [Cost(latency_ms=30.0), Cost(size_mb=12.0)])
def test_a_budget_is_kept_or_the_challenger_is_refused(cost: Cost) -> None:
    """Scoring that takes longer, or a model that is larger, than the spec allows is refused with both figures."""
    verdict = judge(found(around(0.02)), cost, latency_ms=20.0, size_mb=10.0)
    assert verdict.outcome is Outcome.REFUSE
    assert "is the budget" in verdict.reason
    assert judge(found(around(0.02)), cost).outcome is Outcome.PASS


def test_a_reason_can_be_checked_by_hand() -> None:
    """It names both values, the opponent, the rows, the days, the gain with its interval, and the margin."""
    assert judge(found(around(0.02))).reason == (
        "roc_auc 0.7200 against 0.7000 of champion 3 on the same 1000 rows of 14 days: better by 0.0200 [0.0150, 0.0250], "
        "beyond the margin 0.002"
    )
    assert judge(found(around(-0.02))).reason.endswith("worse by 0.0200 [0.0150, 0.0250], not beyond the margin 0.002")
