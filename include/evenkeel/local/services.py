"""What `evenkeel up` does: Airflow's four services and the MLflow server, started, watched and ended as one."""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import httpx

from evenkeel.local.environment import HOST, STOCK_EXECUTOR, WARM_EXECUTOR, local_environment
from evenkeel.local.home_lock import HomeLock, hold
from evenkeel.local.processes import ServiceManager
from evenkeel.vocabulary.errors import EvenkeelError, ServiceError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

AIRFLOW_COMPONENTS = ("metadatabase", "scheduler", "dag_processor", "triggerer")


@dataclass(frozen=True)
class StackOptions:
    """What a stack is started with. Ports are on the loopback address; times in seconds."""

    home: Path
    project: Path
    airflow_port: int = 8080
    mlflow_port: int = 5000
    executor: str = WARM_EXECUTOR
    start_timeout: float = 600.0
    grace: float = 20.0

    @property
    def logs(self) -> Path:
        """Folder of the services' logs."""
        return self.home / "logs"

    @property
    def airflow_url(self) -> str:
        """Address of the Airflow UI and API."""
        return f"http://{HOST}:{self.airflow_port}"

    @property
    def mlflow_url(self) -> str:
        """Address of the MLflow server."""
        return f"http://{HOST}:{self.mlflow_port}"


def serve(options: StackOptions, *, say: Callable[[str], None] = print) -> int:
    """Run a stack until it is told to stop (TERM, INT) or one of its services ends. Returns the exit code.

    0 after a stop that was asked for, 1 after a failure, which was then said through `say`.
    Raises ServiceError when the home is in use or a port is taken.
    """
    signal.signal(signal.SIGTERM, _exit_on_signal)
    with hold(options.home) as lock:
        check_ports(options)
        lock.note(**_facts(options))
        env = local_environment(
            options.home,
            options.project,
            airflow_port=options.airflow_port,
            mlflow_port=options.mlflow_port,
            executor=options.executor,
        )
        migrate(options.home, env)
        return _run(options, env, lock, say)


def _run(options: StackOptions, env: Mapping[str, str], lock: HomeLock, say: Callable[[str], None]) -> int:
    unhealthy: list[str] = []

    def announce() -> None:
        lock.note(**_facts(options), sessions=manager.sessions)
        try:
            wait_until_healthy(options)
        except ServiceError as error:
            unhealthy.append(str(error))
            signal.raise_signal(signal.SIGTERM)
        else:
            _warm_execution_api(options)
            say(_welcome(options))

    manager = ServiceManager(options.logs, grace=options.grace, on_started=announce)
    for name, command in commands(options).items():
        manager.add(name, command, env, options.home)
    say(f"starting {', '.join(commands(options))} (logs in {options.logs})")
    manager.loop()
    for name, code in manager.ended_early.items():
        say(f"{name} ended with exit code {code}; the others were stopped. Its last lines:\n{tail(options.logs, name)}")
    for reason in unhealthy:
        say(reason)
    return 1 if manager.ended_early or unhealthy else 0


def commands(options: StackOptions) -> dict[str, list[str]]:
    """Name and command line of each service. No secret is among the arguments: those come by environment.

    Airflow's log servers are off: they listen on every address, and on one machine the API server reads the log
    files itself.
    """
    home = options.home.absolute()
    return {
        "api-server": ["airflow", "api-server"],
        "scheduler": ["airflow", "scheduler", "--skip-serve-logs"],
        "dag-processor": ["airflow", "dag-processor"],
        "triggerer": ["airflow", "triggerer", "--skip-serve-logs"],
        "mlflow": [
            *("mlflow", "server", "--app-name", "basic-auth"),
            *("--host", HOST, "--port", str(options.mlflow_port), "--workers", "1"),
            *("--backend-store-uri", f"sqlite:///{home / 'mlflow.db'}"),
            *("--artifacts-destination", str(home / "mlartifacts")),
        ],
    }


def check_ports(options: StackOptions) -> None:
    """Raises ServiceError naming the port that is taken and the option that changes it."""
    for port, option in ((options.airflow_port, "--airflow-port"), (options.mlflow_port, "--mlflow-port")):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, port))
            except OSError as error:
                raise ServiceError(f"port {port} on {HOST} is taken; choose another one with {option}") from error


