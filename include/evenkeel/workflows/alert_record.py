"""The record of alerts, a lake table: which route was told of which event, what was silenced, and what could not be sent.

Append-only. A run takes an alert by writing that it is sending it, on the record by which it is due and no other, and writes down
what became of it. So of two runs at the same moment one sends. What a run took and then died of stays due: each is sent at
least once, under an id by which its readers can tell.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import pandas as pd
import pyarrow as pa

from evenkeel.decisions.alerting import Event
from evenkeel.gateways.lake import arrow_rows
from evenkeel.vocabulary.errors import LedgerConflictError
from evenkeel.vocabulary.tables import ALERTS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from evenkeel.vocabulary.spec import ModelSpec
    from evenkeel.workflows.gateways import Gateways

LEASE = timedelta(minutes=5)
"""A run that took an alert and has not said for so long what became of it is taken for dead; a receiver has 30 s to answer."""

_ATTEMPTS = 50
_SCHEMA = pa.schema(
    [
        ("sequence", pa.int64()),
        ("id", pa.string()),
        ("route", pa.string()),
        ("outcome", pa.string()),
        ("what", pa.string()),
        ("champion", pa.int64()),
        ("causes", pa.string()),
        ("at", pa.timestamp("us", tz="UTC")),
        ("reason", pa.string()),
        ("note", pa.string()),
        ("recorded_at", pa.timestamp("us", tz="UTC")),
        ("run", pa.string()),
    ]
)


class Outcome(StrEnum):
    """What became of an alert: a run took it to send it, it was sent, the spec silences it, or its sending failed and it stays
    due.
    """

    SENDING = "sending"
    SENT = "sent"
    SILENCED = "silenced"
    FAILED = "failed"


@dataclass(frozen=True)
class Telling:
    """An event that a route is told of, and why in words."""

    route: str
    event: Event
    reason: str


@dataclass(frozen=True)
class Told:
    """A row of the table: an alert and what became of it; `note` says why where it was not sent."""

    sequence: int
    id: str
    route: str
    outcome: Outcome
    what: str
    champion: int | None
    causes: tuple[str, ...]
    at: datetime
    reason: str
    note: str
    recorded_at: datetime
    run: str

    @property
    def event(self) -> Event:
        """What it was about."""
        return Event(self.id, self.what, self.champion, frozenset(self.causes), self.at)

    def is_taken(self, run: str, now: datetime) -> bool:
        """Whether another run than the given one has it in hand now."""
        return self.outcome is Outcome.SENDING and self.run != run and now < self.recorded_at + LEASE


def told_alerts(spec: ModelSpec, gateways: Gateways) -> list[Told]:
    """What is on record, in the order of writing; that an alert was being sent only where nothing tells what became of it."""
    frame = gateways.lake.read(spec.model, ALERTS)
    if frame is None:
        return []
    found = [
        Told(
            **{str(name): row[name] for name in ("id", "route", "what", "reason", "note", "run")},
            sequence=int(row["sequence"]),
            outcome=Outcome(row["outcome"]),
            champion=_number(row["champion"]),
            causes=tuple(json.loads(row["causes"])),
            at=row["at"].to_pydatetime(),
            recorded_at=row["recorded_at"].to_pydatetime(),
        )
        for row in frame.to_dict("records")
    ]
    found.sort(key=lambda one: one.sequence)
    last = {(one.id, one.route): one.sequence for one in found}
    return [one for one in found if one.outcome is not Outcome.SENDING or last[one.id, one.route] == one.sequence]


def record_if_unchanged(
    spec: ModelSpec, telling: Telling, outcome: Outcome, note: str, gateways: Gateways, told: Sequence[Told]
) -> bool:
    """Write down what becomes of an alert, if `told` is still what is on record; whether it was."""
    event = telling.event
    written = told[-1].sequence if told else 0  # the last row always tells: none is left out but for a later one
    row = {
        "sequence": written + 1,
        "id": event.id,
        "route": telling.route,
        "outcome": str(outcome),
        "what": event.what,
        "champion": event.champion,
        "causes": json.dumps(sorted(event.causes)),
        "at": event.at,
        "reason": telling.reason,
        "note": note,
        "recorded_at": datetime.now(UTC),
        "run": gateways.run,
    }
    try:
        gateways.lake.append(spec.model, ALERTS, arrow_rows([row], _SCHEMA), expected=written)
    except LedgerConflictError:
        return False
    return True


def record_outcome(spec: ModelSpec, telling: Telling, outcome: Outcome, note: str, gateways: Gateways) -> None:
    """Write down what became of an alert, once. Raises LedgerConflictError where the table stays contended."""
    for _ in range(_ATTEMPTS):
        told = told_alerts(spec, gateways)
        mine = [one.outcome for one in told if (one.id, one.route) == (telling.event.id, telling.route)]
        if mine[-1:] == [outcome] or record_if_unchanged(spec, telling, outcome, note, gateways, told):
            return
    raise LedgerConflictError(
        f"alerts of {spec.model}: contended {_ATTEMPTS} times while writing {telling.event.id}; try again"
    )


def _number(value: Any) -> int | None:
    return None if pd.isna(value) else int(value)
