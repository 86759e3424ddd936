"""`evenkeel replay`: a period walked again under several policies, and the report that compares them."""

from __future__ import annotations

import json
import os
import sys
import time
from dataclasses import asdict
from pathlib import Path  # noqa: TC003 - typer reads the annotation
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.progress import BarColumn, Progress, TaskID, TextColumn
from rich.table import Table

from evenkeel.cli.console import err, out
from evenkeel.vocabulary.settings import read_settings
from evenkeel.vocabulary.spec_file import find_spec

if TYPE_CHECKING:
    from collections.abc import Sequence

    from evenkeel.vocabulary.estimate import Estimate
    from evenkeel.vocabulary.replay import ReplayAccount
    from evenkeel.workflows.replay import Progress as Reached

_EVERY_SECONDS = 10
"""How often a log, which is no terminal, is told how far the walks are."""

Changes = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="PATH=VALUE", help="Change the spec, such as drift.alpha=0.01. Repeatable."),
]
Named = Annotated[
    list[str] | None,
    typer.Option(
        "--policy",
        metavar="'NAME: PATH=VALUE, ...'",
        help="Compare with the spec changed so, such as 'patient: retraining.needed=4, retraining.cooldown=28d'. Repeatable.",
    ),
]
Every = Annotated[
    list[int] | None,
    typer.Option(
        min=1,
        help="Days between the trainings of a policy that retrains by the calendar; by default 14. Repeatable.",
        show_default=False,
    ),
]


def replay(
    model: Annotated[str, typer.Argument(help="Name of the model, as in config/models/NAME.yaml.")],
    first: Annotated[str, typer.Option("--from", metavar="DAY", help="First day, such as 2013-03-01.")],
    last: Annotated[str, typer.Option("--to", metavar="DAY", help="Last day.")],
    changes: Changes = None,
    named: Named = None,
    every: Every = None,
    jobs: Annotated[
        int | None, typer.Option(min=1, help="Policies walked at a time; by default one a core.", show_default=False)
    ] = None,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Start over; otherwise a replay goes on where it stopped.")
    ] = False,
    report: Annotated[Path | None, typer.Option("--out", help="Where to write the report.", show_default=False)] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for programs.")] = False,
) -> None:
    """Walk a period as it would have happened (score, check, retrain, promote) under several policies, and compare them.

    Every policy has a lake and an MLflow of its own under the home; the real ones are not touched.
    """
    from evenkeel.workflows.replay import Replay, run_replay, write_report
    from evenkeel.workflows.replay_policy import AS_IF_APPROVED, policies_of
    from evenkeel.workflows.replay_timeline import Span

    settings = read_settings()
    spec = find_spec(settings.models, model)
    span = Span.parse(spec, first, last)
    policies = policies_of(spec, changes=changes or (), named=named or (), every=every or (14,))
    notes = [AS_IF_APPROVED] if spec.promotion.mode == "approval" else []
    plan = Replay(policies, span, settings)
    with _Watch(as_json) as watch:
        account = run_replay(plan, jobs=jobs or _jobs(len(policies)), fresh=fresh, notes=notes, watch=watch)
    written = write_report(account, report or plan.folder / "report.html")
    if as_json:
        sys.stdout.write(json.dumps(_summary(account, written), indent=2) + "\n")
        return
    out.print(_table(account))
    for note in account.notes:
        out.print(note, soft_wrap=True, markup=False)
    out.print(f"report: {written}", soft_wrap=True, markup=False)


class _Watch:
    """Shows how far each policy is: bars on a terminal, a line now and then in a log; on stderr where stdout is for programs."""

    def __init__(self, as_json: bool) -> None:
        self._console = err if as_json else out
        self._bars = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.completed}/{task.total} events  {task.fields[day]}  decisions: {task.fields[decisions]}"),
            console=self._console,
            disable=not self._console.is_terminal,
        )
        self._tasks: dict[str, TaskID] = {}
        self._told = time.monotonic()

    def __enter__(self) -> _Watch:
        self._bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bars.stop()

    def __call__(self, reached: Sequence[Reached]) -> None:
        """The policies are so far."""
        for one in reached:
            facts: dict[str, Any] = {"day": one.day, "decisions": one.decisions}
            if one.name not in self._tasks:
                self._tasks[one.name] = self._bars.add_task(one.name, total=one.total, **facts)
            self._bars.update(self._tasks[one.name], completed=one.done, **facts)
        if not self._console.is_terminal and time.monotonic() - self._told >= _EVERY_SECONDS:
            self._told = time.monotonic()
            said = (f"{one.name}: {one.day or 'building features'}, decisions: {one.decisions}" for one in reached)
            self._console.print("; ".join(said), soft_wrap=True, markup=False)


def _jobs(policies: int) -> int:
    return max(1, min(policies, len(os.sched_getaffinity(0))))


def _table(account: ReplayAccount) -> Table:
    """A column a policy: their names are few and their numbers many."""
    metric = account.measures[0]
    table = Table(title=f"{account.model}, {account.first} to {account.last}", title_justify="left")
    table.add_column("95 % intervals below")
    for one in account.policies:
        table.add_column(one.name, justify="right")
    for name in account.measures:
        table.add_row(name, *(_shown(one.means[name]) for one in account.policies))
    first, *others = account.policies
    if others:
        compared = (_shown(one.differences[metric], "+") for one in others)
        table.add_row(f"{metric} against {first.name}", "", *compared)
    for count in first.counts:
        table.add_row(count.replace("_", " "), *(f"{one.counts[count]:,}" for one in account.policies))
    return table


def _shown(estimate: Estimate | None, sign: str = "") -> str:
    if estimate is None:
        return "-"
    return f"{estimate.value:{sign}.4f}\n{estimate.low:{sign}.4f} to {estimate.high:{sign}.4f}"


def _summary(account: ReplayAccount, report: Path) -> dict[str, Any]:
    """The account for programs; day by day it is in the report and in the lake."""
    content = asdict(account)
    for policy in content["policies"]:
        policy.pop("days")
    return content | {"report": str(report)}
