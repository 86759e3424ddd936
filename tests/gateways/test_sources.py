"""Sources of all four kinds, read by a window as of an instant."""

from __future__ import annotations

import itertools
import sqlite3
import traceback
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest
from deltalake import write_deltalake

from evenkeel.gateways.lake import Lake
from evenkeel.gateways.sources import Sources
from evenkeel.vocabulary.errors import SourceError, TransientError
from evenkeel.vocabulary.partition import Partition
from evenkeel.vocabulary.spec_tables import Table

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


@pytest.mark.parametrize("make", [parquet, one_parquet, csv, delta, sql], ids=lambda make: make.__name__)
def test_every_kind_finds_the_rows_that_are_asked_for(tmp_path: Path, make: Any) -> None:
    """Only rows of the keys that are asked for, and each of them in the window."""
    asked = pd.DataFrame({"id": ["r17", "r16", "r1000", "r16"]})
    found = sources(tmp_path).read(
        table(make(tmp_path)), START, START + timedelta(days=1), START + timedelta(days=2), "UTC", among=asked
    )
    assert found["id"].tolist() == ["r16", "r17"]


def test_keys_that_the_files_hold_in_another_type_are_found(tmp_path: Path) -> None:
    """A key that has to be cast first is found all the same, and a frame without one of its keys asks for the others."""
    rows().assign(id=range(40)).astype({"id": "int32"}).to_parquet(tmp_path / "events.parquet", index=False)
    numbers = table({"kind": "parquet", "uri": str(tmp_path / "events.parquet")}, columns=COLUMNS | {"id": "int64"})
    day = START, START + timedelta(days=1), START + timedelta(days=2), "UTC"
    found = sources(tmp_path).read(numbers, *day, among=pd.DataFrame({"id": [17, None]}))
    assert found["id"].tolist() == [17]


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


