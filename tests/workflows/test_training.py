"""Training in one process: what it leaves behind, and what it refuses."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

from evenkeel.decisions.reproduction import Sameness
from evenkeel.gateways.registry import DIGEST
from evenkeel.gateways.sources import Sources
from evenkeel.vocabulary import columns as c
from evenkeel.vocabulary.errors import EvenkeelError, GateRefusedError, SourceError, StagingMissingError
from evenkeel.vocabulary.tables import TRAINING_SETS
from evenkeel.workflows import challenge, train
from evenkeel.workflows.ledger import Kind
from evenkeel.workflows.model_card import model_card
from evenkeel.workflows.pipelines import run_training
from evenkeel.workflows.reference import PART, ROW_DAY
from evenkeel.workflows.reproduce import reproduce

if TYPE_CHECKING:
    from datetime import datetime

    from tests.workflows.conftest import House

AS_OF = "2013-02-01"


@pytest.mark.parametrize("model", ["flight_delay", "flight_duration", "flight_status"])
def test_a_first_champion_beats_the_baseline(trained: House) -> None:
    """The first training of every task ends in a champion that was better than predicting without looking."""
    (entry,) = trained.gateways.ledger.entries(trained.spec.model)
    assert (entry.kind, entry.version, entry.effective_at) == (Kind.PROMOTED, 1, trained.at(AS_OF))
    assert "the baseline" in entry.reason
    assert trained.gateways.registry.champion_alias(trained.spec.model) == 1


def test_a_version_carries_what_it_was_made_of(trained: House) -> None:
    """Code, environment, seed, data, window, suite, spec, whom it met and the verdict are on the version (law 16)."""
    tags = trained.gateways.registry.version("flight_delay", 1).tags
    wanted = {"code", "environment", "seed", "data", "window", "suite", "spec", "met", "verdict", "as_of", "training"}
    assert {f"evenkeel.{name}" for name in wanted} <= set(tags)
    assert all(tags[f"evenkeel.{name}"] for name in wanted)


def test_the_split_is_by_time_with_a_gap(trained: House) -> None:
    """The holdout begins at least a label's maturation after the last training row (law 15)."""
    instant = trained.at(AS_OF)
    run = train.training_run(trained.spec, instant)
    parts = {name: trained.gateways.staging.get(run, name) for name in ("train", "holdout")}
    event_time = trained.spec.rows.event_time
    gap = parts["holdout"][event_time].min() - parts["train"][event_time].max()
    assert gap >= trained.spec.label.maturation
    assert parts["holdout"][event_time].max() < instant


def test_a_challenger_that_is_the_champion_again_is_kept_out(trained: House) -> None:
    """A training a day later, whose challenger differs by a day of data, does not pass the margin; the refusal is on record
    with its numbers (law 17).
    """
    careful = trained.spec.model_copy(update={"promotion": trained.spec.promotion.model_copy(update={"margin": 0.1})})
    decided = run_training(careful, trained.at("2013-02-02"), trained.gateways)
    assert (decided.kind, decided.champion) == ("kept", 1)
    entry = trained.gateways.ledger.entries("flight_delay")[-1]
    assert entry.numbers["margin"] == 0.1
    assert "champion 1 on the same" in entry.reason


def test_too_few_labels_decide_nothing(house: House) -> None:
    """A holdout with fewer labels than the spec asks for is inconclusive, and nobody is promoted (law 18)."""
    promotion = house.spec.promotion.model_copy(update={"min_labels": 10**6})
    spec = house.spec.model_copy(update={"promotion": promotion})
    assert run_training(spec, house.at(AS_OF), house.gateways).kind == "kept"
    assert house.gateways.ledger.entries("flight_delay")[0].verdict == "inconclusive"


def test_a_training_that_is_repeated_is_judged_by_the_latency_measured_first(house: House) -> None:
    """How long scoring takes is all a verdict has from the clock: it is measured once, and kept with the run (law 1)."""
    promotion = house.spec.promotion.model_copy(update={"latency_ms": 1e6})
    evaluation = house.spec.evaluation.model_copy(update={"explained_rows": 50})
    training = house.spec.training.model_copy(update={"candidates": house.spec.training.candidates[1:]})
    spec = house.spec.model_copy(update={"promotion": promotion, "evaluation": evaluation, "training": training})
    instant = house.at(AS_OF)
    run_training(spec, instant, house.gateways)
    (entry,) = house.gateways.ledger.entries("flight_delay")
    assert entry.numbers["latency_ms"] is not None
    challenge.evaluate_challenger(spec, instant, house.gateways)
    assert challenge.gate_challenger(spec, instant, house.gateways).numbers == entry.numbers


