"""Promotion and rollback: who is champion from an instant on, written in the ledger first and followed by the alias."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from evenkeel.decisions.promotion import judge_challenger
from evenkeel.vocabulary import columns as c
from evenkeel.vocabulary.errors import EvenkeelError, GateRefusedError, LedgerConflictError
from evenkeel.vocabulary.partition import Partition, back, partitions_between
from evenkeel.vocabulary.tables import REFERENCE_ROWS
from evenkeel.vocabulary.verdict import Outcome, Verdict
from evenkeel.workflows.bar import AGAINST, bar_verdict, refuse_barred, refuse_unborn, refuse_without_file
from evenkeel.workflows.evaluation import compare_on
from evenkeel.workflows.frame import add_labels
from evenkeel.workflows.ledger import (
    TERM,
    Entry,
    Kind,
    champion_met,
    champion_of,
    crownings,
    digest_of,
    digest_to_record,
    previous_of,
)
from evenkeel.workflows.predict import predict_version
from evenkeel.workflows.reference import HOLDOUT, PART, ROW_DAY
from evenkeel.workflows.train import training_run, training_subject

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd

    from evenkeel.gateways.registry import Version
    from evenkeel.vocabulary.spec import ModelSpec
    from evenkeel.workflows.approval import Approval
    from evenkeel.workflows.gateways import Gateways

_POINTED_WITHIN = timedelta(minutes=5)
"""Whoever decided who is champion has pointed the alias by then, or died."""


@dataclass(frozen=True)
class Decided:
    """What the ledger says now."""

    kind: str
    version: int | None
    champion: int | None
    effective_at: str
    reason: str


def promote_challenger(
    spec: ModelSpec, as_of: datetime, gateways: Gateways, approval: Approval | None = None
) -> Decided:
    """Make the training's challenger champion from the as-of on. `approval` is what a person said, where one was asked.

    Raises LedgerConflictError where the champion is another by now than the one it was judged against, and GateRefusedError
    where the version was rolled back.
    """
    return _record_challenger(spec, as_of, Kind.PROMOTED, gateways, approval)


def keep_champion(spec: ModelSpec, as_of: datetime, gateways: Gateways, approval: Approval | None = None) -> Decided:
    """Keep the champion, and put on record why the training's challenger was not promoted, and who said so.

    Where its gate was inconclusive and the spec has a shadow, it becomes the shadow.
    """
    return _record_challenger(spec, as_of, Kind.KEPT, gateways, approval)


def decided_already(spec: ModelSpec, as_of: datetime, gateways: Gateways) -> Entry | None:
    """What is on record about the training's challenger as it was judged; None where nothing is, or only that nobody answered."""
    entry_id = _challenger_id(spec, as_of, gateways)
    return next((one for one in gateways.ledger.entries(spec.model) if one.id == entry_id), None)


def judge_version(spec: ModelSpec, as_of: datetime, version: int, gateways: Gateways) -> Verdict:
    """Hold a registered version against the champion on the holdout rows before the as-of, by the same gate as a training."""
    refuse_unborn(as_of, gateways.registry.version(spec.model, version))
    refusal = bar_verdict(as_of, version, gateways.ledger.entries(spec.model))
    if refusal is not None:
        return refusal
    champion = gateways.ledger.champion(spec.model, as_of)
    if champion is None or champion.version is None:
        return Verdict(Outcome.PASS, "there is no champion to compare with", {AGAINST: None})
    against = {AGAINST: champion.version}
    if champion.version == version:
        return Verdict(Outcome.REFUSE, f"version {version} is the champion already", against)
    holdout = recent_labelled(spec, as_of, spec.training.holdout, gateways)
    holdout = unseen_rows(spec, holdout, (version, champion.version), gateways)
    asked, present = (predict_version(spec, one, holdout, gateways) for one in (version, champion.version))
    compared = compare_on(spec, holdout, asked, present)
    verdict = judge_challenger(compared, spec.promotion, opponent=f"champion {champion.version}")
    return Verdict(verdict.outcome, verdict.reason, {**verdict.numbers, **against})


