"""Sources: Parquet, CSV, Delta and SQL, read by a window of event time as of an instant, typed by the spec.

The window is pushed down to whatever can skip data by it (folders, row groups, the database); nothing is read whole to be
filtered afterwards.
"""

from __future__ import annotations

import contextlib
import os
import re
from datetime import datetime, timedelta
from string import Template
from typing import TYPE_CHECKING, Any, Literal, Protocol
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv
import pyarrow.dataset as pads
from pyarrow.fs import FSSpecHandler, PyFileSystem

from evenkeel.gateways.local_time import INSTANT, LOCAL, local_window, split_times, to_instants
from evenkeel.gateways.query import read_query
from evenkeel.vocabulary.errors import EvenkeelError, SourceError
from evenkeel.vocabulary.spec_tables import DeltaSource, FileSource, SqlSource

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    import pandas as pd

    from evenkeel.vocabulary.partition import Partition
    from evenkeel.vocabulary.spec_fields import ColumnType
    from evenkeel.vocabulary.spec_tables import Table

_VARIABLE = re.compile(r"\$(?:(\w+)|\{(\w+)\})")
_SHORTEST_SECRET = 4
"""Characters below which a value is no secret, and would be found in any sentence."""

_ARROW: dict[ColumnType, pa.DataType] = {
    "string": pa.string(),
    "int64": pa.int64(),
    "float64": pa.float64(),
    "bool": pa.bool_(),
    "timestamp": INSTANT,
}


class DeltaScan(Protocol):
    """Reads some columns of a Delta table, cut by a condition."""

    def __call__(self, uri: str, columns: list[str], condition: Callable[[pa.Schema], pads.Expression], /) -> pa.Table:
        """The rows for which the condition, made for the table's schema, holds. Raises SourceError where there is no such
        table or column.
        """


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

    def read(
        self,
        table: Table,
        start: datetime,
        end: datetime,
        as_of: datetime,
        timezone: str,
        *,
        among: pd.DataFrame | None = None,
    ) -> pd.DataFrame:
        """The rows with an event time in [start, end) that were known and had landed at `as_of`, with exactly the spec's columns.

        Timestamps without an offset are read in the table's time zone; of a local time that comes twice, an event is the
        earlier, and nothing is known or has landed before the later. `timezone` is that of the folders' days. Where `among` is
        given, only the rows are read that hold, in each of its columns, one of its values.

        Raises SourceError for a source that is missing, damaged, lacks a column or holds a value of another type or a local
        time that does not exist, and TransientError for a database that does not answer.
        """
        source, asked = table.source, _asked(among, table)
        with self._discreet(table):
            if isinstance(source, SqlSource):
                # A connection's URL is taken as it is: a password may hold a dollar sign.
                url = self._resolve(str(source.connection)) if source.url is None else self._expand(source.url, table)
                found = read_query(url, source.query, start, end, table.timezone)
                found = _cut(found, table, start, end, what=self.describe(table))
            else:
                found = self._scan(source, table, start, end, timezone, asked)
        typed = _typed(found, table, name=self.describe(table))
        for name, values in asked.items():
            typed = typed.filter(pads.field(name).isin(values))
        frame: pd.DataFrame = _known(typed, table, start, end, as_of).to_pandas()
        return frame

    def strays(self, table: Table, partition: Partition, as_of: datetime) -> pd.DataFrame:
        """Rows in a partition's folder that no partition would ever read: without an event time, or with one far from that day.

        Empty for a source without such folders, where a row lies nowhere but at its event time. Raises as `read` does.
        """
        source, found = table.source, _schema(table.columns).empty_table()
        if isinstance(source, FileSource) and source.partition_column is not None:
            uri, folder = self._expand(source.uri, table), f"{source.partition_column}={partition.key}"
            with self._discreet(table):
                found = _guard(uri, lambda: _read_folder(f"{uri.rstrip('/')}/{folder}", source, table))
        typed = _typed(found, table, name=self.describe(table))
        # A window reads the folders from the day before it to the day after its end.
        frame: pd.DataFrame = _unread(
            typed, table, partition.shift(-2).start, partition.shift(2).start, as_of
        ).to_pandas()
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

    @contextlib.contextmanager
    def _discreet(self, table: Table) -> Iterator[None]:
        """Errors without the values of the environment variables that a source's address names: one may be a password."""
        source = table.source
        text = (source.url or "") if isinstance(source, SqlSource) else source.uri
        names = {one for found in _VARIABLE.findall(text) for one in found if one} - {"EVENKEEL_DATA"}
        hidden = {name: os.environ[name] for name in names if len(os.environ.get(name, "")) >= _SHORTEST_SECRET}
        try:
            yield
        except EvenkeelError as error:
            said = str(error)
            for name, value in hidden.items():
                said = said.replace(value, f"${{{name}}}")
            if said == str(error):
                raise
            raise type(error)(said) from None

    def _expand(self, text: str, table: Table) -> str:
        try:
            return Template(text).substitute(os.environ | {"EVENKEEL_DATA": self._data})
        except KeyError as error:
            raise SourceError(f"{self.describe(table)}: environment variable {error} is not set") from error
        except ValueError as error:
            raise SourceError(f"{self.describe(table)}: a $ that begins no ${{VARIABLE}} is written $$") from error

    def _scan(
        self,
        source: FileSource | DeltaSource,
        table: Table,
        start: datetime,
        end: datetime,
        timezone: str,
        asked: Mapping[str, pa.Array],
    ) -> pa.Table:
        uri = self._expand(source.uri, table)

        def condition(schema: pa.Schema) -> pads.Expression:
            found = _window(uri, table, schema, start, end)
            for name, values in asked.items():
                if schema.field(name).type == values.type:  # of another type they have to be cast first
                    found &= pads.field(name).isin(values)
            return found

        if isinstance(source, DeltaSource):
            return _guard(uri, lambda: self._scan_delta(uri, list(table.columns), condition))
        return _guard(uri, lambda: _scan_files(uri, source, table, start, end, timezone, condition))


