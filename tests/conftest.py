"""What all tests share: where the project is, and an Airflow that lives in a scratch folder."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from hypothesis import HealthCheck, settings
from xdist.scheduler import LoadFileScheduling

if TYPE_CHECKING:
    import pytest
    from xdist.remote import Producer

PROJECT = Path(__file__).parents[1]

# Airflow reads its home when it is first imported; tests that only parse DAGs must not find, or make, anybody's own.
os.environ["AIRFLOW_HOME"] = tempfile.mkdtemp(prefix="evenkeel-airflow-")
os.environ["AIRFLOW__CORE__LOAD_EXAMPLES"] = "False"
os.environ["AIRFLOW__CORE__UNIT_TEST_MODE"] = "False"
for variable in ("EVENKEEL_HOME", "EVENKEEL_LAKE", "EVENKEEL_DATA", "MLFLOW_TRACKING_URI"):
    os.environ.pop(variable, None)
os.environ["EVENKEEL_PROJECT"] = str(PROJECT)
# As in the local stack: tasks run side by side with a thread each, and equal sums need equal orders of adding.
os.environ |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
for variable in ("GX_ANALYTICS_ENABLED", "MLFLOW_DISABLE_TELEMETRY", "EVIDENTLY_DISABLE_TELEMETRY", "DO_NOT_TRACK"):
    os.environ[variable] = "false" if variable == "GX_ANALYTICS_ENABLED" else "true"


# The same examples each time, on a machine of any speed: what a property finds is found before it is merged.
settings.register_profile("evenkeel", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("evenkeel")

_STACKS = ("tests/e2e/", "tests/local/test_services.py")
_LONG = (*_STACKS, "tests/workflows/test_replay.py", "tests/workflows/", "tests/gateways/")


class FileByFile(LoadFileScheduling):
    """A worker has a file to itself, so that what its tests share is made once; one has all that start an Airflow, as two of them
    are too many for two cores.
    """

    def _split_scope(self, nodeid: str) -> str:
        return "stacks" if nodeid.startswith(_STACKS) else super()._split_scope(nodeid)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Where files are dealt out, those that take long come first: what is left at the end is short."""
    if hasattr(config, "workerinput"):
        items.sort(
            key=lambda one: next((place for place, path in enumerate(_LONG) if one.nodeid.startswith(path)), len(_LONG))
        )


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> FileByFile:
    """What `-n` deals out, and to whom."""
    return FileByFile(config, log)
