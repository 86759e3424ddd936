"""Partitions and instants."""

from __future__ import annotations

import itertools
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evenkeel.vocabulary.errors import AsOfMissingError
from evenkeel.vocabulary.partition import Partition, back, parse_duration, parse_instant, partitions_between

NEW_YORK = "America/New_York"


@pytest.mark.parametrize(("day", "hours"), [("2013-03-10", 23), ("2013-11-03", 25), ("2013-06-01", 24)])
def test_a_partition_is_as_long_as_its_local_day(day: str, hours: int) -> None:
    """A day on which the clocks change is a partition of 23 or 25 hours."""
    partition = Partition.parse(day, NEW_YORK)
    assert partition.end - partition.start == timedelta(hours=hours)


@given(st.dates(date(2000, 1, 1), date(2030, 12, 31)), st.integers(1, 400))
def test_partitions_tile_time(first: date, days: int) -> None:
    """Consecutive partitions meet without gap or overlap, whatever the clocks do."""
    start = Partition(first, NEW_YORK)
    found = partitions_between(start.start, start.shift(days).start, NEW_YORK)
    assert len(found) == days
    assert all(one.end == after.start for one, after in itertools.pairwise(found))


@given(st.datetimes(datetime(2000, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001 - the zone is drawn
def test_every_instant_lies_in_its_partition(instant: datetime) -> None:
    """The partition containing an instant begins at or before it and ends after it."""
    partition = Partition.containing(instant, NEW_YORK)
    assert partition.start <= instant < partition.end


def test_a_partition_that_begins_before_the_window_is_not_in_it() -> None:
    """A window that opens in the middle of a day begins with the next one."""
    noon = datetime(2013, 4, 1, 16, tzinfo=UTC)
    found = partitions_between(noon, noon + timedelta(days=2), NEW_YORK)
    assert [one.key for one in found] == ["2013-04-02", "2013-04-03"]


@pytest.mark.parametrize("text", ["yesterday", "2013-13-01", "", "1"])
def test_what_is_no_instant_is_refused_with_an_example(text: str) -> None:
    """A text that is no ISO 8601 instant is refused by a message that shows one."""
    with pytest.raises(AsOfMissingError, match="2013-03-01"):
        parse_instant(text, NEW_YORK)


def test_an_instant_without_offset_is_local() -> None:
    """A date alone is its local midnight; an offset that is given holds."""
    assert parse_instant("2013-03-01", NEW_YORK) == datetime(2013, 3, 1, 5, tzinfo=UTC)
    assert parse_instant("2013-03-01T00:00:00+00:00", NEW_YORK) == datetime(2013, 3, 1, tzinfo=UTC)


@pytest.mark.parametrize("text", ["60", "d", "1.5d", "-1d", "60 d"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    """A duration is a whole number and a unit; the message says which."""
    with pytest.raises(ValueError, match="36h or 60d"):
        parse_duration(text)


def test_days_back_are_calendar_days() -> None:
    """Going back whole days over a change of the clocks keeps the local time."""
    after = Partition.parse("2013-03-15", NEW_YORK)
    assert back(after.start, timedelta(days=10), NEW_YORK) == Partition.parse("2013-03-05", NEW_YORK).start
    assert back(after.start, timedelta(hours=6), NEW_YORK) == after.start - timedelta(hours=6)
