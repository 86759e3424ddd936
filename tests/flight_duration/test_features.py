"""The features of `flight_duration`, on real days."""

from __future__ import annotations

from datetime import date, timedelta
from functools import lru_cache

import pandas as pd
import pytest

from flight_duration.features import features
from nyc_flights.tables import SCHEMAS, TIMEZONE, read_tables

DAYS = [date(2013, 1, 20), date(2013, 3, 10), date(2013, 3, 11), date(2013, 11, 3), date(2013, 11, 4)]
MINUTES = [
    "route_minutes_1d",
    "route_minutes_3d",
    "route_minutes_7d",
    "carrier_route_minutes_7d",
    "dest_minutes_1d",
]
NUMERIC = ["hour", "distance", *MINUTES, "wind_speed"]
CATEGORICAL = ["carrier", "origin"]

Day = tuple[pd.DataFrame, dict[str, pd.DataFrame], pd.Timestamp]


@lru_cache
def _year() -> dict[str, pd.DataFrame]:
    return {name: frame[["date", *SCHEMAS[name].names]] for name, frame in read_tables().items()}


def _tables(day: date) -> dict[str, pd.DataFrame]:
    first, last = (day - timedelta(days=9)).isoformat(), day.isoformat()
    return {name: frame[frame["date"].between(first, last)] for name, frame in _year().items()}


def _day(day: date) -> Day:
    tables = _tables(day)
    as_of = pd.Timestamp(day, tz=TIMEZONE).tz_convert("UTC")
    rows = tables["schedule"][tables["schedule"]["date"] == day.isoformat()].drop(columns="date")
    known = {name: tables[name][tables[name]["known_at"] <= as_of] for name in ("outcomes", "weather")}
    return rows, known, as_of


@pytest.mark.parametrize("day", DAYS)
def test_every_row_has_its_features(day: date) -> None:
    """Same index, exactly the columns, floats and strings; a mean is null only where nobody flew to the destination."""
    rows, known, as_of = _day(day)
    made = features(rows, known, as_of)
    assert made.index.equals(rows.index)
    assert list(made.columns) == NUMERIC + CATEGORICAL
    assert (made[NUMERIC].dtypes == "float64").all()
    flown = known["outcomes"].loc[known["outcomes"]["air_time"].notna(), "dest"]
    assert made[rows["dest"].isin(flown)].notna().all(axis=None)


def test_yesterday_on_a_route_is_its_mean_with_one_flight_of_three_days() -> None:
    """By hand: (minutes of yesterday's flights + the three-day mean) / (flights + 1), on a route flown every day."""
    rows, known, as_of = _day(date(2013, 1, 20))
    of = (rows["origin"] == "JFK") & (rows["dest"] == "LAX")
    made = features(rows, known, as_of)[of].iloc[0]
    history = known["outcomes"].dropna(subset="air_time")
    route = history[(history["origin"] == "JFK") & (history["dest"] == "LAX")]
    yesterday = route.loc[route["scheduled_departure"] >= pd.Timestamp("2013-01-19", tz=TIMEZONE), "air_time"]
    expected = (yesterday.sum() + made["route_minutes_3d"]) / (len(yesterday) + 1)
    assert made["route_minutes_1d"] == pytest.approx(expected)


def test_a_flight_that_never_flew_is_no_evidence() -> None:
    """Outcomes without minutes in the air change no feature."""
    rows, known, as_of = _day(date(2013, 1, 20))
    flown = known | {"outcomes": known["outcomes"].dropna(subset="air_time")}
    assert len(flown["outcomes"]) < len(known["outcomes"])
    pd.testing.assert_frame_equal(features(rows, flown, as_of), features(rows, known, as_of))


def test_what_the_day_itself_brings_changes_nothing() -> None:
    """With the day's own minutes doubled, what was known at midnight gives the same features."""
    rows, known, as_of = _day(date(2013, 1, 20))
    outcomes = _tables(date(2013, 1, 20))["outcomes"].copy()
    later = outcomes["scheduled_departure"] >= as_of
    outcomes.loc[later, "air_time"] *= 2
    again = known | {"outcomes": outcomes[outcomes["known_at"] <= as_of]}
    assert later.sum() > 500
    pd.testing.assert_frame_equal(features(rows, again, as_of), features(rows, known, as_of))


def test_an_impossible_wind_is_no_wind() -> None:
    """The source's reading of 1,048 mph (Newark, 12 February, 03:00) is passed over for the last possible one."""
    rows, known, _ = _day(date(2013, 2, 12))
    weather = _tables(date(2013, 2, 12))["weather"]
    as_of = pd.Timestamp("2013-02-12 03:30", tz=TIMEZONE).tz_convert("UTC")
    assert weather["wind_speed"].max() > 1_000
    made = features(rows, known | {"weather": weather[weather["known_at"] <= as_of]}, as_of)
    assert made["wind_speed"].max() < 100


def test_without_history_there_are_nulls() -> None:
    """On the first day of all nothing is known: means and wind are null, the schedule's own features are there."""
    rows, known, as_of = _day(DAYS[0])
    made = features(rows, {name: frame.iloc[:0] for name, frame in known.items()}, as_of)
    assert made[[*MINUTES, "wind_speed"]].isna().all(axis=None)
    assert made[["hour", "distance", *CATEGORICAL]].notna().all(axis=None)
    assert (made[NUMERIC].dtypes == "float64").all()


def test_without_rows_there_are_no_features() -> None:
    """A day without flights gives an empty frame of the same columns and types."""
    rows, known, as_of = _day(DAYS[0])
    made = features(rows.iloc[:0], known, as_of)
    assert made.empty
    assert list(made.columns) == NUMERIC + CATEGORICAL
    assert (made[NUMERIC].dtypes == "float64").all()
