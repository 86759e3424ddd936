"""Partitions and instants: which period a run is about, and the instant it acts from. Never the clock."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from evenkeel.vocabulary.errors import AsOfMissingError

_DURATION = re.compile(r"^(?P<count>\d+)(?P<unit>[mhdw])$")
_SECONDS = {"m": 60, "h": 3600, "d": 86_400, "w": 604_800}


@dataclass(frozen=True, order=True)
class Partition:
    """One local day, keyed `2013-04-01`; 23 or 25 hours long where the clocks change."""

    day: date
    timezone: str

    @classmethod
    def parse(cls, key: str, timezone: str) -> Partition:
        """The partition of a key. Raises AsOfMissingError for anything but `YYYY-MM-DD`."""
        try:
            day = date.fromisoformat(key)
        except ValueError:
            day = None
        if day is None or day.isoformat() != key:
            raise AsOfMissingError(f"partition {key!r} is not a day: pass it as YYYY-MM-DD, such as 2013-04-01")
        return cls(day, timezone)

    @classmethod
    def containing(cls, instant: datetime, timezone: str) -> Partition:
        """The partition in which an instant lies."""
        found = cls(instant.astimezone(ZoneInfo(timezone)).date(), timezone)
        # Where clocks are put back over midnight the date comes twice; the day begins once, at its first midnight.
        return found.shift(1) if found.end <= instant else found

    @property
    def key(self) -> str:
        """The partition's name, as the scheduler, the tables and people write it."""
        return self.day.isoformat()

    @property
    def start(self) -> datetime:
        """The first instant of the partition, in UTC."""
        return datetime.combine(self.day, time(), ZoneInfo(self.timezone)).astimezone(UTC)

    @property
    def end(self) -> datetime:
        """The first instant after the partition, in UTC."""
        return self.shift(1).start

    def shift(self, days: int) -> Partition:
        """The partition so many days later (earlier, where negative)."""
        return Partition(self.day + timedelta(days=days), self.timezone)

    def __str__(self) -> str:
        return self.key


def partitions_between(start: datetime, end: datetime, timezone: str) -> list[Partition]:
    """The partitions that begin in [start, end), in order."""
    partition = Partition.containing(start, timezone)
    if partition.start < start:
        partition = partition.shift(1)
    found = []
    while partition.start < end:
        found.append(partition)
        partition = partition.shift(1)
    return found


def parse_instant(text: str, timezone: str) -> datetime:
    """An instant from ISO 8601, in UTC; a date, or a time without offset, is read in `timezone`.

    Raises AsOfMissingError where the text is neither.
    """
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise AsOfMissingError(
            f"as_of {text!r} is not an instant: pass a date such as 2013-03-01 or an ISO 8601 time such as "
            "2013-03-01T00:00:00-05:00"
        ) from error
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=ZoneInfo(timezone))
    return moment.astimezone(UTC)


def at_wall_time(local: datetime, timezone: str) -> datetime:
    """The instant, in UTC, at which clocks show a local time. As a cron schedule has it: a time that the clocks skip is as much
    later as they skip, one that comes twice is the second.
    """
    return max(local.replace(tzinfo=ZoneInfo(timezone), fold=fold).astimezone(UTC) for fold in (0, 1))


def parse_duration(text: str) -> timedelta:
    """A duration such as `90m`, `36h`, `60d` or `2w`. Raises ValueError saying so for anything else."""
    match = _DURATION.match(text)
    if match is None:
        raise ValueError(f"{text!r} is not a duration: write a whole number and m, h, d or w, such as 36h or 60d")
    return timedelta(seconds=int(match["count"]) * _SECONDS[match["unit"]])


def back(instant: datetime, duration: timedelta, timezone: str) -> datetime:
    """The instant so long before, in UTC; whole days are calendar days of `timezone`, 23 or 25 hours where clocks change."""
    if duration % timedelta(days=1):
        return instant - duration
    day = Partition.containing(instant, timezone)
    if day.start == instant:  # midnight, also where the clocks skip midnight
        return day.shift(-duration.days).start
    return (instant.astimezone(ZoneInfo(timezone)) - duration).astimezone(UTC)


def duration_text(duration: timedelta) -> str:
    """A duration in its largest unit that counts it whole, such as `36h` or `1d`: what `parse_duration` reads."""
    seconds = int(duration.total_seconds())
    unit = next(one for one in ("d", "h", "m") if seconds % _SECONDS[one] == 0 or one == "m")
    return f"{seconds // _SECONDS[unit]}{unit}"
