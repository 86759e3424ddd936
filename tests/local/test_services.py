"""What `evenkeel up` starts, and how it ends."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import signal
import socket
import stat
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import httpx
import psutil
import pytest

from evenkeel.local import stack
from evenkeel.local.credentials import ensure_credentials
from evenkeel.local.home_lock import hold, read_holder
from evenkeel.local.processes import ServiceManager, end_sessions, members
from evenkeel.local.rest import RequestRefusedError
from evenkeel.local.services import StackOptions, check_ports, commands, main
from evenkeel.local.stack import free_ports, running
from evenkeel.vocabulary.errors import ServiceError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

DAG_FILE = """
import subprocess
import pendulum
from airflow.sdk import DAG, BaseOperator, Param


class Wait(BaseOperator):
    def execute(self, context):
        subprocess.run(["sleep", str(context["params"]["seconds"])], check=True)
        return {"waited": context["params"]["seconds"]}


with DAG("wait", schedule=None, start_date=pendulum.datetime(2024, 1, 1), catchup=False,
         params={"seconds": Param(0, type="integer", minimum=0)}):
    Wait(task_id="wait")
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for folder in ("dags", "plugins", "config/models"):
        (tmp_path / "project" / folder).mkdir(parents=True)
    (tmp_path / "project" / "dags" / "wait.py").write_text(DAG_FILE)
    return tmp_path / "project"


@pytest.fixture
def options(tmp_path: Path, project: Path) -> StackOptions:
    airflow_port, mlflow_port = free_ports(2)
    return StackOptions(tmp_path / "home", project, airflow_port=airflow_port, mlflow_port=mlflow_port)


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    return tmp_path / "logs"


@pytest.fixture
def restored_signals() -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def wait_until(condition: Callable[[], object], seconds: float = 120.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)


def test_no_secret_is_on_a_command_line(options: StackOptions) -> None:
    """Command lines are public to every user of a machine: they hold names, paths and ports only."""
    words = " ".join(word for command in commands(options).values() for word in command)
    credentials = ensure_credentials(options.home)
    for secret in (*dataclasses.astuple(credentials.keys), *credentials.passwords.values()):
        assert secret not in words


def test_log_servers_are_off(options: StackOptions) -> None:
    """Airflow's log servers would listen on every address."""
    assert "--skip-serve-logs" in commands(options)["scheduler"]
    assert "--skip-serve-logs" in commands(options)["triggerer"]


def test_a_port_in_use_is_named_with_its_option(options: StackOptions) -> None:
    """The message says which port is taken and which option changes it."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", options.mlflow_port))
        taken.listen()
        with pytest.raises(ServiceError, match=rf"port {options.mlflow_port} .* --mlflow-port"):
            check_ports(options)


def test_free_ports_are_distinct() -> None:
    """Two services of a stack never get the same port."""
    assert len(set(free_ports(20))) == 20


@pytest.mark.usefixtures("restored_signals")
def test_one_service_that_ends_ends_the_others(logs: Path, tmp_path: Path) -> None:
    """The manager says which one ended first and how, and leaves no process of the others."""
    manager = ServiceManager(logs, grace=5, on_started=lambda: None)
    manager.add("steady", ["sh", "-c", "sleep 300 & sleep 300"], os.environ, tmp_path)
    manager.add("brief", ["sh", "-c", "echo out of luck; exit 3"], os.environ, tmp_path)
    manager.loop()
    assert manager.ended_early == {"brief": 3}
    assert (logs / "brief.log").read_text() == "out of luck\n"
    assert members(manager.sessions) == []


@pytest.mark.usefixtures("restored_signals")
def test_what_ignores_term_or_left_its_group_is_killed(logs: Path, tmp_path: Path) -> None:
    """A service that ignores TERM, with a child in a process group of its own, is gone after the grace period."""
    stubborn = (
        "import os, signal, subprocess, time\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "subprocess.Popen(['sleep', '300'], process_group=0)\n"
        "print('ready', flush=True)\n"
        "time.sleep(300)\n"
    )
    log = logs / "stubborn.log"

    def stop_when_ready() -> None:
        wait_until(lambda: log.exists() and "ready" in log.read_text())
        os.kill(os.getpid(), signal.SIGTERM)

    manager = ServiceManager(logs, grace=1, on_started=stop_when_ready)
    manager.add("stubborn", [sys.executable, "-c", stubborn], os.environ, tmp_path)
    started = time.monotonic()
    manager.loop()
    assert members(manager.sessions) == []
    assert manager.ended_early == {}
    assert time.monotonic() - started < 20


def test_the_log_of_the_start_before_is_kept(logs: Path, tmp_path: Path) -> None:
    """Each start has a log of its own; the one before it is kept aside."""
    logs.mkdir()
    (logs / "service.log").write_text("yesterday\n")
    ServiceManager(logs, grace=1, on_started=lambda: None).add("service", ["true"], os.environ, tmp_path)
    assert (logs / "service.log.1").read_text() == "yesterday\n"


def test_a_second_stack_of_a_home_is_refused(
    options: StackOptions, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """`up` in a home that is in use says so, names the process and the way out, and exits with 1."""
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    with subprocess.Popen(["sleep", "60"]) as other, hold(options.home) as lock:
        lock.note(pid=other.pid, airflow_port=1234)
        assert main(["--home", str(options.home), "--project", str(options.project)]) == 1
        other.kill()
    message = capsys.readouterr().err
    assert f"up in {options.home} already (process {other.pid}, Airflow on port 1234)" in message
    assert "--home" in message


def test_a_stack_that_answers_for_another_is_not_taken_for_it(
    options: StackOptions, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where a stack of the same home and ports is up, who starts another is told so, and the one that is up stays up."""
    monkeypatch.setattr(stack, "unhealthy_components", lambda _: [])
    ports = options.airflow_port, options.mlflow_port
    with subprocess.Popen(["sleep", "60"], start_new_session=True) as up, hold(options.home) as lock:
        lock.note(pid=up.pid, airflow_port=1234, sessions=[up.pid])
        with (
            pytest.raises(ServiceError, match=rf"already \(process {up.pid}"),
            running(options.home, options.project, ports=ports),
        ):
            pytest.fail("it was taken for the one that is up")
        assert up.poll() is None
        up.kill()


