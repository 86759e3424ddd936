"""Signals and their answers on record: many in a day, one during a retraining, one that was lost, two models at once."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import pandas as pd
import pytest

from evenkeel.vocabulary.spec_file import load_specs
from evenkeel.workflows.ledger import TRAINING, Entry, Kind
from evenkeel.workflows.retrain import answer_signal, unanswered_signals
from tests.workflows.conftest import PROJECT

if TYPE_CHECKING:
    from evenkeel.vocabulary.spec import ModelSpec
    from tests.workflows.conftest import House

MODELS = ("flight_delay", "flight_duration")
HOUR = timedelta(hours=1)
SIGNALLED = ("2013-03-01", "2013-03-02", "2013-03-03")


@pytest.fixture
def specs(house: House) -> list[ModelSpec]:
    """Two models in one lake, each with a champion and signals of three days in a row."""
    found = [one for one in load_specs(PROJECT / "config" / "models")[0] if one.model in MODELS]
    for spec in found:
        record(house, spec, Kind.PROMOTED, spec.partition("2013-02-01").start, "promoted/1", version=1)
        for day in SIGNALLED:
            check(house, spec, day, f"moved_in_{spec.model}")
    return found


def check(house: House, spec: ModelSpec, day: str, *causes: str, drift: str = "drift") -> None:
    """A check as it is on record."""
    as_of = spec.check_as_of(spec.partition(day))
    row = {"as_of": as_of, "champion": 1, "drift_outcome": drift, "decay_outcome": "none", "causes": json.dumps(causes)}
    house.gateways.lake.publish(spec.model, "drift_checks", day, pd.DataFrame([row]), {})


def record(
    house: House, spec: ModelSpec, kind: Kind, instant: datetime, entry_id: str, version: int | None = None
) -> None:
    entry = Entry(entry_id, spec.model, kind, instant, "", version)
    house.gateways.ledger.record(spec.model, entry_id, lambda _: entry)


def answers(house: House, spec: ModelSpec) -> list[Entry]:
    return [one for one in house.gateways.ledger.entries(spec.model) if one.kind in {Kind.RETRAIN, Kind.DECLINED}]


def test_ten_signals_in_a_day_are_one_retraining_and_nine_reasons(house: House, specs: list[ModelSpec]) -> None:
    """The first is answered; four come while its training is under way, five after it kept the champion (law 22)."""
    spec = specs[0]
    first = spec.check_as_of(spec.partition(SIGNALLED[-1]))
    for hour in range(10):
        answer_signal(spec, first + hour * HOUR, house.gateways)
        if hour == 4:
            launched = answers(house, spec)[0]
            record(house, spec, Kind.KEPT, first, f"{TRAINING}{launched.training}/data/1", version=2)
    found = answers(house, spec)
    assert [one.kind for one in found] == [Kind.RETRAIN, *[Kind.DECLINED] * 9]
    assert {one.reason for one in found[1:5]} == {"the retraining as of 2013-03-04 is under way"}
    kept = (
        "moved_in_flight_delay: answered by the retraining as of 2013-03-04, which kept champion 1; an answer holds 60d"
    )
    assert {one.reason for one in found[5:]} == {kept}
    assert {one.causes for one in found} == {("moved_in_flight_delay",)}


def test_two_models_that_drift_together_are_answered_each_by_itself(house: House, specs: list[ModelSpec]) -> None:
    """Each has a retraining for its own causes in its own ledger; neither waits for, nor counts against, the other."""
    for spec in specs:
        assert answer_signal(spec, spec.check_as_of(spec.partition(SIGNALLED[-1])), house.gateways).passed
    found = {spec.model: [(one.kind, one.causes) for one in answers(house, spec)] for spec in specs}
    assert found == {model: [(Kind.RETRAIN, (f"moved_in_{model}",))] for model in MODELS}


def test_a_signal_whose_event_was_lost_is_found_until_it_is_answered(house: House, specs: list[ModelSpec]) -> None:
    """The sweep finds exactly the signals without an answer, in order; answered, with whatever answer, they are gone."""
    spec = specs[0]
    check(house, spec, "2013-03-04", drift="watch")
    assert [one.key for one in unanswered_signals(spec, house.gateways)] == list(SIGNALLED)
    for day, left in ((SIGNALLED[1], 2), (SIGNALLED[1], 2), (SIGNALLED[2], 1), (SIGNALLED[0], 0)):
        answer_signal(spec, spec.check_as_of(spec.partition(day)), house.gateways)
        assert len(unanswered_signals(spec, house.gateways)) == left
    assert [one.kind for one in answers(house, spec)] == [Kind.DECLINED, Kind.DECLINED, Kind.RETRAIN]


def test_a_signal_that_was_answered_under_another_schedule_is_answered(house: House, specs: list[ModelSpec]) -> None:
    """The check's schedule changed since: what was decided as of the old one is not decided again."""
    spec = specs[0]
    for day in SIGNALLED:
        answer_signal(spec, spec.check_as_of(spec.partition(day)), house.gateways)
    later = spec.model_copy(update={"drift": spec.drift.model_copy(update={"schedule": "30 7 * * *"})})
    assert unanswered_signals(later, house.gateways) == []


def test_checks_from_before_causes_were_recorded_are_read(house: House) -> None:
    """A table without the column: the signals count, and no earlier retraining is taken for their answer."""
    spec = house.spec
    record(house, spec, Kind.PROMOTED, spec.partition("2013-02-01").start, "promoted/1", version=1)
    for day in SIGNALLED:
        row = {
            "as_of": spec.check_as_of(spec.partition(day)),
            "champion": 1,
            "drift_outcome": "drift",
            "decay_outcome": "none",
        }
        house.gateways.lake.publish(spec.model, "drift_checks", day, pd.DataFrame([row]), {})
    assert answer_signal(spec, spec.check_as_of(spec.partition(SIGNALLED[-1])), house.gateways).passed
    assert answers(house, spec)[0].causes == ()
