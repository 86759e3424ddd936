"""A small client of Airflow's REST API (v2), as a program outside of Airflow would write it."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal

import httpx

from evenkeel.vocabulary.errors import ServiceError, TransientError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

Json = dict[str, Any]

FINISHED = frozenset({"success", "failed"})
_PAGE = 100
_NOTICED = 3.0
"""Seconds within which the scheduler has noticed that a task waits for a person."""


class RequestRefusedError(ServiceError):
    """Airflow answered a request with an error; the message holds the request, the status and Airflow's reason."""

    def __init__(self, method: str, path: str, status: int, detail: str) -> None:
        self.status = status
        self.detail = detail
        super().__init__(f"{method} {path} was answered with {status}: {detail}")


class AirflowClient:
    """Triggers, backfills and watches DAGs. Use it as a context manager, or call `close`.

    Every method raises RequestRefusedError for an answer of 400 and above, TransientError when Airflow does not answer.
    """

    def __init__(self, base_url: str, username: str, password: str, *, timeout: float = 30.0) -> None:
        """`base_url` is the address of the UI, without `/api/v2`; `timeout` is seconds for one request."""
        self._credentials = {"username": username, "password": password}
        self._http = httpx.Client(base_url=base_url, timeout=timeout)

    def __enter__(self) -> AirflowClient:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def health(self) -> Json:
        """Status per component: metadatabase, scheduler, triggerer, dag_processor."""
        return self._call("GET", "/monitor/health")

    def dags(self) -> Iterator[Json]:
        """All DAGs that this user may see, paused ones too."""
        return self._pages("/dags", "dags", {})

    def wait_for_dags(self, ids: Iterable[str], *, timeout: float = 120.0) -> None:
        """Wait until all these DAGs are parsed. Raises ServiceError naming the missing ones and the import errors."""
        wanted = set(ids)

        def missing() -> set[str]:
            return wanted - {dag["dag_id"] for dag in self.dags() if not dag.get("is_stale")}

        for left in _polled(missing, timeout):
            if not left:
                return
        errors = self._call("GET", "/importErrors")["import_errors"]
        reasons = "".join(f"\n{error['filename']}: {error['stack_trace'].strip()}" for error in errors)
        raise ServiceError(f"these DAGs are not there after {timeout:.0f} s: {', '.join(sorted(missing()))}{reasons}")

    def unpause(self, dag_id: str) -> None:
        """Let the scheduler run the DAG's runs. Runs of a paused DAG stay queued, those of a backfill as well."""
        self._call("PATCH", f"/dags/{dag_id}", json={"is_paused": False})

    def trigger(
        self,
        dag_id: str,
        conf: Json | None = None,
        *,
        partition_key: str | None = None,
        run_id: str | None = None,
        note: str | None = None,
    ) -> Json:
        """Start a run and return it (`dag_run_id`, `state`, ...).

        `conf` is checked against the DAG's params (422 would be a malformed request, 400 names the param).
        A DAG with a partitioned schedule has a `partition_key` in its runs only where one is given here.
        """
        body: Json = {"logical_date": None, "conf": conf or {}, "note": note}
        body |= {"partition_key": partition_key} if partition_key is not None else {}
        body |= {"dag_run_id": run_id} if run_id is not None else {}
        return self._call("POST", f"/dags/{dag_id}/dagRuns", json=body)

    def run(self, dag_id: str, run_id: str) -> Json:
        """One run."""
        return self._call("GET", f"/dags/{dag_id}/dagRuns/{run_id}")

    def runs(self, dag_id: str, **filters: Any) -> Iterator[Json]:
        """The DAG's runs, newest first; `filters` are the API's query parameters, such as `state="failed"`."""
        return self._pages(f"/dags/{dag_id}/dagRuns", "dag_runs", {"order_by": "-run_after", **filters})

    def wait_for_run(
        self, dag_id: str, run_id: str, *, timeout: float = 600.0, on_change: Callable[[Json], None] | None = None
    ) -> Json:
        """Wait until the run is finished and return it, failed or not; `on_change` gets it at each change of state.

        Raises ServiceError naming the state it is in when the time is over.
        """
        state = None
        run: Json
        for run in _polled(lambda: self.run(dag_id, run_id), timeout):
            if run["state"] != state and on_change:
                on_change(run)
            state = run["state"]
            if state in FINISHED:
                return run
        raise ServiceError(f"run {run_id} of {dag_id} is still {state} after {timeout:.0f} s; is the DAG paused?")

    def task_instances(self, dag_id: str, run_id: str) -> list[Json]:
        """All task instances of a run, mapped ones one by one."""
        return list(self._pages(f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances", "task_instances", {}))

    def xcom(self, dag_id: str, run_id: str, task_id: str, *, key: str = "return_value", map_index: int = -1) -> Any:
        """The value a task handed on."""
        path = f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/xcomEntries/{key}"
        return self._call("GET", path, params={"map_index": map_index, "deserialize": False})["value"]

    def xcom_entries(self, dag_id: str, run_id: str) -> list[Json]:
        """What the tasks of a run handed on: `task_id`, `key` and `map_index` of each value, without the values."""
        return list(self._pages(f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances/~/xcomEntries", "xcom_entries", {}))

    def links(self, dag_id: str, run_id: str, task_id: str) -> dict[str, str | None]:
        """The buttons of a task: text to address."""
        path = f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/links"
        return dict(self._call("GET", path)["extra_links"])

    def page(self, address: str) -> str:
        """A page that one of Airflow's plugins serves, by its full address."""
        answer = self._send("GET", address)
        if answer.is_error:
            raise RequestRefusedError("GET", address, answer.status_code, answer.text[:500])
        return answer.text

    def count_tasks(self, dag_id: str, task_id: str, *, state: str) -> int:
        """In how many runs of a DAG a task is in a state."""
        query = {"task_id": task_id, "state": state, "limit": 1}
        return int(self._call("GET", f"/dags/{dag_id}/dagRuns/~/taskInstances", params=query)["total_entries"])

    def asset_events(self, dag_id: str) -> list[Json]:
        """The asset events that a DAG's tasks emitted; each has the asset's `name`, `source_task_id` and `source_run_id`."""
        return list(self._pages("/assets/events", "asset_events", {"source_dag_id": dag_id}))

    def questions(self, dag_id: str = "~") -> list[Json]:
        """What tasks (of one DAG) have asked a person and nobody has answered yet, oldest first.

        Each has its `subject`, `body`, `options`, `params`, `created_at`, and the `task_instance` that waits.
        """
        asked = {"response_received": False, "state": "awaiting_input", "order_by": "created_at"}
        return list(self._pages(f"/dags/{dag_id}/dagRuns/~/hitlDetails", "hitl_details", asked))

    def answer(self, question: Json, option: str, params: Json | None = None) -> Json:
        """Answer one of the `questions` with one of its options; returns who answered what, and when.

        A question that was asked just now is answered a moment later: Airflow 3.3 takes a task for failed that is answered before
        its scheduler has noticed that it waits, asks again, and forgets the answer.

        Raises RequestRefusedError: 403 for a user who may not, 409 where somebody has answered meanwhile.
        """
        asked = datetime.fromisoformat(question["created_at"])
        time.sleep(max(0.0, _NOTICED - max(0.0, (datetime.now(UTC) - asked).total_seconds())))
        task = question["task_instance"]
        path = "/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}/{map_index}/hitlDetails".format(**task)
        return self._call("PATCH", path, json={"chosen_options": [option], "params_input": params or {}})

    def backfill(
        self,
        dag_id: str,
        from_date: datetime,
        to_date: datetime,
        *,
        max_active_runs: int = 2,
        reprocess: Literal["none", "failed", "completed"] = "none",
        conf: Json | None = None,
    ) -> int:
        """Make the runs of all periods from `from_date` up to and including `to_date`; returns the backfill's id.

        Both are timezone-aware. `reprocess` says which existing runs are made again: none of them, those that failed,
        or all that are complete. The runs of a paused DAG are made and stay queued until it is unpaused.
        Raises RequestRefusedError (409) while another backfill of the DAG runs.
        """
        body = {
            "dag_id": dag_id,
            "from_date": from_date.isoformat(),
            "to_date": to_date.isoformat(),
            "max_active_runs": max_active_runs,
            "reprocess_behavior": reprocess,
            "dag_run_conf": conf or {},
            "run_backwards": False,
        }
        return int(self._call("POST", "/backfills", json=body)["id"])

    def wait_for_backfill(
        self, backfill_id: int, *, timeout: float = 3600.0, on_progress: Callable[[dict[str, int]], None] | None = None
    ) -> dict[str, int]:
        """Wait until all runs of a backfill are finished; returns `{state: number of runs}`.

        The backfill runs of its period are counted, for Airflow itself marks a backfill as complete only every 30 s
        (and refuses another one of the DAG until then). `on_progress` gets the counts whenever they change.
        Raises ServiceError when the time is over.
        """
        backfill = self._call("GET", f"/backfills/{backfill_id}")
        counts: dict[str, int] = {}
        for now in _polled(lambda: self._states_of(backfill), timeout):
            if now != counts and on_progress:
                on_progress(now)
            counts = now
            if counts and FINISHED.issuperset(counts):
                return counts
        raise ServiceError(
            f"backfill {backfill_id} of {backfill['dag_id']} is not done after {timeout:.0f} s: {counts}; "
            "is the DAG paused?"
        )

    def _states_of(self, backfill: Json) -> dict[str, int]:
        first, last = (datetime.fromisoformat(backfill[end]) for end in ("from_date", "to_date"))
        counts: dict[str, int] = {}
        for run in self.runs(backfill["dag_id"], run_type="backfill"):
            when = run["partition_date"] or run["logical_date"]
            if when and first <= datetime.fromisoformat(when) <= last:
                counts[run["state"]] = counts.get(run["state"], 0) + 1
        return counts

    def _pages(self, path: str, field: str, params: Json) -> Iterator[Json]:
        offset = 0
        while True:
            page = self._call("GET", path, params={"limit": _PAGE, "offset": offset, **params})
            yield from page[field]
            offset += len(page[field])
            if not page[field] or offset >= page["total_entries"]:
                return

    def _call(self, method: str, path: str, **request: Any) -> Json:
        """One request, with a fresh token where the one we have is not accepted (any more)."""
        if "Authorization" not in self._http.headers:
            self._log_in()
        answer = self._send(method, f"/api/v2{path}", **request)
        if answer.status_code == httpx.codes.UNAUTHORIZED:
            self._log_in()
            answer = self._send(method, f"/api/v2{path}", **request)
        return _body(answer)

    def _log_in(self) -> None:
        self._http.headers.pop("Authorization", None)
        token = _body(self._send("POST", "/auth/token", json=self._credentials))["access_token"]
        self._http.headers["Authorization"] = f"Bearer {token}"

    def _send(self, method: str, path: str, **request: Any) -> httpx.Response:
        try:
            return self._http.request(method, path, **request)
        except httpx.TransportError as error:
            raise TransientError(f"{method} {self._http.base_url}{path} got no answer: {error}") from error


def _body(answer: httpx.Response) -> Json:
    if answer.is_error:
        try:
            detail = answer.json().get("detail", answer.text)
        except ValueError:
            detail = answer.text
        raise RequestRefusedError(answer.request.method, answer.request.url.path, answer.status_code, str(detail))
    return dict(answer.json())


def _polled(read: Callable[[], Any], timeout: float) -> Iterator[Any]:
    """What `read` returns, again and again with growing pauses, until `timeout` seconds are over. That Airflow does not
    answer for a moment is waited out. Raises TransientError where it does not answer at the end.
    """
    deadline, pause = time.monotonic() + timeout, 0.2
    while True:
        try:
            yield read()
        except TransientError:
            if time.monotonic() > deadline:
                raise
        if time.monotonic() > deadline:
            return
        time.sleep(pause)
        pause = min(pause * 1.2, 2.0)
