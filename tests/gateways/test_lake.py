"""The lake: publishes that replace a partition whole, and appends that are ordered."""

from __future__ import annotations

import itertools
import json
import os
import shutil
import signal
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import deltalake
import pandas as pd
import pyarrow as pa
import pyarrow.dataset as pads
import pytest
from tests.processes import at_once, processes

from evenkeel.gateways import lake as gateway
from evenkeel.gateways.lake import Lake, arrow_rows, content_hash
from evenkeel.vocabulary.errors import EvenkeelError, LedgerConflictError, SourceError

if TYPE_CHECKING:
    from collections.abc import Callable

SCHEMA = pa.schema([("n", pa.int64())])
HISTORY = timedelta(days=30)
DAY = "2013-04-01"


def scores(value: float, rows: int = 100) -> pd.DataFrame:
    return pd.DataFrame({"key": [f"k{one}" for one in range(rows)], "score": value})


def published(lake: Lake, partition: str) -> pd.DataFrame:
    found = lake.read("m", "scores", partitions=[partition])
    assert found is not None
    return found


def publish_from_another_process(uri: str, value: int) -> int:
    return Lake(uri).publish("m", "scores", f"2013-04-{value % 3 + 1:02}", scores(float(value)), {"run": str(value)})


def append_from_another_process(uri: str, value: int) -> None:
    lake = Lake(uri)
    for _ in range(200):
        present = lake.read("m", "ledger")
        try:
            lake.append(
                "m", "ledger", arrow_rows([{"n": value}], SCHEMA), expected=0 if present is None else len(present)
            )
        except LedgerConflictError:
            continue
        return
    raise AssertionError("never got a turn")


def publish_one_day(uri: str, value: int) -> int:
    return Lake(uri).publish("m", "scores", DAY, scores(float(value)), {"run": str(value)})


def publish_and_append_in_turn(uri: str, number: int) -> None:
    for turn in range(4):
        Lake(uri).publish("m", "scores", f"2013-04-{number + 1:02}", scores(float(turn), rows=10), {})
        append_from_another_process(uri, 10 * number + turn)


def maintain_again_and_again(uri: str, number: int) -> None:
    for turn in range(6):
        Lake(uri).maintain("m", "scores", HISTORY + timedelta(hours=turn))
        Lake(uri).maintain("m", "ledger", HISTORY + timedelta(hours=turn))


def die_before_the_commit(uri: str) -> None:
    """Publish, and be killed when the data files are written and the commit is not."""
    write = gateway.write_deltalake

    def write_and_die(present: Any, *args: Any, **kwargs: Any) -> None:
        (Path(uri) / "m" / "scores" / "_delta_log" / f"{1:020}.json").mkdir()  # nothing can be committed in its place
        try:
            write(present, *args, **kwargs)
        finally:
            os.kill(os.getpid(), signal.SIGKILL)

    gateway.write_deltalake = write_and_die
    Lake(uri).publish("m", "scores", DAY, scores(9.0), {})


def age(table: Path, days: float) -> None:
    """Make all that was done to a table so far lie back some days: its log, its files and their times."""
    back = days * 24 * 3600
    for entry in table.glob("_delta_log/*.json"):
        lines = [json.loads(line) for line in entry.read_text().splitlines()]
        for one in (part for line in lines for part in line.values()):
            for name in {"timestamp", "deletionTimestamp", "modificationTime"} & set(one):
                one[name] -= int(back * 1000)
        entry.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    for file in filter(Path.is_file, table.rglob("*")):
        os.utime(file, (file.stat().st_mtime - back,) * 2)


def data_files(table: Path) -> int:
    return len(list(table.glob("**/*.parquet"))) - len(list(table.glob("_delta_log/*.parquet")))