def test_what_a_source_s_address_takes_from_the_environment_is_in_no_message(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A password in it is named by its variable, in what we say and in what caused it."""
    monkeypatch.setenv("EVENTS_TOKEN", "hunter2")
    lost = table({"kind": "csv", "uri": "memory://reader:${EVENTS_TOKEN}@host/events.csv"})
    with pytest.raises(SourceError, match="there is no such file or folder") as caught:
        sources(tmp_path).read(lost, START, START, START, "UTC")
    assert "${EVENTS_TOKEN}" in str(caught.value)
    assert "hunter2" not in "".join(traceback.format_exception(caught.value))


def test_a_database_address_that_cannot_be_read_is_not_repeated(tmp_path: Path) -> None:
    """A password with an @ in it makes it unreadable; the way out is said, the password is not."""
    query = "select id, at, seen, x from events where at >= :start and at < :end"
    wrong = table({"kind": "sql", "url": "postgresql://svc:hunter@2:x@db:port/x", "query": query})
    with pytest.raises(SourceError, match="%40 for an @") as caught:
        sources(tmp_path).read(wrong, START, START, START, "UTC")
    assert "hunter" not in "".join(traceback.format_exception(caught.value))


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


NEW_YORK = "America/New_York"
LANDING = COLUMNS | {"landed": "timestamp"}


def half_hours(day: str) -> pd.DataFrame:
    """A row every half hour for three days around one on which the clocks change."""
    first = pd.Timestamp(day, tz=NEW_YORK) - timedelta(days=1)
    at = pd.date_range(first.tz_convert("UTC"), periods=3 * 48, freq="30min").as_unit("us")
    return pd.DataFrame({"id": [f"r{one}" for one in range(len(at))], "at": at, "seen": at, "landed": at, "x": 1.0})


def kept_in(frame: pd.DataFrame, zone: str | None) -> pd.DataFrame:
    """The frame with its times as clocks in a zone show them, or as instants."""
    if zone is None:
        return frame
    return frame.assign(
        **{name: frame[name].dt.tz_convert(zone).dt.tz_localize(None) for name in ("at", "seen", "landed")}
    )


def in_folders(folder: Path, frame: pd.DataFrame, zone: str | None) -> dict[str, Any]:
    for day, part in frame.groupby(frame["at"].dt.tz_convert(NEW_YORK).dt.strftime("%Y-%m-%d")):
        (folder / f"day={day}").mkdir()
        kept_in(part, zone).to_parquet(folder / f"day={day}" / "part.parquet", index=False)
    return {"kind": "parquet", "uri": str(folder), "partition_column": "day"}


def in_csv(folder: Path, frame: pd.DataFrame, zone: str | None) -> dict[str, Any]:
    form = "%Y-%m-%dT%H:%M:%SZ" if zone is None else "%Y-%m-%d %H:%M:%S"
    kept_in(frame, zone).to_csv(folder / "events.csv", index=False, date_format=form)
    return {"kind": "csv", "uri": str(folder / "events.csv")}


def in_csv_with_offsets(folder: Path, frame: pd.DataFrame, zone: str | None) -> dict[str, Any]:
    shown = {
        name: frame[name].dt.tz_convert(zone or "UTC").map(lambda one: one.isoformat())
        for name in ("at", "seen", "landed")
    }
    frame.assign(**shown).to_csv(folder / "events.csv", index=False)
    return {"kind": "csv", "uri": str(folder / "events.csv")}


def in_delta(folder: Path, frame: pd.DataFrame, zone: str | None) -> dict[str, Any]:
    write_deltalake(str(folder / "events"), kept_in(frame, zone))
    return {"kind": "delta", "uri": str(folder / "events")}


def in_sqlite(folder: Path, frame: pd.DataFrame, zone: str | None, separator: str = " ") -> dict[str, Any]:
    plain = kept_in(frame, zone or "UTC")
    texts = {name: plain[name].dt.strftime(f"%Y-%m-%d{separator}%H:%M:%S.%f") for name in ("at", "seen", "landed")}
    with sqlite3.connect(folder / "events.db") as database:
        plain.assign(**texts).to_sql("events", database, index=False, if_exists="append")
    query = "select id, at, seen, landed, x from events where at >= :start and at < :end"
    return {"kind": "sql", "url": f"sqlite:///{folder}/events.db", "query": query}


def in_sqlite_with_t(folder: Path, frame: pd.DataFrame, zone: str | None) -> dict[str, Any]:
    return in_sqlite(folder, frame, zone, separator="T")


KEPT = [in_folders, in_csv, in_csv_with_offsets, in_delta, in_sqlite, in_sqlite_with_t]


@pytest.mark.parametrize("zone", [None, NEW_YORK, "Asia/Kathmandu"], ids=["instants", "local", "far away"])
@pytest.mark.parametrize("make", KEPT, ids=lambda make: make.__name__)
@pytest.mark.parametrize(("day", "rows_of_it"), [("2013-03-10", 46), ("2013-11-03", 50)], ids=["23 hours", "25 hours"])
def test_a_day_on_which_clocks_change_is_whole(
    tmp_path: Path, make: Any, zone: str | None, day: str, rows_of_it: int
) -> None:
    """A day of 23 or 25 hours holds exactly its rows, from instants and from local times, read at once or window by window."""
    frame = half_hours(day)
    events = table(make(tmp_path, frame, zone), columns=LANDING, ingested_at="landed", timezone=zone or "UTC")
    partition, reader, later = Partition.parse(day, NEW_YORK), sources(tmp_path), START + timedelta(days=400)
    found = reader.read(events, partition.start, partition.end, later, NEW_YORK)
    assert len(found) == rows_of_it
    assert set(found["id"]) == set(frame.loc[frame["at"].between(partition.start, partition.end, "left"), "id"])
    cuts = pd.date_range(partition.start, partition.end, freq="30min").to_pydatetime()
    windows = [reader.read(events, *window, later, NEW_YORK) for window in itertools.pairwise(cuts)]
    assert sorted(pd.concat(windows)["id"]) == sorted(found["id"])


@pytest.mark.parametrize("make", [in_folders, in_csv, in_delta, in_sqlite], ids=lambda make: make.__name__)
def test_in_the_hour_that_comes_twice_nothing_is_known_too_early(tmp_path: Path, make: Any) -> None:
    """A local 01:30 in autumn is the first for an event and the second for when it was known and landed."""
    source = make(tmp_path, half_hours("2013-11-03"), NEW_YORK)
    events = table(source, columns=LANDING, ingested_at="landed", timezone=NEW_YORK)
    first = datetime(2013, 11, 3, 5, 30, tzinfo=UTC)
    reader, window = sources(tmp_path), (first, first + timedelta(minutes=1))
    assert reader.read(events, *window, first + timedelta(minutes=59), NEW_YORK).empty
    found = reader.read(events, *window, first + timedelta(minutes=60), NEW_YORK)
    assert [found[name].unique().tolist() for name in ("at", "seen", "landed")] == [
        [first],
        [first + timedelta(hours=1)],
        [first + timedelta(hours=1)],
    ]


@pytest.mark.parametrize("column", ["at", "seen", "landed"])
@pytest.mark.parametrize("make", [in_folders, in_csv, in_delta, in_sqlite], ids=lambda make: make.__name__)
def test_a_local_time_that_does_not_exist_is_an_error(tmp_path: Path, make: Any, column: str) -> None:
    """The clocks went from 02:00 to 03:00: a 02:30 is told with its column, the value and the way out; other days go on."""
    frame = half_hours("2013-03-10")
    clocks = kept_in(frame, NEW_YORK)
    clocks.loc[clocks["at"] == pd.Timestamp("2013-03-10 03:00"), column] = pd.Timestamp("2013-03-10 02:30")
    # As instants in UTC the same clocks can be written by the same makers; the table says whose clocks they are.
    shown = clocks.assign(**{name: clocks[name].dt.tz_localize("UTC") for name in ("at", "seen", "landed")})
    events = table(make(tmp_path, shown, "UTC"), columns=LANDING, ingested_at="landed", timezone=NEW_YORK)
    reader, later = sources(tmp_path), START + timedelta(days=90)
    sunday = Partition.parse("2013-03-10", NEW_YORK)
    with pytest.raises(
        SourceError, match=f"column {column} holds 2013-03-10 02:30:00, a time that does not exist in America"
    ):
        reader.read(events, sunday.start, sunday.end, later, NEW_YORK)
    assert len(reader.read(events, sunday.shift(-1).start, sunday.start, later, NEW_YORK)) == 48


@pytest.mark.parametrize("make", KEPT, ids=lambda make: make.__name__)
def test_what_landed_later_is_not_there(tmp_path: Path, make: Any) -> None:
    """A row that landed after the as-of does not exist, however early it was known (law 2)."""
    frame = half_hours("2013-06-01")
    morning = Partition.parse("2013-06-01", NEW_YORK).start + timedelta(hours=6)
    late = frame["id"].isin(["r50", "r51"])
    frame["landed"] = frame["landed"].where(~late, morning + timedelta(seconds=1))
    events = table(make(tmp_path, frame, None), columns=LANDING, ingested_at="landed")
    reader, window = sources(tmp_path), (morning - timedelta(hours=6), morning)
    assert set(reader.read(events, *window, morning, NEW_YORK)["id"]) == {f"r{one}" for one in range(48, 60)} - {
        "r50",
        "r51",
    }
    assert len(reader.read(events, *window, morning + timedelta(seconds=1), NEW_YORK)) == 12


def test_an_offset_that_is_said_holds(tmp_path: Path) -> None:
    """The table's time zone is only that of times that say no offset, column by column and value by value."""
    (tmp_path / "events.csv").write_text(
        "id,at,seen,landed,x\n"
        "a,2013-06-01T12:00:00Z,2013-06-01 08:00:00,2013-06-01 08:00:00-04:00,1\n"
        "b,2013-06-01 08:30:00,2013-06-01T12:30:00.250Z,2013-06-01 12:30+0000,1\n"
    )
    events = table(
        {"kind": "csv", "uri": str(tmp_path / "events.csv")}, columns=LANDING, ingested_at="landed", timezone=NEW_YORK
    )
    noon = datetime(2013, 6, 1, 12, tzinfo=UTC)
    found = sources(tmp_path).read(events, noon, noon + timedelta(hours=1), noon + timedelta(days=1), "UTC")
    assert found["at"].tolist() == [noon, noon + timedelta(minutes=30)]
    assert found["seen"].tolist() == [noon, noon + timedelta(minutes=30, milliseconds=250)]
    assert found["landed"].tolist() == [noon, noon + timedelta(minutes=30)]


@pytest.mark.parametrize(
    ("column", "sentence"),
    [("at", "column at is string, which is no timestamp"), ("seen", "column seen is string, which is not timestamp")],
)
@pytest.mark.parametrize("make", [in_csv, in_sqlite], ids=lambda make: make.__name__)
def test_a_text_that_is_no_time_is_told(tmp_path: Path, make: Any, column: str, sentence: str) -> None:
    """A text that is no time names the column and the text."""
    source = make(tmp_path, half_hours("2013-06-01"), None)
    if make is in_sqlite:
        with sqlite3.connect(tmp_path / "events.db") as database:
            database.execute(f"update events set {column} = '2013-06-01 at noon' where id = 'r60'")
    else:
        frame = pd.read_csv(tmp_path / "events.csv", dtype=str)
        frame.loc[60, column] = "2013-06-01 at noon"
        frame.to_csv(tmp_path / "events.csv", index=False)
    day = Partition.parse("2013-06-01", NEW_YORK)
    with pytest.raises(SourceError, match=f"{sentence}.*'2013-06-01 at noon'"):
        sources(tmp_path).read(table(source, columns=LANDING), day.start, day.end, day.end, NEW_YORK)
