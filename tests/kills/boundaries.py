"""Write boundaries of a process: where each write to the house begins and ends, found from outside the production code.

A boundary is a point between two states of the disk. At `before` nothing of the write is there; at `after` it is there whole;
at `half` it has begun: a file with half its content, Delta's data files without the log entry that commits them; at
`unlinked` that entry is written and does not have its name yet.
"""

from __future__ import annotations

import functools
import os
import shutil
import signal
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import fsspec.implementations.local
import sqlalchemy.engine.default
from mlflow import MlflowClient

from evenkeel.gateways import lake

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

WRITES_OF_MLFLOW = (
    "create_experiment",
    "create_logged_model",
    "create_model_version",
    "create_registered_model",
    "create_run",
    "delete_logged_model",
    "delete_model_version",
    "delete_run",
    "finalize_logged_model",
    "log_artifacts",
    "log_batch",
    "log_inputs",
    "log_model_artifacts",
    "log_outputs",
    "log_text",
    "set_model_version_tag",
    "set_registered_model_alias",
    "set_terminated",
    "update_run",
)


class Boundaries:
    """Counts the write boundaries of this process, and kills it at one of them.

    Args:
        house: only writes below this folder count.
        kill_at: number of the boundary at which the process dies; it only counts where not given.
        note: file that then holds the boundary's name.
    """

    def __init__(self, house: Path, kill_at: int | None = None, note: Path | None = None) -> None:
        self.met: list[str] = []
        self._house = str(house)
        self._kill_at = kill_at
        self._note = note
        self._call = ""
        self._quiet = False
        self._copied = ""

    def watch(self) -> None:
        """From now on every write of this process meets its boundaries."""
        self._around(lake, "write_deltalake", self._commit)
        self._around(sqlalchemy.engine.default.DefaultDialect, "do_commit", self._database)
        self._around(fsspec.implementations.local.LocalFileSystem, "pipe_file", self._file)
        for name in WRITES_OF_MLFLOW:
            self._around(MlflowClient, name, functools.partial(self._named, name))
        sys.addaudithook(self._audit)

    def _meet(self, what: str, when: str, make: Callable[[], object] | None = None) -> None:
        """One boundary. `make` brings the disk into the state that the boundary is about."""
        label = f"{self._call}{': ' if self._call else ''}{what} | {when}"
        if len(self.met) == self._kill_at:
            self._quiet = True
            if self._note is not None:
                self._note.write_text(label)
            if make is not None:
                make()
            os.kill(os.getpid(), signal.SIGKILL)
        self.met.append(label)

    def _around(self, owner: Any, name: str, act: Callable[..., Any]) -> None:
        present = getattr(owner, name)

        @functools.wraps(present)
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            return present(*args, **kwargs) if self._quiet else act(present, *args, **kwargs)

        setattr(owner, name, wrapped)

    def _commit(self, present: Callable[..., None], table: Any, *args: Any, **kwargs: Any) -> None:
        path = Path(table if isinstance(table, str) else table.table_uri.removeprefix("file://"))
        what = f"Delta commit to {path.name}"
        self._meet(what, "before")
        self._meet(what, "half", lambda: _begun(present, path, args, kwargs))
        self._meet(what, "unlinked", lambda: _begun(present, path, args, kwargs, logged=True))
        present(table, *args, **kwargs)
        self._meet(what, "after")

    def _database(self, present: Callable[..., None], dialect: Any, connection: Any) -> None:
        changed = connection.total_changes
        # A commit after a mere read writes nothing.
        writes = changed != getattr(connection, "info", {}).get("changed", 0)
        if not writes:
            return present(dialect, connection)
        connection.info["changed"] = changed
        self._meet("database commit", "before")
        present(dialect, connection)
        self._meet("database commit", "after")
        return None

    def _file(self, present: Callable[..., None], system: Any, path: str, content: bytes, **kwargs: Any) -> None:
        what = f"{'page' if '/_pages/' in path else 'staged'} {_plain(path)}"  # to a draft, which is then renamed
        self._meet(what, "before")
        self._meet(what, "half", lambda: Path(path).write_bytes(content[: len(content) // 2]))
        with self._hushed():
            present(system, path, content, **kwargs)
        if not path.endswith(".draft"):  # of a draft that is whole tells its rename
            self._meet(what, "after")

    def _named(self, call: str, present: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        outer, self._call = self._call, self._call or f"MLflow {call}"
        try:
            return present(*args, **kwargs)
        finally:
            self._call = outer

    def _audit(self, event: str, args: tuple[Any, ...]) -> None:
        """Files that Python writes by other ways than those above: MLflow's artifacts, renames."""
        if self._quiet:
            return
        if event == "os.rename" and self._mine(args[1]):
            with self._hushed():
                self._meet(f"rename to {_plain(args[1])}", "before")
                self._meet(f"rename to {_plain(args[1])}", "after", lambda: Path(args[0]).rename(args[1]))
        elif event == "shutil.copyfile" and self._mine(args[1]):
            with self._hushed():
                self._copied, content = os.fspath(args[1]), Path(args[0]).read_bytes()
                self._meet("artifact file", "before")
                self._meet("artifact file", "half", lambda: Path(args[1]).write_bytes(content[: len(content) // 2]))
        elif event == "open" and self._mine(args[0]) and _writes(args[1], args[2]) and not self._met_before(args[0]):
            with self._hushed():
                self._meet(f"opening {_plain(args[0])}", "before")

    def _mine(self, path: Any) -> bool:
        return isinstance(path, (str, os.PathLike)) and os.fspath(path).startswith(self._house + "/")

    def _met_before(self, path: Any) -> bool:
        """A copy is met when it begins, SQLite's commits where they are made, and a lock holds nothing."""
        return os.fspath(path) == self._copied or os.fspath(path).endswith((".lock", ".db"))

    @contextmanager
    def _hushed(self) -> Iterator[None]:
        """What a watcher itself opens is no boundary."""
        self._quiet = True
        try:
            yield
        finally:
            self._quiet = False


def _begun(write: Callable[..., None], path: Path, args: Any, kwargs: Any, *, logged: bool = False) -> None:
    """The states between the writes of one Delta commit, made from the whole of it, which is written to a copy.

    Delta writes a data file as `<name>#1` and renames it, writes the log entry as `<version>.json#1` and links it under its
    own name: that link is the commit. Half-way one data file is there and one is begun; with `logged` only the link is missing.
    """
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / path.name
        if path.exists():
            shutil.copytree(path, copy)
        before = set(copy.rglob("*"))
        target: Any = lake.DeltaTable(str(copy)) if (copy / "_delta_log").exists() else str(copy)
        write(target, *args, **kwargs)
        made = [one for one in copy.rglob("*") if one not in before and one.is_file()]
        for file in made:
            place = path / file.relative_to(copy)
            place.parent.mkdir(parents=True, exist_ok=True)
            if "_delta_log" in file.parts:
                if logged:
                    shutil.copy2(file, f"{place}#1")
                continue
            shutil.copy2(file, place)
            if not logged:
                Path(f"{place}#1").write_bytes(file.read_bytes()[:100])


def _plain(path: Any) -> str:
    """A file's name without what differs between two runs."""
    return os.path.basename(os.fspath(path)).split(".")[0]  # noqa: PTH119


def _writes(mode: Any, flags: int) -> bool:
    return (
        bool(flags & (os.O_WRONLY | os.O_RDWR)) if isinstance(flags, int) else any(one in str(mode) for one in "wax+")
    )