def test_publishing_replaces_one_partition_and_leaves_the_others(tmp_path: Path) -> None:
    """A second publish of a day stands alone; its neighbour is as it was."""
    lake = Lake(str(tmp_path))
    lake.publish("m", "scores", "2013-04-01", scores(0.1), {})
    lake.publish("m", "scores", "2013-04-02", scores(0.2), {})
    lake.publish("m", "scores", "2013-04-01", scores(0.3, rows=7), {})
    assert published(lake, "2013-04-01")["score"].tolist() == [0.3] * 7
    assert published(lake, "2013-04-02")["score"].tolist() == [0.2] * 100
    assert lake.partitions("m", "scores") == ["2013-04-01", "2013-04-02"]


def test_publishing_the_same_again_makes_no_commit(tmp_path: Path) -> None:
    """Run, clear, run again: equal content, one commit (law 7)."""
    lake = Lake(str(tmp_path))
    first = lake.publish("m", "scores", "2013-04-01", scores(0.1), {})
    assert lake.publish("m", "scores", "2013-04-01", scores(0.1), {"run": "another"}) == first
    assert len(published(lake, "2013-04-01")) == 100


def test_returning_to_earlier_content_is_published(tmp_path: Path) -> None:
    """Content A, then B, then A again ends in A: only what stands there now makes a publish needless."""
    lake = Lake(str(tmp_path))
    for value in (0.1, 0.2, 0.1):
        lake.publish("m", "scores", "2013-04-01", scores(value), {})
    assert published(lake, "2013-04-01")["score"].unique().tolist() == [0.1]


def test_an_empty_publish_empties_the_partition(tmp_path: Path) -> None:
    """A partition whose rows were all repaired holds none afterwards."""
    lake = Lake(str(tmp_path))
    lake.publish("m", "scores", "2013-04-01", scores(0.1), {})
    lake.publish("m", "scores", "2013-04-01", scores(0.1).iloc[:0], {})
    assert published(lake, "2013-04-01").empty


def test_the_first_publish_of_all_may_be_empty(tmp_path: Path) -> None:
    """A table that begins with an empty partition takes rows of any type afterwards, and any reader knows its partitions."""
    lake = Lake(str(tmp_path))
    assert lake.publish("m", "scores", DAY, scores(0.1).iloc[:0], {}) == 0
    assert published(lake, DAY).empty
    assert lake.publish("m", "scores", DAY, scores(0.1).iloc[:0], {}) == 0
    lake.publish("m", "scores", DAY, scores(0.1, rows=2).assign(note="x"), {})
    assert published(lake, DAY)[["key", "note"]].to_numpy().tolist() == [["k0", "x"], ["k1", "x"]]
    fields = json.loads(deltalake.DeltaTable(tmp_path / "m" / "scores").schema().to_json())["fields"]
    assert {field["name"]: field["type"] for field in fields}["_partition"] == "string"


def test_a_publish_says_which_version_holds_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The version a publish returns reads back as what it published, whoever published since."""
    lake = Lake(str(tmp_path))
    write = gateway.write_deltalake

    def and_someone_else(table: Any, *args: Any, **kwargs: Any) -> None:
        write(table, *args, **kwargs)
        monkeypatch.setattr(gateway, "write_deltalake", write)
        Lake(str(tmp_path)).publish("m", "scores", DAY, scores(9.0), {})

    for value in (0.1, 0.2):
        monkeypatch.setattr(gateway, "write_deltalake", and_someone_else)
        version = lake.publish("m", "scores", DAY, scores(value), {})
        then = lake.read("m", "scores", version=version)
        assert then is not None
        assert then["score"].unique().tolist() == [value]
        assert published(lake, DAY)["score"].unique().tolist() == [9.0]


def test_two_who_make_a_table_at_once_publish_one_after_the_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever comes second with the first rows begins again, where Delta itself would add them to those of the first."""
    Lake(str(tmp_path / "other")).publish("m", "scores", DAY, scores(0.1), {})
    write = gateway.write_deltalake

    def while_someone_else_does(uri: Any, rows: pa.Table, **kwargs: Any) -> None:
        monkeypatch.setattr(gateway, "write_deltalake", write)

        def batches() -> Any:
            shutil.copytree(tmp_path / "other", tmp_path / "lake", dirs_exist_ok=True)
            yield from rows.to_batches()

        write(uri, pa.RecordBatchReader.from_batches(rows.schema, batches()), **kwargs)

    monkeypatch.setattr(gateway, "write_deltalake", while_someone_else_does)
    lake = Lake(str(tmp_path / "lake"))
    assert lake.publish("m", "scores", DAY, scores(0.2), {}) == 1
    assert published(lake, DAY)["score"].tolist() == [0.2] * 100


