"""The lake: Delta tables under one URI. A publish replaces one partition in one commit; a ledger entry is one commit.

What was replaced stays readable for a stated time; maintenance makes the files few and drops what is older.
"""

from __future__ import annotations

import hashlib
import math
import random
import time
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.dataset as pads
from deltalake import CommitProperties, DeltaTable, Transaction, write_deltalake
from deltalake.exceptions import CommitFailedError, DeltaError, TableNotFoundError

from evenkeel.vocabulary import columns as c
from evenkeel.vocabulary.errors import EvenkeelError, LedgerConflictError, SourceError, TransientError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import pandas as pd

_ATTEMPTS = 40
"""In every round one of the contenders commits, so so many at once all get their turn."""

_WRITING = timedelta(days=1)
"""No write takes longer: a file without a commit that is older was left behind by one that died."""

_TURN = "evenkeel.compaction"
"""Property of a table: the version from which it was last compacted."""

_OF_DELTA = frozenset({
    "timestamp", "operation", "operationParameters", "operationMetrics", "engineInfo", "clientVersion", "userMetadata",
    "readVersion", "isolationLevel", "isBlindAppend", "inCommitTimestamp", "txnId", "version",
})  # fmt: skip

T = TypeVar("T")


@dataclass(frozen=True)
class Commit:
    """One publish: which partition, how many rows of which content (SHA-256), and what its writer said of it."""

    version: int
    timestamp: datetime
    partition: str
    rows: int
    content: str
    metadata: Mapping[str, str]


@dataclass(frozen=True)
class Maintained:
    """What maintenance did: data files that make up the table before and after, and files that went from the store."""

    table: str
    version: int
    files_before: int
    files_after: int
    removed_files: int


