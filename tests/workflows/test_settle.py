"""After a retraining that kept a decayed champion: back to an earlier one that is better, or a call to a person, once."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

from evenkeel.decisions.retraining import DECAY
from evenkeel.vocabulary.errors import GateRefusedError
from evenkeel.vocabulary.spec_monitoring import Retraining
from evenkeel.vocabulary.spec_training import Candidate
from evenkeel.vocabulary.verdict import Outcome, Verdict
from evenkeel.workflows.ledger import Kind, barred
from evenkeel.workflows.needs import scoring_needs
from evenkeel.workflows.pipelines import run_retraining, run_training
from evenkeel.workflows.promise import promised_rows
from evenkeel.workflows.promote import promote_version, roll_back
from evenkeel.workflows.reference import ROW_DAY, reference_of
from evenkeel.workflows.retrain import answer_signal, signal_id, unanswered_signals
from evenkeel.workflows.rollback import decayed_champion, settle_decay
from tests.workflows.conftest import _house

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from evenkeel.workflows.ledger import Entry
    from tests.workflows.conftest import House

DAYS = ("2013-02-05", "2013-02-06", "2013-02-07", "2013-02-08")
MODEL = "flight_delay"
NO = Verdict(Outcome.REFUSE, "", {})
GUESSES = Candidate(name="guesses", estimator="sklearn.dummy.DummyClassifier", params={"strategy": "stratified"})


def ruled(house: House, **rules: Any) -> House:
    """The house under other rules of retraining."""
    retraining = house.spec.retraining.model_copy(update=rules)
    return replace(house, spec=house.spec.model_copy(update={"retraining": retraining}))


@pytest.fixture(scope="session")
def fallen_lake(trained_lakes: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Version 1 is sound. Version 2 only guesses, was promoted by force, and four checks in a row found that it decayed."""
    root = tmp_path_factory.mktemp("fallen") / "house"
    shutil.copytree(trained_lakes[MODEL], root)
    house = guessing(_house(root, MODEL))
    run_training(house.spec, house.at("2013-02-02"), house.gateways)
    promote_version(house.spec, house.at("2013-02-03"), 2, NO, house.gateways, force=True, reason="great promises")
    for day in ("2013-02-01", "2013-02-02", "2013-02-03", "2013-02-04"):
        put_check(house, day, decay="none")
    for day in DAYS:
        put_check(house, day, DECAY, decay="drift")
    return root


