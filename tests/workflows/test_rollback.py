"""A rollback is one entry however often it is asked for, and what was rolled back does not return by itself (law 19)."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from evenkeel.vocabulary import columns as c
from evenkeel.vocabulary.errors import EvenkeelError, GateRefusedError
from evenkeel.vocabulary.verdict import Outcome, Verdict
from evenkeel.workflows.ledger import Kind, barred
from evenkeel.workflows.pipelines import run_scoring, run_training
from evenkeel.workflows.promote import (
    judge_version,
    promote_version,
    recent_labelled,
    roll_back,
    unseen_rows,
)
from evenkeel.workflows.reference import ROW_DAY, reference_of

if TYPE_CHECKING:
    from tests.workflows.conftest import House

PASSED = Verdict(Outcome.PASS, "better, it was said before the rollback", {"against": 1})


@pytest.fixture
def back(trained: House) -> House:
    """Version 2 was champion from the third of February to the fourth, half past eight, when it was rolled back."""
    wide = trained.spec.model_copy(update={"promotion": trained.spec.promotion.model_copy(update={"margin": 0.9})})
    run_training(wide, trained.at("2013-02-02"), trained.gateways)
    refusal = Verdict(Outcome.REFUSE, "", {"against": 1})
    arguments = (trained.spec, trained.at("2013-02-03"), 2, refusal, trained.gateways)
    promote_version(*arguments, force=True, reason="rehearsal")
    roll_back(trained.spec, trained.at("2013-02-04T08:30"), trained.gateways, reason="it misbehaves")
    return trained


def test_no_version_is_champion_of_days_it_learnt_from(back: House) -> None:
    """It cannot take over from before the instant it was trained as of, by force neither; nothing is written (laws 2 and 3)."""
    before = back.gateways.ledger.entries(back.spec.model)
    early, verdict = back.at("2013-01-20"), Verdict(Outcome.PASS, "", {})
    with pytest.raises(EvenkeelError, match=r"trained as of 2013-02-01.* it learnt from what came after"):
        judge_version(back.spec, early, 1, back.gateways)
    with pytest.raises(EvenkeelError, match="it learnt from what came after"):
        promote_version(back.spec, early, 1, verdict, back.gateways, force=True, reason="for the report")
    assert back.gateways.ledger.entries(back.spec.model) == before


def test_versions_are_compared_on_days_that_neither_learnt_from(back: House) -> None:
    """A holdout that reaches back before that of the later one is cut there."""
    rows = recent_labelled(back.spec, back.at("2013-02-05"), timedelta(days=12), back.gateways)
    kept = unseen_rows(back.spec, rows, (1, 2), back.gateways)
    assert rows[c.PARTITION].min() < kept[c.PARTITION].min() == _first_day_held_out(back, 2)
    assert kept[c.PARTITION].max() == rows[c.PARTITION].max()


def _first_day_held_out(house: House, version: int) -> str:
    training = house.gateways.registry.version(house.spec.model, version).tags["evenkeel.training"]
    reference = reference_of(house.spec, training, version, house.gateways)
    return str(reference.holdout[ROW_DAY].min())


def test_the_same_day_it_is_the_same_rollback(back: House) -> None:
    """Two people who roll back at a quarter past and at ten are one rollback; it says what the ledger knew of the file."""
    spec, gateways = back.spec, back.gateways
    before = gateways.ledger.entries(spec.model)
    for instant in ("2013-02-04T08:30", "2013-02-04T09:15", "2013-02-04T22:00"):
        decided = roll_back(spec, back.at(instant), gateways, reason="again")
        assert (decided.kind, decided.version, decided.champion) == ("rolled_back", 1, 1)
    assert gateways.ledger.entries(spec.model) == before
    assert before[-1].digest == before[0].digest == gateways.registry.version(spec.model, 1).digest


def test_it_holds_for_the_next_scoring(back: House) -> None:
    """The day of the rollback is scored by the version of before, the day before it by the one that was champion then (law 3)."""
    assert run_scoring(back.spec, back.spec.partition("2013-02-05"), back.gateways).champion == 1
    assert run_scoring(back.spec, back.spec.partition("2013-02-03"), back.gateways).champion == 2


def test_a_barred_version_is_refused_with_who_and_why(back: House) -> None:
    """Neither the gate nor a verdict from before lets it return; who decides anew, with a reason, ends the bar."""
    spec, gateways, instant = back.spec, back.gateways, back.at("2013-02-05")
    verdict = judge_version(spec, instant, 2, gateways)
    assert verdict.outcome is Outcome.REFUSE
    said = r"barred since 2013-02-04T13:30:00\+00:00: test rolled it back to version 1 \(it misbehaves\)"
    for stale in (verdict, PASSED):
        with pytest.raises(GateRefusedError, match=said):
            promote_version(spec, instant, 2, stale, gateways, force=False, reason="")
    assert gateways.ledger.champion(spec.model, instant).version == 1
    assert promote_version(spec, instant, 2, verdict, gateways, force=True, reason="repaired").champion == 2
    entry = gateways.ledger.entries(spec.model)[-1]
    assert entry.reason.startswith("forced: repaired (the gate said: version 2 is barred since")
    assert barred(gateways.ledger.entries(spec.model), instant) == {}


def test_training_again_does_not_bring_it_back(back: House) -> None:
    """The training that made it, run again with a margin that it now beats, is the same decision of the past."""
    eager = back.spec.model_copy(update={"promotion": back.spec.promotion.model_copy(update={"margin": 0.9})})
    assert run_training(eager, back.at("2013-02-02"), back.gateways).champion == 1
    assert [one.kind for one in back.gateways.ledger.entries(back.spec.model)].count(Kind.PROMOTED) == 2
