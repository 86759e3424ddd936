"""Windows of time in any zone: partitions, calendar days and the instants schedules come to, as laws."""

from __future__ import annotations

import itertools
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from evenkeel.vocabulary.partition import Partition, back, parse_instant, partitions_between
from evenkeel.vocabulary.spec import ModelSpec

NEW_YORK = "America/New_York"
ZONES = (
    "UTC",
    NEW_YORK,
    "America/St_Johns",  # until 2011 put back from 00:01 to 23:01 of the day before
    "America/Havana",  # midnight comes twice in autumn and not at all in spring
    "America/Santiago",  # no midnight on the spring day
    "America/Sao_Paulo",  # the same, until 2018
    "Asia/Beirut",  # the same
    "Africa/Cairo",  # put back at the end of a day
    "Africa/Casablanca",  # put back for Ramadan
    "Europe/London",
    "Antarctica/Troll",  # by two hours
    "Australia/Lord_Howe",  # by half an hour
    "Pacific/Chatham",  # 45 minutes off the hour
    "Asia/Kathmandu",  # the same, and no changes
    "Pacific/Apia",  # had no 30 December 2011
)
CRONS = ("0 6 * * 1", "30 2 * * *", "30 1 * * *", "0 0 * * *", "15 3 * * 1-5", "59 23 28-31 * *", "0 0 1 * *")