def promote_version(
    spec: ModelSpec, as_of: datetime, version: int, verdict: Verdict, gateways: Gateways, *, force: bool, reason: str
) -> Decided:
    """Make a given version champion from the as-of on. A refusal is put on record too.

    Raises GateRefusedError where the verdict is no pass or the version was rolled back and `force` is not set, or is set without
    a reason, EvenkeelError where the version learnt from what came after the as-of, and LedgerConflictError where the champion is
    another by now than the one the verdict is about.
    """
    if force and not reason.strip():
        raise GateRefusedError(f"{spec.model}: forcing version {version} past the gate needs a reason")
    promoted = verdict.passed or force
    known = gateways.registry.version(spec.model, version)
    refuse_unborn(as_of, known)
    said = (
        f"forced: {reason} (the gate said: {verdict.reason})" if force else f"{verdict.reason}. {reason}".rstrip(". ")
    )
    promise = known.tags.get(f"evenkeel.holdout.{spec.promotion.metric}")
    numbers = dict(verdict.numbers)
    if "challenger" not in numbers and promise is not None:
        # What the version promises is what it did on its own holdout, where the gate had nobody to compare it with.
        numbers["challenger"] = float(promise)
    kind = Kind.PROMOTED if promoted else Kind.REFUSED
    entry_id = f"{kind}/{version}/{as_of.isoformat()}"

    def decide(entries: list[Entry]) -> Entry:
        champion = champion_met(entries, entry_id, as_of)
        present = None if champion is None else champion.version
        if promoted:
            refuse_without_file(known)
        if promoted and not force:
            refuse_barred(as_of, known, entries)
        if promoted and not force and present != numbers.get(AGAINST):
            raise LedgerConflictError(
                f"{spec.model}: version {version} was judged against champion {numbers.get(AGAINST)}, the champion as of "
                f"{as_of.isoformat()} is {present} by now; judge it again"
            )
        return Entry(
            id=entry_id,
            model=spec.model,
            kind=kind,
            effective_at=as_of,
            reason=said,
            version=version,
            previous_version=present,
            training=known.tags.get("evenkeel.training"),
            verdict=str(verdict.outcome),
            numbers=numbers,
            digest=digest_to_record(known, entries),
        )

    entry = gateways.ledger.record(spec.model, entry_id, decide)
    if not promoted:
        raise GateRefusedError(
            f"{spec.model}: version {version} is not promoted: {verdict.reason}; force it with a reason"
        )
    return follow(spec, entry, gateways)


def roll_back(spec: ModelSpec, as_of: datetime, gateways: Gateways, *, reason: str) -> Decided:
    """Return to the champion before the present one, from the as-of on. The version that is left is barred from then on.

    Repeating it on the same day changes nothing, whatever the time of its as-of: two people who see the same fault roll back
    once. Who means to go further back promotes that version by its number.

    Raises EvenkeelError where there is no earlier champion.
    """
    entry_id = f"rolled_back/{as_of.isoformat()}"

    def decide(entries: list[Entry]) -> Entry:
        champion = champion_of(entries, as_of)
        if champion is not None and champion.kind is Kind.ROLLED_BACK and _same_day(spec, champion.effective_at, as_of):
            return champion
        previous = None if champion is None else previous_of(entries, champion)
        if champion is None or previous is None or previous.version is None:
            raise EvenkeelError(f"{spec.model}: there is no earlier champion to roll back to as of {as_of.isoformat()}")
        known = gateways.registry.version(spec.model, previous.version)
        entry = rollback_entry(entry_id, as_of, champion, previous, known, entries)
        return replace(entry, reason=reason or "rolled back by hand")

    return follow(spec, gateways.ledger.record(spec.model, entry_id, decide), gateways)


def rollback_entry(
    entry_id: str, as_of: datetime, champion: Entry, earlier: Entry, known: Version, entries: list[Entry]
) -> Entry:
    """The decision that returns from a champion to an earlier one, with what that one promised; `known` is its version."""
    refuse_without_file(known)
    return Entry(
        id=entry_id,
        model=champion.model,
        kind=Kind.ROLLED_BACK,
        effective_at=as_of,
        reason="",
        version=earlier.version,
        previous_version=champion.version,
        training=earlier.training,
        numbers=earlier.numbers,
        digest=digest_to_record(known, entries),
    )


