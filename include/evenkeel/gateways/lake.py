"""The lake: Delta tables under one URI. A publish replaces one partition in one commit; a ledger entry is one commit."""

from __future__ import annotations

import hashlib
import random
import time
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.dataset as pads
from deltalake import CommitProperties, DeltaTable, Transaction, write_deltalake
from deltalake.exceptions import CommitFailedError, DeltaError, DeltaProtocolError, TableNotFoundError

from evenkeel.vocabulary import columns as c
from evenkeel.vocabulary.errors import LedgerConflictError, SourceError, TransientError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd

_ATTEMPTS = 12


class Lake:
    """Delta tables `<uri>/<model>/<table>`.

    Args:
        uri: a folder or an object-store URI; credentials come from the environment, as the store's own tools read them.
    """

    def __init__(self, uri: str) -> None:
        self._uri = uri.rstrip("/")

    def table_uri(self, model: str, table: str) -> str:
        """Where a model's table lies: any Delta reader can open it."""
        return f"{self._uri}/{model}/{table}"

    def publish(self, model: str, table: str, partition: str, frame: pd.DataFrame, metadata: Mapping[str, str]) -> int:
        """Replace one partition by `frame` in one commit; return the table's version after it.

        Publishing content that is there already changes nothing and returns the present version. Publishes of other
        partitions at the same time are waited out; of two of the same partition, the later commit stands whole.

        Raises TransientError where the table stays contended.
        """
        rows = pa.Table.from_pandas(frame.assign(**{c.PARTITION: partition}), preserve_index=False)
        content = content_hash(rows)
        uri = self.table_uri(model, table)
        app, token = f"publish/{partition}", int(content[:15], 16)
        properties = CommitProperties(
            custom_metadata={**metadata, "partition": partition, "content": content, "rows": str(len(frame))},
            app_transactions=[Transaction(app, token)],
        )
        for attempt in range(_ATTEMPTS):
            present = self._open(uri)
            if present is not None and present.transaction_version(app) == token:
                return int(present.version())
            if present is not None and len(frame):
                _same_types(present, rows, uri)
            try:
                write_deltalake(
                    present if present is not None else uri,
                    rows,
                    mode="overwrite" if present is not None else "error",
                    predicate=f"{c.PARTITION} = '{partition}'" if present is not None else None,
                    partition_by=[c.PARTITION],
                    schema_mode="merge" if present is not None else None,
                    commit_properties=properties,
                )
            except (CommitFailedError, DeltaProtocolError, DeltaError) as error:
                if not _contended(error):
                    raise
                _wait(attempt)
                continue
            return self.version(model, table)
        raise TransientError(
            f"table {uri}: still contended after {_ATTEMPTS} attempts to publish {partition}; try again"
        )

    def append(self, model: str, table: str, rows: pa.Table, *, expected: int) -> None:
        """Append rows in one commit, if the table still holds `expected` rows of earlier decisions.

        Raises LedgerConflictError where someone else appended meanwhile: read again, decide again.
        """
        uri = self.table_uri(model, table)
        properties = CommitProperties(
            app_transactions=[Transaction("append", expected + len(rows))], max_commit_retries=0
        )
        present = self._open(uri)
        last = 0 if present is None else present.transaction_version("append") or 0
        if last != expected:
            raise LedgerConflictError(
                f"table {uri} holds {last} entries where {expected} were read; read it and decide again"
            )
        try:
            write_deltalake(
                present if present is not None else uri,
                rows,
                mode="append" if present is not None else "error",
                commit_properties=properties,
            )
        except (CommitFailedError, DeltaProtocolError, DeltaError) as error:
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
    ) -> pd.DataFrame | None:
        """Rows of a table (of some partitions, some columns), or None where the table does not exist yet."""
        present = self._open(self.table_uri(model, table))
        if present is None:
            return None
        condition = where
        if partitions is not None:
            among = pads.field(c.PARTITION).isin(list(partitions))
            condition = among if condition is None else condition & among
        dataset = present.to_pyarrow_dataset()
        found: pd.DataFrame = dataset.to_table(columns=list(columns) if columns else None, filter=condition).to_pandas()
        return found

    def partitions(self, model: str, table: str) -> list[str]:
        """Keys of the partitions a table holds, in order; none where it does not exist yet. Reads the log only."""
        present = self._open(self.table_uri(model, table))
        if present is None:
            return []
        return sorted({str(one[c.PARTITION]) for one in present.partitions()})

    def version(self, model: str, table: str) -> int:
        """The table's present version. Raises SourceError where there is none."""
        present = self._open(self.table_uri(model, table))
        if present is None:
            raise SourceError(f"table {self.table_uri(model, table)} does not exist yet")
        return int(present.version())

    @staticmethod
    def scan(uri: str, columns: list[str], condition: pads.Expression) -> pa.Table:
        """Some columns of any Delta table, cut by a condition that is pushed down to its files.

        Raises SourceError where there is no such table or it lacks a column.
        """
        present = Lake._open(uri)
        if present is None:
            raise SourceError(f"{uri}: there is no Delta table here; check the source's uri")
        dataset = present.to_pyarrow_dataset()
        missing = [column for column in columns if column not in dataset.schema.names]
        if missing:
            raise SourceError(
                f"{uri}: column {', '.join(missing)} is missing; the table has {', '.join(dataset.schema.names)}"
            )
        return dataset.to_table(columns=columns, filter=condition)

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


def _contended(error: Exception) -> bool:
    text = str(error).lower()
    return any(sign in text for sign in ("conflict", "concurrent", "already exists", "transaction", "max_retries"))


def _wait(attempt: int) -> None:
    # Jitter spreads contenders; it changes when a commit is tried, never what it holds.
    time.sleep(min(2.0, 0.02 * 2**attempt) * random.uniform(0.5, 1.5))


def arrow_rows(rows: Sequence[Mapping[str, Any]], schema: pa.Schema) -> pa.Table:
    """Rows as an Arrow table of a fixed schema."""
    return pa.Table.from_pylist([dict(row) for row in rows], schema=schema)
