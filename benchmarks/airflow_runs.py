"""Runs of a DAG in a real Airflow, and where their time went: from the REST API's timestamps and the tasks' own logs."""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import psutil

from evenkeel.vocabulary.errors import ServiceError

if TYPE_CHECKING:
    from evenkeel.local.journey import Journey
    from evenkeel.local.rest import AirflowClient

PHASES = {
    "seen": "the task before ended, until this one is scheduled",
    "queued": "scheduled, until it is in the executor's queue",
    "taken": "in the queue, until a worker starts it",
    "forked": "started, until its process runs",
    "parsed": "the DAG file parsed and the context made",
    "step": "the step itself, in a fresh process",
    "ended": "the step's end, until Airflow has the result and the state",
}


@dataclass(frozen=True)
class Measured:
    """One run: seconds by the client's clock, seconds from its start to its end, and of each task of its chain by phase."""

    client: float
    wall: float
    chain: dict[str, dict[str, float]]


@dataclass(frozen=True)
class Backfilled:
    """A backfill: seconds until its last run ended, partitions, tasks, and processor seconds by service."""

    wall: float
    partitions: int
    tasks: int
    processor: dict[str, float]
    phases: dict[str, float]


def measure_run(client: AirflowClient, dag_id: str, **trigger: Any) -> Measured:
    """Trigger a run and wait for it. Raises ServiceError where it fails."""
    asked = datetime.now(UTC)
    run_id = client.trigger(dag_id, **trigger)["dag_run_id"]
    run = client.wait_for_run(dag_id, run_id)
    answered = datetime.now(UTC)
    if run["state"] != "success":
        raise ServiceError(f"{dag_id} run {run_id} ended as {run['state']}")
    start, end = _instant(run["start_date"]), _instant(run["end_date"])
    chain = _chain(client, dag_id, run_id, start)
    return Measured(_seconds(asked, answered), _seconds(start, end), chain)


def measure_backfill(journey: Journey, stack: int, first: date, partitions: int) -> Backfilled:
    """Score that many days from `first` as one backfill; `stack` is the process id of the local stack."""
    before, asked = processor_seconds(stack), datetime.now(UTC)
    journey.score(first, first + timedelta(days=partitions - 1))
    after, dag_id = processor_seconds(stack), journey.dag("score")
    runs = list(journey.client.runs(dag_id, run_type="backfill"))
    tasks = 0
    phases: dict[str, float] = defaultdict(float)
    for run in runs:
        for phase in _chain(journey.client, dag_id, run["dag_run_id"], _instant(run["start_date"])).values():
            tasks += 1
            for name, seconds in phase.items():
                phases[name] += seconds
    return Backfilled(
        wall=_seconds(asked, max(_instant(run["end_date"]) for run in runs)),
        partitions=len(runs),
        tasks=tasks,
        processor={name: after[name] - before.get(name, 0.0) for name in after},
        phases={name: seconds / tasks for name, seconds in phases.items()},
    )


def processor_seconds(pid: int) -> dict[str, float]:
    """Processor seconds so far of everything below a stack, by service; `tasks` are the ended task processes."""
    stack = psutil.Process(pid)
    found: dict[str, float] = defaultdict(float)
    for process in [stack, *stack.children(recursive=True)]:
        try:
            command, times = " ".join(process.cmdline()), process.cpu_times()
        except psutil.Error:  # a task that ended while we looked
            continue
        service = _service(command)
        found[service] += times.user + times.system
        found["tasks" if service == "workers" else service] += times.children_user + times.children_system
    return dict(found)


def _service(command: str) -> str:
    marks = {
        "LocalExecutor": "workers",
        "task supervisor": "tasks",
        "airflow scheduler": "scheduler",
        "api_server": "API server",
        "api-server": "API server",
        "mlflow": "MLflow",
        "uvicorn": "MLflow",
    }
    return next((service for mark, service in marks.items() if mark in command), "others")


def _chain(client: AirflowClient, dag_id: str, run_id: str, start: datetime) -> dict[str, dict[str, float]]:
    """The tasks one after the other, by phase; of mapped tasks the one that ended last. Skipped ones are not in it."""
    last: dict[str, dict[str, Any]] = {}
    for task in sorted(client.task_instances(dag_id, run_id), key=lambda one: one["end_date"] or ""):
        if task["state"] == "success":
            last[task["task_id"]] = task
    before, chain = start, {}
    for name, task in last.items():
        marks = [before, *(_instant(task[key]) for key in ("scheduled_when", "queued_when", "start_date"))]
        before = _instant(task["end_date"])
        marks += [*_inside(client, dag_id, run_id, task), before]
        chain[name] = dict(zip(PHASES, map(_seconds, marks, marks[1:]), strict=True))
    return chain


def _inside(client: AirflowClient, dag_id: str, run_id: str, task: dict[str, Any]) -> list[datetime]:
    """When the task's process came alive, when its step began and when it ended, from its log's groups."""
    place = f"dags/{dag_id}/dagRuns/{quote(run_id)}/taskInstances/{task['task_id']}/logs/{task['try_number']}"
    lines = json.loads(client.page(f"/api/v2/{place}?map_index={task['map_index']}"))["content"]
    groups = [(line["event"], _instant(line["timestamp"])) for line in lines if line.get("timestamp")]
    alive = next(when for event, when in groups if event == "::group::Pre Execute")
    begun = next(when for event, when in groups if event == "::endgroup::" and when >= alive)
    done = next(when for event, when in groups if event == "::group::Post Execute")
    return [alive, begun, done]


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _seconds(first: datetime, last: datetime) -> float:
    return (last - first).total_seconds()