zones = st.sampled_from(ZONES)
days = st.dates(date(1990, 1, 1), date(2035, 1, 1))
instants = st.datetimes(datetime(1990, 1, 1), datetime(2035, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - the zone is drawn
spans = st.timedeltas(timedelta(0), timedelta(days=40))


def spec(zone: str = NEW_YORK, cron: str | None = "0 6 * * 1", check: str = "30 3 * * *") -> ModelSpec:
    columns = {"id": "string", "at": "timestamp", "seen": "timestamp", "x": "float64", "y": "int64"}
    table = {"source": {"kind": "parquet", "uri": "/data"}, "event_time": "at", "columns": columns}
    candidate = {"name": "a", "estimator": "sklearn.linear_model.LogisticRegression"}
    return ModelSpec.model_validate(
        {
            "model": "windows",
            "description": "Nothing but time.",
            "owner": "tests",
            "task": "binary",
            "timezone": zone,
            "period": {"start": date(2013, 1, 1)},
            "rows": table | {"key": ["id"]},
            "label": table | {"column": "y", "known_at": "seen", "maturation": "1d"},
            "features": {"numeric": ["x"]},
            "data_gate": {"rows": "rows", "scores": "scores"},
            "training": {"schedule": cron, "window": "60d", "holdout": "14d", "gap": "2d", "candidates": [candidate]},
            "promotion": {"metric": "roc_auc", "margin": 0.01},
            "scoring": {"schedule": "0 0 * * *"},
            "drift": {"schedule": check, "window": "14d", "decay": {"window": "14d", "tolerance": 0.05}},
        }
    )


def lasts(partition: Partition) -> bool:
    """Whether there was such a day at all."""
    return partition.start < partition.end


@given(days, st.integers(1, 60), zones)
def test_partitions_tile_time_in_any_zone(first: date, count: int, zone: str) -> None:
    """Consecutive partitions meet without gap or overlap, each of 0 to 26 hours, whatever the clocks do."""
    found = [Partition(first, zone).shift(number) for number in range(count)]
    assert all(one.end == after.start for one, after in itertools.pairwise(found))
    assert all(timedelta(0) <= one.end - one.start <= timedelta(hours=26) for one in found)


@given(instants, zones)
@example(datetime(1999, 10, 31, 3, 0, tzinfo=UTC), "America/St_Johns")
@example(datetime(2011, 12, 30, 10, tzinfo=UTC), "Pacific/Apia")
def test_every_instant_lies_in_one_partition(instant: datetime, zone: str) -> None:
    """The partition containing an instant begins at or before it and ends after it; those beside it do not hold it."""
    partition = Partition.containing(instant, zone)
    assert partition.start <= instant < partition.end
    assert partition.shift(-1).end <= instant < partition.shift(1).end


@given(days, zones)
def test_a_partition_is_found_by_its_key_and_by_its_start(day: date, zone: str) -> None:
    """Key, date and first instant are three names of one partition."""
    partition = Partition(day, zone)
    assert Partition.parse(partition.key, zone) == partition
    assert parse_instant(partition.key, zone) == partition.start
    assume(lasts(partition))
    assert Partition.containing(partition.start, zone) == partition


@given(instants, spans, zones)
@example(datetime(1999, 10, 31, 3, 0, tzinfo=UTC), timedelta(days=2), "America/St_Johns")
def test_the_partitions_of_a_window_are_those_that_begin_in_it(start: datetime, span: timedelta, zone: str) -> None:
    """A window holds exactly the partitions that begin in it, in order, so adjoining windows share none and miss none."""
    end, middle = start + span, start + span / 3
    first = Partition(start.date() - timedelta(days=2), zone)
    beside = [first.shift(number) for number in range(span.days + 6)]
    found = partitions_between(start, end, zone)
    assert found == [one for one in beside if start <= one.start < end]
    assert partitions_between(start, middle, zone) + partitions_between(middle, end, zone) == found


@given(days, st.integers(0, 400), zones)
@example(date(2013, 3, 10), 60, "America/Havana")
def test_days_back_from_a_partition_end_at_a_partition(day: date, count: int, zone: str) -> None:
    """Whole days before a partition's start another partition starts, also where the clocks skip midnight."""
    partition = Partition(day, zone)
    assume(lasts(partition))
    assert back(partition.start, timedelta(days=count), zone) == partition.shift(-count).start


@given(instants, st.integers(1, 60), zones)
def test_days_back_keep_the_local_time(instant: datetime, count: int, zone: str) -> None:
    """Whole days before an instant the clocks showed the same, unless they skip that time; hours are hours."""
    found = back(instant, timedelta(days=count), zone)
    assert abs(instant - found - timedelta(days=count)) <= timedelta(days=1)
    wanted = (instant.astimezone(ZoneInfo(zone)) - timedelta(days=count)).replace(tzinfo=None)
    shown = found.astimezone(ZoneInfo(zone)).replace(tzinfo=None)
    there = (
        wanted.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC).astimezone(ZoneInfo(zone)).replace(tzinfo=None) == wanted
    )
    midnight = Partition.containing(instant, zone).start == instant
    assert shown == wanted or not there or midnight
    assert back(instant, timedelta(hours=count * 24 + 1), zone) == instant - timedelta(hours=count * 24 + 1)


@given(instants, zones, zones)
def test_an_instant_survives_being_written(instant: datetime, zone: str, other: str) -> None:
    """An instant that is written with any offset is read as itself, whatever the zone."""
    # Offsets of the past may have seconds, which ISO 8601 as Python writes it keeps.
    assert parse_instant(instant.astimezone(ZoneInfo(other)).isoformat(), zone) == instant


@given(instants, zones)
def test_a_local_time_is_read_as_the_earlier_of_two(instant: datetime, zone: str) -> None:
    """A time written without an offset is read in the zone: as itself, or in the hour that comes twice as the first."""
    local = instant.astimezone(ZoneInfo(zone))
    read = parse_instant(local.replace(tzinfo=None).isoformat(), zone)
    assert read == local.replace(fold=0).astimezone(UTC)
    assert read <= instant


@given(instants, spans, zones, st.sampled_from(CRONS))
@example(datetime(2013, 11, 3, 5, 45, tzinfo=UTC), timedelta(hours=1), NEW_YORK, "30 1 * * *")
@example(datetime(2013, 3, 10, 7, 20, tzinfo=UTC), timedelta(hours=1), NEW_YORK, "15 3 * * *")
def test_ticks_lie_in_the_window_and_in_order(start: datetime, span: timedelta, zone: str, cron: str) -> None:
    """A window's ticks lie in it, each once and in order; cut anywhere, its two parts have the same ticks."""
    made, end, middle = spec(zone, cron), start + span, start + span / 3
    ticks = made.scheduled_trainings(start, end)
    assert all(start <= one < end for one in ticks)
    assert all(one < after for one, after in itertools.pairwise(ticks))
    assert made.scheduled_trainings(start, middle) + made.scheduled_trainings(middle, end) == ticks


@given(days, zones, st.sampled_from(CRONS))
def test_a_training_of_a_day_acts_from_that_day(day: date, zone: str, cron: str) -> None:
    """The as-of of a training lies in its partition: the first tick, or its start where the schedule leaves the day out."""
    made = spec(zone, cron)
    partition = Partition(day, zone)
    assume(lasts(partition))
    as_of = made.training_as_of(partition)
    assert Partition.containing(as_of, zone) == partition
    assert as_of == min(made.scheduled_trainings(partition.start, partition.end), default=partition.start)
    assert spec(zone, None).training_as_of(partition) == partition.start


@given(days)
def test_a_daily_training_comes_once_a_day(day: date) -> None:
    """A schedule at 02:30 or 01:30 has one tick on every day, those with 23 and 25 hours too."""
    partition = Partition(day, NEW_YORK)
    for cron in ("30 2 * * *", "30 1 * * *"):
        assert len(spec(cron=cron).scheduled_trainings(partition.start, partition.end)) == 1


@given(days, zones, st.sampled_from(["30 3 * * *", "30 0 * * *", "59 23 * * *"]))
def test_a_check_acts_from_the_day_after(day: date, zone: str, schedule: str) -> None:
    """The as-of of a check lies in the day after its partition, so checks of later partitions act later."""
    made = spec(zone, check=schedule)
    partition = Partition(day, zone)
    assume(lasts(partition) and lasts(partition.shift(1)))
    assert made.scoring_as_of(partition) <= made.check_as_of(partition)
    assert Partition.containing(made.check_as_of(partition), zone) == partition.shift(1)
    assert made.check_as_of(partition.shift(-1)) < made.check_as_of(partition)


@pytest.mark.parametrize(("day", "hour"), [("2013-03-09", 11), ("2013-03-10", 10), ("2013-11-03", 11)])
def test_a_scores_as_of_is_a_time_of_the_clock(day: str, hour: int) -> None:
    """Rows available six hours after midnight are those of six o'clock, when a daily schedule runs, on the days clocks change
    too.
    """
    made = spec()
    made = made.model_copy(update={"rows": made.rows.model_copy(update={"available_after": timedelta(hours=6)})})
    when = date.fromisoformat(day)
    assert made.scoring_as_of(made.partition(day)) == datetime(when.year, when.month, when.day, hour, tzinfo=UTC)


@pytest.mark.parametrize(
    ("cron", "day", "instant"),
    [
        ("30 2 * * *", "2013-03-10", datetime(2013, 3, 10, 7, 30, tzinfo=UTC)),
        ("30 1 * * *", "2013-11-03", datetime(2013, 11, 3, 6, 30, tzinfo=UTC)),
        ("0 6 * * 1", "2013-03-11", datetime(2013, 3, 11, 10, tzinfo=UTC)),
        ("0 6 * * 1", "2013-03-12", datetime(2013, 3, 12, 4, tzinfo=UTC)),
    ],
    ids=["a time that is skipped", "a time that comes twice", "a Monday", "a day without a tick"],
)
def test_a_training_acts_from_its_tick(cron: str, day: str, instant: datetime) -> None:
    """02:30 is 03:30 on the day that has none, 01:30 the second where there are two; without a tick a day begins at midnight."""
    assert spec(cron=cron).training_as_of(Partition.parse(day, NEW_YORK)) == instant


@settings(max_examples=40)
@given(st.dates(date(2012, 1, 1), date(2020, 1, 1)), st.sampled_from([NEW_YORK, "Australia/Lord_Howe", "UTC"]))
@example(date(2013, 3, 9), NEW_YORK)
@example(date(2013, 11, 2), NEW_YORK)
def test_ticks_are_those_of_airflow(day: date, zone: str) -> None:
    """The instants a training acts from are those at which Airflow starts it."""
    from airflow._shared.timezones.timezone import coerce_datetime
    from airflow.timetables.base import TimeRestriction
    from airflow.timetables.trigger import CronTriggerTimetable

    start, end = Partition(day, zone).start, Partition(day, zone).shift(3).start
    for cron in ("30 2 * * *", "30 1 * * *", "0 6 * * 1"):
        table = CronTriggerTimetable(cron, timezone=zone)
        found, interval = [], None
        restriction = TimeRestriction(coerce_datetime(start), None, catchup=True)
        while info := table.next_dagrun_info(last_automated_data_interval=interval, restriction=restriction):
            if info.run_after >= end:
                break
            found.append(info.run_after)
            interval = info.data_interval
        assert spec(zone, cron).scheduled_trainings(start, end) == found
