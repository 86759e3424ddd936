"""The answer to a signal: retrain, or not and why; every signal gets one on record."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from evenkeel.decisions.retraining import Check, decide_retraining
from evenkeel.vocabulary.errors import EvenkeelError, GateRefusedError
from evenkeel.vocabulary.tables import CHECKS
from evenkeel.vocabulary.verdict import DriftOutcome, Outcome, Verdict
from evenkeel.workflows.ledger import JUDGED, TRAINING, Entry, Kind
from evenkeel.workflows.train import training_id, training_subject

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


def answer_signal(spec: ModelSpec, as_of: datetime, gateways: Gateways, *, without: str = "") -> Verdict:
    """Decide whether the checks up to the as-of ask for a retraining, and write the decision in the ledger, once.

    The decision reads the check table and the ledger, not the event that woke it: merged or lost events change nothing.
    `without` says what should have been on record before it and never came; it becomes part of the reason.
    """
    champion = gateways.ledger.champion(spec.model, as_of)
    number = None if champion is None else champion.version
    checks = _checks(spec, gateways)

    def decide(entries: list[Entry]) -> Entry:
        if spec.retraining.mode == "off":
            verdict = Verdict(Outcome.REFUSE, "retraining.mode is off: a person answers signals of this model")
            return _answer(spec, as_of, number, verdict)
        verdict = decide_retraining(
            checks,
            as_of=as_of,
            champion=number,
            retrains=[one.effective_at for one in entries if one.kind is Kind.RETRAIN and _decided(one, entries)],
            needed=spec.retraining.needed,
            of=spec.retraining.of,
            cooldown=spec.retraining.cooldown,
        )
        if without:
            verdict = Verdict(verdict.outcome, f"{verdict.reason} (decided without {without})", verdict.numbers)
        return _answer(spec, as_of, number, verdict)

    entry = gateways.ledger.record(spec.model, signal_id(as_of), decide)
    return Verdict(Outcome(entry.verdict), entry.reason, entry.numbers)


def signal_id(as_of: datetime) -> str:
    """The ledger's id of the answer to the check that acted from an instant."""
    return f"signal/{as_of.isoformat()}"


def report_answer(spec: ModelSpec, as_of: datetime, gateways: Gateways) -> Answer:
    """What became of the retraining of that as-of.

    Raises GateRefusedError where a gate refused its data, and EvenkeelError where it ended without a decision.
    """
    training, subject = training_id(spec, as_of), training_subject(spec, as_of)
    decided = [one for one in gateways.ledger.entries(spec.model) if one.subject == subject]
    if not decided:
        raise EvenkeelError(
            f"{spec.model}: the training {training} that a signal launched ended without a decision; look at its run. Its "
            "signal counts as unanswered, so the next one may launch another"
        )
    last = decided[-1]
    if last.kind is Kind.REFUSED:
        raise GateRefusedError(
            f"{spec.model}: the training {training} that a signal launched was refused: {last.reason}. Its signal counts as "
            "unanswered, so the next one may launch another"
        )
    return Answer(training, str(last.kind), last.version, last.reason)


def _answer(spec: ModelSpec, as_of: datetime, champion: int | None, verdict: Verdict) -> Entry:
    return Entry(
        id=signal_id(as_of),
        model=spec.model,
        kind=Kind.RETRAIN if verdict.passed else Kind.DECLINED,
        effective_at=as_of,
        reason=verdict.reason,
        previous_version=champion,
        training=training_id(spec, as_of) if verdict.passed else None,
        verdict=str(verdict.outcome),
        numbers=verdict.numbers,
    )


def _decided(retrain: Entry, entries: list[Entry]) -> bool:
    """Whether a retraining led to a judged challenger; one whose training failed or was refused has answered nothing."""
    subject = f"{TRAINING}{retrain.training}"
    return any(one.subject == subject and one.kind in JUDGED for one in entries)


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