def _scan_files(
    uri: str,
    source: FileSource,
    table: Table,
    start: datetime,
    end: datetime,
    timezone: str,
    condition: Callable[[pa.Schema], pads.Expression],
) -> pa.Table:
    import fsspec

    filesystem, path = fsspec.core.url_to_fs(uri)
    if not filesystem.exists(path):
        raise SourceError(f"{uri}: there is no such file or folder; check the source's uri and EVENKEEL_DATA")
    paths: Any = path
    if source.partition_column is not None:
        paths = _folders(filesystem, path, source, start, end, timezone)
        if not paths:
            return _schema(table.columns).empty_table()
    form: Any = _csv_format(table.columns) if source.kind == "csv" else source.kind
    dataset = pads.dataset(paths, format=form, filesystem=PyFileSystem(FSSpecHandler(filesystem)))
    missing = [column for column in table.columns if column not in dataset.schema.names]
    if missing:
        raise SourceError(
            f"{uri}: column {', '.join(missing)} is missing; the files have {', '.join(dataset.schema.names)}"
        )
    _every_file_has(dataset, list(table.columns))
    if source.kind == "csv":
        return _scan_csv(uri, dataset, table, start, end)
    return dataset.to_table(columns=list(table.columns), filter=condition(dataset.schema))


def _read_folder(uri: str, source: FileSource, table: Table) -> pa.Table:
    import fsspec

    filesystem, path = fsspec.core.url_to_fs(uri)
    if not filesystem.isdir(path):
        return _schema(table.columns).empty_table()
    files = sorted(one for one in filesystem.ls(path, detail=False) if one.endswith(f".{source.kind}"))
    form: Any = _csv_format(table.columns) if source.kind == "csv" else source.kind
    dataset = pads.dataset(files, format=form, filesystem=PyFileSystem(FSSpecHandler(filesystem)))
    return dataset.to_table(columns=list(table.columns)) if files else _schema(table.columns).empty_table()


def _csv_format(columns: dict[str, ColumnType]) -> pads.CsvFileFormat:
    """Timestamps stay text at first: some say an offset, some do not."""
    types = {name: pa.string() if kind == "timestamp" else _ARROW[kind] for name, kind in columns.items()}
    return pads.CsvFileFormat(convert_options=pacsv.ConvertOptions(column_types=types, strings_can_be_null=True))


def _scan_csv(uri: str, dataset: Any, table: Table, start: datetime, end: datetime) -> pa.Table:
    """CSV has nothing to skip by, so it is cut batch by batch as it is read."""
    batches = dataset.to_batches(columns=list(table.columns))
    parts = [_cut(pa.Table.from_batches([one]), table, start, end, what=uri) for one in batches]
    return pa.concat_tables(parts) if parts else _schema(table.columns).empty_table()


