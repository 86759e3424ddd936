"""The environment of a local stack."""

from __future__ import annotations

import base64
import json
import stat
import sys
from pathlib import Path

import pytest

from evenkeel.local.credentials import ensure_credentials
from evenkeel.local.environment import ANALYTICS_OFF, STOCK_EXECUTOR, WARM_EXECUTOR, local_environment
from evenkeel.vocabulary.errors import ServiceError


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


def environment(home: Path, **base: str) -> dict[str, str]:
    return local_environment(home, home.parent / "project", airflow_port=18080, mlflow_port=15000, base=base)


def test_everything_is_below_the_home(home: Path) -> None:
    """State, logs and databases are below the home; DAGs and plugins come from the project."""
    env = environment(home)
    for name in ("AIRFLOW_HOME", "AIRFLOW__LOGGING__BASE_LOG_FOLDER", "EVENKEEL_LAKE", "EVENKEEL_DATA"):
        assert env[name].startswith(f"{home}/"), name
    assert env["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"].startswith(f"sqlite:///{home}/")
    assert env["AIRFLOW__CORE__DAGS_FOLDER"] == str(home.parent / "project" / "dags")
    assert env["AIRFLOW__CORE__PLUGINS_FOLDER"] == str(home.parent / "project" / "plugins")


def test_services_listen_on_the_loopback_address_only(home: Path) -> None:
    """The API server binds to 127.0.0.1, and MLflow is reached there."""
    env = environment(home)
    assert env["AIRFLOW__API__HOST"] == "127.0.0.1"
    assert env["MLFLOW_TRACKING_URI"] == "http://127.0.0.1:15000"


def test_secrets_are_readable_by_their_owner_only(home: Path) -> None:
    """The secrets folder is 0700 and each file in it 0600."""
    environment(home)
    assert stat.S_IMODE((home / "secrets").stat().st_mode) == 0o700
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (home / "secrets").iterdir()}
    assert modes == {"keys.json": 0o600, "airflow-passwords.json": 0o600}


def test_secrets_are_made_once_per_home(home: Path, tmp_path: Path) -> None:
    """A second start uses the same secrets; another home has others; no two secrets are alike."""
    first, second = environment(home), environment(home)
    assert first == second
    secrets = set(json.loads((home / "secrets" / "keys.json").read_text()).values())
    secrets |= set(json.loads((home / "secrets" / "airflow-passwords.json").read_text()).values())
    assert len(secrets) == 7
    assert min(map(len, secrets)) >= 24
    other = environment(tmp_path / "other")
    assert other["AIRFLOW__API_AUTH__JWT_SECRET"] != first["AIRFLOW__API_AUTH__JWT_SECRET"]
    assert len(base64.urlsafe_b64decode(first["AIRFLOW__CORE__FERNET_KEY"])) == 32


def test_secrets_that_others_can_read_are_refused(home: Path) -> None:
    """A secrets file with a wider mode stops the start and names the file."""
    environment(home)
    (home / "secrets" / "keys.json").chmod(0o644)
    with pytest.raises(ServiceError, match=r"keys\.json can be read by other users"):
        ensure_credentials(home)


@pytest.mark.parametrize("damage", ["", "{}", "[]", "{"])
def test_damaged_secrets_are_refused_without_showing_them(home: Path, damage: str) -> None:
    """A damaged secrets file stops the start, with a way out, and its text is not in the message."""
    environment(home)
    (home / "secrets" / "keys.json").write_text(damage)
    with pytest.raises(ServiceError, match=r"keys\.json is damaged .* delete it"):
        ensure_credentials(home)


def test_there_is_an_admin_and_a_viewer(home: Path) -> None:
    """Airflow knows both users with their roles, and finds their passwords in the secrets folder."""
    env = environment(home)
    assert env["AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS"] == "admin:admin,viewer:viewer"
    assert env["AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS"] == "False"
    assert set(json.loads((home / "secrets" / "airflow-passwords.json").read_text())) == {"admin", "viewer"}


def test_the_warm_executor_is_the_default(home: Path) -> None:
    """Another executor is used only where it is asked for."""
    assert environment(home)["AIRFLOW__CORE__EXECUTOR"] == WARM_EXECUTOR
    stock = local_environment(home, home, executor=STOCK_EXECUTOR, base={})
    assert stock["AIRFLOW__CORE__EXECUTOR"] == "LocalExecutor"


def test_tuning_gives_way_and_identity_does_not(home: Path) -> None:
    """A variable that tunes keeps the caller's value; one that says where and who is replaced."""
    env = environment(
        home,
        AIRFLOW__CORE__PARALLELISM="2",
        AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME="1",
        AIRFLOW_HOME="/elsewhere",
        AIRFLOW__DATABASE__SQL_ALCHEMY_CONN="postgresql://production",
        EVENKEEL_LAKE="s3://lake",
    )
    assert env["AIRFLOW__CORE__PARALLELISM"] == "2"
    assert env["AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME"] == "1"
    assert env["AIRFLOW_HOME"] == str(home / "airflow")
    assert "production" not in env["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"]
    assert env["EVENKEEL_LAKE"] == "s3://lake"


def test_programs_and_team_modules_are_found(home: Path) -> None:
    """`airflow` is found first where this Python is, and the project's include/ is importable, each once."""
    env = environment(home, PATH="/usr/bin:/usr/bin", PYTHONPATH="/more")
    assert env["PATH"] == f"{Path(sys.executable).parent}:/usr/bin"
    assert env["PYTHONPATH"] == f"{home.parent / 'project' / 'include'}:/more"


def test_nothing_phones_home(home: Path) -> None:
    """The analytics of every library are off, whatever the caller's environment says."""
    env = environment(home, GX_ANALYTICS_ENABLED="true")
    assert {name: env[name] for name in ANALYTICS_OFF} == ANALYTICS_OFF


def test_mlflow_remembers_logins_and_knows_no_default_password(home: Path) -> None:
    """The auth file holds no password and caches checks, each of which costs a scrypt hash otherwise."""
    env = environment(home)
    text = (home / "mlflow-auth.ini").read_text()
    assert env["MLFLOW_TRACKING_PASSWORD"] not in text
    assert "admin_password" not in text
    assert "auth_cache_ttl_seconds = 300" in text
