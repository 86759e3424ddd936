"""The record of alerts, a lake table: which route was told of which event, what was silenced, and what could not be sent.

One row for each route, event and outcome, append-only. An alert is written down after it was sent, so a process that dies in
between sends it again: each is sent at least once, under an id by which its readers can tell.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import pandas as pd
import pyarrow as pa

from evenkeel.decisions.alerting import Event
from evenkeel.gateways.lake import arrow_rows
from evenkeel.vocabulary.errors import LedgerConflictError
from evenkeel.vocabulary.tables import ALERTS

if TYPE_CHECKING:
    from evenkeel.vocabulary.spec import ModelSpec
    from evenkeel.workflows.gateways import Gateways

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
    """What became of an alert: it was sent, the spec silences it, or its sending failed and it stays due."""

    SENT = "sent"
    SILENCED = "silenced"
    FAILED = "failed"


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


def told_alerts(spec: ModelSpec, gateways: Gateways) -> list[Told]:
    """What is on record, in the order of writing."""
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
    return sorted(found, key=lambda one: one.sequence)


def record_outcome(
    spec: ModelSpec, route: str, event: Event, reason: str, outcome: Outcome, note: str, gateways: Gateways
) -> None:
    """Write down what became of an alert, once. Raises LedgerConflictError where the table stays contended."""
    for _ in range(_ATTEMPTS):
        there = told_alerts(spec, gateways)
        if any((one.id, one.route, one.outcome) == (event.id, route, outcome) for one in there):
            return
        row = {
            "sequence": len(there) + 1,
            "id": event.id,
            "route": route,
            "outcome": str(outcome),
            "what": event.what,
            "champion": event.champion,
            "causes": json.dumps(sorted(event.causes)),
            "at": event.at,
            "reason": reason,
            "note": note,
            "recorded_at": datetime.now(UTC),
            "run": gateways.run,
        }
        try:
            gateways.lake.append(spec.model, ALERTS, arrow_rows([row], _SCHEMA), expected=len(there))
        except LedgerConflictError:
            continue
        return
    raise LedgerConflictError(
        f"alerts of {spec.model}: contended {_ATTEMPTS} times while writing {event.id}; try again"
    )


def _number(value: Any) -> int | None:
    return None if pd.isna(value) else int(value)
