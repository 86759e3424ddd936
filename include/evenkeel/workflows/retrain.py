"""The answer to a signal: retrain, or not and why; every signal gets one on record."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from evenkeel.decisions.retraining import Check, decide_retraining
from evenkeel.vocabulary.errors import EvenkeelError
from evenkeel.vocabulary.tables import CHECKS
from evenkeel.vocabulary.verdict import DriftOutcome, Outcome, Verdict
from evenkeel.workflows.ledger import Entry, Kind
from evenkeel.workflows.train import training_id

if TYPE_CHECKING:
    from datetime import datetime

    from evenkeel.vocabulary.spec import ModelSpec
    from evenkeel.workflows.gateways import Gateways


@dataclass(frozen=True)
class Answer:
    """How a retraining ended."""

    training: str
    result: str
    version: int | None
    reason: str


def answer_signal(spec: ModelSpec, as_of: datetime, gateways: Gateways) -> Verdict:
    """Decide whether the checks up to the as-of ask for a retraining, and write the decision in the ledger, once.

    The decision reads the check table and the ledger, not the event that woke it: merged or lost events change nothing.
    """
    champion = gateways.ledger.champion(spec.model, as_of)
    number = None if champion is None else champion.version
    checks = _checks(spec, gateways)
    entry_id = f"signal/{as_of.isoformat()}"

    def decide(entries: list[Entry]) -> Entry:
        verdict = decide_retraining(
            checks,
            as_of=as_of,
            champion=number,
            retrains=[one.effective_at for one in entries if one.kind is Kind.RETRAIN and _decided(one, entries)],
            needed=spec.retraining.needed,
            of=spec.retraining.of,
            cooldown=spec.retraining.cooldown,
        )
        return Entry(
            id=entry_id,
            model=spec.model,
            kind=Kind.RETRAIN if verdict.passed else Kind.DECLINED,
            effective_at=as_of,
            reason=verdict.reason,
            previous_version=number,
            training=training_id(spec, as_of) if verdict.passed else None,
            actor=gateways.actor,
            verdict=str(verdict.outcome),
            numbers=verdict.numbers,
        )

    entry = gateways.ledger.record(spec.model, entry_id, decide)
    return Verdict(Outcome(entry.verdict), entry.reason, entry.numbers)


def report_answer(spec: ModelSpec, as_of: datetime, gateways: Gateways) -> Answer:
    """What became of the retraining of that as-of. Raises EvenkeelError where its training ended without a decision."""
    training = training_id(spec, as_of)
    for entry in gateways.ledger.entries(spec.model):
        if entry.id.startswith(f"training/{training}"):
            return Answer(training, str(entry.kind), entry.version, entry.reason)
    raise EvenkeelError(
        f"{spec.model}: the training {training} that a signal launched ended without a decision; look at its run. Its signal "
        "counts as unanswered, so the next one may launch another"
    )


def _decided(retrain: Entry, entries: list[Entry]) -> bool:
    """Whether a retraining led to a decision; one whose training failed has answered nothing."""
    return any(one.id.startswith(f"training/{retrain.training}") for one in entries)


def _checks(spec: ModelSpec, gateways: Gateways) -> list[Check]:
    frame = gateways.lake.read(spec.model, CHECKS, columns=["as_of", "champion", "drift_outcome", "decay_outcome"])
    if frame is None:
        return []
    return [
        Check(
            row["as_of"].to_pydatetime(),
            int(row["champion"]),
            DriftOutcome(row["drift_outcome"]),
            DriftOutcome(row["decay_outcome"]),
        )
        for row in frame.to_dict("records")
    ]
