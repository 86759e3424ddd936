"""Sources of all four kinds, read by a window as of an instant."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest
from deltalake import write_deltalake

from evenkeel.gateways.lake import Lake
from evenkeel.gateways.sources import Sources
from evenkeel.vocabulary.errors import SourceError, TransientError
from evenkeel.vocabulary.spec import Table

if TYPE_CHECKING:
    from pathlib import Path

START = datetime(2013, 4, 1, tzinfo=UTC)
COLUMNS = {"id": "string", "at": "timestamp", "seen": "timestamp", "x": "float64"}


def rows() -> pd.DataFrame:
    """Ten days of one row every six hours, each known five hours later."""
    at = pd.date_range("2013-03-28", periods=40, freq="6h", tz="UTC").as_unit("us")
    return pd.DataFrame({"id": [f"r{one}" for one in range(40)], "at": at, "seen": at + timedelta(hours=5), "x": 1.5})


def table(source: dict[str, Any], **changes: Any) -> Table:
    return Table.model_validate(
        {"source": source, "event_time": "at", "known_at": "seen", "columns": COLUMNS} | changes
    )


def sources(data: Path) -> Sources:
    return Sources(str(data), Lake.scan)


def parquet(folder: Path) -> dict[str, Any]:
    for day, part in rows().groupby(rows()["at"].dt.strftime("%Y-%m-%d")):
        (folder / "events" / f"day={day}").mkdir(parents=True)
        part.to_parquet(folder / "events" / f"day={day}" / "part.parquet", index=False)
    return {"kind": "parquet", "uri": "${EVENKEEL_DATA}/events", "partition_column": "day"}


def one_parquet(folder: Path) -> dict[str, Any]:
    rows().to_parquet(folder / "events.parquet", index=False)
    return {"kind": "parquet", "uri": str(folder / "events.parquet")}


def csv(folder: Path) -> dict[str, Any]:
    rows().to_csv(folder / "events.csv", index=False, date_format="%Y-%m-%dT%H:%M:%SZ")
    return {"kind": "csv", "uri": f"file://{folder}/events.csv"}


def delta(folder: Path) -> dict[str, Any]:
    write_deltalake(str(folder / "events"), rows())
    return {"kind": "delta", "uri": "${EVENKEEL_DATA}/events"}


def sql(folder: Path) -> dict[str, Any]:
    with sqlite3.connect(folder / "events.db") as database:
        plain = rows().assign(at=rows()["at"].dt.tz_localize(None), seen=rows()["seen"].dt.tz_localize(None))
        plain.to_sql("events", database, index=False)
    query = "select id, at, seen, x from events where at >= :start and at < :end order by at"
    return {"kind": "sql", "url": f"sqlite:///{folder}/events.db", "query": query}


@pytest.mark.parametrize("make", [parquet, one_parquet, csv, delta, sql], ids=lambda make: make.__name__)
def test_every_kind_reads_the_same_window(tmp_path: Path, make: Any) -> None:
    """Parquet, CSV, Delta and SQL give the same typed rows: event time in the window, known by the as-of (law 2)."""
    as_of = START + timedelta(hours=14)
    found = sources(tmp_path).read(table(make(tmp_path)), START, START + timedelta(days=1), as_of, "UTC")
    assert found["at"].tolist() == [START, START + timedelta(hours=6)]
    assert {name: str(kind) for name, kind in found.dtypes.items()} == {
        "id": "object",
        "at": "datetime64[us, UTC]",
        "seen": "datetime64[us, UTC]",
        "x": "float64",
    }


def test_only_the_folders_of_the_window_are_opened(tmp_path: Path) -> None:
    """A damaged file far outside the window is never read."""
    source = parquet(tmp_path)
    (tmp_path / "events" / "day=2013-04-06" / "part.parquet").write_bytes(b"not parquet at all")
    reader = sources(tmp_path)
    assert len(reader.read(table(source), START, START + timedelta(days=1), START + timedelta(days=9), "UTC")) == 4
    with pytest.raises(SourceError, match=r"day=2013-04-06|damaged"):
        reader.read(table(source), START, START + timedelta(days=6), START + timedelta(days=9), "UTC")


def test_a_truncated_file_is_named(tmp_path: Path) -> None:
    """Half a Parquet file is one clear message with its source."""
    source = one_parquet(tmp_path)
    path = tmp_path / "events.parquet"
    path.write_bytes(path.read_bytes()[:400])
    with pytest.raises(SourceError, match=r"events\.parquet: a file is damaged or not what its name says"):
        sources(tmp_path).read(table(source), START, START + timedelta(days=1), START, "UTC")


def test_an_empty_window_has_all_columns(tmp_path: Path) -> None:
    """No rows is a frame with the spec's columns, not an error: emptiness is judged by whoever asked."""
    found = sources(tmp_path).read(
        table(parquet(tmp_path)), START + timedelta(days=90), START + timedelta(days=91), START, "UTC"
    )
    assert found.empty
    assert list(found.columns) == list(COLUMNS)


