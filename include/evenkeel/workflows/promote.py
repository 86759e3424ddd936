"""Promotion and rollback: who is champion from an instant on, written in the ledger first and followed by the alias."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from evenkeel.decisions.evaluation import evaluate
from evenkeel.decisions.promotion import judge_challenger
from evenkeel.vocabulary import columns as c
from evenkeel.vocabulary.errors import EvenkeelError, GateRefusedError, LedgerConflictError
from evenkeel.vocabulary.partition import back, partitions_between
from evenkeel.vocabulary.verdict import Outcome, Verdict
from evenkeel.workflows.challenge import predict_version
from evenkeel.workflows.frame import add_labels, build_frame
from evenkeel.workflows.ledger import Entry, Kind, champion_of, previous_of
from evenkeel.workflows.train import training_run

if TYPE_CHECKING:
    from datetime import datetime

    import pandas as pd

    from evenkeel.vocabulary.spec import ModelSpec
    from evenkeel.workflows.gateways import Gateways


@dataclass(frozen=True)
class Decided:
    """What the ledger says now."""

    kind: str
    version: int | None
    champion: int | None
    effective_at: str
    reason: str


def promote_challenger(spec: ModelSpec, as_of: datetime, gateways: Gateways) -> Decided:
    """Make the training's challenger champion from the as-of on."""
    return _record_challenger(spec, as_of, Kind.PROMOTED, gateways)


def keep_champion(spec: ModelSpec, as_of: datetime, gateways: Gateways) -> Decided:
    """Keep the champion, and put on record why the training's challenger was not promoted."""
    return _record_challenger(spec, as_of, Kind.KEPT, gateways)


def judge_version(spec: ModelSpec, as_of: datetime, version: int, gateways: Gateways) -> Verdict:
    """Hold a registered version against the champion on the holdout rows before the as-of, by the same gate as a training."""
    gateways.registry.version(spec.model, version)
    champion = gateways.ledger.champion(spec.model, as_of)
    if champion is None or champion.version is None:
        return Verdict(Outcome.PASS, "there is no champion to compare with")
    if champion.version == version:
        return Verdict(Outcome.REFUSE, f"version {version} is the champion already")
    holdout = _recent_labelled(spec, as_of, gateways)
    labels = holdout[c.LABEL].to_numpy()
    measured = {
        number: evaluate(spec.task, labels, *predict_version(spec, number, holdout, gateways))
        for number in (version, champion.version)
    }
    metric = spec.promotion.metric
    return judge_challenger(
        metric=metric,
        challenger=measured[version][metric],
        champion=measured[champion.version][metric],
        opponent=f"champion {champion.version}",
        labels=len(holdout),
        margin=spec.promotion.margin,
        min_labels=spec.promotion.min_labels,
    )


def promote_version(
    spec: ModelSpec, as_of: datetime, version: int, verdict: Verdict, gateways: Gateways, *, force: bool, reason: str
) -> Decided:
    """Make a given version champion from the as-of on.

    Raises GateRefusedError where the verdict is no pass and `force` is not set, or is set without a reason.
    """
    if not verdict.passed and not force:
        raise GateRefusedError(
            f"{spec.model}: version {version} is not promoted: {verdict.reason}; force it with a reason"
        )
    if force and not reason.strip():
        raise GateRefusedError(f"{spec.model}: forcing version {version} past the gate needs a reason")
    known = gateways.registry.version(spec.model, version)
    said = (
        f"forced: {reason} (the gate said: {verdict.reason})" if force else f"{verdict.reason}. {reason}".rstrip(". ")
    )
    promise = known.tags.get(f"evenkeel.holdout.{spec.promotion.metric}")
    # What the version promises is what it did on its own holdout, where the gate had nobody to compare it with.
    numbers = dict(verdict.numbers) or ({} if promise is None else {"challenger": float(promise)})
    entry_id = f"promoted/{version}/{as_of.isoformat()}"

    def decide(entries: list[Entry]) -> Entry:
        champion = _effective(entries, as_of)
        return Entry(
            id=entry_id,
            model=spec.model,
            kind=Kind.PROMOTED,
            effective_at=as_of,
            reason=said,
            version=version,
            previous_version=None if champion is None else champion.version,
            training=known.tags.get("evenkeel.training"),
            actor=gateways.actor,
            verdict=str(verdict.outcome),
            numbers=numbers,
        )

    return _follow(spec, gateways.ledger.record(spec.model, entry_id, decide), gateways)


