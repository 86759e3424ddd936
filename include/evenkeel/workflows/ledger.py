"""The ledger: every promotion, refusal, rollback and retrain decision, append-only, ordered by the instant it holds from.

Two times are kept: `effective_at`, from when a decision holds, and `recorded_at`, the clock when it was written. Order is by
the first and then by `sequence`, the order of writing, which no clock can disturb.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from evenkeel.gateways.lake import arrow_rows
from evenkeel.vocabulary.errors import EvenkeelError, LedgerConflictError
from evenkeel.vocabulary.tables import LEDGER

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from evenkeel.gateways.lake import Lake
    from evenkeel.gateways.registry import Version

_ATTEMPTS = 50
_SCHEMA = pa.schema(
    [
        ("sequence", pa.int64()),
        ("id", pa.string()),
        ("model", pa.string()),
        ("kind", pa.string()),
        ("version", pa.int64()),
        ("previous_version", pa.int64()),
        ("effective_at", pa.timestamp("us", tz="UTC")),
        ("recorded_at", pa.timestamp("us", tz="UTC")),
        ("training", pa.string()),
        ("actor", pa.string()),
        ("run", pa.string()),
        ("verdict", pa.string()),
        ("reason", pa.string()),
        ("numbers", pa.string()),
        ("digest", pa.string()),
        ("causes", pa.string()),
    ]
)


class Kind(StrEnum):
    """What was decided: a challenger was promoted or not (kept the champion, became the shadow because its gate was inconclusive,
    or refused before it could be judged), a shadow was dropped, a version was rolled back, a signal was answered or declined,
    a decayed champion that neither a retraining nor an earlier one replaced was escalated to a person, an alias that someone
    moved was put back.
    """

    PROMOTED = "promoted"
    KEPT = "kept"
    SHADOWED = "shadowed"
    DROPPED = "dropped"
    REFUSED = "refused"
    ROLLED_BACK = "rolled_back"
    RETRAIN = "retrain"
    DECLINED = "declined"
    ESCALATED = "escalated"
    REPAIRED = "repaired"


TRAINING = "training/"
"""What the ids of decisions about a training begin with; the training's name follows."""

SETTLED = "settled/"
"""The same of what became of a decayed champion that the training left in place."""

AS_OF_CHAMPION = "as_of"
CURRENT_CHAMPION = "current"
"""Which champion scores: that of the partition's as-of, or the one that holds last."""

TERM = "term_seconds"
"""Among the numbers of an entry that made a shadow: for how long it scores beside the champion."""

JUDGED = frozenset({Kind.PROMOTED, Kind.KEPT, Kind.SHADOWED})
"""How a training ends whose challenger was judged."""

_CROWNING = {Kind.PROMOTED, Kind.ROLLED_BACK}


@dataclass(frozen=True)
class Entry:
    """One decision. `effective_at` is the instant it holds from, `recorded_at` the clock when it was written.

    `subject` is what it decides, in the ledger's own words; a later entry about the same subject replaces an earlier one.
    `digest` is the SHA-256 of the version's model file, by which the file is known when it is loaded. `actor` is who decided,
    where that is another than who writes it. `causes` are what a signal was about that is answered: names of what drifted, and
    `decay`.
    """

    id: str
    model: str
    kind: Kind
    effective_at: datetime
    reason: str
    version: int | None = None
    previous_version: int | None = None
    training: str | None = None
    actor: str = ""
    run: str = ""
    verdict: str = ""
    numbers: Mapping[str, float | int | None] = field(default_factory=dict)
    sequence: int = 0
    recorded_at: datetime | None = None
    digest: str | None = None
    causes: tuple[str, ...] = ()

    @property
    def subject(self) -> str:
        """What is decided: the training of a spec as of an instant decides once, however often it is judged anew (because data
        came late, or an earlier champion); everything else is its own subject.
        """
        return "/".join(self.id.split("/")[:2]) if self.id.startswith(TRAINING) else self.id