def test_a_new_column_does_not_disturb_who_publishes_at_that_moment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A publish that meets another schema than it began with begins again."""
    lake = Lake(str(tmp_path))
    lake.publish("m", "scores", DAY, scores(0.1), {})
    write = gateway.write_deltalake

    def after_someone_else(table: Any, *args: Any, **kwargs: Any) -> None:
        monkeypatch.setattr(gateway, "write_deltalake", write)
        Lake(str(tmp_path)).publish("m", "scores", "2013-04-02", scores(0.2).assign(x=1), {})
        write(table, *args, **kwargs)

    monkeypatch.setattr(gateway, "write_deltalake", after_someone_else)
    lake.publish("m", "scores", DAY, scores(0.3).assign(y=2), {})
    assert published(lake, DAY)["y"].unique().tolist() == [2]
    assert published(lake, "2013-04-02")["x"].unique().tolist() == [1]


@pytest.mark.parametrize("contents", [20, 4])
def test_twenty_publishes_of_one_day_at_the_same_moment_end_as_one_of_them(tmp_path: Path, contents: int) -> None:
    """Twenty processes, let go together before the table exists, publish one day: it ends as one of the twenty, whole, and no
    content is committed on top of itself (laws 6 and 8).
    """
    results = at_once(publish_one_day, *[(str(tmp_path), number % contents) for number in range(20)])
    lake = Lake(str(tmp_path))
    rows, commits = published(lake, DAY), lake.commits("m", "scores", DAY)
    print(f"20 publishes of {contents} contents: {len(commits)} commits, {20 - len(commits)} no-ops")
    assert len(rows) == 100
    assert rows["score"].nunique() == 1
    assert rows["score"].iloc[0] in range(contents)
    assert commits[0].metadata == {"run": str(int(rows["score"].iloc[0]))}
    assert contents <= len(commits) <= 20
    assert [one.version for one in commits] == list(reversed(range(len(commits))))
    assert set(results) == {one.version for one in commits}
    assert all(one.content != before.content for one, before in itertools.pairwise(commits))


def test_simultaneous_publishes_end_whole(tmp_path: Path) -> None:
    """Twelve processes publish three partitions at once, from before the table exists: each ends as one of its results, whole
    (laws 6 and 8).
    """
    at_once(publish_from_another_process, *[(str(tmp_path), value) for value in range(12)])
    lake = Lake(str(tmp_path))
    for place, partition in enumerate(("2013-04-01", "2013-04-02", "2013-04-03")):
        rows = published(lake, partition)
        assert len(rows) == 100
        assert rows["score"].nunique() == 1
        assert rows["score"].iloc[0] % 3 == place


def test_simultaneous_appends_all_get_their_turn_once(tmp_path: Path) -> None:
    """Ten processes append at once: each entry is there, none twice, and whoever lost a race was told."""
    at_once(append_from_another_process, *[(str(tmp_path), value) for value in range(10)])
    found = Lake(str(tmp_path)).read("m", "ledger")
    assert found is not None
    assert sorted(found["n"]) == list(range(10))


def test_an_append_to_a_changed_table_is_refused(tmp_path: Path) -> None:
    """Whoever decided from an older state of the table is told to read it again."""
    lake = Lake(str(tmp_path))
    lake.append("m", "ledger", arrow_rows([{"n": 1}], SCHEMA), expected=0)
    with pytest.raises(LedgerConflictError, match="holds 1 entries where 0 were read"):
        lake.append("m", "ledger", arrow_rows([{"n": 2}], SCHEMA), expected=0)


def test_a_table_that_is_not_there_is_none_and_a_missing_source_is_an_error(tmp_path: Path) -> None:
    """Our own table may not exist yet; a source that does not exist is a mistake."""
    assert Lake(str(tmp_path)).read("m", "scores") is None
    assert Lake(str(tmp_path)).partitions("m", "scores") == []
    with pytest.raises(SourceError, match="there is no Delta table here"):
        Lake.scan(str(tmp_path / "nothing"), ["x"], lambda schema: pads.field("x") > 0)


def test_content_hash_sees_every_value(tmp_path: Path) -> None:
    """Equal frames hash equally however they were built; one changed value does not."""
    frame = scores(0.1)
    assert content_hash(frame) == content_hash(pd.concat([frame.iloc[:50], frame.iloc[50:]], ignore_index=True))
    changed = frame.copy()
    changed.loc[99, "score"] = 0.2
    assert content_hash(frame) != content_hash(changed)


def test_rows_come_in_the_order_of_their_partitions(tmp_path: Path) -> None:
    """Who reads a table twice reads it alike, whichever day was published last (law 1)."""
    lake = Lake(str(tmp_path))
    days = [f"2013-04-{day:02}" for day in (3, 1, 2)]
    for day in days:
        lake.publish("m", "scores", day, scores(0.1, rows=2), {})
    found = lake.read("m", "scores", columns=["key"])
    assert found is not None
    lake.publish("m", "scores", days[1], scores(0.2, rows=2), {})
    lake.maintain("m", "scores", HISTORY)
    again = lake.read("m", "scores")
    assert again is not None
    assert found["key"].tolist() == again["key"].tolist() == ["k0", "k1"] * 3
    assert again["_partition"].tolist() == [day for day in sorted(days) for _ in range(2)]


def test_a_sample_is_an_even_share_and_the_same_by_its_seed(tmp_path: Path) -> None:
    """A tenth of each day, of the rows a condition leaves; a day's rows are the same whichever others are asked for."""
    lake = Lake(str(tmp_path))
    for day in ("2013-04-01", "2013-04-02"):
        rows = pd.DataFrame({"n": range(20_000), "version": [1, 2] * 10_000})
        lake.publish("m", "scores", day, rows, {})

    def drawn(*days: str, seed: int = 7, share: float = 0.1) -> pd.DataFrame:
        first = pads.field("version") == 1
        found = lake.sample("m", "scores", partitions=days, share=share, seed=seed, where=first)
        assert found is not None
        return found

    both, second = drawn("2013-04-01", "2013-04-02"), drawn("2013-04-02")
    assert set(both["version"]) == {1}
    for _, rows in both.groupby("_partition"):
        assert 900 < len(rows) < 1_100
        assert 0.45 < (rows["n"] < 10_000).mean() < 0.55
        assert rows["n"].is_unique
    assert both[both["_partition"] == "2013-04-02"].reset_index(drop=True).equals(second)
    assert not second["n"].equals(drawn("2013-04-01")["n"]), "each day has draws of its own"
    assert not second["n"].equals(drawn("2013-04-02", seed=8)["n"])
    assert len(drawn("2013-04-01", share=1.0)) == 10_000
    assert lake.sample("m", "nothing", partitions=["2013-04-01"], share=0.1, seed=7) is None


