"""The answer to a signal: retrain, or not and why; every signal gets one on record."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from evenkeel.decisions.retraining import Check, Ending, Launched, Reply, decide_retraining
from evenkeel.vocabulary.errors import EvenkeelError, GateRefusedError
from evenkeel.vocabulary.partition import Partition
from evenkeel.vocabulary.tables import CHECKS
from evenkeel.vocabulary.verdict import DriftOutcome, Outcome, Verdict
from evenkeel.workflows.ledger import JUDGED, TRAINING, Entry, Kind, champion_of
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
    checks = checks_on_record(spec, gateways)

    def decide(entries: list[Entry]) -> Entry:
        champion = champion_of(entries, as_of)
        number = None if champion is None else champion.version
        reply = decide_retraining(
            checks,
            launched_by_signals(entries),
            spec.retraining,
            as_of=as_of,
            champion=number,
            longest=spec.longest_training,
        )
        if spec.retraining.mode == "off":
            off = Verdict(Outcome.REFUSE, "retraining.mode is off: a person answers signals of this model")
            reply = Reply(off, reply.causes)
        return _answer(spec, as_of, number, reply, without)

    entry = gateways.ledger.record(spec.model, signal_id(as_of), decide)
    return Verdict(Outcome(entry.verdict), entry.reason, entry.numbers)


def answer_in_turn(spec: ModelSpec, as_of: datetime, gateways: Gateways, *, without: str = "") -> Verdict:
    """As `answer_signal`, for one of several runs that may have been told of the signal: it passes in the run that gave the
    answer and in no other, so that a retraining is launched once.
    """
    verdict = answer_signal(spec, as_of, gateways, without=without)
    by = next(one.run for one in gateways.ledger.entries(spec.model) if one.id == signal_id(as_of))
    if by == gateways.run or not verdict.passed:
        return verdict
    return Verdict(Outcome.REFUSE, f"answered by {by}, which launches the retraining; clear that run to repeat it")


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


def launched_by_signals(entries: list[Entry]) -> list[Launched]:
    """The retrainings on record, each with how it ended. One whose training failed or was refused has answered nothing."""
    return [
        Launched(one.effective_at, one.previous_version, frozenset(one.causes), ending_of(one, entries))
        for one in entries
        if one.kind is Kind.RETRAIN
    ]


def ending_of(retrain: Entry, entries: list[Entry]) -> Ending:
    """How the training ended that a signal launched; a shadow's champion was kept, for the time being."""
    subject = f"{TRAINING}{retrain.training}"
    kinds = [one.kind for one in sorted(entries, key=lambda one: one.sequence) if one.subject == subject]
    judged = [one for one in kinds if one in JUDGED]
    if judged:
        return Ending.PROMOTED if judged[-1] is Kind.PROMOTED else Ending.KEPT
    return Ending.REFUSED if Kind.REFUSED in kinds else Ending.UNDECIDED


def checks_on_record(spec: ModelSpec, gateways: Gateways) -> list[Check]:
    """Every drift check of the model; those from before causes were put on record have none."""
    frame = gateways.lake.read(spec.model, CHECKS)
    if frame is None:
        return []
    return [
        Check(
            row["as_of"].to_pydatetime(),
            int(row["champion"]),
            DriftOutcome(row["drift_outcome"]),
            DriftOutcome(row["decay_outcome"]),
            frozenset(json.loads(row["causes"])) if isinstance(row.get("causes"), str) else frozenset(),
        )
        for row in frame.to_dict("records")
    ]


def unanswered_signals(spec: ModelSpec, gateways: Gateways) -> list[Partition]:
    """The partitions whose check signalled and has no answer on record, in order: the event that tells of it was lost or merged,
    or whoever was to answer failed before deciding.
    """
    answered = {one.id for one in gateways.ledger.entries(spec.model)}
    found = []
    for one in checks_on_record(spec, gateways):
        partition = Partition.containing(one.as_of, spec.timezone).shift(-1)  # a check acts the day after
        # As of the schedule it had, or as of the one it has now.
        instants = (one.as_of, spec.check_as_of(partition))
        if one.signals and not answered.intersection(map(signal_id, instants)):
            found.append(partition)
    return sorted(found)


def _answer(spec: ModelSpec, as_of: datetime, champion: int | None, reply: Reply, without: str) -> Entry:
    verdict = reply.verdict
    return Entry(
        id=signal_id(as_of),
        model=spec.model,
        kind=Kind.RETRAIN if verdict.passed else Kind.DECLINED,
        effective_at=as_of,
        reason=f"{verdict.reason} (decided without {without})" if without else verdict.reason,
        previous_version=champion,
        training=training_id(spec, as_of) if verdict.passed else None,
        verdict=str(verdict.outcome),
        numbers=verdict.numbers,
        causes=reply.causes,
    )