class Ledger:
    """The decisions of all models, one Delta table a model.

    Args:
        lake: where the tables are.
        actor: who decides: a user, a schedule, a command.
        run: what decides for them: a DAG run, a process.
    """

    def __init__(self, lake: Lake, *, actor: str = "", run: str = "") -> None:
        self._lake = lake
        self._actor = actor
        self._run = run

    def entries(self, model: str) -> list[Entry]:
        """All entries of a model in the order they hold: by effective-at, then by the order of writing."""
        frame = self._lake.read(model, LEDGER)
        if frame is None:
            return []
        found = [_entry(row) for row in frame.to_dict("records")]
        return sorted(found, key=lambda one: (one.effective_at, one.sequence))

    def champion(self, model: str, instant: datetime) -> Entry | None:
        """The entry that made the champion effective at an instant; None before the first."""
        return champion_of(self.entries(model), instant)

    def record(self, model: str, entry_id: str, decide: Callable[[list[Entry]], Entry]) -> Entry:
        """Write one decision, exactly once.

        `decide` sees the entries so far and answers with the entry to append, or with one of them, where that has decided it
        already; it is asked again when someone else decided meanwhile. An entry of that id that is on record already is returned
        and nothing is written.

        Raises LedgerConflictError where the ledger stays contended.
        """
        for _ in range(_ATTEMPTS):
            entries = self.entries(model)
            present = next((one for one in entries if one.id == entry_id), None)
            if present is not None:
                return present
            decided = decide(entries)
            if decided in entries:
                return decided
            entry = replace(
                decided,
                actor=decided.actor or self._actor,
                run=self._run,
                sequence=len(entries) + 1,
                recorded_at=datetime.now(UTC),
            )
            written = {**asdict(entry), "kind": str(entry.kind)}
            written["numbers"] = json.dumps(dict(entry.numbers), allow_nan=False)
            written["causes"] = json.dumps(entry.causes) if entry.causes else None
            try:
                self._lake.append(model, LEDGER, arrow_rows([written], _SCHEMA), expected=len(entries))
            except LedgerConflictError:
                continue
            return entry
        raise LedgerConflictError(f"ledger of {model}: contended {_ATTEMPTS} times while writing {entry_id}; try again")


def champion_of(entries: list[Entry], instant: datetime | None = None) -> Entry | None:
    """The entry that made the champion effective at an instant; without one, the champion that holds last."""
    crowned = crownings(entries)
    held = crowned if instant is None else [one for one in crowned if one.effective_at <= instant]
    return held[-1] if held else None


def champion_met(entries: list[Entry], subject: str, instant: datetime) -> Entry | None:
    """The champion a decision has to beat: the one effective at an instant, as if neither the decision nor what came of it had
    been taken yet.
    """
    came_of_it = f"{SETTLED}{subject.removeprefix(TRAINING)}"
    return champion_of([one for one in entries if one.subject != subject and one.id != came_of_it], instant)


def crownings(entries: list[Entry]) -> list[Entry]:
    """The entries that made a champion and still stand, in the order they hold: judged anew, a training may have lost.

    A refusal judges nobody: what was decided before it stands.
    """
    return _standing(entries, _CROWNING)


def standing_shadow(entries: list[Entry], instant: datetime | None = None) -> Entry | None:
    """The entry that made the shadow which is still to be judged at an instant (without one: which holds last); None where there
    is none. Its term may be over: its last labels mature after it.

    A shadow ends when another champion is made after it, when it is dropped, and when a newer one takes its place.
    """
    held = [one for one in entries if instant is None or one.effective_at <= instant]
    # What stands is told by all of them: judged anew, a training may have ended otherwise.
    shadows = [one for one in _standing(entries, {Kind.SHADOWED}) if one in held]
    if not shadows:
        return None
    last = shadows[-1]
    after = [one for one in held if _order(one) > _order(last)]
    crowned = any(one in after for one in crownings(entries))
    dropped = any(one.kind is Kind.DROPPED and one.version == last.version for one in after)
    return None if crowned or dropped else last


