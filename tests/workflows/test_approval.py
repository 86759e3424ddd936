"""A person's answer about a challenger: one decision, with who took it, and silence that stands in nobody's way."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from evenkeel.vocabulary.errors import GateRefusedError
from evenkeel.workflows.approval import Approval
from evenkeel.workflows.ledger import Kind
from evenkeel.workflows.pipelines import run_training
from evenkeel.workflows.promote import decided_already, keep_champion, promote_challenger

if TYPE_CHECKING:
    from evenkeel.vocabulary.spec import ModelSpec
    from tests.workflows.conftest import House

AS_OF = "2013-02-01"
YES, NO = Approval(True, "alice", " the gain is real "), Approval(False, "bob")
SILENCE = Approval(False, None)


@pytest.fixture
def judged(house: House) -> ModelSpec:
    """A first challenger that passed its gate and waits for a person."""
    promotion = house.spec.promotion.model_copy(update={"mode": "approval", "approval_timeout": timedelta(hours=36)})
    spec = house.spec.model_copy(update={"promotion": promotion})
    with pytest.raises(GateRefusedError, match="waits for a person's approval"):
        run_training(spec, house.at(AS_OF), house.gateways)
    return spec


def test_the_answer_is_one_entry_that_says_who_and_why(judged: ModelSpec, house: House) -> None:
    """Silence keeps the champion and says so; who answers later decides, once: another answer, or another silence, changes
    nothing, and the training run again goes the way that is on record (law 7).
    """
    gateways, instant = house.gateways, house.at(AS_OF)
    for _ in range(2):
        assert keep_champion(judged, instant, gateways, SILENCE).champion is None
    assert decided_already(judged, instant, gateways) is None
    assert promote_challenger(judged, instant, gateways, YES).champion == 1
    silence, yes = gateways.ledger.entries(judged.model)
    assert (silence.kind, silence.actor, silence.verdict) == (Kind.KEPT, "airflow:nobody in time", "pass")
    assert silence.reason.endswith("; nobody answered within 36h")
    assert (yes.kind, yes.actor) == (Kind.PROMOTED, "airflow:alice")
    assert yes.reason.endswith("; approved by alice: the gain is real")
    assert yes.digest == gateways.registry.version(judged.model, 1).digest
    for late in (SILENCE, NO):
        assert keep_champion(judged, instant, gateways, late).champion == 1
    assert promote_challenger(judged, instant, gateways, YES).kind == Kind.PROMOTED
    assert decided_already(judged, instant, gateways) == yes
    assert run_training(judged, instant, gateways).champion == 1
    assert gateways.ledger.entries(judged.model) == [silence, yes]


def test_a_rejection_keeps_the_champion_and_names_who_rejected(judged: ModelSpec, house: House) -> None:
    """A challenger that passed and was turned down by a person is an entry of its own kind of keeping."""
    keep_champion(judged, house.at(AS_OF), house.gateways, NO)
    (entry,) = house.gateways.ledger.entries(judged.model)
    assert (entry.kind, entry.version, entry.actor) == (Kind.KEPT, 1, "airflow:bob")
    assert entry.reason.endswith("; rejected by bob")
    assert house.gateways.registry.champion_alias(judged.model) is None
