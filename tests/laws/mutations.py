"""Breaks the mechanism of each law, one way at a time, and looks whether a test of that law notices.

    python -m tests.laws.mutations [--only NAME] [--law NUMBER ...] [--jobs 1]

Each mutation is done to a copy of `include`, in a fork of a parent that has imported the vendors and nothing of evenkeel. The
suite must be green before: then a failing test tells of the mutation.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import json
import os
import shutil
import signal
import sys
import tempfile
import time
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from rich.table import Table

from tests.laws.mutants import MUTATIONS, Mutation

PROJECT = Path(__file__).parents[2]
VENDORS = (
    "deltalake",
    "evidently",
    "great_expectations",
    "matplotlib.figure",
    "mlflow.sklearn",
    "mlflow.store.model_registry.sqlalchemy_store",
    "mlflow.store.tracking.sqlalchemy_store",
    "pandas",
    "pyarrow.dataset",
    "sklearn.ensemble",
    "sklearn.linear_model",
    "skops.io",
    "airflow.sdk",  # last: it sets up logging, and the others would tell of themselves
    "airflow.dag_processing.dagbag",
    "airflow.providers.standard.operators.hitl",
)
PATIENCE = 900.0
"""Seconds after which a mutant hangs, which is noticed too."""


@dataclass(frozen=True)
class Fate:
    """What became of a mutation: the test that failed, or None; what was wrong with the mutation itself."""

    mutation: Mutation
    killed_by: str | None
    error: str = ""


class Watch:
    """Puts tests in order, hears which of them fail, and whether any could not even be run."""

    def __init__(self, first: str) -> None:
        self._first = first
        self.failed: list[str] = []
        self.broken: list[str] = []
        self.ran = 0

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Those that most likely notice the mutation come first, and one model before the other."""
        items.sort(key=lambda item: (self._first not in item.name, "flight_duration" in item.name))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """One phase of one test."""
        self.ran += report.when == "call"
        if report.failed:
            (self.failed if report.when == "call" else self.broken).append(report.nodeid.partition("::")[2])

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """One file."""
        if report.failed:
            self.broken.append(str(report.longrepr)[-300:])


def mutate(mutation: Mutation, include: Path) -> None:
    """Do a mutation to a copy of the code. Raises ValueError where a text is not there exactly once."""
    for edit in mutation.edits:
        file = include / "evenkeel" / edit.file
        text = file.read_text()
        if text.count(edit.old) != 1:
            raise ValueError(f"{mutation.name}: {edit.file} has this {text.count(edit.old)} times: {edit.old!r}")
        file.write_text(text.replace(edit.old, edit.new))


