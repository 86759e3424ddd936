"""`evenkeel alerts`: what people were told about a model, what the spec silences, and what is due."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table
from rich.text import Text

from evenkeel.cli.console import out
from evenkeel.cli.doors import open_gateways
from evenkeel.vocabulary.partition import parse_instant
from evenkeel.vocabulary.settings import read_settings
from evenkeel.vocabulary.spec_file import find_spec

if TYPE_CHECKING:
    from collections.abc import Sequence

    from evenkeel.workflows.alert_record import Told
    from evenkeel.workflows.alerts import Alert


def alerts(
    model: Annotated[str, typer.Argument(help="Name of the model, as in config/models/NAME.yaml.")],
    as_of: Annotated[
        str | None, typer.Option(help="Instant at which something is due. Default: that of the last check or decision.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for programs.")] = False,
) -> None:
    """Show the alerts of a model that were sent, silenced or could not be sent, and those that are due; Airflow sends them."""
    from evenkeel.workflows.alert_record import told_alerts
    from evenkeel.workflows.alerts import due_alerts
    from evenkeel.workflows.happenings import last_instant

    spec, gateways = find_spec(read_settings().models, model), open_gateways()
    told = told_alerts(spec, gateways)
    at = parse_instant(as_of, spec.timezone) if as_of else last_instant(spec, gateways)
    due = [] if at is None else due_alerts(spec, at, gateways)
    if as_json:
        found = {"told": [asdict(one) for one in told], "due": [asdict(one) for one in due]}
        sys.stdout.write(json.dumps(found, indent=2, default=str) + "\n")
        return
    if not spec.alerts.routes:
        out.print(f"{model}: nobody is told, the spec has no `alerts.routes`")
    if told or due:
        out.print(_table(model, told, due))
    elif spec.alerts.routes:
        out.print(f"{model}: nothing was told, and nothing is due")
    if any(not one.silence for one in due):
        out.print("What is due is sent by the next run of a DAG of the model: without Airflow nothing is sent.")


def _table(model: str, told: Sequence[Told], due: Sequence[Alert]) -> Table:
    table = Table(title=f"alerts of {model}", title_justify="left", show_lines=True)
    for column in ("about", "what", "champion", "route", "outcome", "reason", "written"):
        table.add_column(column, overflow="fold")
    for one in told:
        said = "\n".join(filter(None, (one.reason, one.note)))
        _add(table, f"{one.at:%Y-%m-%d %H:%M}Z", one, str(one.outcome), said, f"{one.recorded_at:%Y-%m-%d %H:%M:%S}Z")
    for alert in due:
        said = "\n".join(filter(None, (alert.reason, alert.silence)))
        _add(table, f"{alert.at:%Y-%m-%d %H:%M}Z", alert, "to be silenced" if alert.silence else "due", said, "")
    return table


def _add(table: Table, about: str, one: Told | Alert, outcome: str, said: str, written: str) -> None:
    champion = "" if one.champion is None else str(one.champion)
    table.add_row(about, one.what, champion, one.route, outcome, Text(said), written)
