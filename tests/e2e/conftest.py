"""A real Airflow and MLflow on a project of the test module's own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from evenkeel.local.stack import LocalStack, running
from evenkeel.vocabulary.settings import Settings
from evenkeel.workflows.gateways import Gateways

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from evenkeel.local.rest import AirflowClient


@pytest.fixture(scope="module")
def stack(project: Path) -> Iterator[LocalStack]:
    """The stack on the module's `project`, up for as long as its tests run."""
    with running(project / ".evenkeel", project) as up:
        yield up


@pytest.fixture(scope="module")
def client(stack: LocalStack) -> Iterator[AirflowClient]:
    """Its REST API, as the administrator."""
    with stack.client() as one:
        yield one


@pytest.fixture(scope="module")
def gateways(stack: LocalStack, project: Path) -> Gateways:
    """The doors to what its tasks write."""
    home = project / ".evenkeel"
    return Gateways(Settings(project, home, str(home / "lake"), str(home / "data"), f"sqlite:///{home / 'mlflow.db'}"))
