"""Sources: Parquet, CSV, Delta and SQL, read by a window of event time as of an instant, typed by the spec.

The window is pushed down to whatever can skip data by it (folders, row groups, the database); nothing is read whole to be
filtered afterwards.
"""

from __future__ import annotations

import os
from datetime import datetime, timedelta
from string import Template
from typing import TYPE_CHECKING, Any, Protocol
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv
import pyarrow.dataset as pads
from pyarrow.fs import FSSpecHandler, PyFileSystem

from evenkeel.gateways.query import read_query
from evenkeel.vocabulary.errors import SourceError
from evenkeel.vocabulary.spec import DeltaSource, FileSource, SqlSource

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd

    from evenkeel.vocabulary.spec import ColumnType, Table

_ARROW: dict[ColumnType, pa.DataType] = {
    "string": pa.string(),
    "int64": pa.int64(),
    "float64": pa.float64(),
    "bool": pa.bool_(),
    "timestamp": pa.timestamp("us", tz="UTC"),
}


class DeltaScan(Protocol):
    """Reads some columns of a Delta table, cut by a condition."""

    def __call__(self, uri: str, columns: list[str], condition: pads.Expression, /) -> pa.Table:
        """The rows. Raises SourceError where there is no such table or column."""


class ConnectionResolver(Protocol):
    """Turns an Airflow connection id into an SQLAlchemy URL."""

    def __call__(self, connection: str, /) -> str:
        """The URL. Raises SourceError where there is no such connection."""


def connection_from_environment(connection: str) -> str:
    """The URL in `AIRFLOW_CONN_<ID>`: where Airflow itself looks first, and all there is outside Airflow."""
    variable = f"AIRFLOW_CONN_{connection.upper()}"
    url = os.environ.get(variable)
    if not url:
        raise SourceError(f"connection {connection!r} is not known: define it in Airflow, or set {variable} to its URL")
    return url


class Sources:
    """Reads the tables of a spec.

    Args:
        data: what `${EVENKEEL_DATA}` in a source's URI stands for.
        scan_delta: reads a Delta table's window; the lake's own reader.
        resolve: turns a connection id into a URL; Airflow's connections inside Airflow, the environment outside.
    """

    def __init__(
        self, data: str, scan_delta: DeltaScan, resolve: ConnectionResolver = connection_from_environment
    ) -> None:
        self._data = data
        self._scan_delta = scan_delta
        self._resolve = resolve

    def read(self, table: Table, start: datetime, end: datetime, as_of: datetime, timezone: str) -> pd.DataFrame:
        """The rows with an event time in [start, end) that were known at `as_of`, with exactly the spec's columns.

        Raises SourceError for a source that is missing, damaged, lacks a column or holds a value of another type, and
        TransientError for a database that does not answer.
        """
        source = table.source
        if isinstance(source, SqlSource):
            # A connection's URL is taken as it is: a password may hold a dollar sign.
            url = self._resolve(str(source.connection)) if source.url is None else self._expand(source.url, table)
            found = read_query(url, source.query, start, end)
        else:
            found = self._scan(source, table, start, end, timezone)
        typed = _typed(found, table.columns, name=self.describe(table))
        frame: pd.DataFrame = _known(typed, table, start, end, as_of).to_pandas()
        return frame

    def probe(self, table: Table, start: datetime, timezone: str) -> None:
        """Whether the source answers: reads a window of one hour. Raises as `read` does."""
        self.read(table, start, start + timedelta(hours=1), start + timedelta(hours=1), timezone)

    def describe(self, table: Table) -> str:
        """The source in words for a message: never a password."""
        source = table.source
        if isinstance(source, SqlSource):
            return f"sql source ({f'connection {source.connection}' if source.connection else 'url'})"
        return f"{source.kind} source {source.uri}"

    def _expand(self, text: str, table: Table) -> str:
        try:
            return Template(text).substitute(os.environ | {"EVENKEEL_DATA": self._data})
        except KeyError as error:
            raise SourceError(f"{self.describe(table)}: environment variable {error} is not set") from error
        except ValueError as error:
            raise SourceError(f"{self.describe(table)}: a $ that begins no ${{VARIABLE}} is written $$") from error

    def _scan(
        self, source: FileSource | DeltaSource, table: Table, start: datetime, end: datetime, timezone: str
    ) -> pa.Table:
        uri = self._expand(source.uri, table)
        wanted = list(table.columns)
        if isinstance(source, DeltaSource):
            return _guard(uri, lambda: self._scan_delta(uri, wanted, _window(table.event_time, start, end)))
        return _guard(uri, lambda: _scan_files(uri, source, table, start, end, timezone))


