"""Time in frames: what had landed, what was known, what had matured, and days on which the clocks change."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evenkeel.gateways.lake import Lake
from evenkeel.gateways.sources import Sources
from evenkeel.vocabulary import columns as c
from evenkeel.vocabulary.errors import SourceError
from evenkeel.vocabulary.partition import Partition, back, partitions_between
from evenkeel.vocabulary.spec import ModelSpec
from evenkeel.vocabulary.spec_tables import Rows
from evenkeel.workflows import train
from evenkeel.workflows.frame import add_labels, build_frame
from evenkeel.workflows.pipelines import run_scoring

if TYPE_CHECKING:
    from tests.workflows.conftest import House

NEW_YORK = "America/New_York"
TIMES = ("at", "seen", "landed")
COLUMNS = {"id": "string", **dict.fromkeys(TIMES, "timestamp"), "x": "float64", "y": "int64"}
FIRST = Partition.parse("2013-06-03", NEW_YORK)
DAYS = [FIRST.shift(number) for number in range(3)]
HOUR, DAY = timedelta(hours=1), timedelta(days=1)

seldom = settings(max_examples=40)


@dataclass(frozen=True)
class Row:
    """One row of any table here: hours count from the start of the first day."""

    id: str
    at: float
    landed: float = 0.0
    seen: float = 0.0
    x: float = 1.0
    y: int | None = 0

    @property
    def there(self) -> float:
        """When it was known and had landed."""
        return max(self.landed, self.seen)


def hour(number: float) -> datetime:
    return FIRST.start + number * HOUR


def spec(root: Path, **changes: Any) -> ModelSpec:
    """Rows, labels and history of one kind each, with all their times."""

    def table(name: str) -> dict[str, Any]:
        source = {"kind": "parquet", "uri": str(root / f"{name}.parquet")}
        return {"source": source, "event_time": "at", "ingested_at": "landed", "columns": COLUMNS}

    content = {
        "model": "times",
        "description": "Nothing but time.",
        "owner": "tests",
        "task": "binary",
        "timezone": NEW_YORK,
        "period": {"start": date(2013, 1, 1)},
        "rows": table("rows") | {"key": ["id"], "known_at": "seen"},
        "label": table("labels") | {"column": "y", "known_at": "seen", "maturation": "1d"},
        "features": {"numeric": ["x"]},
        "data_gate": {"rows": "rows", "scores": "scores"},
        "training": {
            "window": "60d",
            "holdout": "14d",
            "gap": "2d",
            "candidates": [{"name": "a", "estimator": "sklearn.linear_model.LogisticRegression"}],
        },
        "promotion": {"metric": "roc_auc", "margin": 0.01},
        "scoring": {"schedule": "0 3 * * *"},
        "drift": {"schedule": "30 3 * * *", "window": "14d", "decay": {"window": "14d", "tolerance": 0.05}},
    }
    return ModelSpec.model_validate(content | changes)


def with_history(root: Path) -> ModelSpec:
    """The same, with features made from what was seen of a history."""
    source = {"kind": "parquet", "uri": str(root / "history.parquet")}
    history = {"source": source, "event_time": "at", "known_at": "seen", "ingested_at": "landed", "columns": COLUMNS}
    features = {"function": "tests.workflows.time_features:seen_of_history", "numeric": ["seen", "total"]}
    return spec(root, inputs={"history": history | {"lookback": "5d"}}, features=features)


def put(root: Path, name: str, rows: list[Row]) -> Sources:
    """Land rows as a table; return what reads it."""
    frame = pd.DataFrame([vars(one) for one in rows], columns=list(COLUMNS)).astype({"y": "Int64", "x": "float64"})
    instants = {
        time: pd.to_datetime([hour(number) for number in frame[time]], utc=True).as_unit("us") for time in TIMES
    }
    frame.assign(**instants).astype({"id": "string"}).to_parquet(root / f"{name}.parquet", index=False)
    return Sources(str(root), Lake.scan)


def values(frame: pd.DataFrame, partition: Partition) -> dict[str, float]:
    mine = frame[frame[c.PARTITION] == partition.key]
    assert mine["id"].is_unique
    return dict(zip(mine["id"], mine["x"], strict=True))


def test_a_row_that_landed_late_is_in_no_earlier_run(tmp_path: Path) -> None:
    """What landed after a partition's as-of is not in it, in scoring or in a training long after (laws 1, 2)."""
    rows = [
        Row("early", 1, landed=2),
        Row("late", 1, landed=25),
        Row("in time", 1, landed=24),
        Row("next", 30, landed=30),
    ]
    reader, made = put(tmp_path, "rows", rows), spec(tmp_path)
    for partitions in (DAYS[:1], DAYS):
        assert values(build_frame(made, partitions, reader), FIRST) == {"early": 1.0, "in time": 1.0}


