"""The stack for real: `pytest -m docker tests/stack` builds the image, starts it, runs the loop and takes it down.

Five minutes and more, most of it the first build. It has its own project name, ports, secrets and volumes, so a stack
that runs on the same engine is left alone.
"""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
import time
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import httpx
import pytest

from evenkeel.local.rest import AirflowClient, RequestRefusedError
from evenkeel.local.stack import free_ports

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = pytest.mark.docker

PROJECT = Path(__file__).parents[2]
NEW_YORK = ZoneInfo("America/New_York")
PIPELINES = ("train", "score", "drift_check", "retrain")


@dataclass(frozen=True)
class Stack:
    """A stack of its own on the engine, and the ways into it."""

    project: str
    env_file: Path
    env: dict[str, str]

    def compose(self, *arguments: str) -> str:
        """Standard output of `docker compose ...`; fails the test with what it said where it fails."""
        command = ["docker", "compose", "-p", self.project, "--env-file", str(self.env_file), *arguments]
        done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False, timeout=1800)
        assert done.returncode == 0, f"{' '.join(arguments)}: {done.stdout[-2000:]}\n{done.stderr[-4000:]}"
        return done.stdout

    def client(self, user: str = "admin") -> AirflowClient:
        """Airflow's REST API as one of its two users."""
        password = self.env[f"STACK_{user.upper()}_PASSWORD"]
        return AirflowClient(f"http://127.0.0.1:{self.env['STACK_AIRFLOW_PORT']}", user, password)

    def mlflow(self, method: str, path: str, **request: Any) -> dict[str, Any]:
        """One answer of MLflow to its administrator."""
        base = f"http://localhost:{self.env['STACK_MLFLOW_PORT']}/api/2.0/mlflow"
        login = ("admin", self.env["STACK_MLFLOW_ADMIN_PASSWORD"])
        return dict(httpx.request(method, f"{base}/{path}", auth=login, **request).raise_for_status().json())

    def status(self) -> dict[str, Any]:
        """What the ledger and the tables in the lake say of the example's model."""
        models = json.loads(self.compose("exec", "-T", "scheduler", "evenkeel", "status", "--json"))
        return next(model for model in models if model["model"] == "flight_delay")


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A fresh stack with the example's data; removed with its volumes."""
    airflow_port, mlflow_port = free_ports(2)
    env_file = tmp_path_factory.mktemp("stack") / ".env"
    make_env = [sys.executable, str(PROJECT / "config" / "stack" / "make-env"), str(env_file)]
    subprocess.run(make_env, check=True, capture_output=True)
    with env_file.open("a") as stream:
        stream.write(f"STACK_AIRFLOW_PORT={airflow_port}\nSTACK_MLFLOW_PORT={mlflow_port}\nSTACK_IMAGE=evenkeel:test\n")
    env = dict(line.split("=", 1) for line in env_file.read_text().splitlines() if line and line[0] != "#")
    running = Stack(f"evenkeel-test-{secrets.token_hex(3)}", env_file, env)
    try:
        running.compose("up", "--detach", "--build", "--wait", "--wait-timeout", "600")
        running.compose("run", "--rm", "-T", "example-data")
        yield running
    except AssertionError:
        print(running.compose("logs", "--tail", "40"))
        raise
    finally:
        running.compose("down", "--volumes", "--timeout", "20")


def finished(client: AirflowClient, dag_id: str, **how: Any) -> str:
    """The end state of a run that is triggered here."""
    run = client.trigger(dag_id, **how)
    return str(client.wait_for_run(dag_id, run["dag_run_id"], timeout=600)["state"])


def waits(client: AirflowClient, dag_id: str, run_id: str) -> bool:
    """Whether a task of a run is deferred."""
    return "deferred" in {one["state"] for one in client.task_instances(dag_id, run_id)}


def wait_until(done: Callable[[], bool], timeout: float = 300.0) -> None:
    until = time.monotonic() + timeout
    while not done():
        assert time.monotonic() < until, f"not so after {timeout:.0f} s"
        time.sleep(1)