def repair_alias(spec: ModelSpec, gateways: Gateways) -> Entry | None:
    """Put the alias `@champion` back to the ledger's champion where it shows another version, and put that on record.

    Returns the entry, or None where the alias shows what it should, or there is no champion. Nor is it moved where a decision is
    so new that whoever took it is about to point it.
    """
    entries = gateways.ledger.entries(spec.model)
    champion = champion_of(entries)
    if champion is None or champion.version is None:
        return None
    shown = gateways.registry.champion_alias(spec.model)
    if shown == champion.version or shown in _lagging(entries):
        return None
    number = champion.version
    decisions = sum(one.kind is not Kind.REPAIRED for one in entries)
    # Repeated by its run, because it died before the alias was put back, a repair is the same repair.
    entry_id = f"repaired/{shown}/{number}/{decisions}/{gateways.run}"
    found = f"version {shown}" if shown is not None else "no version"
    entry = gateways.ledger.record(
        spec.model,
        entry_id,
        lambda entries: Entry(
            id=entry_id,
            model=spec.model,
            kind=Kind.REPAIRED,
            effective_at=champion.effective_at,
            reason=f"the alias @champion showed {found}, the ledger's champion is {number}; the alias was put back",
            version=number,
            previous_version=shown,
            digest=digest_of(entries, number),
        ),
    )
    gateways.registry.point_champion(spec.model, number)
    return entry


def _challenger_id(spec: ModelSpec, as_of: datetime, gateways: Gateways) -> str:
    """The ledger's id of the decision about the training's challenger, judged on its data against whom it met."""
    met = gateways.staging.get_note(training_run(spec, as_of), "evaluated")
    return f"{training_subject(spec, as_of)}/{met['data_version'][:8]}/{met['champion'] or 'first'}"


def _record_challenger(
    spec: ModelSpec, as_of: datetime, kind: Kind, gateways: Gateways, approval: Approval | None
) -> Decided:
    run = training_run(spec, as_of)
    registered = gateways.staging.get_note(run, "registered")
    version = int(registered["version"])
    verdict, met = gateways.staging.get_note(run, "verdict"), gateways.staging.get_note(run, "evaluated")
    passed = verdict["outcome"] in {Outcome.PASS, Outcome.WARN}
    if kind is Kind.PROMOTED and not passed:
        raise GateRefusedError(f"{spec.model}: version {version} is not promoted, the gate said: {verdict['reason']}")

    subject, judged = training_subject(spec, as_of), _challenger_id(spec, as_of, gateways)
    # That nobody answered keeps the champion, and stands in nobody's way who answers later.
    entry_id = f"{judged}/unanswered" if approval is not None and approval.by is None else judged
    known = gateways.registry.version(spec.model, version)
    if known.digest != registered.get("digest", known.digest):
        raise EvenkeelError(
            f"{spec.model} version {version}: its model file had SHA-256 {registered['digest']} when it was registered, its tag "
            f"says {known.digest} by now: somebody changed it, so nothing is decided about the version. Train again"
        )
    words = ("not approved" if kind is Kind.KEPT and passed else "") if approval is None else approval.in_words(spec)

    def decide(entries: list[Entry]) -> Entry:
        answered = next((one for one in entries if one.id == judged), None)
        if answered is not None:
            return answered
        champion = champion_met(entries, subject, as_of)
        present = None if champion is None else champion.version
        if present != met["champion"]:
            raise LedgerConflictError(
                f"{spec.model}: version {version} was judged when the champion was {met['champion']}, it is {present} by now; "
                "clear the training from `evaluate` on"
            )
        if kind is Kind.PROMOTED:
            refuse_without_file(known)
            refuse_barred(as_of, known, entries)
        entry = Entry(
            id=entry_id,
            model=spec.model,
            kind=kind,
            effective_at=as_of,
            reason="; ".join(filter(None, (verdict["reason"], words))),
            version=version,
            previous_version=present,
            training=met["training"],
            verdict=verdict["outcome"],
            numbers=verdict["numbers"],
            actor="" if approval is None else approval.actor,
            digest=digest_to_record(known, entries),
        )
        return _shadowed(spec, entry) if kind is Kind.KEPT and _is_shadowed(spec, verdict, met) else entry

    return follow(spec, gateways.ledger.record(spec.model, entry_id, decide), gateways)


def _same_day(spec: ModelSpec, one: datetime, other: datetime) -> bool:
    return Partition.containing(one, spec.timezone) == Partition.containing(other, spec.timezone)


