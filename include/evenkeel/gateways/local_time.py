"""Local time: timestamps without an offset of their own, read in the time zone their table names."""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING, Literal
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.compute as pc

from evenkeel.vocabulary.errors import SourceError

if TYPE_CHECKING:
    from datetime import datetime, timedelta

INSTANT = pa.timestamp("us", tz="UTC")
"""What every timestamp is once it has been read."""

LOCAL = pa.timestamp("us")
"""What it is before, where it says no offset."""

_OFFSET = r":\d{2}(\.\d+)?(Z|[+-]\d{2}(:?\d{2})?)$"


def local_window(start: datetime, end: datetime, timezone: str) -> tuple[datetime, datetime]:
    """Bounds in local time that hold every row of [start, end): wider by the hour that comes twice where one lies in it."""
    first, last = (one.astimezone(ZoneInfo(timezone)) for one in (start, end))
    return (first - _repeated(first)).replace(tzinfo=None), (last + _repeated(last)).replace(tzinfo=None)


def _repeated(moment: datetime) -> timedelta:
    """How far apart the two instants of a local time lie that comes twice; nothing for any other."""
    return moment.replace(fold=1).astimezone(UTC) - moment.replace(fold=0).astimezone(UTC)


def split_times(array: pa.Array | pa.ChunkedArray) -> tuple[pa.ChunkedArray, pa.ChunkedArray]:
    """Timestamps, dates or ISO 8601 texts: as instants where they say an offset, as local times where not, else null.

    Raises pyarrow.ArrowInvalid or pyarrow.ArrowNotImplementedError for what is no time.
    """
    kind = array.type
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):  # CSV, and SQLite, which has no other
        plain, nothing = array.cast(pa.string()), pa.scalar(None, pa.string())
        says = pc.match_substring_regex(plain, _OFFSET)
        return pc.if_else(says, plain, nothing).cast(INSTANT), pc.if_else(says, nothing, plain).cast(LOCAL)
    if pa.types.is_date(kind) or (pa.types.is_timestamp(kind) and kind.tz is None):
        return pa.nulls(len(array), INSTANT), array.cast(LOCAL)
    return array.cast(INSTANT), pa.nulls(len(array), LOCAL)


def to_instants(
    array: pa.ChunkedArray, timezone: str, *, ambiguous: Literal["earliest", "latest"], what: str
) -> pa.ChunkedArray:
    """Timestamps, dates or ISO 8601 texts as instants; those without an offset are read in `timezone`.

    Args:
        array: the column.
        timezone: IANA name.
        ambiguous: which of the two instants a local time is that comes twice.
        what: the source and the column, for a message.

    Raises SourceError for a local time that the zone skips, and as `split_times` does.
    """
    own, local = split_times(array)
    return pc.coalesce(own, _localized(local, timezone, ambiguous, what))


def _localized(local: pa.ChunkedArray, timezone: str, ambiguous: str, what: str) -> pa.ChunkedArray:
    try:
        return pc.assume_timezone(local, timezone, ambiguous=ambiguous).cast(INSTANT)
    except pa.ArrowInvalid as error:
        before, after = (
            pc.assume_timezone(local, timezone, ambiguous=ambiguous, nonexistent=one) for one in ("earliest", "latest")
        )
        skipped = local.filter(pc.not_equal(before, after))
        if not len(skipped):
            raise
        raise SourceError(
            f"{what} holds {skipped[0]}, a time that does not exist in {timezone}, where the clocks skip it; correct it, "
            "store it with its offset, or correct the table's timezone"
        ) from error
