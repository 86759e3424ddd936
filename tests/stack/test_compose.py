"""The stack's files, read as they are: who is reachable, who is watched, and that no secret stands in them."""

from __future__ import annotations

import os
import re
import shutil
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

PROJECT = Path(__file__).parents[2]
TEXT = (PROJECT / "docker-compose.yml").read_text()
COMPOSE: dict[str, Any] = yaml.safe_load(TEXT)
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
ONE_SHOT = {"airflow-init", "mlflow-init", "example-data"}
LONG_RUNNING = sorted(set(SERVICES) - ONE_SHOT)
OURS = sorted(name for name in SERVICES if name != "postgres")
REQUIRED = set(re.findall(r"\$\{(\w+):\?", TEXT))
OPTIONAL = set(re.findall(r"\$\{(\w+)(?::[-+])", TEXT))
SECRET_VARIABLE = re.compile(r"PASSWORD|SECRET|FERNET_KEY|SQL_ALCHEMY_CONN")


def names(path: Path, *, commented: bool = False) -> dict[str, str]:
    """The variables of an environment file, or those that are commented out in it."""
    pattern = r"^#(STACK_\w+)=(.*)$" if commented else r"^(\w+)=(.*)$"
    return dict(re.findall(pattern, path.read_text(), flags=re.MULTILINE))


def compose(*arguments: str) -> subprocess.CompletedProcess[str]:
    """`docker compose` on our file, with no variable of this shell but those the client itself needs."""
    kept = {name: value for name, value in os.environ.items() if name in {"PATH", "HOME", "DOCKER_CONFIG"}}
    command = ["docker", "compose", "--project-directory", str(PROJECT), *arguments]
    return subprocess.run(command, env=kept, capture_output=True, text=True, check=False, timeout=60)


def has_compose() -> bool:
    return shutil.which("docker") is not None and compose("version").returncode == 0


needs_compose = pytest.mark.skipif(not has_compose(), reason="needs the docker client with its compose plugin")


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_ports_are_published_on_loopback_unless_told_otherwise(name: str) -> None:
    """A published port is bound to STACK_BIND, whose default is 127.0.0.1; host networking would go around that."""
    assert "network_mode" not in SERVICES[name]
    for port in SERVICES[name].get("ports", []):
        assert re.match(r"\$\{STACK_BIND:-127\.0\.0\.1\}:\$\{STACK_\w+_PORT:-\d+\}:\d+$", port), port


def test_only_the_two_servers_for_people_are_published() -> None:
    """The database has no port outside of the containers' network."""
    assert {name for name, service in SERVICES.items() if "ports" in service} == {"api-server", "mlflow"}


@pytest.mark.parametrize("name", LONG_RUNNING)
def test_every_long_running_service_is_watched_and_restarted(name: str) -> None:
    """Each has a health check, a restart policy and a bound on its log."""
    assert SERVICES[name]["healthcheck"]["test"]
    assert SERVICES[name]["restart"] == "unless-stopped"
    assert "max-size" in SERVICES[name]["logging"]["options"]


@pytest.mark.parametrize("name", sorted(ONE_SHOT))
def test_a_job_that_ends_is_not_restarted(name: str) -> None:
    """Otherwise it would run for ever."""
    assert "restart" not in SERVICES[name]


@pytest.mark.parametrize("name", OURS)
def test_our_containers_have_no_privilege_to_lose(name: str) -> None:
    """No capability, no way to gain one, no other user than the image's, which is not root."""
    assert SERVICES[name]["cap_drop"] == ["ALL"]
    assert SERVICES[name]["security_opt"] == ["no-new-privileges:true"]
    assert not {"user", "privileged"} & set(SERVICES[name])


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_every_dependency_states_what_it_waits_for(name: str) -> None:
    """`depends_on` names a service that is there, and a condition."""
    for other, how in (SERVICES[name].get("depends_on") or {}).items():
        assert other in SERVICES
        assert how["condition"] in {"service_healthy", "service_completed_successfully", "service_started"}


