"""The features of `flight_delay`, on real days."""

from __future__ import annotations

from datetime import date, timedelta
from functools import lru_cache

import pandas as pd
import pytest

from flight_delay.features import features
from nyc_flights.tables import SCHEMAS, TIMEZONE, read_tables

DAYS = [date(2013, 1, 20), date(2013, 3, 10), date(2013, 3, 11), date(2013, 11, 3), date(2013, 11, 4)]
NUMERIC = [
    "hour",
    "distance",
    "departures_in_hour",
    "carrier_excess_late_rate",
    "route_excess_late_rate",
    "dest_excess_late_rate",
    "origin_hour_late_rate",
    "humidity",
    "precipitation",
    "visibility",
]
CATEGORICAL = ["carrier", "origin", "dest"]
RATES = [name for name in NUMERIC if name.endswith("rate")]

Day = tuple[pd.DataFrame, dict[str, pd.DataFrame], pd.Timestamp]


@lru_cache
def _year() -> dict[str, pd.DataFrame]:
    return {name: frame[["date", *SCHEMAS[name].names]] for name, frame in read_tables().items()}


def _tables(day: date) -> dict[str, pd.DataFrame]:
    first, last = (day - timedelta(days=16)).isoformat(), day.isoformat()
    return {name: frame[frame["date"].between(first, last)] for name, frame in _year().items()}


def _day(day: date) -> Day:
    tables = _tables(day)
    as_of = pd.Timestamp(day, tz=TIMEZONE).tz_convert("UTC")
    rows = tables["schedule"][tables["schedule"]["date"] == day.isoformat()].drop(columns="date")
    known = {name: tables[name][tables[name]["known_at"] <= as_of] for name in ("outcomes", "weather")}
    return rows, known, as_of


@pytest.mark.parametrize("day", DAYS)
def test_every_row_has_its_features(day: date) -> None:
    """Same index, exactly the columns, floats and strings, no nulls: on and after days of 23 and 25 hours too."""
    rows, known, as_of = _day(day)
    made = features(rows, known, as_of)
    assert made.index.equals(rows.index)
    assert list(made.columns) == NUMERIC + CATEGORICAL
    assert (made[NUMERIC].dtypes == "float64").all()
    assert (made[CATEGORICAL].dtypes.astype(str) == "object").all()
    assert made.notna().all(axis=None)


def test_rates_are_rates() -> None:
    """The late rate of an airport's hour lies in 0..1, and an excess over all flights in -1..1."""
    made = features(*_day(DAYS[0]))
    assert made["origin_hour_late_rate"].between(0, 1).all()
    assert made[RATES].abs().max(axis=None) < 1


def test_the_rate_of_a_large_group_is_its_mean_with_twenty_flights_of_the_rest() -> None:
    """By hand: (late flights to a destination + 20 times the overall rate) / (flights + 20), less the overall rate."""
    rows, known, as_of = _day(date(2013, 1, 20))
    since = pd.Timestamp("2013-01-06", tz=TIMEZONE)
    recent = known["outcomes"][known["outcomes"]["scheduled_departure"] >= since]
    overall = recent["arrived_late"].mean()
    chicago = recent.loc[recent["dest"] == "ORD", "arrived_late"]
    expected = (chicago.sum() + 20 * overall) / (len(chicago) + 20) - overall
    made = features(rows, known, as_of)
    assert made.loc[rows["dest"] == "ORD", "dest_excess_late_rate"].to_numpy() == pytest.approx(expected)


def test_fourteen_days_are_fourteen_local_days() -> None:
    """After the clocks change the window still begins at a local midnight, so a longer lookback changes nothing."""
    rows, known, as_of = _day(date(2013, 3, 11))
    since = pd.Timestamp("2013-02-25", tz=TIMEZONE)
    cut = known | {"outcomes": known["outcomes"][known["outcomes"]["scheduled_departure"] >= since]}
    assert len(cut["outcomes"]) < len(known["outcomes"])
    pd.testing.assert_frame_equal(features(rows, cut, as_of), features(rows, known, as_of))


def test_what_the_day_itself_brings_changes_nothing() -> None:
    """With the day's outcomes turned round and its weather replaced, what was known at midnight gives the same."""
    rows, known, as_of = _day(date(2013, 1, 20))
    tables = _tables(date(2013, 1, 20))
    outcomes = tables["outcomes"].copy()
    later = outcomes["scheduled_departure"] >= as_of
    outcomes.loc[later, "arrived_late"] = 1 - outcomes.loc[later, "arrived_late"]
    weather = tables["weather"].assign(
        humid=lambda frame: frame["humid"].where(frame["observed_at"] < as_of, 0.0),
        precip=lambda frame: frame["precip"].where(frame["observed_at"] < as_of, 9.0),
    )
    again = {"outcomes": outcomes[outcomes["known_at"] <= as_of], "weather": weather[weather["known_at"] <= as_of]}
    assert later.sum() > 500
    pd.testing.assert_frame_equal(features(rows, again, as_of), features(rows, known, as_of))


def test_order_and_index_of_the_rows_do_not_matter() -> None:
    """Shuffled rows under another index get the same features, row by row."""
    rows, known, as_of = _day(DAYS[0])
    shuffled = rows.sample(frac=1, random_state=0).set_axis([f"r{n}" for n in range(len(rows))])
    made = features(shuffled, known, as_of).set_axis(shuffled["flight_id"])
    expected = features(rows, known, as_of).set_axis(rows["flight_id"]).loc[shuffled["flight_id"]]
    pd.testing.assert_frame_equal(made, expected)


def test_without_history_there_are_nulls() -> None:
    """On the first day of all nothing is known: rates and weather are null, the schedule's own features are there."""
    rows, known, as_of = _day(DAYS[0])
    made = features(rows, {name: frame.iloc[:0] for name, frame in known.items()}, as_of)
    assert made[[*RATES, "humidity", "precipitation", "visibility"]].isna().all(axis=None)
    assert made[["hour", "distance", "departures_in_hour", *CATEGORICAL]].notna().all(axis=None)
    assert (made[NUMERIC].dtypes == "float64").all()


def test_without_rows_there_are_no_features() -> None:
    """A day without flights gives an empty frame of the same columns and types."""
    rows, known, as_of = _day(DAYS[0])
    made = features(rows.iloc[:0], known, as_of)
    assert made.empty
    assert list(made.columns) == NUMERIC + CATEGORICAL
    assert (made[NUMERIC].dtypes == "float64").all()
