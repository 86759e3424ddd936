"""The catalogue of damaged batches: what is wrong, where, and what becomes of it."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

DAY = "2013-02-05"
YESTERDAY = "2013-02-04"
AS_OF = "2013-02-05T06:00"
FORTNIGHT = tuple(f"{one:%Y-%m-%d}" for one in pd.date_range("2013-01-19", DAY))
HOLDOUT = tuple(f"{one:%Y-%m-%d}" for one in pd.date_range("2013-01-31", YESTERDAY))
WINDOW = tuple(f"{one:%Y-%m-%d}" for one in pd.date_range("2013-01-14", DAY))


@dataclass(frozen=True)
class Damage:
    """A batch with something wrong, and its verdict.

    refused: a gate said no; failed: it could not be read or held against the suite; in both nothing is published.
    quarantined: `rows` rows are set aside with reasons and the others go on; harmless: all rows go on.

    `change` is told a landed file of each of `days`; in `scores`, the scores before their gate. `says` is part of the error,
    of the reasons, or of the Data Docs page where there is neither.
    """

    name: str
    where: Literal["schedule", "outcomes", "weather", "scores"]
    change: Callable[[Any], Any]
    verdict: Literal["refused", "quarantined", "failed", "harmless"]
    says: str
    rows: int = 0
    days: tuple[str, ...] = (DAY,)
    step: Literal["score", "train"] = "score"
    model: str = "flight_delay"


def rows(change: Callable[[pd.DataFrame], pd.DataFrame]) -> Callable[[Path], None]:
    """A change of a file's rows."""

    def rewrite(file: Path) -> None:
        change(pd.read_parquet(file, partitioning=None)).to_parquet(file, index=False)

    return rewrite


def values(column: str, change: Callable[[pd.Series[Any]], Any], first: int | None = None) -> Callable[[Path], None]:
    """A change of a column's values, in the first so many rows or all."""

    def rewrite(frame: pd.DataFrame) -> pd.DataFrame:
        changed = pd.Series(change(frame[column]), index=frame.index)
        if first is not None:
            changed = changed.where(np.arange(len(frame)) < first, frame[column])
        return frame.assign(**{column: changed})

    return rows(rewrite)


def arrow(change: Callable[[pa.Table], pa.Table]) -> Callable[[Path], None]:
    """A change of a file's Arrow table, types and all."""

    def rewrite(file: Path) -> None:
        with file.open("rb") as opened:
            table = pq.read_table(opened)
        pq.write_table(change(table), file)

    return rewrite


def column(table: pa.Table, name: str, array: pa.Array) -> pa.Table:
    """The table with another array in a column's place."""
    return table.set_column(table.column_names.index(name), name, array)


def another_file(change: Callable[[pd.DataFrame], pd.DataFrame]) -> Callable[[Path], None]:
    """A second file beside the first, of changed rows."""
    return lambda file: change(pd.read_parquet(file, partitioning=None)).to_parquet(
        file.with_name("part-1.parquet"), index=False
    )


def of_yesterday(file: Path) -> pd.DataFrame:
    """The landed rows of the day before."""
    return pd.read_parquet(str(file).replace(DAY, YESTERDAY), partitioning=None)


def again_under_today(file: Path) -> None:
    """Yesterday's flights, at the same hours of today."""
    yesterday = of_yesterday(file)
    later = yesterday["scheduled_departure"] + pd.Timedelta(days=1)
    yesterday.assign(scheduled_departure=later).to_parquet(file, index=False)


def as_latin_1(table: pa.Table) -> pa.Table:
    """One carrier in an encoding that is not UTF-8, as a careless writer leaves it."""
    raw = [b"\xe9\xe8" if place == 3 else value.encode() for place, value in enumerate(table["carrier"].to_pylist())]
    return column(table, "carrier", pa.array(raw, pa.binary()).view(pa.string()))


