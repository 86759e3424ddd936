"""The ledger: every promotion, refusal, rollback and retrain decision, append-only, ordered by the instant it holds from."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from evenkeel.gateways.lake import arrow_rows
from evenkeel.vocabulary.errors import LedgerConflictError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from evenkeel.gateways.lake import Lake

_TABLE = "ledger"
_ATTEMPTS = 50
_SCHEMA = pa.schema(
    [
        ("id", pa.string()),
        ("model", pa.string()),
        ("kind", pa.string()),
        ("version", pa.int64()),
        ("previous_version", pa.int64()),
        ("effective_at", pa.timestamp("us", tz="UTC")),
        ("recorded_at", pa.timestamp("us", tz="UTC")),
        ("training", pa.string()),
        ("actor", pa.string()),
        ("verdict", pa.string()),
        ("reason", pa.string()),
        ("numbers", pa.string()),
    ]
)


class Kind(StrEnum):
    """What was decided."""

    PROMOTED = "promoted"
    KEPT = "kept"
    ROLLED_BACK = "rolled_back"
    RETRAIN = "retrain"
    DECLINED = "declined"


_CROWNING = {Kind.PROMOTED, Kind.ROLLED_BACK}


@dataclass(frozen=True)
class Entry:
    """One decision. `effective_at` is the instant it holds from, `recorded_at` the clock when it was written."""

    id: str
    model: str
    kind: Kind
    effective_at: datetime
    reason: str
    version: int | None = None
    previous_version: int | None = None
    training: str | None = None
    actor: str = ""
    verdict: str = ""
    numbers: Mapping[str, float | int | None] = field(default_factory=dict)
    recorded_at: datetime | None = None


class Ledger:
    """The decisions of all models, one Delta table a model."""

    def __init__(self, lake: Lake) -> None:
        self._lake = lake

    def entries(self, model: str) -> list[Entry]:
        """All entries of a model in the order they hold: by effective-at, then by the order of writing."""
        frame = self._lake.read(model, _TABLE)
        if frame is None:
            return []
        found = [_entry(row) for row in frame.to_dict("records")]
        return sorted(found, key=lambda one: (one.effective_at, one.recorded_at))

    def champion(self, model: str, instant: datetime) -> Entry | None:
        """The entry that made the champion effective at an instant; None before the first."""
        held = [one for one in self.entries(model) if one.kind in _CROWNING and one.effective_at <= instant]
        return held[-1] if held else None

    def record(self, model: str, entry_id: str, decide: Callable[[list[Entry]], Entry]) -> Entry:
        """Write one decision, exactly once.

        `decide` sees the entries so far and answers with the entry to append; it is asked again when someone else
        decided meanwhile. An entry of that id that is on record already is returned and nothing is written.

        Raises LedgerConflictError where the ledger stays contended.
        """
        for _ in range(_ATTEMPTS):
            entries = self.entries(model)
            present = next((one for one in entries if one.id == entry_id), None)
            if present is not None:
                return present
            entry = decide(entries)
            written = {**asdict(entry), "kind": str(entry.kind), "recorded_at": datetime.now(UTC)}
            written["numbers"] = json.dumps(dict(entry.numbers), allow_nan=False)
            try:
                self._lake.append(model, _TABLE, arrow_rows([written], _SCHEMA), expected=len(entries))
            except LedgerConflictError:
                continue
            return entry
        raise LedgerConflictError(f"ledger of {model}: contended {_ATTEMPTS} times while writing {entry_id}; try again")


def champion_of(entries: list[Entry]) -> Entry | None:
    """The entry that made the champion which holds last, whenever that is."""
    crowned = [one for one in entries if one.kind in _CROWNING]
    return crowned[-1] if crowned else None


def previous_of(entries: list[Entry], champion: Entry) -> Entry | None:
    """The entry of the champion before: the latest earlier one of another version that was not rolled back since."""
    barred: set[int | None] = {champion.version}
    for one in reversed(entries[: entries.index(champion) + 1]):
        if one.kind in _CROWNING and one.version not in barred:
            return one
        if one.kind is Kind.ROLLED_BACK:
            barred.add(one.previous_version)
    return None


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
        verdict=row["verdict"],
        numbers=json.loads(row["numbers"]),
        **number,
    )
