"""Several services as one: started together, each in a session of its own, and ended with everything below them.

honcho's Manager runs them. Airflow puts each task into its own process group, so ending a service's group would leave
its tasks behind; a session holds them all.
"""

from __future__ import annotations

import io
import os
import shlex
import signal
import threading
import time
from typing import TYPE_CHECKING

import psutil
from honcho.manager import Manager
from honcho.printer import Printer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path


class ServiceManager(Manager):  # type: ignore[misc]  # honcho ships no types
    """Runs commands until one of them ends or a TERM or INT signal comes, then ends all of them.

    Each command writes to `<logs>/<name>.log`; the log of the start before is kept as `<name>.log.1`.
    """

    def __init__(self, logs: Path, *, grace: float, on_started: Callable[[], None]) -> None:
        """Prepare; `grace` is seconds between TERM and KILL, `on_started` runs in a thread once all are started."""
        super().__init__(Printer(io.StringIO()))
        self.ended_early: dict[str, int] = {}
        self._logs = logs
        self._grace = grace
        self._stop_requested = False
        self._watcher = threading.Thread(target=on_started, daemon=True)
        self._killer = threading.Timer(grace, self._kill_sessions)
        self._killer.daemon = True

    def add(self, name: str, command: list[str], env: Mapping[str, str], folder: Path) -> None:
        """Add a service; `env` is its whole environment, `folder` its working directory."""
        log = self._logs / f"{name}.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        if log.exists():
            log.replace(log.with_suffix(".log.1"))
        # The file takes the output directly: relaying every line through honcho would cost two processes' work.
        self.add_process(name, f"exec {shlex.join(command)} >> {shlex.quote(str(log))} 2>&1", env=env, cwd=folder)

    @property
    def sessions(self) -> list[int]:
        """The session ids of the services that were started."""
        return [process["pid"] for process in self._processes.values() if process.get("pid")]

    def terminate(self) -> None:
        """Send TERM to every service, and KILL to what is left after the grace period."""
        self._stop_requested = True
        if self._terminating or not super()._all_started():
            return
        self.ended_early = {
            name: process["returncode"] for name, process in self._processes.items() if "returncode" in process
        }
        self._killer.start()
        super().terminate()

    def kill(self) -> None:
        """Leave it to the grace period; honcho's own is fixed and ends groups only."""

    def loop(self) -> None:
        """Run until everything has ended; nothing that a service started is left afterwards."""
        try:
            super().loop()
        finally:
            self._killer.cancel()
            end_sessions(self.sessions, grace=min(2.0, self._grace))

    def _all_started(self) -> bool:
        started: bool = super()._all_started()
        if started and not self._watcher.ident:
            self._watcher.start()
        # honcho cannot stop what has not reported its start, so a signal that came too early waits for it here.
        if started and self._stop_requested:
            self.terminate()
        return started

    def _kill_sessions(self) -> None:
        _signal(members(self.sessions), signal.SIGKILL)


def members(sessions: Iterable[int]) -> list[int]:
    """The ids of all processes in the given sessions, zombies left out."""
    wanted, found = set(sessions), []
    for process in psutil.process_iter():
        try:
            if os.getsid(process.pid) in wanted and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process.pid)
        except (ProcessLookupError, psutil.NoSuchProcess):
            continue
    return found


def end_sessions(sessions: Iterable[int], *, grace: float) -> None:
    """End every process of the sessions: TERM, up to `grace` seconds, then KILL until none is left."""
    sessions = list(sessions)
    left = members(sessions)
    _signal(left, signal.SIGTERM)
    deadline = time.monotonic() + grace
    while left := members(sessions):
        if time.monotonic() > deadline:
            _signal(left, signal.SIGKILL)
        time.sleep(0.05)


def _signal(pids: Iterable[int], number: signal.Signals) -> None:
    for pid in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            continue
