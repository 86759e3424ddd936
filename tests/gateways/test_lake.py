"""The lake: publishes that replace a partition whole, and appends that are ordered."""

from __future__ import annotations

import multiprocessing
from typing import TYPE_CHECKING

import pandas as pd
import pyarrow as pa
import pyarrow.dataset as pads
import pytest

from evenkeel.gateways.lake import Lake, arrow_rows, content_hash
from evenkeel.vocabulary.errors import LedgerConflictError, SourceError

if TYPE_CHECKING:
    from pathlib import Path

SCHEMA = pa.schema([("n", pa.int64())])


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


def test_simultaneous_publishes_end_whole(tmp_path: Path) -> None:
    """Twelve processes publish three partitions at once, from before the table exists: each ends as one of its results, whole
    (laws 6 and 8).
    """
    with multiprocessing.get_context("spawn").Pool(4) as pool:
        pool.starmap(publish_from_another_process, [(str(tmp_path), value) for value in range(12)])
    lake = Lake(str(tmp_path))
    for place, partition in enumerate(("2013-04-01", "2013-04-02", "2013-04-03")):
        rows = published(lake, partition)
        assert len(rows) == 100
        assert rows["score"].nunique() == 1
        assert rows["score"].iloc[0] % 3 == place


def test_simultaneous_appends_all_get_their_turn_once(tmp_path: Path) -> None:
    """Ten processes append at once: each entry is there, none twice, and whoever lost a race was told."""
    with multiprocessing.get_context("spawn").Pool(4) as pool:
        pool.starmap(append_from_another_process, [(str(tmp_path), value) for value in range(10)])
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
        Lake.scan(str(tmp_path / "nothing"), ["x"], pads.field("x") > 0)


def test_content_hash_sees_every_value(tmp_path: Path) -> None:
    """Equal frames hash equally however they were built; one changed value does not."""
    frame = scores(0.1)
    assert content_hash(frame) == content_hash(pd.concat([frame.iloc[:50], frame.iloc[50:]], ignore_index=True))
    changed = frame.copy()
    changed.loc[99, "score"] = 0.2
    assert content_hash(frame) != content_hash(changed)