def test_a_correction_counts_from_when_it_landed(tmp_path: Path) -> None:
    """Of several rows of one key the one that landed last by the partition's own as-of counts, in training as in scoring."""
    rows = [
        Row("a", 1, landed=3, x=2.0),  # the order in the file says nothing
        Row("a", 1, landed=2, x=1.0),
        Row("a", 1, landed=26, x=3.0),
        Row("b", 25, landed=26, x=4.0),
        Row("b", 26, landed=47, x=5.0),
    ]
    reader, made = put(tmp_path, "rows", rows), spec(tmp_path)
    training = build_frame(made, DAYS, reader)
    for partition, wanted in ((DAYS[0], {"a": 2.0}), (DAYS[1], {"b": 5.0}), (DAYS[2], {})):
        assert values(build_frame(made, [partition], reader), partition) == wanted
        assert values(training, partition) == wanted


def test_two_rows_that_landed_at_once_both_stay(tmp_path: Path) -> None:
    """Nobody can say which of two counts that landed at the same instant: both stay, for the suite to refuse; so do null keys."""
    rows = [Row("a", 1, landed=2, x=1.0), Row("a", 1, landed=2, x=2.0), Row("a", 1, landed=1, x=3.0)]
    nobody = [Row(None, 2, landed=1, x=4.0), Row(None, 2, landed=2, x=5.0)]  # type: ignore[arg-type] - as a source may have it
    frame = build_frame(spec(tmp_path), DAYS, put(tmp_path, "rows", rows + nobody))
    assert frame["x"].tolist() == [1.0, 2.0, 4.0, 5.0]


def test_two_labels_that_landed_at_once_are_an_error(tmp_path: Path) -> None:
    """A label that was corrected is one label; two that landed together are an error that names the key, if a row asks for it."""
    reader = put(tmp_path, "rows", [Row("a", 1)])
    frame = build_frame(spec(tmp_path), DAYS, reader)
    put(tmp_path, "labels", [Row("a", 1, landed=2, y=0), Row("a", 1, landed=3, y=1)])
    assert add_labels(spec(tmp_path), frame, hour(48), reader)[c.LABEL].tolist() == [1.0]
    put(tmp_path, "labels", [Row("a", 1, landed=3, y=1), Row("b", 1, landed=3, y=0), Row("b", 1, landed=3, y=1)])
    assert add_labels(spec(tmp_path), frame, hour(48), reader)[c.LABEL].tolist() == [1.0]
    put(tmp_path, "labels", [Row("a", 1, landed=3, y=0), Row("a", 1, landed=3, y=1)])
    with pytest.raises(SourceError, match="1 keys have more than one label, such as id=a"):
        add_labels(spec(tmp_path), frame, hour(48), reader)


def test_history_that_landed_late_is_not_looked_at(tmp_path: Path) -> None:
    """A feature function sees the history that had landed by its partition's as-of, in training as in scoring (law 2)."""
    put(tmp_path, "rows", [Row("a", 1), Row("b", 25), Row("c", 49)])
    history = [Row("h", 5, landed=6, x=1.0), Row("h", 6, landed=30, x=10.0), Row("h", 7, landed=60, seen=70, x=100.0)]
    reader, made = put(tmp_path, "history", history), with_history(tmp_path)
    training = build_frame(made, DAYS, reader)
    assert training["seen"].tolist() == [1.0, 2.0, 3.0]
    assert training["total"].tolist() == [1.0, 11.0, 111.0]
    for partition in DAYS:
        mine = training[training[c.PARTITION] == partition.key].reset_index(drop=True)
        pd.testing.assert_frame_equal(build_frame(made, [partition], reader), mine)


@pytest.mark.parametrize(
    ("as_of", "label"),
    [(24.5, None), (25.0, 0.0), (29.9, 0.0), (30.0, 1.0), (39.9, 1.0), (40.0, None)],
    ids=[
        "known, not matured",
        "matured",
        "before the correction",
        "corrected",
        "before it is taken back",
        "taken back",
    ],
)
def test_a_label_is_there_once_it_has_matured(tmp_path: Path, as_of: float, label: float | None) -> None:
    """A label known at once is there a maturation after its event; a correction counts from its landing, a null takes it back."""
    put(tmp_path, "labels", [Row("a", 1, landed=2, y=0), Row("a", 1, landed=30, y=1), Row("a", 1, landed=40, y=None)])
    reader = put(tmp_path, "rows", [Row("a", 1)])
    frame = add_labels(spec(tmp_path), build_frame(spec(tmp_path), DAYS, reader), hour(as_of), reader)
    assert frame[c.LABEL].astype(object).where(frame[c.LABEL].notna(), None).tolist() == [label]


