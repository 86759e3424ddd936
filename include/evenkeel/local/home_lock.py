"""One stack per home: a lock that is held as long as the stack lives, and a note of who holds it."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import time
from typing import IO, TYPE_CHECKING, Any

import psutil

from evenkeel.local.processes import end_sessions
from evenkeel.vocabulary.errors import ServiceError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class HomeLock:
    """The lock file of a home. The kernel drops the lock with its last holder, so a crash leaves none behind."""

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream

    def note(self, **facts: Any) -> None:
        """Write down who holds the lock: `pid`, `airflow_port`, `mlflow_port`, later `sessions`."""
        self._stream.seek(0)
        self._stream.truncate()
        json.dump(facts, self._stream)
        self._stream.flush()


@contextlib.contextmanager
def hold(home: Path) -> Iterator[HomeLock]:
    """Hold the home's lock. Raises ServiceError when a stack of this home runs already.

    Services that outlived an `evenkeel up` which was killed hold the lock too; they are ended first.
    """
    home.mkdir(mode=0o700, parents=True, exist_ok=True)  # tables, logs and databases are the owner's
    with (home / "up.lock").open("a+") as stream:
        if not _try(stream):
            holder = read_holder(home)
            if _alive(holder.get("pid")):
                raise ServiceError(
                    f"evenkeel is up in {home} already (process {holder['pid']}, Airflow on port "
                    f"{holder.get('airflow_port')}); stop it with Ctrl-C or `kill {holder['pid']}`, "
                    "or use another --home"
                )
            end_sessions(holder.get("sessions", []), grace=10)
            _insist(stream, home)
        yield HomeLock(stream)


def read_holder(home: Path) -> dict[str, Any]:
    """What the last holder of the lock wrote down; empty where there was none."""
    with contextlib.suppress(FileNotFoundError, ValueError):
        facts: dict[str, Any] = json.loads((home / "up.lock").read_text())
        return facts
    return {}


def _try(stream: IO[str]) -> bool:
    try:
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _insist(stream: IO[str], home: Path) -> None:
    deadline = time.monotonic() + 5
    while not _try(stream):
        if time.monotonic() > deadline:
            raise ServiceError(f"{home / 'up.lock'} is held by an unknown process; find it with `fuser` and end it")
        time.sleep(0.1)


def _alive(pid: object) -> bool:
    return isinstance(pid, int) and pid != os.getpid() and psutil.pid_exists(pid)