@pytest.mark.parametrize(
    ("columns", "sentence"),
    [
        (COLUMNS | {"y": "float64"}, "column y is missing; the files have id, at, seen, x"),
        (COLUMNS | {"id": "int64"}, "column id is string, which is not int64 as the spec says"),
        (COLUMNS | {"x": "string"}, "column x is double, which is not string as the spec says"),
    ],
)
def test_what_the_spec_promises_is_checked(tmp_path: Path, columns: dict[str, str], sentence: str) -> None:
    """A missing column and a value of another type name the source, the column and both types."""
    with pytest.raises(SourceError, match=sentence):
        sources(tmp_path).read(
            table(one_parquet(tmp_path), columns=columns),
            START,
            START + timedelta(days=1),
            START + timedelta(days=2),
            "UTC",
        )


def test_a_source_that_is_not_there_is_told(tmp_path: Path) -> None:
    """A wrong path names itself and the way out."""
    with pytest.raises(SourceError, match="there is no such file or folder; check the source's uri"):
        sources(tmp_path).read(
            table({"kind": "parquet", "uri": "${EVENKEEL_DATA}/nothing"}), START, START, START, "UTC"
        )
    with pytest.raises(SourceError, match="environment variable 'NO_SUCH_ROOT' is not set"):
        sources(tmp_path).read(table({"kind": "parquet", "uri": "${NO_SUCH_ROOT}/x"}), START, START, START, "UTC")


def test_a_database_that_does_not_answer_is_transient_and_keeps_its_password(tmp_path: Path) -> None:
    """An unreachable database may come back, so it is retried; its password is in no message (law 30)."""
    source = {
        "kind": "sql",
        "connection": "warehouse",
        "query": "select 1 where :start < :end",
    }

    def resolve(connection: str) -> str:
        assert connection == "warehouse"
        return "postgres://reader:s3cret@127.0.0.1:1/flights"

    reader = Sources(str(tmp_path), Lake.scan, resolve)
    with pytest.raises(TransientError, match="does not answer") as caught:
        reader.read(table(source), START, START, START, "UTC")
    assert "s3cret" not in str(caught.value)


def test_an_unknown_connection_says_where_to_define_it(tmp_path: Path) -> None:
    """Outside Airflow a connection is an environment variable, named in the message."""
    source = {"kind": "sql", "connection": "warehouse", "query": "select 1 where :start < :end"}
    with pytest.raises(SourceError, match="AIRFLOW_CONN_WAREHOUSE"):
        sources(tmp_path).read(table(source), START, START, START, "UTC")


def test_a_bad_query_is_told_in_the_databases_own_words(tmp_path: Path) -> None:
    """A query the database refuses is told with the database's own words."""
    source = sql(tmp_path) | {"query": "select no_such from events where at >= :start and at < :end"}
    with pytest.raises((SourceError, TransientError), match="no such column: no_such"):
        sources(tmp_path).read(table(source), START, START, START, "UTC")