def shadow_of(entries: list[Entry], instant: datetime) -> Entry | None:
    """The entry that made the shadow effective at an instant, which scores beside the champion then; None where there is none."""
    found = standing_shadow(entries, instant)
    return found if found is not None and instant < term_end(found) else None


def term_end(shadowed: Entry) -> datetime:
    """The first instant at which a shadow no longer scores. Its entry says so: a spec that changed since changes nothing."""
    return shadowed.effective_at + timedelta(seconds=float(shadowed.numbers.get(TERM) or 0))


def previous_of(entries: list[Entry], champion: Entry) -> Entry | None:
    """The entry of the champion before: the latest earlier one of another version that was not rolled back since."""
    barred: set[int | None] = {champion.version}
    crowned = crownings(entries)
    for one in reversed(crowned[: crowned.index(champion) + 1]):
        if one.version not in barred:
            return one
        if one.kind is Kind.ROLLED_BACK:
            barred.add(one.previous_version)
    return None


def barred(entries: list[Entry], instant: datetime) -> dict[int, Entry]:
    """The versions that may not become champion at an instant without a new decision, each with the rollback that took it away.

    A later promotion brings a version back; only a person makes one, for nothing promotes a barred version by itself.
    """
    found: dict[int, Entry] = {}
    for one in crownings(entries):
        if one.effective_at > instant:
            break
        if one.version is not None:
            found.pop(one.version, None)
        if one.kind is Kind.ROLLED_BACK and one.previous_version is not None:
            found[one.previous_version] = one
    return found


def digest_of(entries: list[Entry], version: int) -> str | None:
    """SHA-256 of a version's model file as the first entry about it has it; None where no entry says."""
    held = [one for one in entries if one.version == version and one.digest is not None]
    return min(held, key=lambda one: one.sequence).digest if held else None


def digest_to_record(known: Version, entries: list[Entry]) -> str | None:
    """SHA-256 of a version's model file, to go into an entry about it: as the ledger has it, or else as it is registered.

    Raises EvenkeelError where the two differ.
    """
    held = digest_of(entries, known.number)
    if held is not None and held != known.digest:
        raise EvenkeelError(
            f"{known.model} version {known.number}: its tag says that its model file has SHA-256 {known.digest}, the ledger says "
            f"{held}; one of them was changed, so nothing is decided about the version. Restore the tag, or train again"
        )
    return held or known.digest


def _standing(entries: list[Entry], kinds: set[Kind]) -> list[Entry]:
    judged = sorted((one for one in entries if one.kind is not Kind.REFUSED), key=lambda one: one.sequence)
    last = {one.subject: one for one in judged}
    return [one for one in entries if one.kind in kinds and last[one.subject] is one]


def _order(entry: Entry) -> tuple[datetime, int]:
    return entry.effective_at, entry.sequence


def _entry(row: Mapping[Any, Any]) -> Entry:
    number = {name: None if row[name] != row[name] else int(row[name]) for name in ("version", "previous_version")}
    return Entry(
        id=row["id"],
        model=row["model"],
        kind=Kind(row["kind"]),
        effective_at=row["effective_at"].to_pydatetime(),
        recorded_at=row["recorded_at"].to_pydatetime(),
        reason=row["reason"],
        training=row["training"],
        actor=row["actor"],
        run=row["run"],
        sequence=int(row["sequence"]),
        verdict=row["verdict"],
        numbers=json.loads(row["numbers"]),
        # A table from before has no such columns.
        digest=row["digest"] if isinstance(row.get("digest"), str) else None,
        causes=tuple(json.loads(row["causes"])) if isinstance(row.get("causes"), str) else (),
        **number,
    )
