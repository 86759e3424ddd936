"""The environment of the services of a local stack and of every process below them.

Where things are, who may enter and which executor runs is decided here; what only tunes (`TUNING`) gives way to
variables that are already set, so `AIRFLOW__CORE__PARALLELISM=2 evenkeel up` does what it says.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from evenkeel.local.credentials import ADMIN, VIEWER, Credentials, ensure_credentials

if TYPE_CHECKING:
    from collections.abc import Mapping

HOST = "127.0.0.1"
WARM_EXECUTOR = "evenkeel.airflow.warm_executor.WarmLocalExecutor"
STOCK_EXECUTOR = "LocalExecutor"
PROMPT_COORDINATOR = "evenkeel.airflow.prompt_coordinator.PromptCoordinator"

ANALYTICS_OFF = {
    "GX_ANALYTICS_ENABLED": "false",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "EVIDENTLY_DISABLE_TELEMETRY": "1",
    "DO_NOT_TRACK": "true",
}

# Measured on two cores with DAGs of trivial tasks; each line says what it buys.
TUNING = {
    # A task that ends is seen, and its successor queued, within this time instead of within 1 s.
    "AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.2",
    # A new DAG file is seen within 30 s instead of 300 s.
    "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "30",
    "AIRFLOW__DAG_PROCESSOR__PARSING_PROCESSES": "1",
    # One access-log line per request of every task costs more than it tells.
    "AIRFLOW__LOGGING__UVICORN_LOGGING_LEVEL": "WARNING",
    "AIRFLOW__LOGGING__COLORED_CONSOLE_LOG": "False",
    # Tasks run side by side, so each gets one core; BLAS then starts no threads in the warm parent either.
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
}


def local_environment(
    home: Path,
    project: Path,
    *,
    airflow_port: int = 8080,
    mlflow_port: int = 5000,
    executor: str = WARM_EXECUTOR,
    base: Mapping[str, str] | None = None,
) -> dict[str, str]:
    """Environment variables for all services of a stack, on top of `base` (default: those of this process).

    Makes the home's secrets where they are missing. Ports are TCP ports on the loopback address; `executor` is the
    path of an Airflow executor class. The result holds secrets: pass it to processes, never print it.
    """
    home, project = home.absolute(), project.absolute()
    inherited = dict(os.environ if base is None else base)
    credentials = ensure_credentials(home)
    _write_mlflow_auth(home)
    tuning = {"AIRFLOW__CORE__PARALLELISM": str(_parallelism()), **TUNING}
    return {
        **tuning,
        **inherited,
        **ANALYTICS_OFF,
        **_evenkeel(home, project, inherited),
        **_airflow(home, project, airflow_port, executor),
        **_airflow_access(credentials),
        **_mlflow(home, mlflow_port, credentials),
    }


def _parallelism() -> int:
    """Tasks that run at once: two per usable core, for a good part of each is waiting; at least four."""
    return max(4, 2 * len(os.sched_getaffinity(0)))


def _evenkeel(home: Path, project: Path, inherited: Mapping[str, str]) -> dict[str, str]:
    """Where evenkeel keeps things, and the paths on which programs and the team's own modules are found."""
    search = [str(project / "include"), *filter(None, inherited.get("PYTHONPATH", "").split(os.pathsep))]
    programs = [str(Path(sys.executable).parent), *filter(None, inherited.get("PATH", "").split(os.pathsep))]
    return {
        "EVENKEEL_HOME": str(home),
        "EVENKEEL_PROJECT": str(project),
        "EVENKEEL_LAKE": inherited.get("EVENKEEL_LAKE") or str(home / "lake"),
        "EVENKEEL_DATA": inherited.get("EVENKEEL_DATA") or str(home / "data"),
        "PYTHONPATH": os.pathsep.join(dict.fromkeys(search)),
        "PATH": os.pathsep.join(dict.fromkeys(programs)),
        "PYTHONUNBUFFERED": "1",
    }


def _airflow(home: Path, project: Path, port: int, executor: str) -> dict[str, str]:
    url = f"http://{HOST}:{port}"
    folder = home / "airflow"
    return {
        "AIRFLOW_HOME": str(folder),
        "AIRFLOW__CORE__DAGS_FOLDER": str(project / "dags"),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(project / "plugins"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__EXECUTOR": executor,
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{url}/execution/",
        # Writers wait for each other up to 30 s instead of 5; a backfill is refused where it has to wait longer.
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{folder / 'airflow.db'}?timeout=30",
        "AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(folder / "logs"),
        "AIRFLOW__API__HOST": HOST,
        "AIRFLOW__API__PORT": str(port),
        "AIRFLOW__API__BASE_URL": url,
        "AIRFLOW__API__WORKERS": "1",
        "AIRFLOW__SDK__COORDINATORS": json.dumps({"prompt": {"classpath": PROMPT_COORDINATOR}}),
        "AIRFLOW__SDK__QUEUE_TO_COORDINATOR": json.dumps({"default": "prompt"}),
    }


def _airflow_access(credentials: Credentials) -> dict[str, str]:
    keys = credentials.keys
    return {
        "AIRFLOW__CORE__AUTH_MANAGER": (
            "airflow.api_fastapi.auth.managers.simple.simple_auth_manager.SimpleAuthManager"
        ),
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "False",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": f"{ADMIN}:admin,{VIEWER}:viewer",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(credentials.passwords_file),
        "AIRFLOW__CORE__FERNET_KEY": keys.fernet,
        "AIRFLOW__API__SECRET_KEY": keys.session,
        "AIRFLOW__API_AUTH__JWT_SECRET": keys.jwt,
    }


def _mlflow(home: Path, port: int, credentials: Credentials) -> dict[str, str]:
    """The server's own settings and what its clients need to reach it."""
    return {
        "MLFLOW_TRACKING_URI": f"http://{HOST}:{port}",
        "MLFLOW_TRACKING_USERNAME": ADMIN,
        "MLFLOW_TRACKING_PASSWORD": credentials.keys.mlflow_password,
        "MLFLOW_AUTH_ADMIN_USERNAME": ADMIN,
        "MLFLOW_AUTH_ADMIN_PASSWORD": credentials.keys.mlflow_password,
        "MLFLOW_AUTH_CONFIG_PATH": str(home / "mlflow-auth.ini"),
        "MLFLOW_FLASK_SERVER_SECRET_KEY": credentials.keys.mlflow_session,
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    }


def _write_mlflow_auth(home: Path) -> None:
    """MLflow hashes the password at every request (tens of milliseconds) unless it may remember the outcome."""
    lines = (
        "[mlflow]",
        "default_permission = READ",
        f"database_uri = sqlite:///{home / 'mlflow-auth.db'}",
        "authorization_function = mlflow.server.auth:authenticate_request_basic_auth",
        "auth_cache_ttl_seconds = 300",
    )
    (home / "mlflow-auth.ini").write_text("\n".join(lines) + "\n")
