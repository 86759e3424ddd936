"""A model's first months through Airflow's REST API, as a client program takes them: train, score, check, until a confirmed
drift has retrained and replaced the champion.

Every step is a run or a backfill with a name of its own, so a journey that was interrupted goes on where it stopped.
"""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from evenkeel.local.rest import FINISHED, AirflowClient, RequestRefusedError
from evenkeel.vocabulary.errors import ServiceError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PIPELINES = ("train", "score", "drift_check", "retrain", "promote")
_CONFLICT = 409
_RUN_TIMEOUT = 1800.0


@dataclass
class Step:
    """What one kind of step came to, over the whole journey."""

    name: str
    runs: int = 0
    failed: int = 0
    rows: int = 0
    seconds: float = 0.0
    verdicts: dict[str, int] = field(default_factory=dict)
    versions: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Promotion:
    """A promotion that a drift or decay signal launched by itself."""

    as_of: str
    version: int
    reason: str
    signal: str


class Journey:
    """Drives one model's DAGs.

    Args:
        client: a client of the Airflow that has the project's DAGs.
        model: name of the model.
        timezone: the model's time zone.
        say: hears what happens.
    """

    def __init__(self, client: AirflowClient, model: str, timezone: str, say: Callable[[str], None]) -> None:
        self.client = client
        self.model = model
        self.say = say
        self._zone = ZoneInfo(timezone)

    def dag(self, pipeline: str) -> str:
        """The id of one of the model's DAGs."""
        return f"{self.model}_{pipeline}"

    def begin(self) -> None:
        """Wait for the model's DAGs and let them run."""
        self.client.wait_for_dags(self.dag(pipeline) for pipeline in PIPELINES)
        for pipeline in PIPELINES:
            self.client.unpause(self.dag(pipeline))

    def train(self, as_of: date) -> None:
        """Train as of a date. Raises ServiceError where the training fails."""
        self._run(self.dag("train"), f"journey__{as_of}", {"as_of": as_of.isoformat()})

    def live(self, first: date, last: date, *, trainings: bool = False) -> None:
        """Live through the days first..last as they would have happened: score, check, answer signals.

        The backfills are started together, checks before scores, and in no order that matters: each run waits for what its
        as-of needs. `trainings` adds the scheduled ones. Raises ServiceError where a run fails.
        """
        pipelines = ["drift_check", "score", *(["train"] if trainings else [])]
        started = [(pipeline, self.start_backfill(pipeline, first, last)) for pipeline in pipelines]
        for pipeline, number in started:
            self.wait_for_backfill(pipeline, number, first, last)
        self.wait_for_answers()

    def score(self, first: date, last: date) -> None:
        """Score the days first..last with the champions that are on record, waiting for no check. Raises as `live`."""
        number = self.start_backfill("score", first, last, {"wait": False})
        self.wait_for_backfill("score", number, first, last)

    def promotions(self) -> list[Promotion]:
        """The promotions that signals have launched so far, oldest first."""
        found = []
        for run in self.client.runs(self.dag("retrain"), state="success"):
            answer = self._value(self.dag("retrain"), run["dag_run_id"], "report")
            if answer and answer["result"] == "promoted":
                verdict = self._value(self.dag("retrain"), run["dag_run_id"], "decide", key="verdict")
                found.append(Promotion(answer["training"][:8], answer["version"], answer["reason"], verdict["reason"]))
        return sorted(found, key=lambda one: one.as_of)

    def account(self) -> list[Step]:
        """What each pipeline came to: runs, rows, verdicts, versions and seconds, from its runs' own results."""
        return [self._account(pipeline) for pipeline in PIPELINES if pipeline != "promote"]

    def _run(self, dag_id: str, run_id: str, conf: dict[str, Any]) -> None:
        with _unless_conflict():
            self.client.trigger(dag_id, conf, run_id=run_id)
        run = self.client.wait_for_run(dag_id, run_id, timeout=_RUN_TIMEOUT)
        if run["state"] != "success":
            raise ServiceError(self._failure(dag_id, run_id))

    def start_backfill(self, pipeline: str, first: date, last: date, conf: dict[str, Any] | None = None) -> int:
        """Start a backfill of a pipeline's days first..last; returns its id."""
        start, end = (datetime(day.year, day.month, day.day, tzinfo=self._zone) for day in (first, last))
        # A backfill picks the runs by their own instant, which may lie hours or a day after the partition's start.
        end += timedelta(hours=23, minutes=59)
        deadline = time.monotonic() + _RUN_TIMEOUT
        while True:
            try:
                return self.client.backfill(
                    self.dag(pipeline), start, end, max_active_runs=4, reprocess="failed", conf=conf
                )
            except RequestRefusedError as error:
                # Airflow notices the end of the DAG's last backfill only every 30 s, and refuses another until then.
                if error.status != _CONFLICT or time.monotonic() > deadline:
                    raise
                time.sleep(1)

    def wait_for_backfill(self, pipeline: str, number: int, first: date, last: date) -> None:
        """Wait until all runs of a backfill are finished. Raises ServiceError where one failed."""
        dag_id = self.dag(pipeline)
        counts = self.client.wait_for_backfill(
            number,
            timeout=_RUN_TIMEOUT,
            on_progress=lambda now: self.say(
                f"{dag_id} {first} to {last}: {now.get('success', 0)} of {sum(now.values())} done"
            ),
        )
        if counts.get("failed"):
            failed = [run["dag_run_id"] for run in self.client.runs(dag_id, state="failed")]
            raise ServiceError("; ".join(self._failure(dag_id, run_id) for run_id in failed[:3]))

    def wait_for_answers(self) -> None:
        """Wait until every signal that was sent has been answered. Raises ServiceError where an answer failed."""
        dag_id = self.dag("retrain")
        deadline = time.monotonic() + _RUN_TIMEOUT
        told = ""
        while True:
            # A signal wakes `retrain` through the scheduler, a moment after the check that sent it has ended.
            signals = self.client.count_tasks(self.dag("drift_check"), "signal", state="success")
            states = [run["state"] for run in self.client.runs(dag_id)]
            waiting = [one for one in states if one not in FINISHED]
            if not waiting and len(states) >= signals:
                break
            now = f"{dag_id}: {len(states) - len(waiting)} of {signals} signals answered"
            if now != told:
                self.say(now)
            told = now
            if time.monotonic() > deadline:
                raise ServiceError(f"{dag_id}: {len(waiting)} runs are still under way after {_RUN_TIMEOUT:.0f} s")
            time.sleep(1)
        failed = [run["dag_run_id"] for run in self.client.runs(dag_id, state="failed")]
        if failed:
            raise ServiceError("; ".join(self._failure(dag_id, run_id) for run_id in failed[:3]))

    def _failure(self, dag_id: str, run_id: str) -> str:
        tasks = [one["task_id"] for one in self.client.task_instances(dag_id, run_id) if one["state"] == "failed"]
        return f"{dag_id} run {run_id} failed in task {', '.join(tasks) or 'unknown'}; its log is in the Airflow UI"

    def _value(self, dag_id: str, run_id: str, task_id: str, key: str = "return_value") -> Any:
        try:
            return self.client.xcom(dag_id, run_id, task_id, key=key)
        except RequestRefusedError as error:
            if error.status == 404:  # a task that was skipped hands nothing on
                return None
            raise

    def _account(self, pipeline: str) -> Step:
        dag_id = self.dag(pipeline)
        step = Step(pipeline)
        for run in self.client.runs(dag_id):
            step.runs += 1
            step.failed += run["state"] == "failed"
            if run["start_date"] and run["end_date"]:
                step.seconds += _seconds(run["start_date"], run["end_date"])
            if run["state"] == "success":
                self._add(step, pipeline, dag_id, run["dag_run_id"])
        return step

    def _add(self, step: Step, pipeline: str, dag_id: str, run_id: str) -> None:
        if pipeline == "train":
            verdict = self._value(dag_id, run_id, "gate", key="verdict")
            step.rows += self._value(dag_id, run_id, "extract")["rows"]
            step.versions.append(f"v{self._value(dag_id, run_id, 'register')['version']} {verdict['outcome']}")
            _count(step, verdict["outcome"])
        elif pipeline == "score":
            published = self._value(dag_id, run_id, "publish")
            step.rows += published["rows"]
            _count(step, f"by v{published['champion']}")
        elif pipeline == "drift_check":
            recorded = self._value(dag_id, run_id, "record", key="recorded")
            _count(step, "signal" if recorded["signal"] else recorded["drift"].replace("_", " "))
        else:
            verdict = self._value(dag_id, run_id, "decide", key="verdict")
            _count(step, "retrained" if verdict["outcome"] == "pass" else "declined")


def _count(step: Step, verdict: str) -> None:
    step.verdicts[verdict] = step.verdicts.get(verdict, 0) + 1


def _seconds(start: str, end: str) -> float:
    return (datetime.fromisoformat(end) - datetime.fromisoformat(start)).total_seconds()


@contextlib.contextmanager
def _unless_conflict() -> Iterator[None]:
    """A run of that name is there already: an interrupted journey goes on with it."""
    try:
        yield
    except RequestRefusedError as error:
        if error.status != _CONFLICT:
            raise
