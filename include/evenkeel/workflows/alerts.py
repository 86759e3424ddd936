"""Alerts: to whom what happened is due, and sending it.

Without Airflow nothing is sent: the sending itself is given by who calls.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, time
from typing import TYPE_CHECKING

from evenkeel.decisions.alerting import Event, is_silenced, news_of
from evenkeel.vocabulary.errors import EvenkeelError, TransientError
from evenkeel.workflows.alert_record import Outcome, Told, record_outcome, told_alerts
from evenkeel.workflows.happenings import Failure, Happening, day_of, happenings

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from evenkeel.vocabulary.spec import ModelSpec
    from evenkeel.vocabulary.spec_monitoring import AlertRoute
    from evenkeel.workflows.gateways import Gateways


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
    told = told_alerts(spec, gateways)
    happened = [*_untold_failures(spec, told), *happenings(spec, as_of, gateways, failure)]
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
            _note(spec, alert, Outcome.SILENCED, alert.silence, gateways)
            silenced += 1
            continue
        try:
            send(routes[alert.route], alert)
        except EvenkeelError as error:
            _note(spec, alert, Outcome.FAILED, str(error), gateways)
            troubles.append(error)
            continue
        _note(spec, alert, Outcome.SENT, "", gateways)
        sent += 1
    if troubles:
        said = "; ".join(dict.fromkeys(str(one) for one in troubles))
        kind = TransientError if any(isinstance(one, TransientError) for one in troubles) else EvenkeelError
        raise kind(f"{spec.model}: {len(troubles)} alerts were not sent and stay due: {said}")
    return Delivered(sent, silenced)


def _due(
    spec: ModelSpec, route: AlertRoute, as_of: datetime, happened: Sequence[Happening], told: Sequence[Told]
) -> list[Alert]:
    details = {one.event.id: one for one in happened if one.event.what in route.about}
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
        if one.what == "failed" and one.outcome is Outcome.FAILED
    ]


def _note(spec: ModelSpec, alert: Alert, outcome: Outcome, note: str, gateways: Gateways) -> None:
    event = Event(alert.id, alert.what, alert.champion, frozenset(alert.causes), alert.at)
    record_outcome(spec, alert.route, event, alert.reason, outcome, note, gateways)