def _cut(rows: pa.Table, table: Table, start: datetime, end: datetime, *, what: str) -> pa.Table:
    """The window of rows whose times are not typed yet: a time outside it, even one that does not exist, is no matter here."""
    if table.event_time not in rows.column_names:
        return rows
    times = rows[table.event_time]
    try:
        own, local = split_times(times)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise SourceError(
            f"{what}: column {table.event_time} is {times.type}, which is no timestamp: {error}"
        ) from error
    first, last = local_window(start, end, table.timezone)
    instants = _between(own, pa.scalar(start, INSTANT), pa.scalar(end, INSTANT))
    return rows.filter(pc.or_kleene(instants, _between(local, pa.scalar(first, LOCAL), pa.scalar(last, LOCAL))))


def _between(values: pa.Array, start: pa.Scalar, end: pa.Scalar) -> pa.Array:
    return pc.and_(pc.greater_equal(values, start), pc.less(values, end))


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


def _window(uri: str, table: Table, schema: pa.Schema, start: datetime, end: datetime) -> pads.Expression:
    event_time = schema.field(table.event_time).type
    if not pa.types.is_timestamp(event_time):
        raise SourceError(
            f"{uri}: column {table.event_time} must be a timestamp to read a window by it, it is {event_time}"
        )
    if event_time.tz is None:
        start, end = local_window(start, end, table.timezone)
    kind = pa.timestamp("us", tz=event_time.tz)
    field = pads.field(table.event_time)
    return (field >= pa.scalar(start, kind)) & (field < pa.scalar(end, kind))


def _asked(among: pd.DataFrame | None, table: Table) -> dict[str, pa.Array]:
    """The values of each column that are asked for, as the spec types them."""
    if among is None:
        return {}
    return {str(name): pa.array(among[name].dropna().unique()).cast(_ARROW[table.columns[str(name)]]) for name in among}


def _guard(uri: str, read: Callable[[], pa.Table]) -> pa.Table:
    try:
        return read()
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError, OSError, UnicodeDecodeError) as error:
        raise SourceError(
            f"{uri}: a file is damaged or not what its name says: {' '.join(str(error).split())}"
        ) from error


def _schema(columns: dict[str, ColumnType]) -> pa.Schema:
    return pa.schema([(name, _ARROW[kind]) for name, kind in columns.items()])


def _typed(found: pa.Table, table: Table, *, name: str) -> pa.Table:
    columns = table.columns
    missing = [column for column in columns if column not in found.column_names]
    if missing:
        raise SourceError(f"{name}: column {', '.join(missing)} is missing; it has {', '.join(found.column_names)}")
    arrays = []
    for column, kind in columns.items():
        late = column in {table.known_at, table.ingested_at}
        try:
            if kind == "timestamp":
                ambiguous: Literal["earliest", "latest"] = "latest" if late else "earliest"
                what = f"{name}: column {column}"
                arrays.append(to_instants(found[column], table.timezone, ambiguous=ambiguous, what=what))
            else:
                arrays.append(_cast(found[column], kind))
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
            raise SourceError(
                f"{name}: column {column} is {found[column].type}, which is not {kind} as the spec says: {error}"
            ) from error
    return pa.table(arrays, schema=_schema(columns))


def _cast(array: pa.ChunkedArray, kind: ColumnType) -> pa.ChunkedArray:
    if pa.types.is_dictionary(array.type):
        array = array.cast(array.type.value_type)
    # A file whose values are all missing has no type.
    text = (pa.types.is_string, pa.types.is_large_string, pa.types.is_null)
    if kind == "string" and not any(is_one(array.type) for is_one in text):
        raise pa.ArrowInvalid("values of another type are not turned into text")
    cast = array.cast(_ARROW[kind])
    if kind == "string":
        cast.validate(full=True)  # nobody else looks whether text is UTF-8 before it is taken for it
    return cast


def _known(found: pa.Table, table: Table, start: datetime, end: datetime, as_of: datetime) -> pa.Table:
    event_time = pads.field(table.event_time)
    condition = (event_time >= pa.scalar(start, INSTANT)) & (event_time < pa.scalar(end, INSTANT))
    return _there(found.filter(condition), table, as_of)


def _unread(found: pa.Table, table: Table, start: datetime, end: datetime, as_of: datetime) -> pa.Table:
    event_time = pads.field(table.event_time)
    elsewhere = (event_time < pa.scalar(start, INSTANT)) | (event_time >= pa.scalar(end, INSTANT))
    return _there(found.filter(event_time.is_null() | elsewhere), table, as_of)


def _there(found: pa.Table, table: Table, as_of: datetime) -> pa.Table:
    """What was known and had landed at an instant."""
    for column in filter(None, (table.known_at, table.ingested_at)):
        found = found.filter(pads.field(column) <= pa.scalar(as_of, INSTANT))
    return found
