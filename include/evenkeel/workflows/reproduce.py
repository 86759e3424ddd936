"""Reproducing a version: rebuilt in a clean environment from code version, lock, data version and seed, and compared."""

from __future__ import annotations

import contextlib
import json
import re
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evenkeel.decisions.reproduction import Apart, Difference, Reproduction, judge_reproduction
from evenkeel.gateways.clean_room import CleanRoom
from evenkeel.gateways.model_file import FILE_OF_STORAGE
from evenkeel.vocabulary.errors import EvenkeelError
from evenkeel.workflows.evidence import python_of, threads_of
from evenkeel.workflows.lineage import ENVIRONMENT
from evenkeel.workflows.rebuild import Rebuilt, read_record, rebuild

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from evenkeel.gateways.registry import Version
    from evenkeel.workflows.gateways import Gateways

    Watch = Callable[[str, str | None], None]

_NOTE = "rebuilt.json"
_COMMIT = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True)
class Reproduced:
    """A version, the code it was made with, and what came of making it again."""

    model: str
    version: int
    code: str
    digest: str
    rows: int
    result: Reproduction

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for programs."""
        return asdict(self) | {"result": asdict(self.result) | {"sameness": str(self.result.sameness)}}


def reproduce(
    model: str,
    number: int,
    gateways: Gateways,
    watch: Watch,
    *,
    here: bool = False,
    keep: Path | None = None,
    extras: Sequence[str] = ("example",),
) -> Reproduced:
    """Make a version again and say how much of it came out the same.

    Args:
        model: whose version.
        number: which.
        gateways: the doors; what was recorded is read through them, nothing is written.
        watch: hears of each step as it begins, with None, and as it ends, with what it found.
        here: with this code in this environment, whatever the version was made with.
        keep: folder for code, environment and the rebuilt model; without one they are gone afterwards.
        extras: extras of the project to install.

    Raises EvenkeelError where the version's code or rows cannot be had.
    """
    version = gateways.registry.version(model, number)
    code = version.tags.get("evenkeel.code", "")
    with _folder(keep) as folder:
        room = CleanRoom(folder)
        if here:
            watch("rebuild", None)
            found = rebuild_into(model, number, room.results, gateways)
        else:
            _in_clean_room(version, room, gateways, watch, extras)
            found = _read_note(room.results / _NOTE)
        watch("rebuild", f"{found['rows']:,} rows, model {found['digest'][:12]}…")
    result = judge_reproduction(
        same_file=found["same_file"],
        apart=None if found["apart"] is None else Apart(**found["apart"]),
        rows=found["holdout_rows"],
        differences=[Difference(**one) for one in found["differences"]],
        data_as_recorded=found["data_as_recorded"],
    )
    return Reproduced(model, number, code, found["digest"], found["rows"], result)


def rebuild_into(model: str, number: int, folder: Path, gateways: Gateways) -> dict[str, Any]:
    """Rebuild a version in this process; leave its model file, its predictions and a note in a folder, and return the note."""
    recorded = read_record(model, number, gateways)
    made = rebuild(recorded, gateways)
    note = _note(made)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / FILE_OF_STORAGE[recorded.candidate.storage]).write_bytes(made.file)
    made.predictions.to_parquet(folder / "predictions.parquet", index=False)
    (folder / _NOTE).write_text(json.dumps(note, indent=2) + "\n", encoding="utf-8")
    return note


def _in_clean_room(version: Version, room: CleanRoom, gateways: Gateways, watch: Watch, extras: Sequence[str]) -> None:
    model, number, code = version.model, version.number, version.tags.get("evenkeel.code", "")
    if not _COMMIT.fullmatch(code):
        raise EvenkeelError(f"{model} version {number} {_no_commit(code)}. {_here(model, number)}")
    settings = gateways.settings
    watch("check out", None)
    room.check_out(settings.project, code)
    watch("check out", code[:12])
    watch("install", None)
    text = (gateways.registry.artifact(version.run_id, ENVIRONMENT) or b"").decode()
    watch("install", f"{room.install(extras, python_of(text))} packages")
    watch("rebuild", None)
    environment = {
        "EVENKEEL_HOME": str(settings.home),
        "EVENKEEL_LAKE": settings.lake,
        "EVENKEEL_DATA": settings.data,
        "MLFLOW_TRACKING_URI": settings.tracking_uri,
        **(threads_of(text) if text else {}),
    }
    room.evenkeel(["rebuild", model, str(number), "--out", str(room.results)], environment, Path.cwd())


def _no_commit(code: str) -> str:
    commit, plus, _ = code.partition("+")
    if plus:
        return (
            f"was trained from commit {commit[:12]} with changes that no commit holds, so nobody has that code any more "
            "(commit before a training that counts)"
        )
    if not code:
        return "has no code version on record"
    return f"has {code!r} as its code version, which is no commit (an image says it in EVENKEEL_CODE_VERSION)"


def _here(model: str, number: int) -> str:
    return f"Rebuild it with this code in this environment: evenkeel reproduce {model} {number} --here"


@contextlib.contextmanager
def _folder(keep: Path | None) -> Iterator[Path]:
    if keep is None:
        with tempfile.TemporaryDirectory(prefix="evenkeel-reproduce-") as folder:
            yield Path(folder)
        return
    keep.mkdir(parents=True, exist_ok=True)
    if any(keep.iterdir()):
        raise EvenkeelError(f"{keep} is not empty; name a folder that is, or is not there yet")
    yield keep.absolute()


def _note(made: Rebuilt) -> dict[str, Any]:
    return {
        "rows": made.rows,
        "holdout_rows": made.holdout_rows,
        "digest": made.digest,
        "same_file": made.same_file,
        "apart": None if made.apart is None else asdict(made.apart),
        "data_as_recorded": made.data_as_recorded,
        "differences": [asdict(one) for one in made.differences],
    }


def _read_note(path: Path) -> dict[str, Any]:
    note: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return note