def test_the_loop_runs_through_the_api_and_nothing_is_lost(stack: Stack) -> None:
    """Train, ask for a check that waits for scores, backfill these; then stop and start, down and up: all is there, and one more
    day is scored.
    """
    with stack.client() as client:
        client.wait_for_dags({f"flight_delay_{pipeline}" for pipeline in PIPELINES})
        for pipeline in PIPELINES:
            client.unpause(f"flight_delay_{pipeline}")
        assert finished(client, "flight_delay_train", conf={"as_of": "2013-03-01"}) == "success"
        early = client.trigger("flight_delay_drift_check", {"wait": True}, partition_key="2013-03-07")["dag_run_id"]
        wait_until(lambda: waits(client, "flight_delay_drift_check", early))
        days = (datetime(2013, 3, day, tzinfo=NEW_YORK) for day in (1, 7))
        backfill = client.backfill("flight_delay_score", *days, max_active_runs=2, conf={"wait": False})
        assert client.wait_for_backfill(backfill, timeout=900) == {"success": 7}
        assert client.wait_for_run("flight_delay_drift_check", early)["state"] == "success"
    before, versions = stack.status(), stack.mlflow("GET", "model-versions/search")["model_versions"]
    assert [version["version"] for version in versions if version["name"] == "flight_delay"][-1:] == ["1"]
    assert (
        stack.mlflow("GET", "runs/get", params={"run_id": versions[-1]["run_id"]})["run"]["info"]["status"]
        == "FINISHED"
    )

    for day, again in (("2013-03-08", ("stop", "start")), ("2013-03-09", ("down", "up"))):
        stack.compose(again[0])
        if again[1] == "start":
            stack.compose("start")
        stack.compose("up", "--detach", "--wait", "--wait-timeout", "600")
        assert stack.status()["champion"] == before["champion"]
        assert stack.mlflow("GET", "model-versions/search")["model_versions"][-1]["run_id"] == versions[-1]["run_id"]
        with stack.client() as client:
            assert finished(client, "flight_delay_score", partition_key=day) == "success"
    with stack.client() as client:
        scored = [run["partition_key"] for run in client.runs("flight_delay_score")]
    assert sorted(scored) == [f"2013-03-{day:02}" for day in range(1, 10)]


def test_a_viewer_looks_and_changes_nothing(stack: Stack) -> None:
    """Law 29, with the stack's own users: the viewer sees DAGs and the health page, and may not trigger."""
    with stack.client("viewer") as viewer:
        assert any(dag["dag_id"] == "flight_delay_score" for dag in viewer.dags())
        with pytest.raises(RequestRefusedError) as refused:
            viewer.trigger("flight_delay_score", partition_key="2013-03-01")
        assert refused.value.status == httpx.codes.FORBIDDEN
    base = f"http://127.0.0.1:{stack.env['STACK_AIRFLOW_PORT']}"
    login = {"username": "viewer", "password": stack.env["STACK_VIEWER_PASSWORD"]}
    token = httpx.post(f"{base}/auth/token", json=login).json()["access_token"]
    page = httpx.get(f"{base}/evenkeel/health", headers={"Authorization": f"Bearer {token}"}, timeout=30)
    assert page.status_code == httpx.codes.OK
    assert httpx.get(f"{base}/evenkeel/health", timeout=30).status_code == httpx.codes.UNAUTHORIZED


def test_mlflow_asks_who_and_answers_to_its_own_name_only(stack: Stack) -> None:
    """No credentials: 401. A foreign Host header, as DNS rebinding would send it: 403."""
    address = f"http://localhost:{stack.env['STACK_MLFLOW_PORT']}/api/2.0/mlflow/experiments/search?max_results=1"
    assert httpx.get(address).status_code == httpx.codes.UNAUTHORIZED
    assert httpx.get(address, headers={"Host": "mlflow.example.org"}).status_code == httpx.codes.FORBIDDEN


def test_no_secret_is_in_the_logs_or_the_image(stack: Stack) -> None:
    """Neither what the containers print, nor the tasks' logs, nor the image's history hold one."""
    image = ["docker", "image", "history", "--no-trunc", "--format", "{{.CreatedBy}}", stack.env["STACK_IMAGE"]]
    history = subprocess.run(image, capture_output=True, text=True, check=True, env=dict(os.environ)).stdout
    tasks = stack.compose("exec", "-T", "scheduler", "sh", "-c", "find /logs -type f -exec cat {} +")
    places = {"logs": stack.compose("logs", "--no-color"), "task logs": tasks, "image": history}
    assert all(len(text) > 500 for text in places.values())  # there is something to find it in
    for name, value in stack.env.items():
        if name.endswith(("PASSWORD", "SECRET", "KEY")):
            assert not [place for place, text in places.items() if value in text], name