@pytest.fixture(scope="session")
def kept_lake(fallen_lake: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same, and the retraining that the last check asked for has kept version 2."""
    root = tmp_path_factory.mktemp("kept") / "house"
    shutil.copytree(fallen_lake, root)
    house = guessing(_house(root, MODEL))
    assert answer_signal(house.spec, signal_of(house), house.gateways).passed
    assert run_training(house.spec, signal_of(house), house.gateways).kind == "kept"
    return root


def put_check(house: House, day: str, *causes: str, decay: str) -> None:
    """A check as it is on record: of version 2, and about nothing but decay."""
    row = {
        "as_of": signal_of(house, day),
        "champion": 2,
        "drift_outcome": "none",
        "decay_outcome": decay,
        "decay_reason": "roc_auc 0.5000, 0.8000 was promised",
        "causes": json.dumps(causes),
    }
    house.gateways.lake.publish(MODEL, "drift_checks", day, pd.DataFrame([row]), {})


def guessing(house: House) -> House:
    """The house whose trainings can do no better than to guess."""
    spec = house.spec
    decay = spec.drift.decay.model_copy(update={"window": spec.training.holdout * 2})
    update = {
        "training": spec.training.model_copy(update={"candidates": (GUESSES,)}),
        "drift": spec.drift.model_copy(update={"decay": decay}),
        "retraining": Retraining(needed=2, of=3),
    }
    return replace(house, spec=spec.model_copy(update=update))


@pytest.fixture
def fallen(tmp_path: Path, fallen_lake: Path) -> House:
    shutil.copytree(fallen_lake, tmp_path / "house")
    return guessing(_house(tmp_path / "house", MODEL))


@pytest.fixture
def kept(tmp_path: Path, kept_lake: Path) -> House:
    shutil.copytree(kept_lake, tmp_path / "house")
    return guessing(_house(tmp_path / "house", MODEL))


def signal_of(house: House, day: str = DAYS[-1]) -> datetime:
    return house.spec.check_as_of(house.spec.partition(day))


def last(house: House) -> Entry:
    return house.gateways.ledger.entries(house.spec.model)[-1]


def test_a_decayed_champion_that_its_retraining_kept_is_rolled_back_by_itself(kept: House) -> None:
    """The earlier champion is better on the same recent rows, beyond the margin: one entry by evenkeel, with the numbers; the one
    that was left is barred, and the alias follows (law 19).
    """
    settled = settle_decay(kept.spec, signal_of(kept), kept.gateways)
    entry = last(kept)
    assert (settled.result, settled.new_champion, settled.reason) == ("rolled_back", 1, entry.reason)
    assert (entry.kind, entry.version, entry.previous_version, entry.actor) == (Kind.ROLLED_BACK, 1, 2, "evenkeel")
    assert (entry.effective_at, entry.causes) == (signal_of(kept), (DECAY,))
    assert entry.reason.startswith("champion 2 decayed (roc_auc ")
    assert "; its retraining did not replace it (" in entry.reason
    assert "; version 1: roc_auc " in entry.reason
    assert entry.numbers["gain_low"] > kept.spec.promotion.margin
    assert set(barred(kept.gateways.ledger.entries(MODEL), signal_of(kept))) == {2}
    assert kept.gateways.registry.champion_alias(MODEL) == 1


def test_who_came_back_is_held_to_what_it_did_on_those_days(kept: House) -> None:
    """And not to its holdout of long ago: its next check finds no fall from the days on which it was found better."""
    settle_decay(kept.spec, signal_of(kept), kept.gateways)
    entry, window = last(kept), kept.spec.drift.decay.window
    holdout = reference_of(kept.spec, entry.training, 1, kept.gateways).holdout
    promised = promised_rows(kept.spec, entry, holdout, kept.gateways)
    assert set(holdout.columns) <= set(promised.columns)
    assert promised[ROW_DAY].nunique() <= window.days
    assert promised[ROW_DAY].max() > holdout[ROW_DAY].max()
    assert promised["_prediction"].notna().all()
    first = kept.gateways.ledger.entries(MODEL)[0]
    assert promised_rows(kept.spec, first, holdout, kept.gateways) is holdout


def test_it_is_one_rollback_however_often_it_is_asked_for(fallen: House) -> None:
    """The same signal again with its training, and a person who rolls back on the same day, change nothing (laws 7 and 19)."""
    spec, gateways = fallen.spec, fallen.gateways
    run_retraining(spec, signal_of(fallen), gateways)
    before = gateways.ledger.entries(MODEL)
    assert before[-1].kind is Kind.ROLLED_BACK
    run_retraining(spec, signal_of(fallen), gateways)
    assert roll_back(spec, signal_of(fallen), gateways, reason="I saw it too").champion == 1
    assert gateways.ledger.entries(MODEL) == before


def test_a_promotion_that_holds_from_later_stays(kept: House) -> None:
    """A retraining of the past that ends in a rollback takes nothing from a later champion (law 4)."""
    later = kept.at("2013-02-12")
    promote_version(kept.spec, later, 2, NO, kept.gateways, force=True, reason="I know better")
    assert settle_decay(kept.spec, signal_of(kept), kept.gateways).result == "rolled_back"
    champions = [kept.gateways.ledger.champion(MODEL, one) for one in (signal_of(kept), later)]
    assert [one.version for one in champions if one is not None] == [1, 2]
    assert kept.gateways.registry.champion_alias(MODEL) == 2


def test_where_nothing_is_better_a_person_is_called(kept: House) -> None:
    """No earlier champion wins by such a margin: one entry with cause, account and numbers, and the champion stays."""
    demanding = kept.spec.promotion.model_copy(update={"margin": 0.4})
    spec = kept.spec.model_copy(update={"promotion": demanding})
    settled = settle_decay(spec, signal_of(kept), kept.gateways)
    entry = last(kept)
    assert (settled.result, settled.new_champion) == ("escalated", None)
    assert (entry.kind, entry.version, entry.previous_version) == (Kind.ESCALATED, None, 2)
    assert (entry.causes, entry.actor) == ((DECAY,), "evenkeel")
    assert "version 1: roc_auc " in entry.reason
    assert "A person is needed: " in entry.reason
    assert entry.numbers["gain"] > 0
    assert kept.gateways.registry.champion_alias(MODEL) == 2


def test_where_rollbacks_are_off_the_person_is_told_which_version_is_better(kept: House) -> None:
    """The comparison is made all the same, and the command that takes its advice stands in the entry."""
    settle_decay(ruled(kept, rollback="off").spec, signal_of(kept), kept.gateways)
    entry = last(kept)
    assert (entry.kind, entry.verdict) == (Kind.ESCALATED, "pass")
    assert "evenkeel promote flight_delay 1 --as-of 2013-02-09T08:30:00+00:00 --force --reason WHY" in entry.reason


def test_a_person_who_was_called_is_not_called_again_for_the_same_cause(fallen: House) -> None:
    """A second retraining while the call holds adds no second one."""
    off = ruled(fallen, rollback="off")
    first, again = signal_of(fallen, DAYS[-2]), signal_of(fallen)
    run_retraining(off.spec, first, fallen.gateways)
    assert last(fallen).kind is Kind.ESCALATED
    run_retraining(ruled(off, cooldown=off.spec.training.gap).spec, again, fallen.gateways)
    assert last(fallen).kind is Kind.DECLINED
    assert last(fallen).reason.startswith("decay: answered by the retraining as of 2013-02-08, which kept champion 2")
    entries = fallen.gateways.ledger.entries(MODEL)
    launched = next(one for one in entries if one.kind is Kind.RETRAIN)
    later = replace(launched, id=signal_id(again), effective_at=again)
    assert decayed_champion(off.spec, later, entries, fallen.gateways) is None
    nobody_called = [one for one in entries if one.kind is not Kind.ESCALATED]
    assert decayed_champion(off.spec, later, nobody_called, fallen.gateways) is not None


def test_a_barred_version_is_no_way_back(kept: House) -> None:
    """What a person rolled back does not return by itself: nothing is left to compare, and a person is called (law 19)."""
    gateways, spec = kept.gateways, kept.spec
    promote_version(spec, kept.at("2013-02-03T06"), 1, NO, gateways, force=True, reason="a rehearsal")
    roll_back(spec, kept.at("2013-02-04"), gateways, reason="it is over")
    assert settle_decay(spec, signal_of(kept), gateways).result == "escalated"
    assert "no earlier champion could be compared" in last(kept).reason


def test_what_the_gate_refused_to_learn_from_is_no_ground_for_a_rollback(fallen: House) -> None:
    """The training's data is refused: nothing is compared on it, a person is called, and the run fails as it did."""
    fallen.change("schedule", "2013-01-30", lambda rows: rows.assign(flight_id=rows["flight_id"].iloc[0]))
    with pytest.raises(GateRefusedError):
        run_retraining(fallen.spec, signal_of(fallen), fallen.gateways)
    assert last(fallen).kind is Kind.ESCALATED
    assert "no earlier champion could be compared" in last(fallen).reason


def test_who_decided_meanwhile_is_left_alone(kept: House) -> None:
    """A person rolled back while the retraining went on: no second entry."""
    roll_back(kept.spec, signal_of(kept), kept.gateways, reason="I was faster")
    assert settle_decay(kept.spec, signal_of(kept), kept.gateways).result == "nothing"
    assert last(kept).reason == "I was faster"


def test_without_a_retraining_nothing_is_settled(fallen: House) -> None:
    """Signals that were declined leave the champion where it is."""
    before = fallen.gateways.ledger.entries(MODEL)
    assert settle_decay(fallen.spec, signal_of(fallen), fallen.gateways).result == "nothing"
    assert fallen.gateways.ledger.entries(MODEL) == before


def test_a_backfill_waits_for_what_follows_a_retraining(kept: House) -> None:
    """The next day's champion depends on it, so scores of the past wait until it is on record (law 3)."""
    spec, gateways = kept.spec, kept.gateways
    for one in unanswered_signals(spec, gateways):
        answer_signal(ruled(kept, mode="off").spec, spec.check_as_of(one), gateways)
    next_day = spec.partition("2013-02-10")
    wanted = "what follows the retraining as of 2013-02-09 (flight_delay_retrain)"
    assert scoring_needs(spec, next_day, gateways) == wanted
    settle_decay(spec, signal_of(kept), gateways)
    assert scoring_needs(spec, next_day, gateways) is None
