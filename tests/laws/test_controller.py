"""Laws 3, 4, 19 and 21 to 23 of the controller: what a signal is answered with, and what becomes of a champion that decayed."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

from evenkeel.decisions.retraining import DECAY
from evenkeel.vocabulary.errors import GateRefusedError
from evenkeel.vocabulary.tables import CHECKS
from evenkeel.vocabulary.verdict import Outcome, Verdict
from evenkeel.workflows import needs
from evenkeel.workflows.gateways import Gateways
from evenkeel.workflows.ledger import TRAINING, Entry, Kind
from evenkeel.workflows.promote import judge_version, promote_version
from evenkeel.workflows.retrain import answer_in_turn, answer_signal, unanswered_signals
from evenkeel.workflows.rollback import settle_decay
from tests.laws.house import CHECKED, FIRST, SCORED, with_promotion
from tests.laws.pipelines import entries_of, everything

if TYPE_CHECKING:
    from datetime import datetime

    from tests.workflows.conftest import House

HOUR = timedelta(hours=1)
NO = Verdict(Outcome.REFUSE, "", {})


def signal_of(house: House, day: str = CHECKED) -> datetime:
    return house.spec.check_as_of(house.spec.partition(day))


def answers(house: House) -> list[Entry]:
    entries = house.gateways.ledger.entries(house.spec.model)
    return [one for one in entries if one.kind in {Kind.RETRAIN, Kind.DECLINED}]


def ended(house: House, kind: Kind, launched: Entry, version: int = 2) -> None:
    """The training that an entry launched ended so."""
    entry_id = f"{TRAINING}{launched.training}/data/1"
    model, instant, training = house.spec.model, launched.effective_at, launched.training
    entry = Entry(entry_id, model, kind, instant, "as it ended", version, 1, training=training)
    house.gateways.ledger.record(house.spec.model, entry_id, lambda _: entry)


def check(house: House, day: str, *causes: str, drift: str = "drift", decay: str = "none", champion: int = 1) -> None:
    """A check as it is on record."""
    row = {
        "as_of": signal_of(house, day),
        "champion": champion,
        "drift_outcome": drift,
        "decay_outcome": decay,
        "decay_reason": "as it was found",
        "causes": json.dumps(causes),
    }
    house.gateways.lake.publish(house.spec.model, CHECKS, day, pd.DataFrame([row]), {})


@pytest.mark.parametrize("ending", [None, Kind.KEPT, Kind.PROMOTED, Kind.SHADOWED])
def test_law_22_ten_signals_in_a_day_give_one_retrain(lived: House, ending: Kind | None) -> None:
    """The first is answered, nine are on record with their reasons, however its training ended or while it goes on (law 22)."""
    for hour in range(10):
        answer_signal(lived.spec, signal_of(lived) + hour * HOUR, lived.gateways)
        if hour == 0 and ending is not None:
            ended(lived, ending, answers(lived)[0])
    first, *others = answers(lived)
    assert first.kind is Kind.RETRAIN
    assert [one.kind for one in others] == [Kind.DECLINED] * 9
    assert all(one.reason for one in others)


def test_law_22_of_runs_that_one_signal_woke_one_launches(lived: House) -> None:
    """Its event was sent again while the first run waited: the second says who launches; the first, cleared, does so again
    (law 22).
    """
    first, second = (Gateways(lived.gateways.settings, run=f"flight_delay_retrain/{name}") for name in ("a", "b"))
    assert answer_in_turn(lived.spec, signal_of(lived), first).passed
    said = answer_in_turn(lived.spec, signal_of(lived), second)
    assert (said.passed, "answered by flight_delay_retrain/a" in said.reason) == (False, True)
    assert answer_in_turn(lived.spec, signal_of(lived), first).passed
    assert len(answers(lived)) == 1


def test_law_22_a_cause_is_answered_once(lived: House) -> None:
    """After a retraining that kept the champion its cause is declined, long after the cooldown; a new one is not (law 22)."""
    check(lived, CHECKED, "wind")
    answer_signal(lived.spec, signal_of(lived), lived.gateways)
    ended(lived, Kind.KEPT, answers(lived)[0])
    check(lived, "2013-02-14", "wind")
    assert not answer_signal(lived.spec, signal_of(lived, "2013-02-14"), lived.gateways).passed
    assert "wind: answered by the retraining as of" in answers(lived)[-1].reason
    check(lived, "2013-02-15", "wind", "hour")
    assert answer_signal(lived.spec, signal_of(lived, "2013-02-15"), lived.gateways).passed


def test_law_22_no_more_retrainings_than_the_cap(lived: House) -> None:
    """New causes day after day: as many retrainings as the cap, then reasons (law 22)."""
    days = [lived.spec.partition("2013-02-10").shift(number).key for number in range(8)]
    for day in days:
        check(lived, day, f"moved on {day}")
        if answer_signal(lived.spec, signal_of(lived, day), lived.gateways).passed:
            ended(lived, Kind.KEPT, answers(lived)[-1])
    cap = lived.spec.retraining.cap.trainings
    assert [one.kind for one in answers(lived)] == [Kind.RETRAIN] * cap + [Kind.DECLINED] * (8 - cap)
    assert f"the cap is {cap} in 90d" in answers(lived)[-1].reason


def test_law_22_decay_is_not_held_back_by_what_drift_asked_for(lived: House) -> None:
    """An hour after a retraining for drift, decay has its own; a second one for decay waits (law 22)."""
    spec = lived.spec.model_copy(
        update={"retraining": lived.spec.retraining.model_copy(update={"cooldown": timedelta(days=14)})}
    )
    check(lived, CHECKED, "wind")
    assert answer_signal(spec, signal_of(lived), lived.gateways).passed
    ended(lived, Kind.KEPT, answers(lived)[-1])
    check(lived, SCORED[-1], DECAY, drift="none", decay="drift")
    assert answer_signal(spec, signal_of(lived, SCORED[-1]), lived.gateways).passed
    ended(lived, Kind.KEPT, answers(lived)[-1])
    check(lived, "2013-02-06", DECAY, "hour", decay="drift")
    assert not answer_signal(spec, signal_of(lived, "2013-02-06"), lived.gateways).passed


def test_law_22_a_signal_whose_event_was_lost_is_found(lived: House) -> None:
    """Until its answer is on record, whatever that is; its event, sent again and again, is answered once (law 22)."""
    assert [one.key for one in unanswered_signals(lived.spec, lived.gateways)] == [CHECKED]
    for _ in range(3):
        answer_signal(lived.spec, signal_of(lived), lived.gateways)
    assert len(answers(lived)) == 1
    assert unanswered_signals(lived.spec, lived.gateways) == []


def test_law_23_what_an_earlier_champion_signalled_does_not_count(lived: House) -> None:
    """The new champion has answered it: nothing is retrained for it (law 23)."""
    instant = signal_of(lived) - 2 * HOUR
    promote_version(lived.spec, instant, 2, NO, lived.gateways, force=True, reason="a rehearsal")
    assert not answer_signal(lived.spec, signal_of(lived), lived.gateways).passed


def test_law_21_too_little_data_is_no_signal_and_no_all_clear(lived: House) -> None:
    """It asks for nothing, and does not end the cause that was answered before (law 21)."""
    check(lived, "2013-02-14", drift="insufficient_data", decay="insufficient_data")
    assert [one.key for one in unanswered_signals(lived.spec, lived.gateways)] == [CHECKED]
    assert not answer_signal(lived.spec, signal_of(lived, "2013-02-14"), lived.gateways).passed


@pytest.fixture
def decayed(lived: House) -> House:
    """Version 2 became champion by force, decayed, and its retraining kept it; any margin is small enough for version 1."""
    eager = with_promotion(lived.spec, margin=-1e6, min_labels=1, slices={}, calibration_tolerance=None)
    week = eager.drift.decay.model_copy(update={"window": timedelta(days=7)})
    update = {
        "drift": eager.drift.model_copy(update={"decay": week}),
        "training": eager.training.model_copy(update={"schedule": None}),
    }
    spec = eager.model_copy(update=update)
    house = replace(lived, spec=spec)
    promote_version(spec, house.at("2013-02-02T12"), 2, NO, house.gateways, force=True, reason="a rehearsal")
    check(house, CHECKED, DECAY, drift="none", decay="drift", champion=2)
    assert answer_signal(spec, signal_of(house), house.gateways).passed
    ended(house, Kind.KEPT, answers(house)[0], version=1)
    return house


def test_law_19_a_rollback_by_itself_is_one_entry_and_bars(decayed: House) -> None:
    """However often it is asked for, one entry by evenkeel; who was left does not return by itself (law 19)."""
    spec, gateways = decayed.spec, decayed.gateways
    settled = settle_decay(spec, signal_of(decayed), gateways)
    before = everything(decayed)
    assert (settled.result, settled.new_champion, before["alias"]) == ("rolled_back", 1, 1)
    assert settle_decay(spec, signal_of(decayed), gateways) == settled
    assert everything(decayed) == before
    assert [one["actor"] for one in entries_of(decayed) if one["kind"] is Kind.ROLLED_BACK] == ["evenkeel"]
    instant = decayed.at("2013-02-08")
    with pytest.raises(GateRefusedError):
        promote_version(spec, instant, 2, judge_version(spec, instant, 2, gateways), gateways, force=False, reason="")


def test_law_19_a_rollback_by_itself_returns_to_nobody_who_is_barred(decayed: House) -> None:
    """Version 1 was rolled back before: a person is called instead (law 19)."""
    bar = Entry("rolled_back/x", decayed.spec.model, Kind.ROLLED_BACK, decayed.at("2013-02-03"), "it misbehaved", 2, 1)
    decayed.gateways.ledger.record(decayed.spec.model, bar.id, lambda _: bar)
    assert settle_decay(decayed.spec, signal_of(decayed), decayed.gateways).result == "escalated"
    assert decayed.gateways.ledger.champion(decayed.spec.model, decayed.at("2013-02-08")).version == 2


def test_law_04_a_rollback_by_itself_takes_nothing_from_a_later_champion(decayed: House) -> None:
    """It holds from its signal's instant; a champion that holds from later stays (law 4)."""
    later = decayed.at("2013-02-07")
    promote_version(decayed.spec, later, 2, NO, decayed.gateways, force=True, reason="I know better")
    settle_decay(decayed.spec, signal_of(decayed), decayed.gateways)
    champion: Any = decayed.gateways.ledger.champion(decayed.spec.model, later)
    assert (champion.version, decayed.gateways.registry.champion_alias(decayed.spec.model)) == (2, 2)


def test_law_03_a_backfill_waits_for_what_follows_a_retraining(decayed: House) -> None:
    """The champion of a day may come of a rollback: a training or a score of the past waits for it (law 3)."""
    spec, gateways = decayed.spec, decayed.gateways
    day = spec.partition(CHECKED)
    while day.key > FIRST:
        day = day.shift(-1)
        check(decayed, day.key, drift="none")
    after = signal_of(decayed) + HOUR
    assert needs.decision_needs(spec, after, gateways) == (
        f"what follows the retraining as of 2013-02-05 ({spec.model}_retrain)"
    )
    settle_decay(spec, signal_of(decayed), gateways)
    assert needs.decision_needs(spec, after, gateways) is None
