"""The example data, landed as a warehouse would hold it."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import pandas as pd
import pyarrow.parquet as pq
import pytest

from nyc_flights import landing
from nyc_flights.landing import land
from nyc_flights.tables import SCHEMAS, TIMEZONE, read_tables

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SPRING, AUTUMN = date(2013, 3, 10), date(2013, 11, 3)


@pytest.fixture(scope="module")
def year() -> dict[str, pd.DataFrame]:
    """The tables of the whole year, in memory."""
    return read_tables()


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data root with three days of January."""
    folder = tmp_path_factory.mktemp("data")
    land(folder, date(2013, 1, 1), date(2013, 1, 3))
    return folder


def _files(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in sorted((root / "flights").rglob("*.parquet"))}


def test_every_flight_of_the_year_is_there_once(year: dict[str, pd.DataFrame]) -> None:
    """336,776 flights have a schedule and an outcome each, under a key that is unique over the year."""
    assert len(year["schedule"]) == len(year["outcomes"]) == 336_776
    assert year["schedule"]["flight_id"].is_unique
    assert year["outcomes"]["flight_id"].equals(year["schedule"]["flight_id"])
    assert year["schedule"]["date"].nunique() == 365


@pytest.mark.parametrize("table", sorted(SCHEMAS))
def test_each_local_day_is_one_file_with_the_declared_columns(root: Path, table: str) -> None:
    """A day is a folder with one Parquet file, whose columns and types are those of SCHEMAS, null columns included."""
    folders = sorted(path.name for path in (root / "flights" / table).iterdir())
    assert folders == ["date=2013-01-01", "date=2013-01-02", "date=2013-01-03"]
    for folder in folders:
        assert pq.read_schema(root / "flights" / table / folder / "part-0.parquet").equals(SCHEMAS[table])


def test_a_second_landing_writes_nothing(root: Path) -> None:
    """What is there already, or a part of it, is found and left alone."""
    before = _files(root)
    again = land(root, date(2013, 1, 2), date(2013, 1, 2))
    assert not again.written
    assert (again.start, again.end, again.days) == (date(2013, 1, 1), date(2013, 1, 3), 3)
    assert _files(root) == before


def test_two_landings_give_the_same_bytes(root: Path, tmp_path: Path) -> None:
    """The landing depends on the package alone, not on when or where it runs."""
    land(tmp_path, date(2013, 1, 1), date(2013, 1, 3))
    assert _files(tmp_path) == _files(root)


def test_a_wider_landing_replaces_a_narrower_one(tmp_path: Path) -> None:
    """Days that are not there yet are landed, with those that are."""
    land(tmp_path, date(2013, 1, 1), date(2013, 1, 1))
    wider = land(tmp_path, date(2013, 1, 1), date(2013, 1, 2))
    assert wider.written
    assert len(list((tmp_path / "flights" / "schedule").iterdir())) == 2


def test_a_landing_that_dies_is_never_half_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Until the last file is written no reader sees any; the next landing begins again."""
    whole: Callable[..., None] = landing._write_days

    def dies(folder: Path, name: str, frame: pd.DataFrame) -> None:
        whole(folder, name, frame)
        if name == "outcomes":
            raise KeyboardInterrupt

    monkeypatch.setattr(landing, "_write_days", dies)
    with pytest.raises(KeyboardInterrupt):
        land(tmp_path, date(2013, 1, 1), date(2013, 1, 1))
    assert not (tmp_path / "flights").exists()
    monkeypatch.undo()
    assert land(tmp_path, date(2013, 1, 1), date(2013, 1, 1)).written


def test_progress_is_told_in_words(tmp_path: Path) -> None:
    """A caller that asks for it hears what is being landed."""
    heard: list[str] = []
    land(tmp_path, date(2013, 1, 1), date(2013, 1, 1), progress=heard.append)
    assert heard[0] == "reading 2013-01-01 to 2013-01-01"
    assert heard[-1].startswith("landed ")


@pytest.mark.parametrize("day", [SPRING, AUTUMN])
def test_local_hours_hold_on_the_days_the_clocks_change(year: dict[str, pd.DataFrame], day: date) -> None:
    """On the 23-hour and the 25-hour day the UTC departure is the local hour and minute of the schedule."""
    rows = year["schedule"][year["schedule"]["date"] == day.isoformat()]
    local = rows["scheduled_departure"].dt.tz_convert(TIMEZONE)
    assert (local.dt.date == day).all()
    assert (local.dt.hour == rows["hour"]).all()
    assert (local.dt.minute == rows["minute"]).all()


def test_the_weather_lies_in_its_local_day(year: dict[str, pd.DataFrame]) -> None:
    """Observations are hourly instants, one per airport, foldered by New York day, the day the clocks go back too."""
    weather = year["weather"]
    assert (weather["observed_at"].dt.tz_convert(TIMEZONE).dt.strftime("%Y-%m-%d") == weather["date"]).all()
    assert not weather.duplicated(["origin", "observed_at"]).any()
    kennedy = weather[(weather["date"] == AUTUMN.isoformat()) & (weather["origin"] == "JFK")]
    assert kennedy["observed_at"].diff().dropna().min() == pd.Timedelta(hours=1)


def test_no_outcome_is_known_before_it_happened(year: dict[str, pd.DataFrame]) -> None:
    """An outcome is known after the actual departure and the time in the air, within 36 hours of the schedule."""
    outcomes = year["outcomes"]
    waited = (outcomes["known_at"] - outcomes["scheduled_departure"]).dt.total_seconds() / 60
    flown = outcomes["air_time"].notna()
    assert (waited[flown] > (outcomes["departure_delay"] + outcomes["air_time"])[flown]).all()
    assert (waited[outcomes["cancelled"]] == 6 * 60).all()
    assert waited.max() < 36 * 60


def test_late_means_over_fifteen_minutes_or_never(year: dict[str, pd.DataFrame]) -> None:
    """A cancelled or diverted flight counts as late; one of exactly fifteen minutes does not."""
    outcomes = year["outcomes"]
    assert outcomes["cancelled"].sum() == 8_255
    assert outcomes["arrival_delay"].isna().sum() == 9_430
    assert (outcomes.loc[outcomes["arrival_delay"].isna(), "arrived_late"] == 1).all()
    assert (outcomes.loc[outcomes["arrival_delay"] == 15, "arrived_late"] == 0).all()
    assert (outcomes.loc[outcomes["arrival_delay"] == 16, "arrived_late"] == 1).all()
    assert outcomes.loc[outcomes["cancelled"], ["departure_delay", "air_time"]].isna().all(axis=None)


def test_the_status_of_a_flight_is_one_of_three(year: dict[str, pd.DataFrame]) -> None:
    """Cancelled is what never departed, late the other flights that count as late, diverted ones among them."""
    outcomes = year["outcomes"]
    assert outcomes["status"].value_counts().to_dict() == {"on_time": 249_716, "late": 78_805, "cancelled": 8_255}
    assert outcomes["status"].eq("cancelled").equals(outcomes["cancelled"])
    assert outcomes["status"].ne("on_time").equals(outcomes["arrived_late"].eq(1))