def migrate(home: Path, env: Mapping[str, str]) -> None:
    """Bring Airflow's database to the installed version; nothing to do, and no time spent, when it was done before.

    Raises ServiceError with the last lines of the log when the migration fails.
    """
    done = home / "airflow" / "migrated"
    installed = version("apache-airflow-core")
    if done.exists() and done.read_text() == installed and (home / "airflow" / "airflow.db").exists():
        return
    log = home / "logs" / "migrate.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("w") as stream:
        result = subprocess.run(
            ["airflow", "db", "migrate"], env=dict(env), stdout=stream, stderr=subprocess.STDOUT, check=False
        )
    if result.returncode:
        raise ServiceError(f"the migration of Airflow's database failed; from {log}:\n{tail(log.parent, 'migrate')}")
    done.write_text(installed)


def wait_until_healthy(options: StackOptions) -> None:
    """Wait for every component of Airflow and for MLflow. Raises ServiceError naming those that did not come up."""
    deadline = time.monotonic() + options.start_timeout
    while missing := unhealthy_components(options):
        if time.monotonic() > deadline:
            raise ServiceError(
                f"not healthy after {options.start_timeout:.0f} s: {', '.join(missing)}; see the logs in {options.logs}"
            )
        time.sleep(0.25)


def unhealthy_components(options: StackOptions) -> list[str]:
    """The components that do not answer, or answer that they are not healthy."""
    try:
        report = httpx.get(f"{options.airflow_url}/api/v2/monitor/health", timeout=10).json()
        missing = [name for name in AIRFLOW_COMPONENTS if (report.get(name) or {}).get("status") != "healthy"]
    except (httpx.HTTPError, ValueError):
        missing = ["api-server"]
    try:
        answer = httpx.get(f"{options.mlflow_url}/health", timeout=10)
        return missing if answer.is_success else [*missing, "mlflow"]
    except httpx.HTTPError:
        return [*missing, "mlflow"]


def _warm_execution_api(options: StackOptions) -> None:
    """The API builds the routes that tasks use at the first request to them, seconds that the first task would wait."""
    with contextlib.suppress(httpx.HTTPError):
        httpx.get(f"{options.airflow_url}/execution/health", timeout=60)


def tail(logs: Path, name: str, lines: int = 25) -> str:
    """The last lines of a service's log."""
    path = logs / f"{name}.log"
    if not path.exists():
        return f"({path} was not written)"
    return "\n".join(path.read_text(errors="replace").splitlines()[-lines:])


def _facts(options: StackOptions) -> dict[str, int]:
    return {"pid": os.getpid(), "airflow_port": options.airflow_port, "mlflow_port": options.mlflow_port}


def _welcome(options: StackOptions) -> str:
    secrets = options.home / "secrets"
    return "\n".join(
        (
            "evenkeel is up",
            f"  Airflow  {options.airflow_url}  users admin and viewer: {secrets / 'airflow-passwords.json'}",
            f"  MLflow   {options.mlflow_url}  user admin: mlflow_password in {secrets / 'keys.json'}",
            "  stop it with Ctrl-C",
        )
    )


def _exit_on_signal(number: int, _frame: object) -> None:
    sys.exit(128 + number)


def main(arguments: list[str] | None = None) -> int:
    """`python -m evenkeel.local.services`: the entry that tests and the demo start in the background."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--project", type=Path, required=True)
    parser.add_argument("--airflow-port", type=int, default=8080)
    parser.add_argument("--mlflow-port", type=int, default=5000)
    parser.add_argument("--stock-executor", action="store_true")
    given = parser.parse_args(arguments)
    options = StackOptions(
        home=given.home.absolute(),
        project=given.project.absolute(),
        airflow_port=given.airflow_port,
        mlflow_port=given.mlflow_port,
        executor=STOCK_EXECUTOR if given.stock_executor else WARM_EXECUTOR,
    )
    try:
        return serve(options)
    except EvenkeelError as error:
        sys.stderr.write(f"evenkeel up: {error}\n")
        return 1


if __name__ == "__main__":
    sys.exit(main())