def with_rot(file: Path) -> None:
    """Some bytes in the middle are others."""
    content = bytearray(file.read_bytes())
    middle = len(content) // 3
    content[middle : middle + 400] = bytes(reversed(content[middle : middle + 400]))
    file.write_bytes(content)


def local(instants: pd.Series[Any]) -> pd.Series[Any]:
    """New York's clock, without saying so."""
    return instants.dt.tz_convert("America/New_York").dt.tz_localize(None)


def hours(number: float) -> pd.Timedelta:
    return pd.Timedelta(hours=number)


NOT_NULL = "expect_column_values_to_not_be_null on"
DAMAGED_FILE = "a file is damaged or not what its name says"

SCHEDULE = (
    # Nulls.
    Damage(
        "one carrier is null", "schedule", values("carrier", lambda _: None, 1), "refused", f"{NOT_NULL} carrier: 1"
    ),
    Damage(
        "every carrier is null", "schedule", rows(lambda f: f.assign(carrier=None)), "refused", f"{NOT_NULL} carrier"
    ),
    Damage(
        "one distance is null", "schedule", values("distance", lambda _: None, 1), "refused", f"{NOT_NULL} distance"
    ),
    Damage("one hour is null", "schedule", values("hour", lambda _: None, 1), "refused", f"{NOT_NULL} hour: 1"),
    Damage("one destination is null", "schedule", values("dest", lambda _: None, 1), "refused", f"{NOT_NULL} dest: 1"),
    Damage("a key is null", "schedule", values("flight_id", lambda _: None, 1), "refused", f"{NOT_NULL} flight_id: 1"),
    Damage(
        "an event time is null",
        "schedule",
        values("scheduled_departure", lambda _: pd.NaT, 1),
        "quarantined",
        "scheduled_departure is missing",
        rows=1,
    ),
    Damage(
        "every event time is null",
        "schedule",
        values("scheduled_departure", lambda old: pd.Series(pd.NaT, old.index, dtype=old.dtype)),
        "refused",
        "the partition is empty",
    ),
    # Types.
    Damage(
        "text where a number is due",
        "schedule",
        values("distance", lambda old: old.astype(str) + " mi"),
        "failed",
        "'214.0 mi' as a scalar of type double",
    ),
    Damage("a number where text is due", "schedule", values("carrier", lambda _: 7), "failed", "carrier|damaged"),
    Damage("half past five as an hour", "schedule", values("hour", lambda old: old + 0.5), "failed", "hour|truncated"),
    Damage("whole hours as floats", "schedule", values("hour", lambda old: old.astype(float)), "harmless", "passed"),
    Damage(
        "instants as text",
        "schedule",
        values("scheduled_departure", lambda old: old.astype(str)),
        "failed",
        "scheduled_departure|damaged",
    ),
    Damage(
        "instants as seconds since 1970",
        "schedule",
        values("scheduled_departure", lambda old: old.astype("int64") // 10**6),
        "failed",
        "scheduled_departure|damaged",
    ),
    Damage(
        "text in a dictionary, instants in nanoseconds",
        "schedule",
        rows(
            lambda frame: frame.assign(
                carrier=frame["carrier"].astype("category"),
                scheduled_departure=frame["scheduled_departure"].astype("datetime64[ns, UTC]"),
            )
        ),
        "harmless",
        "passed",
    ),
    # Files.
    Damage("a carrier in latin-1", "schedule", arrow(as_latin_1), "failed", "UTF-?8"),
    Damage("half a file", "schedule", lambda file: file.write_bytes(file.read_bytes()[:1000]), "failed", DAMAGED_FILE),
    Damage("a file of no bytes", "schedule", lambda file: file.write_bytes(b""), "failed", DAMAGED_FILE),
    Damage(
        "a CSV under a Parquet's name",
        "schedule",
        lambda file: pd.read_parquet(file, partitioning=None).to_csv(file, index=False),
        "failed",
        DAMAGED_FILE,
    ),
    Damage("rotten bytes in the middle", "schedule", with_rot, "failed", DAMAGED_FILE),
    Damage("the folder is missing", "schedule", lambda file: shutil.rmtree(file.parent), "refused", "is empty"),
    Damage(
        "a half-written file beside the whole one",
        "schedule",
        lambda file: file.with_name("part-1.parquet.tmp").write_bytes(b"PAR1"),
        "harmless",
        "passed",
    ),
    Damage("the same file twice", "schedule", another_file(lambda frame: frame), "refused", "columns_to_be_unique"),
    Damage(
        "a second file of another schema",
        "schedule",
        another_file(lambda frame: frame.head(5).assign(hour="five", flight_id=[f"x{n}" for n in range(5)])),
        "failed",
        "hour|damaged",
    ),
    # Volume.
    Damage("no rows", "schedule", rows(lambda frame: frame.iloc[:0]), "refused", "the partition is empty"),
    Damage("one row", "schedule", rows(lambda frame: frame.head(1)), "refused", "row_count_to_be_between: observed 1,"),
    Damage(
        "a tenth of the rows", "schedule", rows(lambda frame: frame.iloc[::10]), "refused", "row_count_to_be_between"
    ),
    Damage(
        "four in ten rows",
        "schedule",
        rows(lambda frame: frame[np.arange(len(frame)) % 10 < 4]),
        "refused",
        r"row_count_to_be_between: observed \d+, expected min_value=4\d\d",
    ),
    Damage(
        "every row twice, each with a key",
        "schedule",
        rows(lambda frame: pd.concat([frame, frame.assign(flight_id="again " + frame["flight_id"])])),
        "refused",
        r"row_count_to_be_between: observed \d+, expected min_value",
    ),
    Damage(
        "ten times the rows",
        "schedule",
        rows(lambda frame: pd.concat([frame.assign(flight_id=f"{n} " + frame["flight_id"]) for n in range(10)])),
        "refused",
        "row_count_to_be_between",
    ),
    Damage(
        "an airport is missing",
        "schedule",
        rows(lambda frame: frame[frame["origin"] != "LGA"]),
        "refused",
        r"distinct_values_to_contain_set on origin: \['LGA'\] is missing",
    ),
    # Keys.
    Damage(
        "a key twice",
        "schedule",
        rows(lambda frame: pd.concat([frame, frame.tail(1)])),
        "refused",
        "expect_compound_columns_to_be_unique on flight_id, _partition: 2 rows",
    ),
    Damage(
        "a key that yesterday had",
        "schedule",
        lambda file: values("flight_id", lambda _: of_yesterday(file)["flight_id"].iloc[0], 1)(file),
        "quarantined",
        f"Another day has that flight already.; the key is in {YESTERDAY}",
        rows=1,
    ),
    Damage("yesterday again under today's date", "schedule", again_under_today, "refused", "_also_in: "),
    Damage(
        "yesterday's file in today's folder",
        "schedule",
        lambda file: of_yesterday(file).to_parquet(file, index=False),
        "refused",
        "the partition is empty",
    ),
    # Categories.
    Damage(
        "a new carrier", "schedule", values("carrier", lambda _: "ZZ", 3), "quarantined", "carrier: A carrier", rows=3
    ),
    Damage(
        "a carrier under another name",
        "schedule",
        values("carrier", lambda old: old.replace("UA", "UNITED")),
        "refused",
        "would be quarantined, the budget is",
    ),
    Damage(
        "a new origin", "schedule", values("origin", lambda _: "LHR", 1), "refused", "to_be_in_set on origin: 1 row"
    ),
    Damage("a new destination", "schedule", values("dest", lambda _: "XXX", 2), "quarantined", "on dest: An", rows=2),
    Damage(
        "blanks around a carrier",
        "schedule",
        values("carrier", lambda old: " " + old, 2),
        "quarantined",
        "in_set on carrier",
        rows=2,
    ),
    Damage(
        "a carrier in small letters",
        "schedule",
        values("carrier", lambda old: old.str.lower(), 4),
        "quarantined",
        "in_set on carrier",
        rows=4,
    ),
    Damage(
        "every destination in small letters",
        "schedule",
        values("dest", lambda old: old.str.lower()),
        "refused",
        "on dest",
    ),
    Damage(
        "origin and destination exchanged",
        "schedule",
        rows(lambda frame: frame.rename(columns={"origin": "dest", "dest": "origin"})),
        "refused",
        "to_be_in_set on origin",
    ),
    Damage(
        "carrier and origin exchanged",
        "schedule",
        rows(lambda frame: frame.rename(columns={"origin": "carrier", "carrier": "origin"})),
        "refused",
        "to_be_in_set on origin",
    ),
    Damage(
        "distance and hour exchanged",
        "schedule",
        rows(lambda frame: frame.rename(columns={"distance": "hour", "hour": "distance"})),
        "refused",
        "to_be_between on hour",
    ),
    # Numbers and units.
    Damage(
        "an infinite distance", "schedule", values("distance", lambda _: np.inf, 2), "quarantined", "infinite", rows=2
    ),
    Damage("minus infinity", "schedule", values("distance", lambda _: -np.inf, 1), "quarantined", "infinite", rows=1),
    Damage("a negative distance", "schedule", values("distance", lambda old: -old, 5), "quarantined", "Miles", rows=5),
    Damage(
        "kilometres for miles",
        "schedule",
        values("distance", lambda old: old * 1.609344),
        "refused",
        "on distance: obs",
    ),
    Damage("the hour in minutes", "schedule", values("hour", lambda old: old * 60), "refused", "between on hour"),
    Damage(
        "a clock of twelve hours",
        "schedule",
        values("hour", lambda old: (old - 1) % 12 + 1),
        "refused",
        "on hour, _local_hour",
    ),
    # Clocks.
    Damage(
        "some event times an hour off",
        "schedule",
        values("scheduled_departure", lambda old: old + hours(1), 5),
        "quarantined",
        "a clock or a time zone is wrong",
        rows=5,
    ),
    Damage(
        "every event time an hour off",
        "schedule",
        values("scheduled_departure", lambda old: old + hours(1)),
        "refused",
        "on hour, _local_hour",
    ),
    Damage(
        "local times without their zone",
        "schedule",
        values("scheduled_departure", local),
        "refused",
        "on hour, _local_hour",
        days=(YESTERDAY, DAY, "2013-02-06", "2013-02-07"),
    ),
    Damage(
        "one file of local times without their zone",
        "schedule",
        values("scheduled_departure", local),
        "failed",
        "Cannot compare timestamp with timezone to timestamp without timezone",
    ),
    Damage(
        "every event time a day late",
        "schedule",
        values("scheduled_departure", lambda old: old + hours(24)),
        "refused",
        "the partition is empty",
    ),
    Damage(
        "some event times a year early",
        "schedule",
        values("scheduled_departure", lambda old: old - hours(24 * 365), 4),
        "quarantined",
        "lies days away from the folder of 2013-02-05",
        rows=4,
    ),
    Damage(
        "some event times in the far future",
        "schedule",
        values("scheduled_departure", lambda old: old + hours(24 * 365 * 90), 4),
        "quarantined",
        "lies days away from the folder of 2013-02-05",
        rows=4,
    ),
    Damage(
        "a tenth of the event times a year early",
        "schedule",
        values("scheduled_departure", lambda old: old - hours(24 * 365), 90),
        "refused",
        "rows without an event time, or with one days away",
    ),
    # Columns.
    Damage(
        "a column is missing", "schedule", rows(lambda frame: frame.drop(columns="dest")), "failed", "dest is missing"
    ),
    Damage(
        "a column has another name",
        "schedule",
        rows(lambda frame: frame.rename(columns={"distance": "miles"})),
        "failed",
        "distance is missing",
    ),
    Damage("a column more", "schedule", rows(lambda frame: frame.assign(gate="C7")), "harmless", "passed"),
    Damage(
        "columns in another order", "schedule", rows(lambda frame: frame[frame.columns[::-1]]), "harmless", "passed"
    ),
)

INPUTS = (
    Damage(
        "no outcome of the last fortnight",
        "outcomes",
        lambda file: shutil.rmtree(file.parent),
        "refused",
        "non_null_values_to_be_between on origin_hour_late_rate: observed 0.0",
        days=FORTNIGHT,
    ),
    Damage(
        "outcomes that nobody knew",
        "outcomes",
        values("known_at", lambda old: pd.Series(pd.NaT, old.index, dtype=old.dtype)),
        "refused",
        "non_null_values_to_be_between on origin_hour_late_rate: observed 0.0",
        days=FORTNIGHT,
    ),
    Damage("outcomes without known_at", "outcomes", rows(lambda f: f.drop(columns="known_at")), "failed", "known_at"),
    Damage(
        "outcomes known before their flight",
        "outcomes",
        values("known_at", lambda old: old - hours(48)),
        "harmless",
        "passed",
    ),
    Damage(
        "yes and no for one and zero",
        "outcomes",
        values("arrived_late", lambda old: old.map({0: "no", 1: "yes"})),
        "failed",
        "arrived_late|damaged",
        days=(YESTERDAY,),
    ),
    Damage(
        "lateness in minutes",
        "outcomes",
        values("arrived_late", lambda old: old * 40),
        "refused",
        "to_be_between on origin_hour_late_rate",
        days=FORTNIGHT,
    ),
    Damage(
        "air time in seconds",
        "outcomes",
        values("air_time", lambda old: old * 60),
        "refused",
        "to_be_between on route_minutes_7d",
        days=FORTNIGHT,
        model="flight_duration",
    ),
    Damage(
        "an infinite air time",
        "outcomes",
        values("air_time", lambda _: np.inf, 1),
        "refused",
        "to_be_between on route_minutes_1d",
        days=(YESTERDAY,),
        model="flight_duration",
    ),
    Damage(
        "no weather",
        "weather",
        lambda file: shutil.rmtree(file.parent),
        "harmless",
        "non_null_values_to_be_between on humidity: observed 0.0",
        days=(YESTERDAY, DAY),
    ),
    Damage(
        "weather that nobody knew",
        "weather",
        values("known_at", lambda old: pd.Series(pd.NaT, old.index, dtype=old.dtype)),
        "harmless",
        "non_null_values_to_be_between on humidity: observed 0.0",
        days=(YESTERDAY, DAY),
    ),
    Damage(
        "half a weather file",
        "weather",
        lambda file: file.write_bytes(file.read_bytes()[:500]),
        "failed",
        DAMAGED_FILE,
        days=(YESTERDAY,),
    ),
    Damage(
        "humidity as a fraction",
        "weather",
        values("humid", lambda old: old / 100),
        "refused",
        "to_be_between on humidity",
        days=(YESTERDAY, DAY),
    ),
    Damage(
        "visibility in kilometres",
        "weather",
        values("visib", lambda old: old * 1.609344),
        "refused",
        "to_be_between on visibility",
        days=(YESTERDAY, DAY),
    ),
    Damage(
        "infinite rain",
        "weather",
        values("precip", lambda _: np.inf),
        "refused",
        "to_be_between on precipitation",
        days=(YESTERDAY, DAY),
    ),
    Damage(
        "a gust no anemometer survives",
        "weather",
        values("wind_speed", lambda _: 1048.0),
        "harmless",
        "non_null_values_to_be_between on wind_speed: observed 0.0",
        days=(YESTERDAY, DAY),
        model="flight_duration",
    ),
)

LABELS = (
    Damage(
        "labels flipped of late",
        "outcomes",
        values("arrived_late", lambda old: 1 - old),
        "refused",
        "labels of the holdout: .*expect_column_mean_to_be_between on _label",
        days=HOLDOUT,
        step="train",
    ),
    Damage(
        "labels always flipped",
        "outcomes",
        values("arrived_late", lambda old: 1 - old),
        "refused",
        "labels before the holdout: .*expect_column_mean_to_be_between on _label",
        days=WINDOW,
        step="train",
    ),
    Damage(
        "nobody was late of late",
        "outcomes",
        values("arrived_late", lambda _: 0),
        "refused",
        "expect_column_mean_to_be_between on _label: observed 0.0",
        days=HOLDOUT,
        step="train",
    ),
    Damage(
        "a label that is no class",
        "outcomes",
        values("arrived_late", lambda _: 2, 1),
        "refused",
        "expect_column_values_to_be_in_set on _label: 1 row",
        days=("2013-01-20",),
        step="train",
    ),
    Damage(
        "labels as text",
        "outcomes",
        values("arrived_late", lambda old: old.map({0: "no", 1: "yes"})),
        "failed",
        "arrived_late|damaged",
        days=("2013-01-20",),
        step="train",
    ),
    Damage(
        "a label twice",
        "outcomes",
        rows(lambda frame: pd.concat([frame, frame.head(1)])),
        "failed",
        "1 keys have more than one label",
        days=("2013-01-20",),
        step="train",
    ),
    Damage(
        "the label under another name",
        "outcomes",
        rows(lambda frame: frame.rename(columns={"arrived_late": "late"})),
        "failed",
        "arrived_late is missing",
        days=("2013-01-20",),
        step="train",
    ),
    Damage(
        "no labels at all",
        "outcomes",
        rows(lambda frame: frame.iloc[:0]),
        "refused",
        "no labelled row",
        days=WINDOW,
        step="train",
    ),
    Damage(
        "labels that nobody knew",
        "outcomes",
        values("known_at", lambda old: pd.Series(pd.NaT, old.index, dtype=old.dtype)),
        "refused",
        "no labelled row",
        days=WINDOW,
        step="train",
    ),
    Damage(
        "no labels of late",
        "outcomes",
        rows(lambda frame: frame.iloc[:0]),
        "refused",
        "the holdout part is empty",
        days=HOLDOUT,
        step="train",
    ),
    Damage(
        "some labels are missing",
        "outcomes",
        rows(lambda frame: frame.iloc[20:]),
        "harmless",
        "passed",
        days=("2013-01-20",),
        step="train",
    ),
    Damage(
        "a flight of three days",
        "outcomes",
        values("air_time", lambda _: 4320.0, 1),
        "quarantined",
        "expect_column_values_to_be_between on _label: 1 row",
        rows=1,
        days=("2013-02-01",),
        step="train",
        model="flight_duration",
    ),
    Damage(
        "seconds for minutes of late",
        "outcomes",
        values("air_time", lambda old: old * 60),
        "refused",
        "expect_column_mean_to_be_between on _label",
        days=("2013-02-03",),
        step="train",
        model="flight_duration",
    ),
    Damage(
        "seconds for minutes, in the features too",
        "outcomes",
        values("air_time", lambda old: old * 60),
        "refused",
        "would be quarantined.* on route_minutes_1d",
        days=HOLDOUT,
        step="train",
        model="flight_duration",
    ),
    Damage(
        "always hours for minutes",
        "outcomes",
        values("air_time", lambda old: old / 60),
        "refused",
        "_minutes_|on _label",
        days=WINDOW,
        step="train",
        model="flight_duration",
    ),
    Damage(
        "an infinite label",
        "outcomes",
        values("air_time", lambda _: np.inf, 1),
        "refused",
        "_label|route_minutes",
        days=("2013-02-01",),
        step="train",
        model="flight_duration",
    ),
    Damage(
        "a day of a window has a key of the day before",
        "schedule",
        lambda file: values(
            "flight_id",
            lambda _: pd.read_parquet(str(file).replace("01-25", "01-24"), partitioning=None)["flight_id"].iloc[0],
            1,
        )(file),
        "quarantined",
        "expect_column_values_to_be_null on _also_in: 1 row",
        rows=1,
        days=("2013-01-25",),
        step="train",
    ),
)

SCORES = (
    Damage("no score", "scores", lambda f: f.assign(_prediction=None), "refused", f"{NOT_NULL} _prediction"),
    Damage(
        "one score is not a number",
        "scores",
        lambda f: f.assign(_prediction=f["_prediction"].where(f.index != 7)),
        "refused",
        f"{NOT_NULL} _prediction: 1 row",
    ),
    Damage("the same score for all", "scores", lambda f: f.assign(_prediction=0.5), "refused", "stdev_to_be_between"),
    Damage(
        "an infinite score",
        "scores",
        lambda f: f.assign(_prediction=f["_prediction"].where(f.index != 7, np.inf)),
        "refused",
        "to_be_between on _prediction",
    ),
    Damage(
        "scores in per cent", "scores", lambda f: f.assign(_prediction=f["_prediction"] * 100), "refused", "between"
    ),
    Damage("no column of scores", "scores", lambda f: f.drop(columns="_prediction"), "refused", "column is missing"),
    Damage("fewer scores than rows", "scores", lambda f: f.head(10), "refused", "10 scores for"),
    Damage("more scores than rows", "scores", lambda f: pd.concat([f, f.head(1)]), "refused", "scores for"),
    Damage(
        "another model's scores", "scores", lambda f: f.assign(_model_version=2), "refused", r"scored by versions \[2\]"
    ),
)

ROW = "_probability_late"


def class_scores(name: str, change: Callable[[pd.DataFrame], pd.DataFrame], says: str) -> Damage:
    """Damaged scores of a model of several classes; all are refused."""
    return Damage(name, "scores", change, "refused", says, model="flight_status")


CLASS_SCORES = (
    class_scores(
        "a class without a probability",
        lambda f: f.assign(**{ROW: f[ROW].where(f.index != 7)}),
        f"{NOT_NULL} _sum_of_probabilities: 1 row",
    ),
    class_scores(
        "probabilities that do not add up",
        lambda f: f.assign(**{ROW: f[ROW].where(f.index != 7, 0.0)}),
        "to_be_between on _sum_of_probabilities",
    ),
    class_scores(
        "a probability below zero",
        lambda f: f.assign(**{ROW: f[ROW] - 1, "_probability_on_time": f["_probability_on_time"] + 1}),
        "to_be_between on _least_probability",
    ),
    class_scores(
        "the same scores for every row",
        lambda f: f.assign(_probability_on_time=0.8, _probability_late=0.15, _probability_cancelled=0.05),
        "stdev_to_be_between",
    ),
    class_scores(
        "a class that is not known to the champion",
        lambda f: f.drop(columns="_probability_cancelled"),
        "_probability_cancelled",
    ),
    class_scores("a class that does not exist", lambda f: f.assign(_prediction="early"), "be_in_set on _prediction"),
    class_scores("no class", lambda f: f.assign(_prediction=None), f"{NOT_NULL} _prediction"),
)

CLASS_LABELS = (
    Damage(
        "late and on time exchanged",
        "outcomes",
        values("status", lambda old: old.replace({"late": "on_time", "on_time": "late"})),
        "refused",
        "labels before the holdout: .*expect_column_most_common_value_to_be_in_set on _label",
        days=WINDOW,
        step="train",
        model="flight_status",
    ),
)

CATALOGUE = (*SCHEDULE, *INPUTS, *LABELS, *CLASS_LABELS, *SCORES, *CLASS_SCORES)