hours = st.integers(0, 71).map(float)
rows_of_all_kinds = st.lists(
    st.builds(Row, id=st.sampled_from("abc"), at=hours, landed=hours, seen=hours, x=st.integers(0, 5).map(float)),
    max_size=12,
)


@seldom
@given(rows_of_all_kinds)
def test_training_sees_what_scoring_saw(rows: list[Row]) -> None:
    """Whatever landed, was corrected or came late: a partition is the same in a training of many, in its own scoring, and in a
    scoring before anything that came later existed (laws 1, 2).
    """
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        made, reader = spec(root), put(root, "rows", rows)
        training = build_frame(made, DAYS, reader)
        for number, partition in enumerate(DAYS):
            mine = training[training[c.PARTITION] == partition.key].reset_index(drop=True)
            put(root, "rows", rows)
            pd.testing.assert_frame_equal(build_frame(made, [partition], reader), mine)
            put(root, "rows", [one for one in rows if one.there <= 24 * (number + 1)])
            pd.testing.assert_frame_equal(build_frame(made, [partition], reader), mine)


events = st.fixed_dictionaries(dict.fromkeys("abc", hours))
versions = st.lists(
    st.tuples(st.sampled_from("abc"), st.integers(0, 120), st.integers(-20, 120), st.integers(0, 1)),
    max_size=10,
    unique_by=lambda one: one[:2],
)


@seldom
@given(events, versions, st.integers(0, 140), st.integers(0, 140))
def test_labels_only_ever_come_or_are_corrected(
    at: dict[str, float], said: list[tuple[str, int, int, int]], one: int, other: int
) -> None:
    """What is labelled at an as-of keeps its label at a later one unless a correction came between; nothing that was not known,
    landed and matured by then shows, or changes what does (law 2).
    """
    early, late = sorted((one, other))
    labels = [Row(id=name, at=at[name], landed=landed, seen=seen, y=value) for name, landed, seen, value in said]
    since = {id(row): max(row.there, row.at + 24) for row in labels}
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        put(root, "labels", labels)
        reader = put(root, "rows", [Row(name, hours) for name, hours in at.items()])
        frame = build_frame(spec(root), DAYS, reader)

        def labelled(instant: int) -> dict[str, float]:
            found = add_labels(spec(root), frame, hour(instant), reader).dropna(subset=[c.LABEL])
            return dict(zip(found["id"], found[c.LABEL], strict=True))

        first, second = labelled(early), labelled(late)
        for name, value in first.items():
            between = [row for row in labels if row.id == name and early < since[id(row)] <= late]
            assert between or second[name] == value
        for name in at:
            there = [row for row in labels if row.id == name and since[id(row)] <= early]
            wanted = max(there, key=lambda row: row.landed).y if there else None
            assert first.get(name) == wanted
        put(root, "labels", [row for row in labels if since[id(row)] <= early])
        assert labelled(early) == first


def clocks(root: Path, zone: str | None, first: str, last: str, step: timedelta) -> pd.DataFrame:
    """A row every so often, with a label, landed as instants or as the clocks of a zone show them; the instants are returned."""
    at = pd.date_range(pd.Timestamp(first, tz=NEW_YORK), pd.Timestamp(last, tz=NEW_YORK), freq=step, inclusive="left")
    at = at.tz_convert("UTC").as_unit("us")
    frame = pd.DataFrame({"id": [f"r{number}" for number in range(len(at))], "at": at, "seen": at, "landed": at})
    frame = frame.assign(x=1.0, y=1)
    kept = frame.assign(**{name: at.tz_convert(zone).tz_localize(None) for name in TIMES}) if zone else frame
    for name in ("rows", "labels"):
        kept.to_parquet(root / f"{name}.parquet", index=False)
    return frame.assign(day=at.tz_convert(NEW_YORK).strftime("%Y-%m-%d"))


def told_in(root: Path, rows_zone: str | None, labels_zone: str | None) -> ModelSpec:
    plain = spec(root)
    rows = plain.rows.model_copy(update={"timezone": rows_zone or "UTC"})
    label = plain.label.model_copy(update={"timezone": labels_zone or "UTC"})
    return plain.model_copy(update={"rows": rows, "label": label})


ZONES = pytest.mark.parametrize("zone", [None, NEW_YORK, "Australia/Lord_Howe"], ids=["instants", "local", "far away"])


