"""A local stack in the background, for the tests and the demo: `with running(...) as stack: stack.client()`."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from evenkeel.local.credentials import ADMIN, VIEWER, Credentials, ensure_credentials
from evenkeel.local.environment import HOST, STOCK_EXECUTOR, WARM_EXECUTOR, local_environment
from evenkeel.local.home_lock import read_holder
from evenkeel.local.processes import end_sessions
from evenkeel.local.rest import AirflowClient
from evenkeel.local.services import StackOptions, tail, unhealthy_components
from evenkeel.vocabulary.errors import ServiceError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@dataclass(frozen=True)
class LocalStack:
    """A stack that is up: its addresses, its credentials and the environment its processes run in."""

    options: StackOptions
    credentials: Credentials
    pid: int

    @property
    def airflow_url(self) -> str:
        """Address of the Airflow UI and API."""
        return self.options.airflow_url

    @property
    def mlflow_url(self) -> str:
        """Address of the MLflow server; user `admin`, password `credentials.keys.mlflow_password`."""
        return self.options.mlflow_url

    @property
    def environment(self) -> dict[str, str]:
        """Environment for a process that works with this stack, such as `airflow` or `evenkeel` on the command line."""
        options = self.options
        return local_environment(
            options.home,
            options.project,
            airflow_port=options.airflow_port,
            mlflow_port=options.mlflow_port,
            executor=options.executor,
        )

    def client(self) -> AirflowClient:
        """A REST client of the user who may do everything."""
        return AirflowClient(self.airflow_url, ADMIN, self.credentials.admin_password)

    def viewer(self) -> AirflowClient:
        """A REST client of the user who may look and change nothing."""
        return AirflowClient(self.airflow_url, VIEWER, self.credentials.viewer_password)


@contextlib.contextmanager
def running(
    home: Path,
    project: Path,
    *,
    ports: tuple[int, int] | None = None,
    executor: str = WARM_EXECUTOR,
    start_timeout: float = 600.0,
) -> Iterator[LocalStack]:
    """Run a stack in a session of its own, and end all of it on the way out.

    `ports` are Airflow's and MLflow's; any free ones where not given.

    Raises ServiceError with the stack's own words when it does not become healthy within `start_timeout` seconds.
    """
    airflow_port, mlflow_port = ports or free_ports(2)
    options = StackOptions(
        home=home.absolute(),
        project=project.absolute(),
        airflow_port=airflow_port,
        mlflow_port=mlflow_port,
        executor=executor,
        start_timeout=start_timeout,
    )
    options.logs.mkdir(parents=True, exist_ok=True)
    with (options.logs / "up.log").open("w") as output:
        process = subprocess.Popen(
            _command(options), stdout=output, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, start_new_session=True
        )
        try:
            _wait_until_up(process, options)
            yield LocalStack(options, ensure_credentials(options.home), process.pid)
        finally:
            _stop(process, options)


def free_ports(count: int) -> list[int]:
    """Distinct TCP ports on the loopback address that are free at this moment."""
    with contextlib.ExitStack() as stack:
        probes = [stack.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind((HOST, 0))
        return [probe.getsockname()[1] for probe in probes]


def _command(options: StackOptions) -> list[str]:
    return [
        *(sys.executable, "-m", "evenkeel.local.services"),
        *("--home", str(options.home), "--project", str(options.project)),
        *("--airflow-port", str(options.airflow_port), "--mlflow-port", str(options.mlflow_port)),
        *(["--stock-executor"] if options.executor == STOCK_EXECUTOR else []),
    ]


def _wait_until_up(process: subprocess.Popen[bytes], options: StackOptions) -> None:
    deadline = time.monotonic() + options.start_timeout
    # Another stack of this home, on these ports, may be what answers: this one then ends, for it does not get the home's lock.
    while missing := unhealthy_components(options) if _holds(process, options) else ["the lock of its home"]:
        if process.poll() is not None:
            raise ServiceError(f"the stack ended with exit code {process.returncode}:\n{tail(options.logs, 'up', 60)}")
        if time.monotonic() > deadline:
            words = tail(options.logs, "up", 60)
            raise ServiceError(f"not up after {options.start_timeout:.0f} s: {', '.join(missing)}\n{words}")
        time.sleep(0.25)


def _holds(process: subprocess.Popen[bytes], options: StackOptions) -> bool:
    """Whether the stack has its home's lock."""
    return bool(read_holder(options.home).get("pid") == process.pid)


def _stop(process: subprocess.Popen[bytes], options: StackOptions) -> None:
    """TERM to the stack, which ends its services; should it not manage, everything is ended here."""
    sessions = [process.pid]
    if process.poll() is None:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(options.grace + 10)
        if _holds(process, options):
            sessions += read_holder(options.home).get("sessions", [])
    end_sessions(sessions, grace=1.0)
    process.wait()