def main() -> int:
    """Try all mutations, or some; print what became of them. 1 where one survived."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", help="part of a mutation's name")
    parser.add_argument("--law", type=int, nargs="*", default=[], help="numbers of laws")
    parser.add_argument("--jobs", type=int, default=1, help="how many at a time")
    asked = parser.parse_args()
    chosen = [one for one in MUTATIONS if (asked.only or "") in one.name and (one.law in asked.law or not asked.law)]
    _warm()
    with tempfile.TemporaryDirectory(prefix="evenkeel-laws-") as folder:
        fates = _all(chosen, Path(folder), asked.jobs)
    return _show(fates)


def _all(chosen: list[Mutation], root: Path, jobs: int) -> list[Fate]:
    base = root / "base"
    _wait(_fork(root / "made.json", lambda: _make_base(base)))
    assert (base / "made").exists(), "the houses could not be made"
    waiting, under_way, fates = list(enumerate(chosen)), {}, {}
    while waiting or under_way:
        while waiting and len(under_way) < jobs:
            number, mutation = waiting.pop(0)
            folder = root / str(number)
            shutil.copytree(PROJECT / "include", folder / "include", ignore=shutil.ignore_patterns("__pycache__"))
            mutate(mutation, folder / "include")
            child = _fork(folder / "fate.json", lambda m=mutation, f=folder: _suffer(m, f, base))
            under_way[child] = (number, mutation, folder, time.monotonic())
        for child in list(under_way):
            number, mutation, folder, began = under_way[child]
            found, _ = os.waitpid(child, os.WNOHANG)
            late = time.monotonic() - began > PATIENCE
            if late and not found:
                os.killpg(child, signal.SIGKILL)
                os.waitpid(child, 0)
            if found or late:
                del under_way[child]
                fates[number] = _fate(mutation, folder, late=late)
                print(
                    f"{mutation.law:2} {mutation.name}: {fates[number].killed_by or fates[number].error or 'SURVIVED'}",
                    flush=True,
                )
                shutil.rmtree(folder)
        time.sleep(0.05)
    return [fates[number] for number in sorted(fates)]


def _fate(mutation: Mutation, folder: Path, *, late: bool) -> Fate:
    if late:
        return Fate(mutation, f"nothing, it hangs for {PATIENCE:.0f} seconds")
    told = json.loads((folder / "fate.json").read_text())
    if told["error"] or told["broken"] or not told["ran"]:
        return Fate(mutation, None, str(told["error"] or told["broken"] or "no test of this law was run"))
    return Fate(mutation, told["failed"][0] if told["failed"] else None)


def _fork(answer: Path, work: Any) -> int:
    """Do something in a child of its own process group; its answer is kept as JSON."""
    child = os.fork()
    if child:
        return child
    os.setpgid(0, 0)
    try:
        told = work()
    except BaseException as error:
        told = {"error": f"{type(error).__name__}: {error}"}
    answer.write_text(json.dumps(told))
    os._exit(0)


def _wait(child: int) -> None:
    os.waitpid(child, 0)


def _make_base(base: Path) -> dict[str, Any]:
    sys.path.insert(0, str(PROJECT / "include"))
    from tests.laws.conftest import make_bases

    make_bases(base)
    return {}


def _suffer(mutation: Mutation, folder: Path, base: Path) -> dict[str, Any]:
    """Run the law's tests against the mutated copy until one fails."""
    include = str(folder / "include")
    sys.path.insert(0, include)
    os.environ |= {"PYTHONPATH": include, "EVENKEEL_LAWS_BASE": str(base)}
    output = os.open(folder / "output", os.O_WRONLY | os.O_CREAT)
    os.dup2(output, 1)
    os.dup2(output, 2)
    watch = Watch(mutation.first)
    scratch = folder / "tmp"
    asked = ["tests/laws", "-q", "-x", "-p", "no:cacheprovider", "-W", "ignore", f"--basetemp={scratch}"]
    pytest.main([*asked, "-k", f"test_law_{mutation.law:02}"], plugins=[watch])
    found = str(sys.modules["evenkeel"].__file__)
    error = "" if found.startswith(include) else f"the tests imported {found}, which is not mutated"
    return {"failed": watch.failed, "broken": watch.broken, "ran": watch.ran, "error": error}


def _warm() -> None:
    """Import the vendors, and let them look once at what is installed, which each fork would do anew."""
    import tests.conftest  # noqa: F401 - where Airflow's scratch home is, before Airflow is imported

    warnings.simplefilter("ignore")
    os.environ |= {"MLFLOW_LOGGING_LEVEL": "ERROR", "EVENKEEL_CODE_VERSION": "mutations"}
    for name in VENDORS:
        importlib.import_module(name)
    import mlflow.sklearn
    from sklearn.linear_model import LinearRegression

    with tempfile.TemporaryDirectory() as folder:
        fitted = LinearRegression().fit([[0.0], [1.0]], [0.0, 1.0])
        mlflow.sklearn.save_model(
            fitted, f"{folder}/model", serialization_format="skops", pip_requirements=["scikit-learn"]
        )
    assert "evenkeel" not in sys.modules, "the parent must not have imported what is mutated"


def _show(fates: list[Fate]) -> int:
    table = Table("law", "mutation", "killed by", title=f"{len(fates)} mutations")
    for one in fates:
        said = one.killed_by or (f"[red]ERROR[/] {one.error}" if one.error else "[red]SURVIVED[/]")
        table.add_row(str(one.mutation.law), one.mutation.name, said)
    Console(width=180).print(table)
    alive = [one for one in fates if one.killed_by is None]
    Console().print(f"{len(fates) - len(alive)} of {len(fates)} were noticed")
    return 1 if alive else 0


if __name__ == "__main__":
    sys.exit(main())