def test_a_home_is_its_owners(options: StackOptions) -> None:
    """Tables, logs and databases lie there."""
    with hold(options.home):
        assert stat.S_IMODE(options.home.stat().st_mode) == 0o700


def test_services_that_outlived_their_stack_are_ended_first(options: StackOptions) -> None:
    """Where `up` was killed, the next one ends what it left behind and takes the home."""
    options.home.mkdir()
    holder = (
        "import fcntl, sys, time; f = open(sys.argv[1], 'a'); fcntl.flock(f, 2); print(1, flush=True); time.sleep(99)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", holder, str(options.home / "up.lock")], stdout=subprocess.PIPE, start_new_session=True
    ) as orphan:
        assert orphan.stdout
        orphan.stdout.readline()
        (options.home / "up.lock").write_text(f'{{"pid": {_pid_of_nobody()}, "sessions": [{orphan.pid}]}}')
        with hold(options.home) as lock:
            lock.note(pid=1)
    assert orphan.returncode == -signal.SIGTERM
    assert read_holder(options.home) == {"pid": 1}


def test_ending_sessions_that_are_gone_is_no_error() -> None:
    """There is nothing to do, and it is done at once."""
    end_sessions([_pid_of_nobody()], grace=10)


def _pid_of_nobody() -> int:
    child = subprocess.Popen(["true"])
    child.wait()
    return child.pid


@pytest.mark.e2e
def test_a_stack_runs_a_dag_and_leaves_nothing_behind(
    tmp_path: Path, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Started, healthy, a run triggered, a long task under way, then stopped: no process of any session is left."""
    monkeypatch.setenv("EVENKEEL_WARM_IMPORTS", "")
    with running(tmp_path / "home", project) as stack:
        sessions = [stack.pid, *read_holder(tmp_path / "home")["sessions"]]
        assert httpx.get(f"{stack.mlflow_url}/api/2.0/mlflow/experiments/get-by-name").status_code == 401
        with stack.client() as client, stack.viewer() as viewer:
            client.wait_for_dags(["wait"])
            with pytest.raises(RequestRefusedError, match="403"):
                viewer.trigger("wait")
            with pytest.raises(RequestRefusedError, match=r"400.*param seconds"):
                client.trigger("wait", {"seconds": -1})
            client.unpause("wait")
            run = client.trigger("wait", note="from a test")
            assert client.wait_for_run("wait", run["dag_run_id"], timeout=300)["state"] == "success"
            assert client.xcom("wait", run["dag_run_id"], "wait") == {"waited": 0}
            slow = client.trigger("wait", {"seconds": 300})
            wait_until(lambda: _running(client.task_instances("wait", slow["dag_run_id"])))
        before = members(sessions)
        assert len(before) > 6
    assert members(sessions) == []
    assert [pid for pid in before if _alive(pid)] == []


@pytest.mark.e2e
def test_a_service_that_dies_takes_the_stack_down_and_is_named(
    tmp_path: Path, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The stack says which service died and shows its last lines; then nothing is left."""
    monkeypatch.setenv("EVENKEEL_WARM_IMPORTS", "")
    home = tmp_path / "home"
    with running(home, project) as stack:
        sessions = read_holder(home)["sessions"]
        triggerer = next(pid for pid in sessions if "triggerer" in " ".join(psutil.Process(pid).cmdline()))
        os.kill(triggerer, signal.SIGKILL)
        wait_until(lambda: not _alive(stack.pid), 60)
    assert "triggerer ended with exit code -9" in (home / "logs" / "up.log").read_text()
    assert members(sessions) == []


def _running(instances: list[dict[str, object]]) -> bool:
    return any(instance["state"] == "running" for instance in instances)


def _alive(pid: int) -> bool:
    with contextlib.suppress(psutil.NoSuchProcess):
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    return False