class Lake:
    """Delta tables `<uri>/<model>/<table>`.

    Args:
        uri: a folder or an object-store URI; credentials come from the environment, as the store's own tools read them.
        history: how long a new table keeps what a publish replaced; `maintain` sets it anew.
    """

    def __init__(self, uri: str, *, history: timedelta = timedelta(days=30)) -> None:
        self._uri = uri.rstrip("/")
        self._history = history

    def table_uri(self, model: str, table: str) -> str:
        """Where a model's table lies: any Delta reader can open it."""
        return f"{self._uri}/{model}/{table}"

    def publish(self, model: str, table: str, partition: str, frame: pd.DataFrame, metadata: Mapping[str, str]) -> int:
        """Replace one partition by `frame` in one commit; return the version of the table that holds it.

        Publishing content that is there already changes nothing and returns the present version. Publishes of other
        partitions at the same time are waited out; of two of the same partition, the later commit stands whole.
        The commit carries `metadata`, the number of rows and a hash of the content: see `commits`.

        Raises TransientError where the table stays contended, SourceError where a column has another type than before.
        """
        uri = self.table_uri(model, table)
        rows = _rows_of(frame, partition)
        content = content_hash(rows)
        app, token = f"publish/{partition}", int(content[:15], 16)
        told = {**metadata, "partition": partition, "content": content, "rows": str(len(frame))}
        done = [Transaction(app, token)]

        def replace(present: DeltaTable | None) -> int:
            if present is None:
                return self._create(uri, rows, done, custom_metadata=told, partition_by=[c.PARTITION])
            begun = int(present.version())
            if present.transaction_version(app) == token:
                return begun
            if len(frame):
                _same_types(present, rows, uri)
            write_deltalake(
                present,
                # Columns without a row have no type to hold against the table's.
                rows if len(frame) else rows.select([c.PARTITION]),
                mode="overwrite",
                predicate=f"{c.PARTITION} = '{partition}'",
                schema_mode="merge",
                commit_properties=CommitProperties(custom_metadata=told, app_transactions=done),
            )
            now = int(present.version())  # which may be that of someone else's commit after this one
            between = range(begun + 1, now)
            return next((one for one in between if DeltaTable(uri, one).transaction_version(app) == token), now)

        return self._settled(uri, f"publish {partition}", replace)

    def append(self, model: str, table: str, rows: pa.Table, *, expected: int) -> None:
        """Append rows in one commit, if the table still holds `expected` rows of earlier decisions. A column that the table lacks
        is added to it, empty in the rows there are.

        Raises LedgerConflictError where someone else appended meanwhile: read again, decide again.
        """
        uri = self.table_uri(model, table)
        done = [Transaction("append", expected + len(rows))]
        present = self._open(uri)
        last = 0 if present is None else present.transaction_version("append") or 0
        if last != expected:
            raise LedgerConflictError(
                f"table {uri} holds {last} entries where {expected} were read; read it and decide again"
            )
        try:
            if present is None:
                self._create(uri, rows, done)
            else:
                once = CommitProperties(app_transactions=done, max_commit_retries=0)
                write_deltalake(present, rows, mode="append", schema_mode="merge", commit_properties=once)
        except DeltaError as error:
            if not _contended(error):
                raise
            raise LedgerConflictError(
                f"table {uri}: someone else decided at the same moment; read it and decide again"
            ) from error

    def read(
        self,
        model: str,
        table: str,
        *,
        partitions: Sequence[str] | None = None,
        columns: Sequence[str] | None = None,
        where: pads.Expression | None = None,
        version: int | None = None,
        at: datetime | None = None,
    ) -> pd.DataFrame | None:
        """Rows of a table in the order of its partitions, or None where the table does not exist yet.

        Args:
            model: whose table.
            table: its name.
            partitions: keys of the partitions to read; all where not given.
            columns: columns to read; all where not given.
            where: a condition on the rows.
            version: read the table as that version left it.
            at: read the table as it stood at that instant, by the clocks of its writers.

        Raises SourceError where the past that is asked for is not kept (any more).
        """
        uri = self.table_uri(model, table)
        present = self._open(uri)
        if present is not None and at is not None:
            version = _version_at(self._log(uri), at, uri)
        if present is None or (at is not None and version is None):
            return None
        condition = where
        if partitions is not None:
            among = pads.field(c.PARTITION).isin(list(partitions))
            condition = among if condition is None else condition & among
        wanted = list(columns) if columns else None
        if version is None:
            found: pd.DataFrame = _dataset(present).to_table(columns=wanted, filter=condition).to_pandas()
            return found
        try:
            past = DeltaTable(uri, version=version)
            found = _dataset(past).to_table(columns=wanted, filter=condition).to_pandas()
        except (DeltaError, FileNotFoundError) as error:
            raise SourceError(
                f"table {uri}: version {version} cannot be read; the latest is {present.version()}, and what was replaced is "
                "kept for the model's `history`"
            ) from error
        return found

    def sample(
        self,
        model: str,
        table: str,
        *,
        partitions: Sequence[str],
        share: float,
        seed: int,
        where: pads.Expression | None = None,
    ) -> pd.DataFrame | None:
        """About that share of the rows of some partitions, each drawn by chance; None where the table does not exist yet.

        Drawn as they are read, so that however many rows there are, a few batches of them are in memory. The same seed draws the
        same rows of a partition, whichever others are asked for.
        """
        present = self._open(self.table_uri(model, table))
        if present is None:
            return None
        dataset = _dataset(present)
        drawn: list[pa.RecordBatch] = []
        for key in partitions:
            mine = pads.field(c.PARTITION) == key
            condition = mine if where is None else mine & where
            rng = np.random.default_rng([seed, *key.encode()])
            batches = dataset.to_batches(filter=condition, batch_readahead=2, fragment_readahead=1)
            drawn += [batch.filter(pa.array(rng.random(len(batch)) < share)) for batch in batches]
        found: pd.DataFrame = pa.Table.from_batches(drawn, schema=dataset.schema).to_pandas()
        return found

    def commits(self, model: str, table: str, partition: str | None = None) -> list[Commit]:
        """What was published, newest first (of one partition), as far back as the log is kept; none without a table."""
        return [
            Commit(
                version=int(one["version"]),
                timestamp=_instant(one["timestamp"]),
                partition=one["partition"],
                rows=int(one["rows"]),
                content=one["content"],
                metadata={
                    key: value
                    for key, value in one.items()
                    if key not in _OF_DELTA and key not in {"partition", "rows", "content"}
                },
            )
            for one in self._log(self.table_uri(model, table))
            if "content" in one and partition in (None, one["partition"])
        ]

    def maintain(self, model: str, table: str, history: timedelta) -> Maintained | None:
        """Make a table's files few and drop what was replaced longer ago than `history`; None where there is no table.

        No row changes, and publishes and appends may go on meanwhile. The ids by which they are known to be done stay.

        Raises EvenkeelError for a history so short that it would drop what is being written, TransientError where the table
        stays contended.
        """
        uri = self.table_uri(model, table)
        if history < _WRITING:
            raise EvenkeelError(
                f"table {uri}: a history of {history} is shorter than a write may take ({_WRITING}), so files of writes under "
                "way would be dropped; give the model a longer `history`"
            )
        before = self._open(uri)
        if before is None:
            return None
        self._settled(uri, "set its history", lambda present: _configure(present, _kept(history)))
        self._settled(uri, "compact it", _compact)
        # Before the checkpoint, which forgets what was replaced long ago.
        removed = self._settled(uri, "drop what was replaced", _drop)
        self._settled(uri, "write its checkpoint", _checkpoint)
        after = self._open(uri) or before
        return Maintained(table, int(after.version()), len(before.file_uris()), len(after.file_uris()), removed)

    def partitions(self, model: str, table: str) -> list[str]:
        """Keys of the partitions a table holds, in order; none where it does not exist yet. Reads the log only."""
        present = self._open(self.table_uri(model, table))
        if present is None:
            return []
        return sorted({str(one[c.PARTITION]) for one in present.partitions()})

    def counts(self, model: str, table: str) -> dict[str, int]:
        """Rows by partition; none where the table does not exist yet. Reads the log only.

        Raises SourceError where another writer left out how many rows its files have.
        """
        present = self._open(self.table_uri(model, table))
        if present is None:
            return {}
        found: dict[str, int] = {}
        for file in pa.table(present.get_add_actions(flatten=True)).to_pylist():
            if file["num_records"] is None:
                raise SourceError(
                    f"table {self.table_uri(model, table)}: its log does not say how many rows a file has"
                )
            key = str(file[f"partition.{c.PARTITION}"])
            found[key] = found.get(key, 0) + int(file["num_records"])
        return found

    def columns(self, model: str, table: str) -> list[str]:
        """The columns a table has; none where it does not exist yet."""
        present = self._open(self.table_uri(model, table))
        return [] if present is None else [field.name for field in present.schema().fields]

    def version(self, model: str, table: str) -> int:
        """The table's present version. Raises SourceError where there is none."""
        present = self._open(self.table_uri(model, table))
        if present is None:
            raise SourceError(f"table {self.table_uri(model, table)} does not exist yet")
        return int(present.version())

    @staticmethod
    def scan(uri: str, columns: list[str], condition: Callable[[pa.Schema], pads.Expression]) -> pa.Table:
        """Some columns of any Delta table, cut by a condition on its schema that is pushed down to its files.

        Raises SourceError where there is no such table or it lacks a column.
        """
        present = Lake._open(uri)
        if present is None:
            raise SourceError(f"{uri}: there is no Delta table here; check the source's uri")
        dataset = _dataset(present)
        missing = [column for column in columns if column not in dataset.schema.names]
        if missing:
            raise SourceError(
                f"{uri}: column {', '.join(missing)} is missing; the table has {', '.join(dataset.schema.names)}"
            )
        return dataset.to_table(columns=columns, filter=condition(dataset.schema))

    def _create(
        self,
        uri: str,
        rows: pa.Table,
        done: list[Transaction],
        *,
        custom_metadata: dict[str, str] | None = None,
        partition_by: list[str] | None = None,
    ) -> int:
        """Make the table with its first rows; its version is 0.

        Without a retry of Delta's own: it would commit the rows after those of someone else who made the table meanwhile.
        """
        once = CommitProperties(custom_metadata=custom_metadata, app_transactions=done, max_commit_retries=0)
        kept = _kept(self._history)
        write_deltalake(uri, rows, mode="error", partition_by=partition_by, configuration=kept, commit_properties=once)
        return 0

    def _settled(self, uri: str, what: str, act: Callable[[DeltaTable | None], T]) -> T:
        """Act on the table as it stands, and again where someone else's commit came between."""
        reason: Exception | None = None
        for attempt in range(_ATTEMPTS):
            try:
                return act(self._open(uri))
            except DeltaError as error:
                if not _contended(error):
                    raise
                reason = error
            _wait(attempt)
        raise TransientError(
            f"table {uri}: still contended after {_ATTEMPTS} attempts to {what}; try again ({reason})"
        ) from reason

    def _log(self, uri: str) -> list[dict[str, Any]]:
        """Entries of a table's log, newest first. Delta numbers them from the version that was opened, whatever was committed
        since: so only a log that nobody wrote to meanwhile counts.
        """
        for attempt in range(_ATTEMPTS):
            present = self._open(uri)
            if present is None:
                return []
            log = present.history()
            if DeltaTable(uri).version() == present.version():
                return list(log)
            _wait(attempt)
        raise TransientError(f"table {uri}: its log was written to {_ATTEMPTS} times while it was read; try again")

    @staticmethod
    def _open(uri: str) -> DeltaTable | None:
        try:
            return DeltaTable(uri)
        except TableNotFoundError:
            return None
        except DeltaError as error:
            if "not a Delta table" in str(error) or "No files in log segment" in str(error):
                return None
            raise SourceError(f"{uri}: the Delta log cannot be read: {error}") from error


