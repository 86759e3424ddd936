"""Lands the example data: Parquet under a data root, one small file per table and local day.

`<root>/flights/<table>/date=2013-01-01/part-0.parquet`. The folder `flights` appears whole, by a rename, or not at all.
"""

from __future__ import annotations

import fcntl
import json
import shutil
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nyc_flights.tables import SCHEMAS, package_version, read_tables

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import pandas as pd

FOLDER = "flights"

_LAYOUT = 2
_MARKER = "_landed.json"
_STAGING = ".landing"
_REPLACED = ".replaced"


@dataclass(frozen=True)
class LandedSummary:
    """What lies under the data root: the days (both included), rows by table, and whether this call wrote it."""

    start: date
    end: date
    days: int
    rows: dict[str, int]
    written: bool


def land(
    data_root: str | Path,
    start: date | None = None,
    end: date | None = None,
    progress: Callable[[str], None] | None = None,
) -> LandedSummary:
    """Lands the local days start..end (both included; None for all of 2013), unless they are there already.

    What was landed before is replaced by the days asked for. `progress` is told, in words, what happens. Of several
    calls at once one writes and the others find its work. Raises SourceError where the source package is missing.
    """
    say = progress or (lambda _: None)
    root = Path(data_root)
    root.mkdir(parents=True, exist_ok=True)
    first, last = start or date(2013, 1, 1), end or date(2013, 12, 31)
    with _one_at_a_time(root):
        found = _landed(root)
        if found is not None and found.start <= first and last <= found.end:
            say(f"{sum(found.rows.values()):,} rows of {found.days} days are there already")
            return found
        say(f"reading {first} to {last}")
        summary = _write(root / _STAGING, read_tables(first, last), first, last, say)
        _swap(root)
    say(f"landed {sum(summary.rows.values()):,} rows of {summary.days} days")
    return summary


@contextmanager
def _one_at_a_time(root: Path) -> Iterator[None]:
    # The lock goes with its process, so a killed landing leaves nothing to clear but its staging folder.
    with (root / ".landing.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        shutil.rmtree(root / _STAGING, ignore_errors=True)
        if not (root / FOLDER).exists() and (root / _REPLACED).exists():
            (root / _REPLACED).rename(root / FOLDER)
        shutil.rmtree(root / _REPLACED, ignore_errors=True)
        yield


def _landed(root: Path) -> LandedSummary | None:
    marker = root / FOLDER / _MARKER
    if not marker.is_file():
        return None
    content: dict[str, Any] = json.loads(marker.read_text())
    if content.pop("layout") != _LAYOUT:
        return None
    del content["version"]
    start, end = (date.fromisoformat(content.pop(bound)) for bound in ("start", "end"))
    return LandedSummary(start=start, end=end, written=False, **content)


def _write(
    folder: Path, tables: dict[str, pd.DataFrame], first: date, last: date, say: Callable[[str], None]
) -> LandedSummary:
    for name, frame in tables.items():
        say(f"writing {name}: {len(frame):,} rows")
        _write_days(folder / name, name, frame)
    summary = LandedSummary(
        start=first,
        end=last,
        days=tables["schedule"]["date"].nunique(),
        rows={name: len(frame) for name, frame in tables.items()},
        written=True,
    )
    content = asdict(replace(summary, written=False)) | {"layout": _LAYOUT, "version": package_version()}
    del content["written"]
    (folder / _MARKER).write_text(json.dumps(content, default=str, indent=2) + "\n")
    return summary


def _write_days(folder: Path, name: str, frame: pd.DataFrame) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    ordered = frame.sort_values("date", kind="stable")
    table = pa.Table.from_pandas(ordered, schema=SCHEMAS[name], preserve_index=False).replace_schema_metadata()
    offset = 0
    for day, count in ordered["date"].value_counts(sort=False).sort_index().items():
        path = folder / f"date={day}" / "part-0.parquet"
        path.parent.mkdir(parents=True)
        pq.write_table(table.slice(offset, count), path, compression="zstd")
        offset += count


def _swap(root: Path) -> None:
    # Two renames: a kill between them is put right by the next landing.
    if (root / FOLDER).exists():
        (root / FOLDER).rename(root / _REPLACED)
    (root / _STAGING).rename(root / FOLDER)
    shutil.rmtree(root / _REPLACED, ignore_errors=True)