@ZONES
@pytest.mark.parametrize(("day", "rows_of_it"), [("2013-03-10", 46), ("2013-11-03", 50)], ids=["23 hours", "25 hours"])
def test_a_day_on_which_clocks_change_is_whole(tmp_path: Path, zone: str | None, day: str, rows_of_it: int) -> None:
    """A partition of 23 or 25 hours has exactly the rows and labels of that local day, and the days beside it have theirs."""
    partition = Partition.parse(day, NEW_YORK)
    around = [partition.shift(number) for number in (-1, 0, 1)]
    landed = clocks(tmp_path, zone, around[0].key, partition.shift(2).key, timedelta(minutes=30))
    made, reader = told_in(tmp_path, zone, zone), Sources(str(tmp_path), Lake.scan)
    for one, count in zip(around, (48, rows_of_it, 48), strict=True):
        frame = add_labels(made, build_frame(made, [one], reader), one.shift(3).start, reader)
        assert len(frame) == count
        assert frame[c.LABEL].notna().all()
        assert set(frame["id"]) == set(landed.loc[landed["day"] == one.key, "id"])


def test_labels_find_their_rows_in_the_hour_that_comes_twice(tmp_path: Path) -> None:
    """Where only one of both tables keeps local time, a row of that hour and its label are read an hour apart, and still meet."""
    day = Partition.parse("2013-11-03", NEW_YORK)
    for rows_zone, labels_zone in ((NEW_YORK, None), (None, NEW_YORK)):
        for name, zone in (("labels", labels_zone), ("rows", rows_zone)):
            clocks(tmp_path, zone, "2013-11-03 00:00", "2013-11-03 02:00", timedelta(minutes=30))
            (tmp_path / f"{name}.parquet").rename(tmp_path / f"kept_{name}.parquet")
        for name in ("labels", "rows"):
            (tmp_path / f"kept_{name}.parquet").rename(tmp_path / f"{name}.parquet")
        made, reader = told_in(tmp_path, rows_zone, labels_zone), Sources(str(tmp_path), Lake.scan)
        frame = add_labels(made, build_frame(made, [day], reader), day.shift(3).start, reader)
        assert (len(frame), int(frame[c.LABEL].notna().sum())) == (6, 6)


@ZONES
def test_a_window_over_both_changes_of_the_clocks_holds_every_day_once(tmp_path: Path, zone: str | None) -> None:
    """A backfilled window of calendar days over spring and autumn has each row once, in the partition of its local day."""
    landed = clocks(tmp_path, zone, "2013-03-01", "2013-11-20", timedelta(hours=5))
    made, reader = told_in(tmp_path, zone, zone), Sources(str(tmp_path), Lake.scan)
    end = Partition.parse("2013-11-20", NEW_YORK)
    start = back(end.start, timedelta(days=264), NEW_YORK)
    partitions = partitions_between(start, end.start, NEW_YORK)
    assert (partitions[0].key, partitions[-1].key, len(partitions)) == ("2013-03-01", "2013-11-19", 264)
    frame = build_frame(made, partitions, reader)
    assert frame["id"].tolist() == landed["id"].tolist()
    assert frame[c.PARTITION].tolist() == landed["day"].tolist()


LATE = timedelta(days=3)


def with_landing(house: House) -> ModelSpec:
    """The same spec, whose schedule says when its rows landed: a day before they fly."""
    for file in (house.root / "data" / "flights" / "schedule").rglob("*.parquet"):
        rows = pd.read_parquet(file, partitioning=None)
        rows.assign(landed=rows["scheduled_departure"] - DAY).to_parquet(file, index=False)
    known = house.spec.rows
    content = known.model_dump() | {"columns": dict(known.columns) | {"landed": "timestamp"}, "ingested_at": "landed"}
    return house.spec.model_copy(update={"rows": Rows.model_validate(content)})


def correct(rows: pd.DataFrame) -> pd.DataFrame:
    """A day later every flight is said to go elsewhere, and one is there that nobody knew of."""
    later = rows["landed"] + LATE
    stranger = rows.head(1).assign(flight_id="a stranger", landed=later.head(1))
    return pd.concat([rows, rows.assign(distance=9_999.0, landed=later), stranger], ignore_index=True)


def test_corrections_that_come_later_change_no_score_and_no_training(trained: House) -> None:
    """A partition that is scored again, and a window that is read again, after its rows were corrected is as it was then; a
    training learns from what scoring saw (laws 1, 2).
    """
    made, gateways = with_landing(trained), trained.gateways
    day, instant = made.partition("2013-02-05"), trained.at("2013-02-07")
    run_scoring(made, day, gateways)
    before, window = trained.scores(day.key), train.extract_window(made, instant, gateways)
    for one in ("2013-01-20", day.key):
        trained.change("schedule", one, correct)
    run_scoring(made, day, gateways)
    pd.testing.assert_frame_equal(before, trained.scores(day.key))
    assert train.extract_window(made, instant, gateways) == window
