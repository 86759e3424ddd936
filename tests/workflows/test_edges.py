"""Edges of the pipelines: repaired data, changed specs, steps out of turn."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from evenkeel.vocabulary.errors import GateRefusedError, LedgerConflictError, SourceError
from evenkeel.workflows import challenge
from evenkeel.workflows.pipelines import run_drift_check, run_scoring, run_training
from evenkeel.workflows.promote import judge_version, promote_challenger, promote_version, roll_back

if TYPE_CHECKING:
    from evenkeel.vocabulary.spec import ModelSpec
    from tests.workflows.conftest import House

AS_OF = "2013-02-01"
DAY = "2013-02-05"


def test_a_training_on_repaired_data_is_another_training(trained: House) -> None:
    """Where the data of the past changed, the old version keeps what it learnt from and a new one is made beside it."""
    (before,) = trained.gateways.ledger.entries("flight_delay")
    trained.change("outcomes", "2013-01-28", lambda rows: rows.iloc[50:])
    run_training(trained.spec, trained.at(AS_OF), trained.gateways)
    first, second = trained.gateways.ledger.entries("flight_delay")
    assert first == before
    assert second.training != before.training
    assert second.version == 2
    sets = trained.gateways.lake.partitions("flight_delay", "training_sets")
    assert sets == sorted([str(before.training), str(second.training)])


def test_a_feature_may_leave_and_another_come(trained: House) -> None:
    """A champion that needs a feature the spec dropped cannot be asked; the challenger meets the baseline, and the drift check
    of the old champion looks at what both have.
    """
    run_scoring(trained.spec, trained.spec.partition(DAY), trained.gateways)
    numeric = tuple(name for name in trained.spec.features.numeric if name != "visibility")
    gate = trained.spec.data_gate.model_copy(
        update={"rows": "flights_rows"}
    )  # a suite that asks for no feature that left
    features = trained.spec.features.model_copy(update={"numeric": numeric})
    spec = trained.spec.model_copy(update={"features": features, "data_gate": gate})
    recorded = run_drift_check(spec, spec.partition(DAY), trained.gateways)
    assert recorded.drift != "insufficient_data"
    decided = run_training(spec, trained.at("2013-02-02"), trained.gateways)
    assert decided.champion == 2
    assert "champion 1 cannot be asked" in decided.reason


def test_a_file_that_lacks_a_column_is_told(trained: House) -> None:
    """A day's file without a column is an error with its name, not a column of nulls (law 14)."""
    trained.change("schedule", DAY, lambda rows: rows.drop(columns="dest"))
    with pytest.raises(SourceError, match=f"date={DAY}.*column dest is missing"):
        run_scoring(trained.spec, trained.spec.partition(DAY), trained.gateways)


def refused(house: House) -> ModelSpec:
    """A challenger of a day later that a margin nobody reaches keeps out."""
    promotion = house.spec.promotion.model_copy(update={"margin": 0.4})
    spec = house.spec.model_copy(update={"promotion": promotion})
    assert run_training(spec, house.at("2013-02-02"), house.gateways).kind == "kept"
    return spec


def test_a_refused_challenger_is_not_promoted_by_running_one_task(trained: House) -> None:
    """Running the promote step alone after a refusal is refused."""
    with pytest.raises(GateRefusedError, match="the gate said"):
        promote_challenger(refused(trained), trained.at("2013-02-02"), trained.gateways)


def test_a_challenger_that_met_another_champion_is_not_promoted(trained: House) -> None:
    """When the champion changed between the gate and the promotion, the verdict is about somebody else."""
    refused(trained)
    instant = trained.at("2013-02-03")
    lenient = {"margin": -1.0, "slices": {}, "calibration_tolerance": None}  # below zero every challenger passes
    promotion = trained.spec.promotion.model_copy(update=lenient)
    spec = trained.spec.model_copy(update={"promotion": promotion})
    assert run_training(spec, instant, trained.gateways).kind == "promoted"
    assert trained.gateways.ledger.entries("flight_delay")[-1].previous_version == 1
    with pytest.raises(LedgerConflictError, match="clear the training from `evaluate` on"):
        _promote_late(spec, trained)


def _promote_late(spec: ModelSpec, house: House) -> None:
    """A training as of a later day whose gate passed against the champion of before."""
    instant = house.at("2013-02-05")
    run = challenge.training_run(spec, instant)
    for name in ("registered", "verdict", "evaluated"):
        note = house.gateways.staging.get_note(challenge.training_run(spec, house.at("2013-02-03")), name)
        house.gateways.staging.put_note(run, name, note | ({"training": "another"} if name == "evaluated" else {}))
    promote_challenger(spec, instant, house.gateways)


def test_a_rolled_back_champion_keeps_its_promise(trained: House) -> None:
    """After a rollback the check goes on to compare with what the returned champion promised."""
    spec = refused(trained)
    verdict = judge_version(spec, trained.at("2013-02-03"), 2, trained.gateways)
    promote_version(spec, trained.at("2013-02-03"), 2, verdict, trained.gateways, force=True, reason="rehearsal")
    roll_back(spec, trained.at("2013-02-04"), trained.gateways, reason="rehearsal")
    for day in ("2013-02-04", DAY, "2013-02-06"):
        run_scoring(spec, spec.partition(day), trained.gateways)
    recorded = run_drift_check(spec, spec.partition("2013-02-06"), trained.gateways)
    assert recorded.champion == 1
    assert recorded.decay != "insufficient_data"
