"""`evenkeel approvals` and `evenkeel approve`: the challengers that wait for a person in Airflow, and an answer by command."""

from __future__ import annotations

import contextlib
import json
import os
import sys
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from evenkeel.cli.console import out
from evenkeel.vocabulary.approval import APPROVE, KEEP, TASK
from evenkeel.vocabulary.errors import EvenkeelError, TransientError
from evenkeel.vocabulary.settings import read_settings
from evenkeel.vocabulary.spec_file import find_spec, load_specs

if TYPE_CHECKING:
    from collections.abc import Iterator

    from evenkeel.local.rest import AirflowClient

_PASSWORD = "AIRFLOW_PASSWORD"  # noqa: S105 - the name of a variable

Airflow = Annotated[
    str | None, typer.Option("--airflow", help="Address of Airflow. Default: that of `evenkeel up` in this project.")
]
User = Annotated[str, typer.Option("--user", help=f"Who answers; {_PASSWORD} holds the password, or it is asked for.")]


@dataclass(frozen=True)
class Waiting:
    """A challenger that passed its gate and waits for a person."""

    model: str
    version: int
    outcome: str
    reason: str
    since: str
    run: str


def approvals(
    airflow: Airflow = None,
    user: User = "admin",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for programs.")] = False,
) -> None:
    """Show the challengers that passed their gate and wait for a person's approval."""
    specs, _ = load_specs(read_settings().models)
    models = {f"{spec.model}_train": spec.model for spec in specs}
    with _connected(airflow, user) as client:
        asked = [one for one in client.questions() if one["task_instance"]["dag_id"] in models]
        found = [_waiting(models[one["task_instance"]["dag_id"]], one, client) for one in asked if _is_approval(one)]
    if as_json:
        sys.stdout.write(json.dumps([asdict(one) for one in found], indent=2) + "\n")
    elif found:
        out.print(_table(found))
    else:
        out.print("nothing waits for an approval")


def approve(
    model: Annotated[str, typer.Argument(help="Name of the model, as in config/models/NAME.yaml.")],
    version: Annotated[int | None, typer.Option("--version", help="Which one, where several wait.")] = None,
    reject: Annotated[bool, typer.Option("--reject", help="Keep the champion instead.")] = False,
    reason: Annotated[str, typer.Option(help="Why, for the ledger.")] = "",
    airflow: Airflow = None,
    user: User = "admin",
) -> None:
    """Approve the challenger that waits for it, or reject it; Airflow then goes on with its training."""
    spec = find_spec(read_settings().models, model)
    with _connected(airflow, user) as client:
        asked = [one for one in client.questions(f"{spec.model}_train") if _is_approval(one)]
        found = [(_waiting(spec.model, one, client), one) for one in asked]
        chosen = [(one, question) for one, question in found if version in (None, one.version)]
        if len(chosen) != 1:
            there = ", ".join(str(one.version) for one, _ in found) or "none"
            which = "" if version is None else f" version {version}"
            way_out = "name one with --version" if chosen else "see `evenkeel approvals`"
            raise EvenkeelError(
                f"{model}: {len(chosen)} challengers{which} wait for an approval, not one (waiting: {there}); {way_out}"
            )
        one, question = chosen[0]
        answered = client.answer(question, KEEP if reject else APPROVE, {"reason": reason or None})
    said = "rejected" if reject else "approved"
    out.print(
        f"{model} version {one.version}: {said} by {answered['responded_by']['name']}; see `evenkeel history {model}`"
    )


def _is_approval(question: dict[str, Any]) -> bool:
    return bool(question["task_instance"]["task_id"] == TASK)


def _waiting(model: str, question: dict[str, Any], client: AirflowClient) -> Waiting:
    task = question["task_instance"]
    dag_id, run_id = task["dag_id"], task["dag_run_id"]
    verdict = client.xcom(dag_id, run_id, "gate", key="verdict")
    version = client.xcom(dag_id, run_id, "register")["version"]
    return Waiting(model, version, verdict["outcome"], verdict["reason"], question["created_at"], run_id)


def _table(found: list[Waiting]) -> Table:
    table = Table(title="waiting for an approval", title_justify="left", show_lines=True)
    for column in ("model", "version", "verdict", "reason", "since", "run"):
        table.add_column(column, overflow="fold")
    for one in found:
        table.add_row(one.model, str(one.version), one.outcome, Text(one.reason), one.since[:19] + "Z", Text(one.run))
    return table


@contextlib.contextmanager
def _connected(address: str | None, user: str) -> Iterator[AirflowClient]:
    """A client of the Airflow at an address, or of the stack that runs in this project's home."""
    from evenkeel.local.home_lock import read_holder
    from evenkeel.local.rest import AirflowClient

    home = read_settings().home
    password = os.environ.get(_PASSWORD)
    if address is None:
        port = read_holder(home).get("airflow_port")
        if port is None:
            raise EvenkeelError(
                f"no Airflow of this project: start it with `evenkeel up`, or pass --airflow; looked in {home}"
            )
        address = f"http://127.0.0.1:{port}"
        password = password or _own_password(user)
    if password is None:
        password = typer.prompt(f"password of {user} at {address}", hide_input=True, err=True)
    with AirflowClient(address, user, password) as client:
        try:
            yield client
        except TransientError as error:
            raise TransientError(f"{error}; is it up? Start it with `evenkeel up`, or pass --airflow") from error


def _own_password(user: str) -> str | None:
    from evenkeel.local.credentials import ensure_credentials

    return ensure_credentials(read_settings().home).passwords.get(user)