def _scan_files(uri: str, source: FileSource, table: Table, start: datetime, end: datetime, timezone: str) -> pa.Table:
    import fsspec

    filesystem, path = fsspec.core.url_to_fs(uri)
    if not filesystem.exists(path):
        raise SourceError(f"{uri}: there is no such file or folder; check the source's uri and EVENKEEL_DATA")
    paths: Any = path
    if source.partition_column is not None:
        paths = _folders(filesystem, path, source, start, end, timezone)
        if not paths:
            return _schema(table.columns).empty_table()
    form: Any = source.kind
    if source.kind == "csv":
        form = pads.CsvFileFormat(
            convert_options=pacsv.ConvertOptions(column_types=_schema(table.columns), strings_can_be_null=True)
        )
    dataset = pads.dataset(paths, format=form, filesystem=PyFileSystem(FSSpecHandler(filesystem)))
    missing = [column for column in table.columns if column not in dataset.schema.names]
    if missing:
        raise SourceError(
            f"{uri}: column {', '.join(missing)} is missing; the files have {', '.join(dataset.schema.names)}"
        )
    _every_file_has(dataset, list(table.columns))
    event_time = dataset.schema.field(table.event_time).type
    if not pa.types.is_timestamp(event_time):
        raise SourceError(
            f"{uri}: column {table.event_time} must be a timestamp to read a window by it, it is {event_time}"
        )
    condition = _window(table.event_time, start, end, naive=event_time.tz is None)
    return dataset.to_table(columns=list(table.columns), filter=condition)


def _every_file_has(dataset: Any, columns: list[str]) -> None:
    """A file without a column would be read as all nulls, because another file of the window has it."""
    for part in dataset.get_fragments():
        missing = [column for column in columns if column not in part.physical_schema.names]
        if missing:
            there = ", ".join(part.physical_schema.names)
            raise SourceError(f"{part.path}: column {', '.join(missing)} is missing; the file has {there}")


def _folders(
    filesystem: Any, path: str, source: FileSource, start: datetime, end: datetime, timezone: str
) -> list[str]:
    """The files of the local days the window touches, a day wider at both ends: an event may lie beside its folder's day."""
    zone = ZoneInfo(timezone)
    day = start.astimezone(zone).date() - timedelta(days=1)
    last = end.astimezone(zone).date() + timedelta(days=1)
    files: list[str] = []
    while day <= last:
        folder = f"{path.rstrip('/')}/{source.partition_column}={day.isoformat()}"
        if filesystem.isdir(folder):
            files += sorted(one for one in filesystem.ls(folder, detail=False) if one.endswith(f".{source.kind}"))
        day += timedelta(days=1)
    return files


def _window(column: str, start: datetime, end: datetime, *, naive: bool = False) -> pads.Expression:
    if naive:
        start, end = start.replace(tzinfo=None), end.replace(tzinfo=None)
    kind = pa.timestamp("us", tz=None if naive else "UTC")
    return (pads.field(column) >= pa.scalar(start, kind)) & (pads.field(column) < pa.scalar(end, kind))


def _guard(uri: str, read: Callable[[], pa.Table]) -> pa.Table:
    try:
        return read()
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError, OSError, UnicodeDecodeError) as error:
        raise SourceError(
            f"{uri}: a file is damaged or not what its name says: {' '.join(str(error).split())}"
        ) from error


def _schema(columns: dict[str, ColumnType]) -> pa.Schema:
    return pa.schema([(name, _ARROW[kind]) for name, kind in columns.items()])


def _typed(found: pa.Table, columns: dict[str, ColumnType], *, name: str) -> pa.Table:
    missing = [column for column in columns if column not in found.column_names]
    if missing:
        raise SourceError(f"{name}: column {', '.join(missing)} is missing; it has {', '.join(found.column_names)}")
    arrays = []
    for column, kind in columns.items():
        try:
            arrays.append(_cast(found[column], kind))
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
            raise SourceError(
                f"{name}: column {column} is {found[column].type}, which is not {kind} as the spec says: {error}"
            ) from error
    return pa.table(arrays, schema=_schema(columns))


def _cast(array: pa.ChunkedArray, kind: ColumnType) -> pa.ChunkedArray:
    wanted = _ARROW[kind]
    if kind == "timestamp" and pa.types.is_string(array.type):  # SQLite keeps instants as text
        array = pc.strptime(pc.utf8_slice_codeunits(array, 0, 19), format="%Y-%m-%d %H:%M:%S", unit="us")
    if kind == "timestamp" and pa.types.is_timestamp(array.type) and array.type.tz is None:
        return pc.assume_timezone(array.cast(pa.timestamp("us")), "UTC")
    if pa.types.is_dictionary(array.type):
        array = array.cast(array.type.value_type)
    if kind == "string" and not (pa.types.is_string(array.type) or pa.types.is_large_string(array.type)):
        raise pa.ArrowInvalid("values of another type are not turned into text")
    return array.cast(wanted)


def _known(found: pa.Table, table: Table, start: datetime, end: datetime, as_of: datetime) -> pa.Table:
    condition = _window(table.event_time, start, end)
    if table.known_at is not None:
        condition &= pads.field(table.known_at) <= pa.scalar(as_of, _ARROW["timestamp"])
    return found.filter(condition)
