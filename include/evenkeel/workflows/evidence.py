"""What a training leaves on record about itself: code, environment, data, window and seed (law 16)."""

from __future__ import annotations

import hashlib
import os
import platform
import subprocess
from functools import cache
from importlib.metadata import distributions, version
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


LOCK = "constraints.txt"
"""The project's lock: exact versions of all that it installs."""

THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
"""Variables that say how many threads add up numbers."""


@cache
def code_version(project: Path) -> str:
    """The git commit of the project, with `+changes` where the tree differs from it.

    An image has no repository: there it is what the build wrote into EVENKEEL_CODE_VERSION, or else the package's version.
    """
    if os.environ.get("EVENKEEL_CODE_VERSION"):
        return os.environ["EVENKEEL_CODE_VERSION"]
    try:
        head = _git(project, "rev-parse", "HEAD")
        changed = _git(project, "status", "--porcelain", "--untracked-files=no")
    except (OSError, subprocess.CalledProcessError):
        return f"evenkeel {version('evenkeel')}"  # an image or an unpacked archive: no git, no repository
    return f"{head}+changes" if changed else head


@cache
def environment_hash() -> str:
    """Sixteen hex digits over the name and version of every installed distribution."""
    return hashlib.sha256("\n".join(installed()).encode()).hexdigest()[:16]


@cache
def installed() -> tuple[str, ...]:
    """Every installed distribution, `name==version`, in order."""
    return tuple(sorted({f"{one.metadata['Name']}=={one.version}".lower() for one in distributions()}))


def environment_text() -> str:
    """What a training ran in, a line each: interpreter, machine and threads as comments, then `installed`."""
    machine = f"{platform.system()} {platform.machine()}, {os.cpu_count()} processors"
    threads = [f"{name}={os.environ[name]}" for name in THREADS if os.environ.get(name)]
    told = (f"python {platform.python_version()}", machine, *threads)
    return "\n".join((*(f"# {line}" for line in told), *installed())) + "\n"


def threads_of(environment: str) -> dict[str, str | None]:
    """The variables that said how many threads add up numbers, in an environment's text; None for one that was not set.

    Floating-point sums of parts depend on how many parts there are.
    """
    lines = {line.removeprefix("# ") for line in environment.splitlines() if line.startswith("# ")}
    found = dict(line.split("=", 1) for line in lines if line.partition("=")[0] in THREADS)
    return {name: found.get(name) for name in THREADS}


def python_of(environment: str) -> str:
    """The Python release in an environment's text, such as `3.11`; empty where it does not say."""
    for line in environment.splitlines():
        if line.startswith("# python "):
            return ".".join(line.removeprefix("# python ").split(".")[:2])
    return ""


def lock_hash(project: Path) -> str:
    """Sixteen hex digits over the project's `constraints.txt`, the versions it installs; `none` where it has no such file."""
    lock = project / LOCK
    return hashlib.sha256(lock.read_bytes()).hexdigest()[:16] if lock.is_file() else "none"


def _git(project: Path, *arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=project, capture_output=True, text=True, check=True, timeout=10)
    return done.stdout.strip()