@pytest.mark.parametrize("name", ["scheduler", "api-server", "triggerer"])
def test_who_looks_into_the_lake_has_it(name: str) -> None:
    """Tasks, the health page, and what waits for tables and decisions; without it a wait would end at once, or never."""
    mounted = {volume.split(":")[1] for volume in SERVICES[name]["volumes"] if volume.startswith("lake:")}
    assert mounted == {"/lake"}


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_no_password_stands_in_the_file(name: str) -> None:
    """What is secret by its name is taken from the environment, and refuses to be empty."""
    for variable, value in (SERVICES[name].get("environment") or {}).items():
        if SECRET_VARIABLE.search(variable):
            assert re.search(r"\$\{STACK_\w+:\?", str(value)), f"{variable} of {name} is a literal"
    for argument in SERVICES[name].get("command") or []:
        assert not REQUIRED & set(re.findall(r"\w+", str(argument))), f"{name} has a secret in its command line"


def test_administrators_passwords_are_where_they_are_used_only() -> None:
    """The containers that run tasks or parse DAGs do not hold them."""
    for name in ("scheduler", "dag-processor", "triggerer", "api-server"):
        text = str(SERVICES[name]["environment"])
        assert not re.search(r"STACK_(POSTGRES|ADMIN|VIEWER|MLFLOW_ADMIN|MLFLOW_DB)_PASSWORD", text), name


def test_the_example_names_every_variable_and_holds_no_secret() -> None:
    """`.env.example` documents what compose reads, all of it and nothing else, with empty secrets."""
    example = PROJECT / ".env.example"
    assert set(names(example)) == REQUIRED
    assert not any(names(example).values())
    assert set(names(example, commented=True)) == OPTIONAL - REQUIRED


def test_make_env_writes_fresh_secrets_for_the_owner_only(tmp_path: Path) -> None:
    """Every secret is random and long, and needs no quoting; the file has mode 0600; it is never overwritten."""
    one, two = tmp_path / "one.env", tmp_path / "two.env"
    for target in (one, two):
        made = make_env(target)
        assert made.returncode == 0, made.stderr
        assert stat.S_IMODE(target.stat().st_mode) == 0o600
    first, second = names(one), names(two)
    assert set(first) == REQUIRED
    assert all(re.fullmatch(r"[\w=-]{32,}", value) for value in first.values())
    assert len(set(first.values()) | set(second.values())) == 2 * len(REQUIRED)
    before = one.read_bytes()
    assert make_env(one).returncode == 1
    assert one.read_bytes() == before


def test_the_image_is_not_root_and_is_built_from_named_paths_only() -> None:
    """The Dockerfile ends as an unprivileged user; the builder sees no `.env`, no state and no history."""
    lines = (PROJECT / "Dockerfile").read_text().splitlines()
    assert [line for line in lines if line.startswith("USER")] == ["USER 10001:10001"]
    assert lines[-1] == "USER 10001:10001"
    ignore = (PROJECT / ".dockerignore").read_text().splitlines()
    assert ignore[1] == "*"
    assert {line for line in ignore if line.startswith("!")} == {
        "!LICENSE", "!README.md", "!config", "!constraints.txt", "!dags", "!include", "!plugins", "!pyproject.toml",
    }  # fmt: skip


@needs_compose
def test_compose_refuses_without_secrets_and_says_what_to_do() -> None:
    """No variable, no start."""
    done = compose("--env-file", os.devnull, "config", "--quiet")
    assert done.returncode != 0
    assert "is missing, run config/stack/make-env" in done.stderr


@needs_compose
@pytest.mark.parametrize("variable", sorted(REQUIRED))
def test_compose_refuses_when_one_secret_is_empty(tmp_path: Path, variable: str) -> None:
    """Each of them is needed; the message names it."""
    env = tmp_path / "env"
    make_env(env)
    env.write_text(re.sub(rf"(?m)^{variable}=.*$", f"{variable}=", env.read_text()))
    done = compose("--env-file", str(env), "config", "--quiet")
    assert done.returncode != 0
    assert variable in done.stderr


@needs_compose
def test_compose_takes_what_make_env_writes(tmp_path: Path) -> None:
    """With the generated file the configuration is sound, and both ports are on loopback."""
    make_env(tmp_path / "env")
    done = compose("--env-file", str(tmp_path / "env"), "config", "--format", "json")
    assert done.returncode == 0, done.stderr
    services = yaml.safe_load(done.stdout)["services"]
    assert {port["host_ip"] for service in services.values() for port in service.get("ports", [])} == {"127.0.0.1"}


def make_env(target: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(PROJECT / "config" / "stack" / "make-env"), str(target)]
    return subprocess.run(command, capture_output=True, text=True, check=False)
