"""Alerts: what happened to a model that people must know, to whom it is due, and what they were told.

What happened is read from the ledger and the check table. What was sent, silenced or could not be sent is on record in the lake
table `alerts`: one row for each route, event and outcome. An alert is written down after it was sent, so a process that dies in
between sends it again: each is sent at least once, under an id by which its readers can tell.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, time
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import pandas as pd
import pyarrow as pa

from evenkeel.decisions.alerting import Event, is_silenced, news_of
from evenkeel.gateways.lake import arrow_rows
from evenkeel.vocabulary import columns as c
from evenkeel.vocabulary.errors import EvenkeelError, LedgerConflictError, TransientError
from evenkeel.vocabulary.partition import Partition
from evenkeel.vocabulary.tables import ALERTS, CHECKS, REFUSED
from evenkeel.vocabulary.verdict import DriftOutcome
from evenkeel.workflows.ledger import Entry, Kind
from evenkeel.workflows.performance import DECAY

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from evenkeel.vocabulary.spec import AlertRoute, ModelSpec
    from evenkeel.workflows.gateways import Gateways

TOLD_OF = {"rolled_back": "rolled_back", "refused": "refused", "escalated": "needs_person"}
"""The kinds of decision that people are told of, and under which name."""

_GATE = "a gate refused it; why stands in the ledger and on the run's Data Docs page, which may quote rows"
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
class Failure:
    """Tasks of a run that failed: its pipeline, their names, and the instant the run acts from."""

    pipeline: str
    tasks: tuple[str, ...]
    at: datetime


@dataclass(frozen=True)
class Alert:
    """What one route is to be told. It holds no value of any row.

    `since` is the day on which it began, `reason` the cause in words, `account` what the check says of where it comes from,
    `page` the name of the check's report, `run` what noticed it (`<dag>/<run>` in Airflow), `silence` why nobody is told.
    """

    id: str
    model: str
    route: str
    what: str
    champion: int | None
    causes: tuple[str, ...]
    at: datetime
    day: str
    since: str
    reason: str
    numbers: Mapping[str, float | int | None] = field(default_factory=dict)
    account: str = ""
    page: str = ""
    run: str = ""
    silence: str = ""


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


@dataclass(frozen=True)
class Delivered:
    """How many alerts of a run were sent and silenced."""

    sent: int
    silenced: int


@dataclass(frozen=True)
class _Happening:
    event: Event
    day: str
    reason: str
    numbers: Mapping[str, float | int | None] = field(default_factory=dict)
    account: str = ""
    page: str = ""
    run: str = ""


def due_alerts(spec: ModelSpec, as_of: datetime, gateways: Gateways, *, failure: Failure | None = None) -> list[Alert]:
    """The alerts that are due at an instant, oldest first; silenced ones say so, and are due to be put on record only.

    Due is what happened by then, and since `alerts.repeat` before (or any time before, where its sending failed), and what the
    route was not told of yet. `failure` is a run that failed, which no table knows.
    """
    told = told_alerts(spec, gateways)
    happened = [*_untold_failures(spec, told), *_happenings(spec, as_of, gateways, failure)]
    found = [alert for route in spec.alerts.routes for alert in _due(spec, route, as_of, happened, told)]
    return sorted(found, key=lambda one: (one.at, one.id, one.route))


def deliver_alerts(
    spec: ModelSpec,
    as_of: datetime,
    gateways: Gateways,
    send: Callable[[AlertRoute, Alert], None],
    *,
    failure: Failure | None = None,
) -> Delivered:
    """Send what is due and put on record what became of it. One route's trouble keeps no other from being told.

    Raises what the sending raised, in one piece, once everything was tried: TransientError where one of it may work later.
    """
    routes = {route.name: route for route in spec.alerts.routes}
    troubles: list[EvenkeelError] = []
    sent = silenced = 0
    for alert in due_alerts(spec, as_of, gateways, failure=failure):
        if alert.silence:
            _record(spec, alert, Outcome.SILENCED, alert.silence, gateways)
            silenced += 1
            continue
        try:
            send(routes[alert.route], alert)
        except EvenkeelError as error:
            _record(spec, alert, Outcome.FAILED, str(error), gateways)
            troubles.append(error)
            continue
        _record(spec, alert, Outcome.SENT, "", gateways)
        sent += 1
    if troubles:
        said = "; ".join(dict.fromkeys(str(one) for one in troubles))
        kind = TransientError if any(isinstance(one, TransientError) for one in troubles) else EvenkeelError
        raise kind(f"{spec.model}: {len(troubles)} alerts were not sent and stay due: {said}")
    return Delivered(sent, silenced)


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


def last_instant(spec: ModelSpec, gateways: Gateways) -> datetime | None:
    """The latest instant of a check or a decision about the model; None where there is neither."""
    checks = gateways.lake.read(spec.model, CHECKS, columns=["as_of"])
    checked = [] if checks is None else [_instant(row) for row in checks.to_dict("records")]
    return max([*checked, *(one.effective_at for one in gateways.ledger.entries(spec.model))], default=None)


def _due(
    spec: ModelSpec, route: AlertRoute, as_of: datetime, happened: Sequence[_Happening], told: Sequence[Told]
) -> list[Alert]:
    details = {one.event.id: one for one in happened if one.event.what in route.on}
    events = [one.event for one in details.values()]
    mine = [one for one in told if one.route == route.name]
    sent = [one.event for one in mine if one.outcome is Outcome.SENT]
    noted = [one.event for one in mine if one.outcome is not Outcome.FAILED]
    failed = {one.id for one in mine if one.outcome is Outcome.FAILED}
    recent = [one for one in events if one.at > as_of - spec.alerts.repeat or one.id in failed]
    silences = {one.id: _silence(spec, one) for one in recent}
    days = {(one.event.what, one.event.at): one.day for one in happened}
    loud = news_of([one for one in recent if not silences[one.id]], events, sent, spec.alerts.repeat)
    silent = news_of([one for one in recent if silences[one.id]], events, noted, spec.alerts.repeat)
    return [
        Alert(
            id=one.event.id,
            model=spec.model,
            route=route.name,
            what=one.event.what,
            champion=one.event.champion,
            causes=tuple(sorted(one.event.causes)),
            at=one.event.at,
            day=details[one.event.id].day,
            since=days.get((one.event.what, one.since)) or _day(spec, one.since),
            reason=details[one.event.id].reason,
            numbers=details[one.event.id].numbers,
            account=details[one.event.id].account,
            page=details[one.event.id].page,
            run=details[one.event.id].run,
            silence=silences[one.event.id],
        )
        for one in [*loud, *silent]
    ]


def _silence(spec: ModelSpec, event: Event) -> str:
    """Why nobody is told of an event; empty where people are. A silence that was over by then silences nothing."""
    held = [
        one
        for one in spec.alerts.silences
        if one.what == event.what and event.at < datetime.combine(one.until, time(), spec.zone)
    ]
    columns = None if any(not one.columns for one in held) else {name for one in held for name in one.columns}
    if not held or not is_silenced(event.causes, columns):
        return ""
    return "; ".join(f"silenced until {one.until}: {one.reason}" for one in held)


def _happenings(spec: ModelSpec, as_of: datetime, gateways: Gateways, failure: Failure | None) -> list[_Happening]:
    checked = [one for one in _checked(spec, gateways) if one.event.at <= as_of]
    entries = [one for one in gateways.ledger.entries(spec.model) if one.effective_at <= as_of]
    decided = [_decided(spec, one, checked) for one in entries if one.kind in TOLD_OF]
    refused = [one for one in _refused_partitions(spec, gateways) if one.event.at <= as_of]
    found = [*checked, *decided, *refused]
    if failure is not None and not any(one.event.what == "refused" and one.run == gateways.run for one in found):
        found.append(_failed(spec, failure, gateways))
    return found


def _untold_failures(spec: ModelSpec, told: Sequence[Told]) -> list[_Happening]:
    """Failed runs of which nobody could be told: no table but that of the alerts knows of them."""
    return [
        _Happening(one.event, _day(spec, one.at), one.reason, run=one.run)
        for one in told
        if one.what == "failed" and one.outcome is Outcome.FAILED
    ]


def _checked(spec: ModelSpec, gateways: Gateways) -> list[_Happening]:
    """What the checks found: decay and drift, each its own event."""
    frame = gateways.lake.read(spec.model, CHECKS)
    if frame is None:
        return []
    rows = [{str(key): value for key, value in row.items()} for row in frame.to_dict("records")]
    runs = {one.partition: one.metadata.get("run", "") for one in reversed(gateways.lake.commits(spec.model, CHECKS))}
    return [
        _checked_for(what, row, runs.get(row[c.PARTITION], ""))
        for row in rows
        for what in ("decay", "drift")
        if row[f"{what}_outcome"] == DriftOutcome.DRIFT
    ]


def _checked_for(what: str, row: Mapping[str, Any], run: str) -> _Happening:
    named = json.loads(_text(row, "causes") or "[]")
    causes = {DECAY} if what == "decay" else {one for one in named if one != DECAY} or {what}
    # A check that is made again may name other causes: that is another event.
    named_by = hashlib.sha256(json.dumps(sorted(causes)).encode()).hexdigest()[:8]
    event_id = f"{what}/{row['champion']}/{row[c.PARTITION]}/{named_by}"
    return _Happening(
        Event(event_id, what, int(row["champion"]), frozenset(causes), _instant(row)),
        day=row[c.PARTITION],
        reason=row[f"{what}_reason"],
        numbers=json.loads(_text(row, f"{what}_numbers") or "{}"),
        account=_text(row, "account_in_words"),
        page=_text(row, "page"),
        run=run,
    )


def _decided(spec: ModelSpec, entry: Entry, checked: Sequence[_Happening]) -> _Happening:
    """A decision; one about champions with the account and the report of the last check of theirs that signalled before it."""
    what, is_refusal = TOLD_OF[entry.kind], entry.kind is Kind.REFUSED
    theirs = [
        one
        for one in checked
        if one.event.at <= entry.effective_at and one.event.champion in {entry.version, entry.previous_version}
    ]
    led = None if is_refusal else max(theirs, key=lambda one: one.event.at, default=None)
    # A training is refused for the same cause as the one before it; each rollback is another.
    alike = {Kind.REFUSED: "promotion" if entry.version else "training", Kind.ROLLED_BACK: entry.id}
    quotes_rows = is_refusal and entry.version is None
    champion = entry.previous_version if is_refusal or entry.version is None else entry.version
    return _Happening(
        Event(f"{what}/{entry.id}", what, champion, frozenset({alike.get(entry.kind, what)}), entry.effective_at),
        day=_day(spec, entry.effective_at),
        reason=f"training {entry.training}: {_GATE}" if quotes_rows else entry.reason,
        numbers=entry.numbers,
        account="" if led is None else led.account,
        page="" if led is None else led.page,
        run=entry.run,
    )


def _refused_partitions(spec: ModelSpec, gateways: Gateways) -> list[_Happening]:
    frame = gateways.lake.read(spec.model, REFUSED)
    if frame is None or frame.empty:
        return []
    runs = {one.partition: one.metadata.get("run", "") for one in reversed(gateways.lake.commits(spec.model, REFUSED))}
    return [
        _Happening(
            Event(f"refused/score/{row[c.PARTITION]}", "refused", None, frozenset({"score"}), _instant(row)),
            day=row[c.PARTITION],
            reason=f"scoring of {row[c.PARTITION]}: {_GATE}",
            run=runs.get(row[c.PARTITION], ""),
        )
        for row in frame.to_dict("records")
    ]


def _failed(spec: ModelSpec, failure: Failure, gateways: Gateways) -> _Happening:
    champion = gateways.ledger.champion(spec.model, failure.at)
    number = None if champion is None else champion.version
    event_id = f"failed/{failure.pipeline}/{failure.at.isoformat()}"
    tasks = ", ".join(failure.tasks)
    return _Happening(
        Event(event_id, "failed", number, frozenset({failure.pipeline}), failure.at),
        day=_day(spec, failure.at),
        reason=f"{failure.pipeline}: {tasks} failed; its log says why",
        run=gateways.run,
    )


def _record(spec: ModelSpec, alert: Alert, outcome: Outcome, note: str, gateways: Gateways) -> None:
    """Write down what became of an alert, once. Raises LedgerConflictError where the table stays contended."""
    for _ in range(_ATTEMPTS):
        there = told_alerts(spec, gateways)
        if any((one.id, one.route, one.outcome) == (alert.id, alert.route, outcome) for one in there):
            return
        row = {
            "sequence": len(there) + 1,
            "id": alert.id,
            "route": alert.route,
            "outcome": str(outcome),
            "what": alert.what,
            "champion": alert.champion,
            "causes": json.dumps(alert.causes),
            "at": alert.at,
            "reason": alert.reason,
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
        f"alerts of {spec.model}: contended {_ATTEMPTS} times while writing {alert.id}; try again"
    )


def _day(spec: ModelSpec, instant: datetime) -> str:
    return Partition.containing(instant, spec.timezone).key


def _instant(row: Mapping[Any, Any]) -> datetime:
    return pd.Timestamp(row["as_of"]).to_pydatetime()


def _text(row: Mapping[str, Any], name: str) -> str:
    """A text column that older tables may lack."""
    found = row.get(name)
    return found if isinstance(found, str) else ""


def _number(value: Any) -> int | None:
    return None if pd.isna(value) else int(value)