def _is_shadowed(spec: ModelSpec, verdict: Mapping[str, Any], met: Mapping[str, Any]) -> bool:
    """Whether a challenger that was not promoted becomes the shadow: its gate could not tell, and a champion was there to be
    compared with and can be asked. Few labels or days are what a shadow is for; without any label the holdout says nothing, not
    even that the challenger is worth its scoring.
    """
    there = met["champion"] is not None and met["opponent_version"] == met["champion"]
    undecided = verdict["outcome"] == Outcome.INCONCLUSIVE
    return spec.promotion.shadow is not None and undecided and there and met["labels"] > 0


def _shadowed(spec: ModelSpec, entry: Entry) -> Entry:
    assert spec.promotion.shadow is not None
    term = spec.promotion.shadow.term
    said = f"{entry.reason}; it scores beside champion {entry.previous_version} until {(entry.effective_at + term).isoformat()}"
    numbers = {**entry.numbers, TERM: term.total_seconds()}
    return replace(entry, kind=Kind.SHADOWED, reason=said, numbers=numbers)


def follow(spec: ModelSpec, entry: Entry, gateways: Gateways) -> Decided:
    """Point the alias at whoever is champion last by effective-at: an earlier run cannot take it from a later one."""
    number = None
    while True:
        entries = gateways.ledger.entries(spec.model)
        champion = champion_of(entries)
        if champion is None or champion.version in {None, number}:
            break
        number = champion.version
        _point_alias(spec, champion, entries, gateways)
        # And look again: somebody may have decided and pointed meanwhile.
    return Decided(str(entry.kind), entry.version, number, entry.effective_at.isoformat(), entry.reason)


def _point_alias(spec: ModelSpec, champion: Entry, entries: list[Entry], gateways: Gateways) -> None:
    shown = gateways.registry.champion_alias(spec.model)
    if shown in {None, _before(champion, entries), *_lagging(entries)}:  # as a decision before left it
        assert champion.version is not None
        gateways.registry.point_champion(spec.model, champion.version)
    elif shown != champion.version:
        repair_alias(spec, gateways)


def _lagging(entries: list[Entry]) -> set[int | None]:
    """What the alias may show for the moment without anybody having moved it: the champions before each decision that is new."""
    limit = datetime.now(UTC) - _POINTED_WITHIN
    new = [one for one in crownings(entries) if one.recorded_at is not None and one.recorded_at > limit]
    return {_before(one, entries) for one in new}


def _before(champion: Entry, entries: list[Entry]) -> int | None:
    """Whom the alias showed until a champion was decided."""
    before = champion_of([one for one in entries if one.sequence < champion.sequence])
    return None if before is None else before.version


def unseen_rows(spec: ModelSpec, rows: pd.DataFrame, versions: Sequence[int], gateways: Gateways) -> pd.DataFrame:
    """The rows of days from which none of some versions learnt: those on which who learnt from them would be flattered go."""
    first = max((_first_unseen(spec, one, gateways) for one in versions), default="")
    return rows[rows[c.PARTITION].astype(str) >= first].reset_index(drop=True)


def _first_unseen(spec: ModelSpec, version: int, gateways: Gateways) -> str:
    """The first day of a version's own holdout; empty where its reference is not in the lake."""
    training = gateways.registry.version(spec.model, version).tags.get("evenkeel.training")
    kept = gateways.lake.read(spec.model, REFERENCE_ROWS, partitions=[training or ""], columns=[PART, ROW_DAY])
    held = None if kept is None else kept.loc[kept[PART] == HOLDOUT, ROW_DAY]
    return "" if held is None or held.empty else str(held.min())


def recent_labelled(spec: ModelSpec, as_of: datetime, window: timedelta, gateways: Gateways) -> pd.DataFrame:
    """The rows of a window before the as-of whose labels were known by then, with their features.

    Raises GateRefusedError where the window holds no whole partition.
    """
    start = back(as_of, window, spec.timezone)
    partitions = [one for one in partitions_between(start, as_of, spec.timezone) if spec.scoring_as_of(one) <= as_of]
    if not partitions:
        raise GateRefusedError(f"{spec.model} as of {as_of.isoformat()}: there is no partition to compare versions on")
    frame = add_labels(spec, gateways.frames.build(spec, partitions), as_of, gateways.sources)
    return frame[frame[c.LABEL].notna()].reset_index(drop=True)
