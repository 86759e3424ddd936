"""Sending alerts by the notifiers of Airflow's providers: e-mail, a Slack webhook, any HTTP address.

Where to and with which secret stands in Airflow's connections; nothing of it is put into a message, an error or a log of ours.
"""

from __future__ import annotations

import html
from dataclasses import asdict
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from airflow.sdk import conf as airflow_conf

from evenkeel.gateways.mlflow_address import MlflowAddress
from evenkeel.vocabulary.errors import EvenkeelError, TransientError

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow.sdk import BaseNotifier, Context

    from evenkeel.vocabulary.settings import Settings
    from evenkeel.vocabulary.spec_monitoring import AlertRoute
    from evenkeel.workflows.alerts import Alert

_SECONDS = 30
"""How long a receiver may take to answer."""


def sender(context: Context, settings: Settings) -> Callable[[AlertRoute, Alert], None]:
    """What sends an alert by a route. It raises TransientError where the receiver cannot be reached or does not take it, and
    EvenkeelError where Airflow has no such connection.
    """

    def send(route: AlertRoute, alert: Alert) -> None:
        secret_parts(route.connection)
        notifier = _notifier(route, alert, links(alert, settings))
        try:
            # Called directly: called as a whole it would read the message as a template, and a message holds names from the data.
            notifier.notify(context)
        except Exception as error:
            # Whatever a provider raises may hold an address with its token: its kind is told, and nothing of it is chained.
            raise TransientError(
                f"route {route.name} ({route.kind}): connection {route.connection!r} did not take the alert: "
                f"{type(error).__name__}; try the connection out, under Admin, Connections"
            ) from None

    return send


def subject(alert: Alert) -> str:
    """One line: which model, what, which champion, which day."""
    champion = "" if alert.champion is None else f", champion {alert.champion}"
    return f"[evenkeel] {alert.model}: {alert.what.replace('_', ' ')} ({alert.day}{champion})"


def facts(alert: Alert) -> dict[str, str]:
    """What there is to say, a line each; what is empty is left out."""
    told = {
        "day": alert.day if alert.since == alert.day else f"{alert.day}, since {alert.since}",
        "champion": "" if alert.champion is None else f"version {alert.champion}",
        "cause": ", ".join(alert.causes) if alert.what == "drift" else "",
        "in words": alert.reason,
        "numbers": ", ".join(f"{name} {_figure(value)}" for name, value in alert.numbers.items()),
        "account": alert.account,
        "alert": alert.id,
    }
    return {name: value for name, value in told.items() if value}


def links(alert: Alert, settings: Settings) -> dict[str, str]:
    """Where to look further: the check's report, the run in Airflow, the version in MLflow, the model's health and ledger."""
    base = str(airflow_conf.get("api", "base_url", fallback="")).rstrip("/")
    dag, _, run = alert.run.partition("/")
    version = MlflowAddress(settings.tracking_uri).version_page(alert.model, alert.champion or 0)
    found = {
        "report": f"{base}/evenkeel/pages/{quote(alert.page)}" if alert.page else "",
        "run": f"{base}/dags/{dag}/runs/{quote(run, safe='')}" if dag.startswith(f"{alert.model}_") else "",
        "version": MlflowAddress(version).shown if version and alert.champion is not None else "",
        "ledger": f"{base}/evenkeel/health#{alert.model}",
    }
    return {name: address for name, address in found.items() if address}


def secret_parts(connection: str) -> None:
    """Have Airflow hide in its logs what of a connection's address is secret where a webhook's token is part of it.

    Raises EvenkeelError where there is no such connection.
    """
    from airflow.sdk import BaseHook
    from airflow.sdk.exceptions import AirflowException
    from airflow.sdk.log import mask_secret

    try:
        known = BaseHook.get_connection(connection)
    except AirflowException as error:
        raise EvenkeelError(
            f"connection {connection!r} is not defined in Airflow: add it under Admin, Connections"
        ) from error
    path = urlsplit(known.host or "").path if "://" in (known.host or "") else ""
    for part in (known.password, path):
        if part and part != "/":
            mask_secret(part)


def _notifier(route: AlertRoute, alert: Alert, pages: dict[str, str]) -> BaseNotifier:
    if route.kind == "email":
        from airflow.providers.smtp.notifications.smtp import SmtpNotifier

        return SmtpNotifier(
            to=list(route.to),
            subject=subject(alert),
            html_content=_as_html(alert, pages),
            smtp_conn_id=route.connection,
        )
    if route.kind == "slack":
        from airflow.providers.slack.notifications.slack_webhook import SlackWebhookNotifier

        return SlackWebhookNotifier(
            text=_as_slack(alert, pages), slack_webhook_conn_id=route.connection, unfurl_links=False, timeout=_SECONDS
        )
    from airflow.providers.http.notifications.http import HttpNotifier

    return HttpNotifier(http_conn_id=route.connection, json=_as_json(alert, pages), extra_options={"timeout": _SECONDS})


def _as_html(alert: Alert, pages: dict[str, str]) -> str:
    rows = "".join(f"<dt>{html.escape(name)}</dt><dd>{html.escape(told)}</dd>" for name, told in facts(alert).items())
    anchors = "".join(f'<li><a href="{html.escape(page)}">{name}</a></li>' for name, page in pages.items())
    return f"<h3>{html.escape(subject(alert))}</h3><dl>{rows}</dl><ul>{anchors}</ul>{html.escape(_history(alert))}"


def _as_slack(alert: Alert, pages: dict[str, str]) -> str:
    lines = [f"*{subject(alert)}*", *(f"{name}: {told}" for name, told in facts(alert).items()), _history(alert)]
    escaped = [html.escape(line, quote=False) for line in lines]  # &, < and > are all that Slack gives a meaning
    return "\n".join([*escaped, " · ".join(f"<{page}|{name}>" for name, page in pages.items())])


def _as_json(alert: Alert, pages: dict[str, str]) -> dict[str, Any]:
    said = {name: value for name, value in asdict(alert).items() if name not in {"page", "silence"}}
    plain = {"at": alert.at.isoformat(), "causes": list(alert.causes), "numbers": dict(alert.numbers)}
    return {**said, **plain, "subject": subject(alert), "links": pages, "history": _history(alert)}


def _history(alert: Alert) -> str:
    return f"evenkeel history {alert.model}; evenkeel alerts {alert.model}"


def _figure(value: float | None) -> str:
    return "none" if value is None else f"{value:.6g}"
