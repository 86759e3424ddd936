"""The import contracts: each is kept, and each catches a planted breach."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]

BREACHES = [
    ("vocabulary/partition.py", "import evenkeel.workflows.train", "Imports go downwards only"),
    ("gateways/lake.py", "import evenkeel.decisions.drift", "Imports go downwards only"),
    ("stray.py", "", "Imports go downwards only"),
    ("workflows/train.py", "import airflow", "Only evenkeel.airflow imports Airflow"),
    ("cli/main.py", "import airflow.sdk", "Only evenkeel.airflow imports Airflow"),
    ("workflows/train.py", "import great_expectations", "Only the expectations gateway imports Great Expectations"),
    ("workflows/train.py", "import mlflow", "Only the registry gateway imports MLflow"),
    ("workflows/train.py", "import evidently", "Only the drift report gateway imports Evidently"),
    ("workflows/train.py", "import fairlearn", "Only the fairness gateway imports Fairlearn"),
    ("workflows/train.py", "import shap", "Only the explanations gateway imports SHAP"),
    ("gateways/sources.py", "import deltalake", "Only the lake gateway imports Delta Lake"),
    ("decisions/drift.py", "import pandas", "Decisions do no I/O"),
    ("gateways/sources.py", "import evenkeel.gateways.lake", "Gateways do not know each other"),
]


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    program = Path(sys.executable).with_name("lint-imports")
    environment = {"PYTHONPATH": str(folder / "include"), "PATH": str(program.parent)}
    command = [str(program), "--no-cache"]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(("file", "line", "contract"), BREACHES, ids=lambda value: str(value) or "nothing")
def test_a_planted_breach_breaks_its_contract(tmp_path: Path, file: str, line: str, contract: str) -> None:
    """One forbidden import, or a module that no layer owns, fails `make check` and names the contract."""
    shutil.copytree(PROJECT / "include", tmp_path / "include", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(PROJECT / "pyproject.toml", tmp_path)
    planted = tmp_path / "include" / "evenkeel" / file
    planted.write_text((planted.read_text() if planted.exists() else "") + f"\n{line}\n")
    done = lint(tmp_path)
    assert done.returncode == 1
    assert "Broken contracts" in done.stdout, done.stdout + done.stderr
    said = " ".join(done.stdout.split())
    assert contract in said.split("Broken contracts")[1], done.stdout


def test_the_tree_as_it_is_keeps_every_contract() -> None:
    """No contract is broken today."""
    done = lint(PROJECT)
    assert done.returncode == 0, done.stdout