def roll_back(spec: ModelSpec, as_of: datetime, gateways: Gateways, *, reason: str) -> Decided:
    """Return to the champion before the present one, from the as-of on.

    Repeating it for the same as-of changes nothing. Raises EvenkeelError where there is no earlier champion.
    """
    entry_id = f"rolled_back/{as_of.isoformat()}"

    def decide(entries: list[Entry]) -> Entry:
        champion = _effective(entries, as_of)
        previous = None if champion is None else previous_of(entries, champion)
        if champion is None or previous is None:
            raise EvenkeelError(f"{spec.model}: there is no earlier champion to roll back to as of {as_of.isoformat()}")
        return Entry(
            id=entry_id,
            model=spec.model,
            kind=Kind.ROLLED_BACK,
            effective_at=as_of,
            reason=reason or "rolled back by hand",
            version=previous.version,
            previous_version=champion.version,
            training=previous.training,
            actor=gateways.actor,
            numbers=previous.numbers,
        )

    return _follow(spec, gateways.ledger.record(spec.model, entry_id, decide), gateways)


def _record_challenger(spec: ModelSpec, as_of: datetime, kind: Kind, gateways: Gateways) -> Decided:
    run = training_run(spec, as_of)
    version = int(gateways.staging.get_note(run, "registered")["version"])
    verdict, met = gateways.staging.get_note(run, "verdict"), gateways.staging.get_note(run, "evaluated")
    passed = verdict["outcome"] in {Outcome.PASS, Outcome.WARN}
    if kind is Kind.PROMOTED and not passed:
        raise GateRefusedError(f"{spec.model}: version {version} is not promoted, the gate said: {verdict['reason']}")

    entry_id = f"training/{met['training']}"

    def decide(entries: list[Entry]) -> Entry:
        champion = _effective(entries, as_of)
        present = None if champion is None else champion.version
        if kind is Kind.PROMOTED and met["opponent_version"] is not None and present != met["opponent_version"]:
            raise LedgerConflictError(
                f"{spec.model}: version {version} was judged against {met['opponent']}, the champion is {present} by now; "
                "clear the training from `evaluate` on"
            )
        rejected = "; not approved" if kind is Kind.KEPT and passed else ""
        return Entry(
            id=entry_id,
            model=spec.model,
            kind=kind,
            effective_at=as_of,
            reason=verdict["reason"] + rejected,
            version=version,
            previous_version=None if champion is None else champion.version,
            training=met["training"],
            actor=gateways.actor,
            verdict=verdict["outcome"],
            numbers=verdict["numbers"],
        )

    return _follow(spec, gateways.ledger.record(spec.model, entry_id, decide), gateways)


def _effective(entries: list[Entry], as_of: datetime) -> Entry | None:
    return champion_of([one for one in entries if one.effective_at <= as_of])


def _follow(spec: ModelSpec, entry: Entry, gateways: Gateways) -> Decided:
    """Point the alias at whoever is champion last by effective-at: an earlier run cannot take it from a later one."""
    champion = champion_of(gateways.ledger.entries(spec.model))
    number = None if champion is None else champion.version
    if number is not None and gateways.registry.champion_alias(spec.model) != number:
        gateways.registry.point_champion(spec.model, number)
    return Decided(str(entry.kind), entry.version, number, entry.effective_at.isoformat(), entry.reason)


def _recent_labelled(spec: ModelSpec, as_of: datetime, gateways: Gateways) -> pd.DataFrame:
    start = back(as_of, spec.training.holdout, spec.timezone)
    partitions = [one for one in partitions_between(start, as_of, spec.timezone) if spec.scoring_as_of(one) <= as_of]
    if not partitions:
        raise GateRefusedError(f"{spec.model} as of {as_of.isoformat()}: there is no partition to compare versions on")
    frame = add_labels(spec, build_frame(spec, partitions, gateways.sources), as_of, gateways.sources)
    return frame[frame[c.LABEL].notna()].reset_index(drop=True)
