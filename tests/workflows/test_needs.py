"""Needs: what a step of the past waits for, and that nothing is waited for twice or in a circle."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

import pandas as pd
import pytest

from evenkeel.vocabulary import columns as c
from evenkeel.workflows.ledger import Entry, Kind
from evenkeel.workflows.needs import check_needs, decision_needs, retraining_needs, scoring_needs, training_needs
from evenkeel.workflows.pipelines import run_scoring, run_training
from evenkeel.workflows.retrain import signal_id
from evenkeel.workflows.stale import stale_partitions
from evenkeel.workflows.train import training_id

if TYPE_CHECKING:
    from evenkeel.vocabulary.partition import Partition
    from evenkeel.vocabulary.spec import ModelSpec
    from tests.workflows.conftest import House

BEGUN = "2013-02-01"


@pytest.fixture
def begun(house: House) -> House:
    """A champion since 1 February by the ledger; nothing else has happened. Windows are three days."""
    record(house, Kind.PROMOTED, house.at(BEGUN), version=1)
    return house


def record(house: House, kind: Kind, instant: datetime, *, version: int | None = None, entry_id: str = "") -> None:
    training = training_id(house.spec, instant)
    entry = Entry(
        entry_id or f"training/{training}/x/{version}", "flight_delay", kind, instant, "", version, training=training
    )
    house.gateways.ledger.record("flight_delay", entry.id, lambda _: entry)


def day(house: House, key: str) -> Partition:
    return house.spec.partition(key)


def score(house: House, *keys: str, version: int = 1, choice: str = "as_of") -> None:
    for key in keys:
        rows = pd.DataFrame({"flight_id": ["a"], c.MODEL_VERSION: [version], c.CHOICE: [choice]})
        house.gateways.lake.publish("flight_delay", "scores", key, rows, {})


def check(house: House, *keys: str, outcome: str = "none") -> None:
    for key in keys:
        row = {"as_of": house.spec.check_as_of(day(house, key)), "drift_outcome": outcome, "decay_outcome": "none"}
        house.gateways.lake.publish("flight_delay", "drift_checks", key, pd.DataFrame([row]), {})


def with_schedule(spec: ModelSpec) -> ModelSpec:
    return spec.model_copy(update={"training": spec.training.model_copy(update={"schedule": "0 6 * * 1"})})


def test_the_first_days_after_a_champion_need_nothing(begun: House) -> None:
    """No check is due before the second day: the first two partitions are scored at once."""
    for key in ("2013-02-01", "2013-02-02"):
        assert scoring_needs(begun.spec, day(begun, key), begun.gateways) is None


def test_without_a_champion_scoring_and_checking_wait_for_one(house: House) -> None:
    """A backfill of scores that was started before the first training waits for it."""
    assert "a first champion" in str(scoring_needs(house.spec, day(house, "2013-02-05"), house.gateways))
    assert "a first champion" in str(check_needs(house.spec, day(house, "2013-02-05"), house.gateways))


def test_scoring_waits_for_the_checks_that_acted_before_it(begun: House) -> None:
    """The check of a day acts in the next night, so two days later its answer must be on record."""
    third = day(begun, "2013-02-03")
    wanted = "the drift check of 2013-02-01 (flight_delay_drift_check)"
    assert scoring_needs(begun.spec, third, begun.gateways) == wanted
    check(begun, "2013-02-01")
    assert scoring_needs(begun.spec, third, begun.gateways) is None
    assert "2013-02-02, 2013-02-03, 2013-02-04 and 3 more" in str(
        scoring_needs(begun.spec, day(begun, "2013-02-09"), begun.gateways)
    )


def test_a_signal_is_waited_for_until_it_is_answered_and_its_training_decided(begun: House) -> None:
    """From signal to answer to decision, each step of the way is named; then scoring goes on."""
    third = day(begun, "2013-02-03")
    instant = begun.spec.check_as_of(day(begun, "2013-02-01"))
    check(begun, "2013-02-01", outcome="drift")
    assert "the answer to the signal of 2013-02-01" in str(scoring_needs(begun.spec, third, begun.gateways))
    record(begun, Kind.RETRAIN, instant, entry_id=signal_id(instant))
    assert "the retraining as of 2013-02-02" in str(scoring_needs(begun.spec, third, begun.gateways))
    record(begun, Kind.KEPT, instant, version=2)
    assert scoring_needs(begun.spec, third, begun.gateways) is None


def test_a_training_of_today_waits_for_a_retraining_under_way(begun: House) -> None:
    """One from before it that is not decided, for as long as a training may take, and for no failed check; an answer waits for no
    other.
    """
    now, launched = datetime.now(UTC), begun.spec.check_as_of(day(begun, "2013-02-01"))
    later = launched + timedelta(hours=3)
    needs = partial(retraining_needs, begun.spec, gateways=begun.gateways)
    assert needs(later, now=now) is None
    record(begun, Kind.RETRAIN, launched, entry_id=signal_id(launched))
    assert needs(later, now=now) == "the retraining as of 2013-02-02 (flight_delay_train)"
    assert needs(launched - timedelta(hours=1), now=now) is None
    assert needs(launched, now=now) is None
    assert needs(later, now=now + begun.spec.longest_training + timedelta(minutes=1)) is None
    record(begun, Kind.KEPT, launched, version=2)
    assert needs(later, now=now) is None


def test_a_training_of_the_past_waits_for_a_first_champion(house: House) -> None:
    """Several without one would each be judged as the first; so would one from before the champion there is."""
    instant = house.at("2013-02-04")
    assert "a first champion (train flight_delay as of 2013-02-04" in str(
        training_needs(house.spec, instant, house.gateways)
    )
    record(house, Kind.PROMOTED, house.at("2013-02-05"), version=1)
    assert "a first champion" in str(training_needs(house.spec, instant, house.gateways))
    record(house, Kind.PROMOTED, house.at("2013-02-03"), version=2)
    assert training_needs(house.spec, instant, house.gateways) == decision_needs(house.spec, instant, house.gateways)


def test_an_answer_of_before_the_schedule_changed_is_one(begun: House) -> None:
    """Checks came at another hour then, and so did what answered them."""
    third, then = day(begun, "2013-02-03"), begun.spec.check_as_of(day(begun, "2013-02-01"))
    check(begun, "2013-02-01", outcome="drift")
    record(begun, Kind.DECLINED, then, entry_id=signal_id(then))
    spec = begun.spec.model_copy(update={"drift": begun.spec.drift.model_copy(update={"schedule": "30 9 * * *"})})
    assert spec.check_as_of(day(begun, "2013-02-01")) != then
    assert scoring_needs(spec, third, begun.gateways) is None


def test_a_declined_signal_is_an_answer(begun: House) -> None:
    """Declined is decided."""
    instant = begun.spec.check_as_of(day(begun, "2013-02-01"))
    check(begun, "2013-02-01", outcome="drift")
    record(begun, Kind.DECLINED, instant, entry_id=signal_id(instant))
    assert scoring_needs(begun.spec, day(begun, "2013-02-03"), begun.gateways) is None


def test_where_nobody_answers_signals_checks_are_not_waited_for(begun: House) -> None:
    """With retraining off a check decides nothing about scores."""
    spec = begun.spec.model_copy(update={"retraining": begun.spec.retraining.model_copy(update={"mode": "off"})})
    assert scoring_needs(spec, day(begun, "2013-02-20"), begun.gateways) is None


@pytest.mark.parametrize("kind", [Kind.PROMOTED, Kind.KEPT, Kind.REFUSED])
def test_scoring_waits_for_a_scheduled_training_however_it_ends(begun: House, kind: Kind) -> None:
    """Monday's training at six decides about Tuesday's scores; also where a gate refused its data."""
    spec = with_schedule(begun.spec)
    check(begun, "2013-02-01", "2013-02-02", "2013-02-03")
    monday, tuesday = day(begun, "2013-02-04"), day(begun, "2013-02-05")
    assert scoring_needs(spec, monday, begun.gateways) is None
    assert scoring_needs(spec, tuesday, begun.gateways) == "the training as of 2013-02-04 (flight_delay_train)"
    record(replace(begun, spec=spec), kind, spec.training_as_of(monday), version=2)
    assert scoring_needs(spec, tuesday, begun.gateways) is None


def test_a_training_before_the_spec_changed_counts(begun: House) -> None:
    """A decision on record under an earlier spec is a decision: nobody waits for the past to be trained again."""
    spec = with_schedule(begun.spec)
    check(begun, "2013-02-01", "2013-02-02", "2013-02-03")
    record(begun, Kind.KEPT, spec.training_as_of(day(begun, "2013-02-04")), version=2)
    assert spec.hash != begun.spec.hash
    assert scoring_needs(spec, day(begun, "2013-02-05"), begun.gateways) is None


def test_a_check_waits_for_every_day_of_its_window_since_the_first_champion(begun: House) -> None:
    """Days before the first champion cannot have scores; a refused day is settled too."""
    check_day = day(begun, "2013-02-04")
    assert "the scores of 2013-02-02, 2013-02-03, 2013-02-04" in str(check_needs(begun.spec, check_day, begun.gateways))
    score(begun, "2013-02-02", "2013-02-04")
    begun.gateways.lake.publish("flight_delay", "refused", "2013-02-03", pd.DataFrame({"reason": ["empty"]}), {})
    assert check_needs(begun.spec, check_day, begun.gateways) is None
    score(begun, "2013-02-01")
    assert check_needs(begun.spec, day(begun, "2013-02-01"), begun.gateways) is None


def test_scores_by_another_version_than_the_champion_of_then_are_stale(begun: House) -> None:
    """A promotion for the past makes later scores stale, except where another version was asked for; a check waits for them."""
    score(begun, "2013-02-02", "2013-02-03")
    score(begun, "2013-02-04", version=7, choice="7")
    assert stale_partitions(begun.spec, begun.gateways) == []
    record(begun, Kind.PROMOTED, begun.at("2013-02-02T12:00"), version=2)
    assert stale_partitions(begun.spec, begun.gateways) == ["2013-02-03"]
    assert "the scores of 2013-02-03 to be made again" in str(
        check_needs(begun.spec, day(begun, "2013-02-04"), begun.gateways)
    )


def test_decisions_wait_for_earlier_ones_and_never_for_later_ones(begun: House) -> None:
    """A chain has a beginning: whatever is missing, something can go on, so waiting never goes round in a circle."""
    keys = [f"2013-02-{number:02}" for number in range(1, 15)]
    spec = with_schedule(begun.spec)
    house = replace(begun, spec=spec)
    todo = {("score", key) for key in keys} | {("check", key) for key in keys[:-1]} | {("train", "2013-02-04")}
    todo |= {("train", "2013-02-11")}
    done: list[tuple[str, str]] = []
    while todo:
        able = sorted(one for one in todo if _need(house, *one) is None)
        assert able, f"nothing can go on: {sorted(todo)}"
        step = able[-1]  # the latest that may: the worst order there is
        {"score": score, "check": check}.get(step[0], _train)(house, step[1])
        todo.remove(step)
        done.append(step)
    assert done.index(("check", "2013-02-01")) < done.index(("score", "2013-02-03"))
    assert done.index(("train", "2013-02-04")) < done.index(("score", "2013-02-05"))


def _need(house: House, pipeline: str, key: str) -> str | None:
    partition = day(house, key)
    if pipeline == "train":
        return decision_needs(house.spec, house.spec.training_as_of(partition), house.gateways)
    return (scoring_needs if pipeline == "score" else check_needs)(house.spec, partition, house.gateways)


def _train(house: House, key: str) -> None:
    record(house, Kind.KEPT, house.spec.training_as_of(day(house, key)), version=2)


def test_scoring_with_another_version_says_so(trained: House) -> None:
    """The output names how its version was chosen (law 3), and a later decision leaves it as it was asked for."""
    wide = trained.spec.model_copy(update={"promotion": trained.spec.promotion.model_copy(update={"margin": 0.3})})
    run_training(wide, trained.at("2013-02-03"), trained.gateways)
    partition = trained.spec.partition("2013-02-05")
    published = run_scoring(trained.spec, partition, trained.gateways, champion="2")
    scores = trained.scores("2013-02-05")
    assert published.champion == 2
    assert set(scores["_champion_choice"]) == {"2"}
    assert stale_partitions(trained.spec, trained.gateways) == []
    run_scoring(trained.spec, partition, trained.gateways, champion="current")
    assert set(trained.scores("2013-02-05")["_model_version"]) == {1}
    assert set(trained.scores("2013-02-05")["_champion_choice"]) == {"current"}
