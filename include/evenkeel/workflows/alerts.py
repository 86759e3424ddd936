"""Alerts: to whom what happened is due, and sending it.

Without Airflow nothing is sent: the sending itself is given by who calls.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, time
from typing import TYPE_CHECKING

from evenkeel.decisions.alerting import Event, is_silenced, news_of
from evenkeel.vocabulary.errors import EvenkeelError, LedgerConflictError, TransientError
from evenkeel.workflows.alert_record import (
    Outcome,
    Telling,
    Told,
    record_if_unchanged,
    record_outcome,
    told_alerts,
)
from evenkeel.workflows.happenings import Failure, Happening, day_of, happenings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from evenkeel.vocabulary.spec import ModelSpec
    from evenkeel.vocabulary.spec_monitoring import AlertRoute
    from evenkeel.workflows.gateways import Gateways

_ATTEMPTS = 50


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
class Delivered:
    """How many alerts of a run were sent and silenced."""

    sent: int
    silenced: int


def due_alerts(spec: ModelSpec, as_of: datetime, gateways: Gateways, *, failure: Failure | None = None) -> list[Alert]:
    """The alerts that are due at an instant, oldest first; silenced ones say so, and are due to be put on record only.

    Due is what happened by then, and since `alerts.repeat` before (or any time before, where its sending failed), and what the
    route was not told of yet. `failure` is a run that failed, which no table knows.
    """
    return _due_of(spec, as_of, gateways.run, happenings(spec, gateways, failure), told_alerts(spec, gateways))


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
    happened = happenings(spec, gateways, failure)
    troubles: list[EvenkeelError] = []
    sent = silenced = 0
    for alert in _taken(spec, as_of, happened, gateways):
        if alert.silence:
            silenced += 1
            continue
        try:
            send(routes[alert.route], alert)
        except EvenkeelError as error:
            record_outcome(spec, _telling(alert), Outcome.FAILED, str(error), gateways)
            troubles.append(error)
            continue
        record_outcome(spec, _telling(alert), Outcome.SENT, "", gateways)
        sent += 1
    if troubles:
        said = "; ".join(dict.fromkeys(str(one) for one in troubles))
        kind = TransientError if any(isinstance(one, TransientError) for one in troubles) else EvenkeelError
        raise kind(f"{spec.model}: {len(troubles)} alerts were not sent and stay due: {said}")
    return Delivered(sent, silenced)


def _taken(spec: ModelSpec, as_of: datetime, happened: Sequence[Happening], gateways: Gateways) -> Iterator[Alert]:
    """What is due, each once it is on record that this run sends it, or that nobody is told.

    What is due is asked again before each: another run may have taken it meanwhile. Raises LedgerConflictError where the record
    stays contended.
    """
    tried: set[tuple[str, str]] = set()
    lost = 0
    while lost < _ATTEMPTS:
        told = told_alerts(spec, gateways)
        due = _due_of(spec, as_of, gateways.run, happened, told)
        alert = next((one for one in due if (one.id, one.route) not in tried), None)
        if alert is None:
            return
        outcome = Outcome.SILENCED if alert.silence else Outcome.SENDING
        if not record_if_unchanged(spec, _telling(alert), outcome, alert.silence, gateways, told):
            lost += 1
            continue
        lost = 0
        tried.add((alert.id, alert.route))
        yield alert
    raise LedgerConflictError(f"alerts of {spec.model}: contended {_ATTEMPTS} times; what is due stays due")


def _due_of(
    spec: ModelSpec, as_of: datetime, run: str, happened: Sequence[Happening], told: Sequence[Told]
) -> list[Alert]:
    everything = [*_untold_failures(spec, told), *happened]
    found = [alert for route in spec.alerts.routes for alert in _due(spec, route, as_of, run, everything, told)]
    return sorted(found, key=lambda one: (one.at, one.id, one.route))


def _due(
    spec: ModelSpec, route: AlertRoute, as_of: datetime, run: str, happened: Sequence[Happening], told: Sequence[Told]
) -> list[Alert]:
    now = datetime.now(UTC)
    details = {one.event.id: one for one in happened if one.event.what in route.about}
    events = [one.event for one in details.values()]
    mine = [one for one in told if one.route == route.name]
    sent = [one.event for one in mine if one.outcome is Outcome.SENT or one.is_taken(run, now)]
    noted = [*sent, *(one.event for one in mine if one.outcome is Outcome.SILENCED)]
    unsent = {one.id for one in mine if one.outcome in {Outcome.FAILED, Outcome.SENDING}}
    # What comes later is not told yet, but it may be what this is a part of, and was told already.
    by_then = [one for one in events if one.at <= as_of]
    recent = [one for one in by_then if one.at > as_of - spec.alerts.repeat or one.id in unsent]
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
            since=days.get((one.event.what, one.since)) or day_of(spec, one.since),
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


def _untold_failures(spec: ModelSpec, told: Sequence[Told]) -> list[Happening]:
    """Failed runs of which nobody could be told: no table but that of the alerts knows of them."""
    return [
        Happening(one.event, day_of(spec, one.at), one.reason, run=one.run)
        for one in told
        if one.what == "failed" and one.outcome in {Outcome.FAILED, Outcome.SENDING}
    ]


def _telling(alert: Alert) -> Telling:
    return Telling(
        alert.route, Event(alert.id, alert.what, alert.champion, frozenset(alert.causes), alert.at), alert.reason
    )
