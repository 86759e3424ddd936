"""What all tests share: where the project is, and an Airflow that lives in a scratch folder."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

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


class FileByFile(LoadFileScheduling):
    """A worker has a file to itself, so that what its tests share is made once; one has all that start an Airflow, as two of them
    are too many for two cores.
    """

    def _split_scope(self, nodeid: str) -> str:
        return "tests/e2e" if nodeid.startswith("tests/e2e/") else super()._split_scope(nodeid)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> FileByFile:
    """What `-n` deals out, and to whom."""
    return FileByFile(config, log)
