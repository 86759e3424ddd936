"""What the fields of a spec are made of: durations, schedules, names; the base of every part."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from croniter import croniter
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer

from evenkeel.vocabulary.partition import parse_duration

ColumnType = Literal["string", "int64", "float64", "bool", "timestamp"]


def _duration(value: object) -> timedelta:
    if isinstance(value, timedelta):
        return value
    if not isinstance(value, str):
        raise ValueError(f"{value!r} is not a duration: write a whole number and m, h, d or w, such as 36h or 60d")
    return parse_duration(value)


def _cron(value: str) -> str:
    if len(value.split()) != 5 or not croniter.is_valid(value):
        raise ValueError("is not a cron expression of five fields, such as '0 6 * * 1' (Mondays at 06:00)")
    return value


def _once_a_day(value: str) -> str:
    minute, hour, *_ = _cron(value).split()
    if not (minute.isdigit() and hour.isdigit()):
        raise ValueError(
            "must be at one time of the day, such as '0 6 * * 1': a partition is a day, and is trained as of once"
        )
    return value


def _daily(value: str) -> str:
    minute, hour, *days = _cron(value).split()
    if not (minute.isdigit() and hour.isdigit() and days == ["*", "*", "*"]):
        raise ValueError("must be one fixed time every day, such as '30 3 * * *': a partition is a day")
    if 1 <= int(hour) < 3:
        raise ValueError("lies between 01:00 and 03:00, which some days do not have or have twice; take another hour")
    return value


def _timezone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError):  # a name that is a folder, or leads out of the database
        raise ValueError("is not a time zone of the IANA database, such as America/New_York or UTC") from None
    return value


def _connection(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_.-]+", value):
        raise ValueError(
            "is not the id of an Airflow connection, such as slack_default; an address or a token belongs into that connection"
        )
    return value


def _own_column(value: str) -> str:
    if value.startswith("_"):
        raise ValueError("begins with an underscore; such names are kept for the columns evenkeel writes")
    return value


Duration = Annotated[
    timedelta,
    BeforeValidator(_duration),
    PlainSerializer(lambda d: f"{int(d.total_seconds() // 60)}m", return_type=str),
]
PositiveDuration = Annotated[Duration, Field(gt=timedelta(0))]
Cron = Annotated[str, AfterValidator(_once_a_day)]
DailyCron = Annotated[str, AfterValidator(_daily)]
TimeZone = Annotated[str, AfterValidator(_timezone)]
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$", max_length=60)]
Column = Annotated[str, Field(min_length=1), AfterValidator(_own_column)]
Columns = Annotated[tuple[Column, ...], Field(strict=False)]
DottedPath = Annotated[str, Field(pattern=r"^[A-Za-z_]\w*(\.[A-Za-z_]\w*)+$")]
FunctionPath = Annotated[str, Field(pattern=r"^[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*$")]
ConnectionId = Annotated[str, AfterValidator(_connection)]


class Part(BaseModel):
    """Base of every part of a spec: unknown keys are mistakes, types are not guessed, nothing changes after reading."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid")


def in_words(duration: timedelta) -> str:
    """A duration as a message says it: in days where they are whole, else in hours."""
    hours = duration.total_seconds() / 3600
    return f"{hours / 24:g}d" if hours and hours % 24 == 0 else f"{hours:g}h"