def content_hash(rows: pa.Table | pd.DataFrame) -> str:
    """SHA-256 over the values, in the order given; equal content gives equal hex digits in any process."""
    table = rows if isinstance(rows, pa.Table) else pa.Table.from_pandas(rows, preserve_index=False)
    plain = table.replace_schema_metadata(None).combine_chunks()
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, plain.schema) as writer:
        writer.write_table(plain)
    return hashlib.sha256(sink.getvalue()).hexdigest()


def _rows_of(frame: pd.DataFrame, partition: str) -> pa.Table:
    rows = pa.Table.from_pandas(frame.assign(**{c.PARTITION: partition}), preserve_index=False)
    # A frame without rows tells no type of its strings; that of the partition's column is known.
    place = rows.column_names.index(c.PARTITION)
    return rows.set_column(place, c.PARTITION, rows.column(place).cast(pa.string()))


def _dataset(present: DeltaTable) -> pads.Dataset:
    """The table's files by name, and so by partition: their order in the log depends on who wrote and when."""
    found = present.to_pyarrow_dataset()
    files = sorted(found.get_fragments(), key=lambda one: one.path)
    return pads.FileSystemDataset(files, found.schema, found.format, found.filesystem)


def _version_at(log: list[dict[str, Any]], at: datetime, uri: str) -> int | None:
    """The version that stood at an instant; None before the first. Delta would go by the log files' own times,
    which a copy of the lake changes.
    """
    first = _instant(log[-1]["timestamp"])
    if at < first:
        if log[-1]["version"] == 0:
            return None
        raise SourceError(
            f"table {uri}: nothing is known of {at.isoformat()}, its log begins {first.isoformat()}; ask for a "
            "later instant, and give the model a longer `history` to keep more"
        )
    found = 0
    for one in reversed(
        log
    ):  # a clock may have been behind that of the writer before: then both stood from the later on
        if _instant(one["timestamp"]) > at:
            break
        found = int(one["version"])
    return found


