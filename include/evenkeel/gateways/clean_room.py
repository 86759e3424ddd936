"""A clean room: a project's code as a commit has it, in a virtual environment of its own, installed as the commit's lock says."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from evenkeel.vocabulary.errors import EvenkeelError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

LOCK = "constraints.txt"
_TOLD = 12
"""Last lines of a command that failed which its message repeats."""


class CleanRoom:
    """Code, environment and results under one folder; whose folder it is clears it up.

    Args:
        folder: an empty folder.
    """

    def __init__(self, folder: Path) -> None:
        self.results = folder / "rebuilt"
        self._code = folder / "code"
        self._environment = folder / "environment"
        self._project = self._code

    def check_out(self, project: Path, commit: str) -> Path:
        """Clone the project's repository, without copying its objects, at a commit; return the project's folder in the clone.

        Raises EvenkeelError where there is no repository, or it does not hold the commit.
        """
        try:
            top = _run(["git", "rev-parse", "--show-toplevel"], project)
            inside = _run(["git", "rev-parse", "--show-prefix"], project)
        except _FailedError as error:
            raise EvenkeelError(
                f"{project} is not in a git repository, so the code of {commit[:12]} cannot be had from it: {error}; run it in a "
                "clone of the project, or set EVENKEEL_PROJECT to one"
            ) from error
        try:
            _run(["git", "cat-file", "-e", f"{commit}^{{commit}}"], project)
        except _FailedError as error:
            raise EvenkeelError(
                f"the repository of {project} does not hold commit {commit}: it was never pushed there, or was dropped after a "
                "rebase; fetch it from whoever trained the version"
            ) from error
        _run(["git", "clone", "--quiet", "--shared", "--no-checkout", top, str(self._code)], project)
        _run(["git", "checkout", "--quiet", "--detach", commit], self._code)
        self._project = self._code / inside
        return self._project

    def install(self, extras: Sequence[str] = (), python: str = "") -> int:
        """Make the environment and install the project into it, editable, by its lock; return how many packages it holds.

        It is of the Python release asked for (`3.11`) where this machine has one, else of this process's.

        Raises EvenkeelError where the commit has no lock, or something cannot be installed.
        """
        if not (self._project / LOCK).is_file():
            raise EvenkeelError(f"the commit has no {LOCK}, so nobody knows which packages its code ran with")
        what = f".[{','.join(extras)}]" if extras else "."
        try:
            _run([_python(python), "-m", "venv", str(self._environment)], self._project)
            uv = shutil.which(
                "uv", path=os.pathsep.join((str(Path(sys.executable).parent), os.environ.get("PATH", "")))
            )
            if uv is None:
                _run([str(self._bin("python")), "-m", "pip", "install", "--quiet", "uv"], self._project)
                uv = str(self._bin("uv"))
            into = ["-p", str(self._environment)]
            _run([uv, "pip", "install", "--quiet", *into, "-c", LOCK, "-e", what], self._project)
            return len(_run([uv, "pip", "freeze", "--quiet", *into], self._project).splitlines())
        except _FailedError as error:
            raise EvenkeelError(f"the environment of the commit cannot be installed: {error}") from error

    def evenkeel(self, arguments: Sequence[str], environment: Mapping[str, str | None], folder: Path) -> None:
        """Run the commit's `evenkeel` in the environment, from a folder, with variables set, or unset where they are None.

        Raises EvenkeelError with the end of what it said where it fails.
        """
        try:
            _run(
                [str(self._bin("evenkeel")), *arguments],
                folder,
                {**environment, "EVENKEEL_PROJECT": str(self._project)},
            )
        except _FailedError as error:
            if "No such command" in str(error):
                raise EvenkeelError(
                    f"the code of that commit has no `evenkeel {arguments[0]}` yet, so it cannot be asked to do it; "
                    "pass --here to do it with this code"
                ) from error
            raise EvenkeelError(f"in the clean environment: {error}") from error

    def _bin(self, name: str) -> Path:
        return self._environment / "bin" / name


def _python(release: str) -> str:
    if release in {"", f"{sys.version_info.major}.{sys.version_info.minor}"}:
        return sys.executable
    return shutil.which(f"python{release}") or sys.executable


class _FailedError(Exception):
    """A command ended with an error."""


_OF_THIS_PROCESS = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "EVENKEEL_CODE_VERSION", "EVENKEEL_PROJECT")
"""Variables that would lead a command back to this process's code."""


def _run(command: Sequence[str], folder: Path, environment: Mapping[str, str | None] | None = None) -> str:
    # A hook that runs us has set variables of its own repository.
    clean = [name for name in os.environ if name in _OF_THIS_PROCESS or name.startswith("GIT_")]
    wanted = {**os.environ, **dict.fromkeys(clean), **(environment or {})}
    variables = {name: value for name, value in wanted.items() if value is not None}
    try:
        done = subprocess.run(command, cwd=folder, env=variables, capture_output=True, text=True, check=False)
    except OSError as error:
        raise _FailedError(str(error)) from error
    if done.returncode:
        said = (done.stderr.strip() or done.stdout.strip()).splitlines()
        raise _FailedError("\n".join(said[-_TOLD:]) or f"{command[0]} ended with {done.returncode}")
    return done.stdout.strip("\n")
