"""A clean room: the code of a commit, whatever happened to the project since."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from evenkeel.gateways.clean_room import CleanRoom
from evenkeel.vocabulary.errors import EvenkeelError

if TYPE_CHECKING:
    from pathlib import Path

NOBODY = {"user.name": "nobody", "user.email": "nobody@example.org", "commit.gpgsign": "false"}


@pytest.fixture
def project(tmp_path: Path) -> tuple[Path, list[str]]:
    """A project in a folder of a repository, and its commits: what it says changed from one to the next."""
    project = tmp_path / "repository" / "models"
    project.mkdir(parents=True)
    _git(project.parent, "init", "-q")
    commits = []
    for text in ("first", "second"):
        (project / "said.txt").write_text(text)
        _git(project.parent, "add", "-A")
        _git(project.parent, "commit", "-q", "-m", text)
        commits.append(_git(project.parent, "rev-parse", "HEAD"))
    (project / "said.txt").write_text("not committed")
    return project, commits


def test_code_of_a_commit(project: tuple[Path, list[str]], tmp_path: Path) -> None:
    """A commit's code comes out in the folder that is the project's, and the project is left as it was."""
    folder, (first, _) = project
    there = CleanRoom(tmp_path / "room").check_out(folder, first)
    assert (there / "said.txt").read_text() == "first"
    assert (folder / "said.txt").read_text() == "not committed"
    assert _git(folder, "worktree", "list").count("\n") == 0


def test_a_commit_that_nobody_has(project: tuple[Path, list[str]], tmp_path: Path) -> None:
    """The message names the commit, and says how it can have been lost."""
    with pytest.raises(
        EvenkeelError, match=f"does not hold commit {'0' * 40}: it was never pushed there, or was dropped"
    ):
        CleanRoom(tmp_path / "room").check_out(project[0], "0" * 40)


def test_a_project_without_repository(tmp_path: Path) -> None:
    """An unpacked archive has no history to go back in."""
    with pytest.raises(EvenkeelError, match="is not in a git repository"):
        CleanRoom(tmp_path / "room").check_out(tmp_path, "0" * 40)


def test_a_commit_without_lock(project: tuple[Path, list[str]], tmp_path: Path) -> None:
    """Nothing is installed where nobody knows what."""
    room = CleanRoom(tmp_path / "room")
    room.check_out(project[0], project[1][0])
    with pytest.raises(EvenkeelError, match=r"no constraints\.txt"):
        room.install()


def test_a_hook_does_not_lead_astray(
    project: tuple[Path, list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Variables that a git hook of another repository has set are not listened to."""
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "elsewhere"))
    there = CleanRoom(tmp_path / "room").check_out(project[0], project[1][1])
    assert (there / "said.txt").read_text() == "second"


def _git(folder: Path, *arguments: str) -> str:
    settings = [word for key, value in NOBODY.items() for word in ("-c", f"{key}={value}")]
    done = subprocess.run(["git", *settings, *arguments], cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout.strip()
