"""The warm executor."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import textwrap
import threading
from typing import TYPE_CHECKING

import pytest

from evenkeel.airflow.warm_executor import (
    LIBRARIES,
    TASK_RUNNER,
    configured_modules,
    running_threads,
    warm_up,
)
from evenkeel.local.environment import TUNING

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def logs(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    caplog.set_level(logging.INFO)
    monkeypatch.setattr(logging.getLogger("evenkeel.airflow.warm_executor"), "disabled", False)


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package `warmed` with a good module, one that fails and one that starts a thread."""
    folder = tmp_path / "warmed"
    folder.mkdir()
    (folder / "__init__.py").touch()
    (folder / "good.py").write_text("import warnings\nwarnings.warn('old', FutureWarning)\n")
    (folder / "broken.py").write_text("raise RuntimeError('no such device')\n")
    (folder / "threaded.py").write_text(
        "import threading, time\nthreading.Thread(target=time.sleep, args=(5,), name='ticker', daemon=True).start()\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    return folder


def test_the_list_of_libraries_comes_from_the_environment() -> None:
    """Unset means the default libraries, empty means none, otherwise the names given."""
    assert configured_modules(None) == LIBRARIES
    assert configured_modules("") == ()
    assert configured_modules(" pandas, numpy ,") == ("pandas", "numpy")


@pytest.mark.usefixtures("package")
def test_a_module_that_fails_is_named_and_skipped(caplog: pytest.LogCaptureFixture) -> None:
    """A module that raises, or is not there, is a warning; the others are imported all the same."""
    assert warm_up(["warmed.broken", "not_there", "warmed.good"]) == ("warmed.good",)
    assert "warmed.broken is not warm, tasks import it themselves: RuntimeError: no such device" in caplog.text
    assert "not_there is not warm, tasks import it themselves: ModuleNotFoundError" in caplog.text
    assert "1 modules imported" in caplog.text


@pytest.mark.usefixtures("package")
def test_a_star_means_the_modules_of_a_package(caplog: pytest.LogCaptureFixture) -> None:
    """`package.*` imports the package and what is right below it; an absent package is one warning."""
    assert set(warm_up(["warmed.*", "absent.*"])) >= {"warmed", "warmed.good"}
    assert "absent is not warm" in caplog.text


@pytest.mark.usefixtures("package")
def test_threads_that_an_import_starts_are_named(caplog: pytest.LogCaptureFixture) -> None:
    """A thread is lost in the forked tasks, so whoever added the module has to know."""
    sys.modules.pop("warmed.threaded", None)
    warm_up(["warmed.threaded"])
    assert "threads started by the warm imports, missing in forked tasks: ticker" in caplog.text


def test_running_threads_are_known_by_name() -> None:
    """The main thread is among them."""
    assert running_threads()[threading.main_thread().native_id or 0] == "MainThread"


def test_everything_that_is_warmed_imports_and_forks_safely() -> None:
    """In a fresh process all default modules import, no thread is in the way, and a forked child can compute."""
    program = """
        import logging, os, sys
        logging.basicConfig(level=logging.INFO, stream=sys.stdout, force=True)
        from evenkeel.airflow.warm_executor import LIBRARIES, TASK_RUNNER, warm_up
        warm_up((*TASK_RUNNER, *LIBRARIES))
        child = os.fork()
        if child == 0:
            import numpy, sklearn.linear_model
            rows = numpy.random.default_rng(0).normal(size=(500, 20))
            sklearn.linear_model.LinearRegression().fit(rows @ rows.T, rows)
            os._exit(0)
        sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    """
    result = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)],
        env={**os.environ, "OMP_NUM_THREADS": TUNING["OMP_NUM_THREADS"]},
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert result.returncode == 0, result.stderr[-2000:]
    assert "not warm" not in result.stdout
    assert "missing in forked tasks" not in result.stdout
    assert "Warm executor:" in result.stdout


def test_the_task_runner_of_this_airflow_is_warmed() -> None:
    """Every module of the task runner that the list names exists in the installed Airflow."""
    assert set(warm_up(TASK_RUNNER)) == set(TASK_RUNNER)