def _instant(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)


def _kept(history: timedelta) -> dict[str, str]:
    """Delta's properties that keep what was replaced. The one that would let it forget what is done stays unset."""
    hours = math.ceil(history / timedelta(hours=1))
    names = ("delta.deletedFileRetentionDuration", "delta.logRetentionDuration")
    return dict.fromkeys(names, f"interval {hours} hours")


def _configure(present: DeltaTable, kept: dict[str, str]) -> None:
    if not kept.items() <= present.metadata().configuration.items():
        present.alter.set_table_properties(kept)


def _compact(present: DeltaTable) -> None:
    folders = Counter(uri.rpartition("/")[0] for uri in present.file_uris())
    if max(folders.values(), default=0) > 1:
        # Delta lets two compactions of the same files both commit, and keeps both copies of their rows. It lets nothing
        # commit across a change of the table's properties: one that another compaction has overtaken begins again.
        present.alter.set_table_properties({_TURN: str(present.version())}, raise_if_not_exists=False)
        present.optimize.compact()


def _drop(present: DeltaTable) -> int:
    """Delete files that no kept version needs, and those a killed write left; how long they are kept, the table says."""
    if not present.vacuum(full=True):  # a dry run, which is no commit
        return 0
    return len(present.vacuum(full=True, dry_run=False))


def _checkpoint(present: DeltaTable) -> None:
    present.create_checkpoint()
    present.cleanup_metadata()


def _same_types(present: DeltaTable, rows: pa.Table, uri: str) -> None:
    """Delta would cast to the table's types without a word, and lose what does not fit."""
    known = pa.schema(present.schema().to_arrow())
    for field in rows.schema:
        if field.name in known.names and not pa.types.is_null(field.type):
            before = known.field(field.name).type
            if _kind(before) != _kind(field.type) and not pa.types.is_null(before):
                raise SourceError(
                    f"table {uri}: column {field.name} is {before} there and {field.type} now; publish it under another "
                    "name, or as the type it had"
                )


def _kind(one: pa.DataType) -> str:
    """A type up to how it is encoded."""
    if pa.types.is_string(one) or pa.types.is_large_string(one) or str(one) == "string_view":
        return "string"
    if pa.types.is_timestamp(one):
        return f"timestamp {'with' if one.tz else 'without'} zone"
    return str(one)


def _contended(error: DeltaError) -> bool:
    """Whether someone else's commit is in the way, or someone else has just made the table."""
    return isinstance(error, CommitFailedError) or "already exists" in str(error)


def _wait(attempt: int) -> None:
    # Jitter spreads contenders; it changes when a commit is tried, never what it holds.
    time.sleep(min(1.0, 0.02 * 2 ** min(attempt, 6)) * random.uniform(0.5, 1.5))


def arrow_rows(rows: Sequence[Mapping[str, Any]], schema: pa.Schema) -> pa.Table:
    """Rows as an Arrow table of a fixed schema."""
    return pa.Table.from_pylist([dict(row) for row in rows], schema=schema)