def test_a_candidate_with_a_window_learns_from_its_last_days(house: House) -> None:
    """What is on record as learnt from, and so the reference, and the run's parameters know six days only; the holdout is the
    same as ever. The card says so, and the version is made again from them, bit for bit (law 16).
    """
    recent = house.spec.training.candidates[1].model_copy(update={"window": timedelta(days=6)})
    training = house.spec.training.model_copy(update={"candidates": (recent,)})
    spec, instant = house.spec.model_copy(update={"training": training}), house.at(AS_OF)
    run_training(spec, instant, house.gateways)
    whole = house.gateways.staging.get(train.training_run(spec, instant), "train")
    sets = house.gateways.lake.read("flight_delay", TRAINING_SETS)
    assert sets is not None
    learnt = sets[sets[PART] == "train"]
    assert sorted(learnt[ROW_DAY].unique()) == sorted(whole[c.PARTITION].unique())[-6:]
    assert len(sets[sets[PART] == "holdout"]) == len(
        house.gateways.staging.get(train.training_run(spec, instant), "holdout")
    )
    version = house.gateways.registry.version("flight_delay", 1)
    assert house.gateways.registry.run(version.run_id).params["train_rows"] == str(len(learnt))
    card = model_card("flight_delay", 1, house.gateways)
    assert ("learns from", "the last 6 days of the training part") in card.candidate
    again = reproduce("flight_delay", 1, house.gateways, lambda *_: None, here=True)
    assert again.result.sameness is Sameness.BITS, again


def test_approval_is_not_given_by_a_process(house: House) -> None:
    """Where the spec asks for a person, a training outside Airflow stops after the gate and says what to do."""
    promotion = house.spec.promotion.model_copy(update={"mode": "approval"})
    spec = house.spec.model_copy(update={"promotion": promotion})
    with pytest.raises(GateRefusedError, match="waits for a person's approval"):
        run_training(spec, house.at(AS_OF), house.gateways)
    assert house.gateways.ledger.entries("flight_delay") == []


def test_a_window_without_labels_is_refused(house: House) -> None:
    """An as-of before the first label was known says how many rows there were and what to check."""
    with pytest.raises(GateRefusedError, match="no labelled row between 2012-12-12 and 2012-12-31; 0 rows were found"):
        run_training(house.spec, house.at("2013-01-01"), house.gateways)


def test_a_label_said_twice_is_an_error(house: House) -> None:
    """Two labels of one key would count a row twice; the message names the key."""
    house.change("outcomes", "2013-01-20", lambda rows: pd.concat([rows, rows.head(1)]))
    with pytest.raises(SourceError, match="1 keys have more than one label, such as flight_id=2013-01-20"):
        run_training(house.spec, house.at(AS_OF), house.gateways)


def test_nothing_is_read_as_it_became_known_after_the_as_of(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither rows nor labels, nor what the gate compares them with, where a day's rows are there when it is over (law 2)."""
    instants: list[datetime] = []
    read = Sources.read

    def watched(sources: Sources, table: Any, start: Any, end: Any, as_of: datetime, *rest: Any, **more: Any) -> Any:
        instants.append(as_of)
        return read(sources, table, start, end, as_of, *rest, **more)

    monkeypatch.setattr(Sources, "read", watched)
    spec = house.spec.model_copy(update={"rows": house.spec.rows.model_copy(update={"available_after": None})})
    as_of = house.at("2013-02-03T11:00")
    train.extract_window(spec, as_of, house.gateways)
    train.validate_window(spec, as_of, house.gateways)
    assert max(instants) == as_of


def test_a_version_whose_digest_was_changed_before_its_decision_is_not_decided_about(house: House) -> None:
    """Between its registration and a person's answer somebody changed file and tag: the digest of then counts (law 31)."""

    def watch(step: str, _: object) -> None:
        if step == "gate":
            house.gateways.registry.tag_version("flight_delay", 1, {DIGEST: "0" * 64})

    with pytest.raises(EvenkeelError, match="somebody changed it, so nothing is decided about the version"):
        run_training(house.spec, house.at(AS_OF), house.gateways, watch)
    assert house.gateways.ledger.entries("flight_delay") == []


def test_a_step_alone_says_what_it_lacks(house: House) -> None:
    """A step that is run before the one that feeds it fails with the way out, not with a stack of files."""
    with pytest.raises(StagingMissingError, match="from its first step"):
        train.split_window(house.spec, house.at(AS_OF), house.gateways)
