"""A version made again in a clean environment, from the commit it was trained at, after the code moved on."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest

from nyc_flights.landing import land

pytestmark = pytest.mark.reproduce

PROJECT = Path(__file__).parents[2]
NOBODY = ["-c", "user.name=nobody", "-c", "user.email=nobody@example.org", "-c", "commit.gpgsign=false"]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """This project, as its files are now, in a repository of its own, with seven weeks of flights landed beside it."""
    root = tmp_path_factory.mktemp("project") / "clone"
    root.mkdir()
    for name in _git(PROJECT, "ls-files", "--cached", "--others", "--exclude-standard").splitlines():
        if (PROJECT / name).is_file():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(PROJECT / name, root / name)
    spec = root / "config" / "models" / "flight_delay.yaml"
    spec.write_text(spec.read_text().replace("window: 60d", "window: 20d").replace("holdout: 14d", "holdout: 5d"))
    _git(root, "init", "-q")
    _git(root, "add", "-A")
    _git(root, "commit", "-q", "-m", "as it is")
    land(root / ".evenkeel" / "data", date(2013, 1, 1), date(2013, 2, 16))
    return root


def test_a_version_is_made_again_after_the_code_moved_on(project: Path) -> None:
    """Its own commit is checked out, its own lock installed, and the file that comes out is the one registered, bit for bit;
    what has been committed since, and what has not, makes no difference.
    """
    trained = _evenkeel(project, "train", "flight_delay", "--as-of", "2013-02-01")
    assert trained.returncode == 0, trained.stderr
    commit = _git(project, "rev-parse", "HEAD")
    fitting = project / "include" / "evenkeel" / "gateways" / "estimators.py"
    fitting.write_text(
        fitting.read_text().replace('strategy="median"', 'strategy="mean"').replace("min_frequency=20", "")
    )
    spec = project / "config" / "models" / "flight_delay.yaml"
    spec.write_text(spec.read_text().replace("seed: 7", "seed: 8"))
    _git(project, "commit", "-q", "-a", "-m", "the code moves on")
    (project / "constraints.txt").write_text("numpy==1.0\n")
    done = _evenkeel(project, "reproduce", "flight_delay", "1", "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert (found["result"]["sameness"], found["code"]) == ("equal (bit for bit)", commit)
    assert [one["what"] for one in found["result"]["differences"]] == []
    assert "install" in done.stderr


def test_code_that_was_never_committed_is_refused(project: Path) -> None:
    """A version of a tree with changes cannot be made again elsewhere; here it can."""
    spec = project / "config" / "models" / "flight_delay.yaml"
    spec.write_text(spec.read_text().replace("seed: 8", "seed: 9"))
    assert _evenkeel(project, "train", "flight_delay", "--as-of", "2013-02-02").returncode == 0
    refused = _evenkeel(project, "reproduce", "flight_delay", "2")
    assert refused.returncode == 1
    assert "with changes that no commit holds" in refused.stderr
    here = _evenkeel(project, "reproduce", "flight_delay", "2", "--here")
    assert (here.returncode, "equal (bit for bit)" in here.stdout) == (0, True), here.stderr


def _evenkeel(project: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {key: one for key, one in os.environ.items() if not key.startswith(("EVENKEEL_", "MLFLOW_"))}
    command = [Path(sys.executable).with_name("evenkeel"), *arguments]
    return subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True, check=False)


def _git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(["git", *NOBODY, *arguments], cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout.strip()