def test_a_commit_says_what_was_published_and_by_whom(tmp_path: Path) -> None:
    """The history of a table holds, newest first, partition, rows, content and what the writer said; other commits are none."""
    lake = Lake(str(tmp_path))
    assert lake.commits("m", "scores") == []
    lake.publish("m", "scores", DAY, scores(0.1), {"champion": "3", "spec": "abc"})
    lake.publish("m", "scores", "2013-04-02", scores(0.2), {"champion": "4"})
    lake.maintain("m", "scores", HISTORY + timedelta(days=1))
    lake.publish("m", "scores", DAY, scores(0.3, rows=7), {"champion": "5"})
    newest, second, first = lake.commits("m", "scores")
    assert (newest.partition, newest.rows, newest.metadata) == (DAY, 7, {"champion": "5"})
    assert (second.partition, second.metadata) == ("2013-04-02", {"champion": "4"})
    assert (first.version, first.rows, first.metadata) == (0, 100, {"champion": "3", "spec": "abc"})
    assert first.content == content_hash(scores(0.1).assign(_partition=DAY))
    assert timedelta(0) <= datetime.now(UTC) - newest.timestamp < timedelta(minutes=5)
    assert lake.commits("m", "scores", DAY) == [newest, first]


def test_the_history_is_right_while_others_publish(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A commit that comes while the history is read does not shift the versions of the others."""
    lake = Lake(str(tmp_path))
    lake.publish("m", "scores", DAY, scores(0.1), {"run": "0"})
    history = deltalake.DeltaTable.history

    def after_someone_else(table: Any) -> Any:
        monkeypatch.setattr(deltalake.DeltaTable, "history", history)
        Lake(str(tmp_path)).publish("m", "scores", DAY, scores(0.2), {"run": "1"})
        return history(table)

    monkeypatch.setattr(deltalake.DeltaTable, "history", after_someone_else)
    assert [(one.version, one.metadata["run"]) for one in lake.commits("m", "scores")] == [(1, "1"), (0, "0")]


def test_the_past_is_read_by_version_and_by_instant(tmp_path: Path) -> None:
    """Each version reads as it was left, and an instant as it stood then, in a copy of the lake too."""
    lake = Lake(str(tmp_path / "lake"))
    for value in (0.1, 0.2, 0.3):
        lake.publish("m", "scores", DAY, scores(value), {})
        age(tmp_path / "lake" / "m" / "scores", days=2)
    shutil.copytree(tmp_path / "lake", tmp_path / "copy", copy_function=shutil.copyfile)
    now = datetime.now(UTC)
    for one in (lake, Lake(str(tmp_path / "copy"))):

        def then(**past: Any) -> list[float] | None:
            found = one.read("m", "scores", **past)  # noqa: B023 - called before the next turn
            return None if found is None else found["score"].unique().tolist()

        assert [then(version=version) for version in range(3)] == [[0.1], [0.2], [0.3]]
        assert [then(at=now - timedelta(days=days)) for days in (7, 5, 3, 1)] == [None, [0.1], [0.2], [0.3]]
    with pytest.raises(SourceError, match="version 3 cannot be read; the latest is 2"):
        lake.read("m", "scores", version=3)


def test_a_new_table_keeps_what_is_replaced_for_as_long_as_it_is_told(tmp_path: Path) -> None:
    """Thirty days unless told otherwise, and what was done is never forgotten; maintenance sets it anew."""
    Lake(str(tmp_path)).publish("m", "scores", DAY, scores(0.1), {})
    Lake(str(tmp_path), history=timedelta(days=90)).append("m", "ledger", arrow_rows([{"n": 1}], SCHEMA), expected=0)

    def kept(table: str) -> dict[str, str]:
        return dict(deltalake.DeltaTable(tmp_path / "m" / table).metadata().configuration)

    names = ("delta.deletedFileRetentionDuration", "delta.logRetentionDuration")
    assert kept("scores") == dict.fromkeys(names, "interval 720 hours")
    assert kept("ledger") == dict.fromkeys(names, "interval 2160 hours")
    Lake(str(tmp_path)).maintain("m", "scores", timedelta(days=60))
    assert kept("scores") == dict.fromkeys(names, "interval 1440 hours")


def test_maintenance_keeps_the_history_and_drops_what_is_older(tmp_path: Path) -> None:
    """No row changes; every version of the last thirty days reads as before; what was replaced earlier is gone, and says so."""
    lake, table = Lake(str(tmp_path)), tmp_path / "m" / "scores"
    for value in range(4):  # versions 0 to 3: replaced 50 days ago, 40, and 10
        lake.publish("m", "scores", DAY, scores(float(value)), {})
        age(table, days={0: 10, 1: 10, 2: 30, 3: 10}[value])
    before = published(lake, DAY)
    assert data_files(table) == 4
    done = lake.maintain("m", "scores", HISTORY)
    assert done is not None
    assert (done.files_before, done.files_after, done.removed_files) == (1, 1, 2)
    assert data_files(table) == 2
    pd.testing.assert_frame_equal(published(lake, DAY), before)
    kept = lake.read("m", "scores", version=2)
    assert kept is not None
    assert kept["score"].unique().tolist() == [2.0]
    with pytest.raises(SourceError, match="version 0 cannot be read"):
        lake.read("m", "scores", version=0)
    again = lake.maintain("m", "scores", HISTORY)
    assert again is not None
    assert (again.version, again.removed_files) == (done.version, 0)


def test_the_log_is_cleaned_as_far_as_the_history_allows(tmp_path: Path) -> None:
    """Entries behind a checkpoint that is older than the history go; what was asked for before them is told; the rest reads."""
    lake, table = Lake(str(tmp_path)), tmp_path / "m" / "scores"
    for value in range(3):
        lake.publish("m", "scores", DAY, scores(float(value)), {})
    lake.maintain("m", "scores", HISTORY)
    age(table, days=40)
    version = lake.publish("m", "scores", DAY, scores(3.0), {})
    lake.maintain("m", "scores", HISTORY)
    assert not (table / "_delta_log" / f"{0:020}.json").exists()
    assert lake.commits("m", "scores")[0].version == version
    assert published(lake, DAY)["score"].unique().tolist() == [3.0]
    with pytest.raises(SourceError, match="its log begins"):
        lake.read("m", "scores", at=datetime.now(UTC) - timedelta(days=60))
    assert lake.publish("m", "scores", DAY, scores(3.0), {"run": "again"}) == lake.version("m", "scores")
    assert lake.commits("m", "scores")[0].version == version


def test_maintenance_forgets_nothing_that_was_done(tmp_path: Path) -> None:
    """After compaction, checkpoint and a log without its first entries, a repeated publish is still no commit, and an append
    that comes too late is still told (law 7).
    """
    lake = Lake(str(tmp_path))
    for number in range(6):
        lake.append("m", "ledger", arrow_rows([{"n": number}], SCHEMA), expected=number)
        lake.publish("m", "scores", f"2013-04-{number + 1:02}", scores(float(number)), {})
    for table in ("ledger", "scores"):
        done = lake.maintain("m", table, HISTORY)
        assert done is not None
        assert (done.files_before, done.files_after) == ((6, 1) if table == "ledger" else (6, 6))
        age(tmp_path / "m" / table, days=40)
        lake.maintain("m", table, HISTORY)
        assert not (tmp_path / "m" / table / "_delta_log" / f"{0:020}.json").exists()
    version = lake.version("m", "scores")
    for number in range(6):
        assert lake.publish("m", "scores", f"2013-04-{number + 1:02}", scores(float(number)), {}) == version
    with pytest.raises(LedgerConflictError, match="holds 6 entries where 5 were read"):
        lake.append("m", "ledger", arrow_rows([{"n": 9}], SCHEMA), expected=5)
    lake.append("m", "ledger", arrow_rows([{"n": 6}], SCHEMA), expected=6)
    found = lake.read("m", "ledger")
    assert found is not None
    assert sorted(found["n"]) == list(range(7))


def test_two_compactions_at_once_keep_one_copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever comes second with the same files begins again, where Delta itself would keep both copies of the rows."""
    lake = Lake(str(tmp_path))
    for number in range(3):
        lake.append("m", "ledger", arrow_rows([{"n": number}], SCHEMA), expected=number)
    compact = gateway._compact

    def after_someone_else(present: Any) -> None:
        monkeypatch.setattr(gateway, "_compact", compact)
        Lake(str(tmp_path)).maintain("m", "ledger", HISTORY)
        compact(present)

    monkeypatch.setattr(gateway, "_compact", after_someone_else)
    lake.maintain("m", "ledger", HISTORY)
    found = lake.read("m", "ledger")
    assert found is not None
    assert sorted(found["n"]) == [0, 1, 2]


def test_maintenance_beside_publishes_and_appends_loses_none(tmp_path: Path) -> None:
    """While two processes maintain, four publish and append: every row is there once at the end."""
    uri = str(tmp_path)
    lake = Lake(uri)
    lake.publish("m", "scores", "2013-03-31", scores(0.0, rows=10), {})
    lake.append("m", "ledger", arrow_rows([{"n": -1}], SCHEMA), expected=0)
    workers = [(publish_and_append_in_turn, uri, number) for number in range(4)]
    at_once(call, *workers, *[(maintain_again_and_again, uri, number) for number in range(2)])
    for number in range(4):
        assert published(lake, f"2013-04-{number + 1:02}")["score"].tolist() == [3.0] * 10
    found = lake.read("m", "ledger")
    assert found is not None
    assert sorted(found["n"]) == [-1, *(10 * number + turn for number in range(4) for turn in range(4))]


def call(work: Callable[..., Any], *arguments: Any) -> None:
    work(*arguments)


def test_a_killed_publish_is_invisible_and_its_files_go_in_time(tmp_path: Path) -> None:
    """What a process wrote before it was killed is no row of the table; maintenance drops it when nobody can still be writing
    it (law 6).
    """
    lake, table = Lake(str(tmp_path)), tmp_path / "m" / "scores"
    lake.publish("m", "scores", DAY, scores(0.1), {})
    worker = processes().Process(target=die_before_the_commit, args=(str(tmp_path),))
    worker.start()
    worker.join()
    (table / "_delta_log" / f"{1:020}.json").rmdir()
    assert worker.exitcode == -signal.SIGKILL
    assert published(lake, DAY)["score"].unique().tolist() == [0.1]
    left = data_files(table)
    assert left > 1
    assert lake.maintain("m", "scores", HISTORY) is not None
    assert data_files(table) == left
    age(table, days=31)
    done = lake.maintain("m", "scores", HISTORY)
    assert done is not None
    assert done.removed_files == left - 1
    assert published(lake, DAY)["score"].unique().tolist() == [0.1]


def test_a_table_whose_making_was_cut_short_is_made_by_the_next(tmp_path: Path) -> None:
    """Data files and an empty log, as a kill before the first commit leaves them, are no table yet."""
    lake, table = Lake(str(tmp_path)), tmp_path / "m" / "scores"
    (table / "_delta_log").mkdir(parents=True)
    (table / "part-00000-left-behind.parquet").write_bytes(b"half")
    (table / "_delta_log" / "_commit_left.json.tmp").write_bytes(b"{")
    assert lake.read("m", "scores") is None
    assert lake.maintain("m", "scores", HISTORY) is None
    assert lake.publish("m", "scores", DAY, scores(0.1), {}) == 0
    assert len(published(lake, DAY)) == 100


def test_a_history_shorter_than_a_write_is_refused(tmp_path: Path) -> None:
    """Dropping what is being written would damage the table."""
    with pytest.raises(EvenkeelError, match="shorter than a write may take"):
        Lake(str(tmp_path)).maintain("m", "scores", timedelta(hours=1))
