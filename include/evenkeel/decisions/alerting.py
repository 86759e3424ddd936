"""The alert rule: of what goes on people are told once, until it has been quiet for a while or the cause is another.

What happened is looked at as a whole and in no order of telling: a backfill that comes to its days out of order tells no more
than one that does not.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence
    from datetime import datetime, timedelta


@dataclass(frozen=True)
class Event:
    """Something people may have to know: what it is, about which champion, its causes (not empty), and its instant.

    `id` is its own; an event that people were told of before has the same one.
    """

    id: str
    what: str
    champion: int | None
    causes: frozenset[str]
    at: datetime


@dataclass(frozen=True)
class News:
    """An event that nobody was told of, with the first event of the stretch it belongs to."""

    event: Event
    since: datetime


def news_of(
    candidates: Iterable[Event], events: Sequence[Event], told: Sequence[Event], repeat: timedelta
) -> list[News]:
    """The candidates of which people are to be told, newest first.

    Events of one kind, champion and cause that follow each other by less than `repeat` are one stretch. It is told of once, by
    its newest event. An event of several causes is news where one of them is.

    Args:
        candidates: those of the events that may be told now.
        events: everything that happened.
        told: what people were told of already.
        repeat: for how long it must have been quiet before the same is news again.
    """
    found: list[News] = []
    known = list(told)
    for event in sorted(candidates, key=lambda one: (one.at, one.id), reverse=True):
        stretches = {cause: _stretch(event, cause, [*events, *known], repeat) for cause in event.causes}
        if all(_is_told(event, cause, stretch, known) for cause, stretch in stretches.items()):
            continue
        found.append(News(event, min(first for first, _ in stretches.values())))
        known.append(event)
    return found


def is_silenced(causes: Collection[str], silenced: Collection[str] | None) -> bool:
    """Whether a silence of some causes (None: of all there are) leaves nothing to tell."""
    return silenced is None or set(causes) <= set(silenced)


def _stretch(event: Event, cause: str, events: Iterable[Event], repeat: timedelta) -> tuple[datetime, datetime]:
    """The first and the last instant of the events around one that share its kind, champion and cause."""
    instants = sorted({event.at, *(one.at for one in events if _is_alike(one, event, cause))})
    first = last = instants.index(event.at)
    while first > 0 and instants[first] - instants[first - 1] < repeat:
        first -= 1
    while last + 1 < len(instants) and instants[last + 1] - instants[last] < repeat:
        last += 1
    return instants[first], instants[last]


def _is_told(event: Event, cause: str, stretch: tuple[datetime, datetime], known: Iterable[Event]) -> bool:
    first, last = stretch
    return any(_is_alike(one, event, cause) and first <= one.at <= last for one in known)


def _is_alike(one: Event, other: Event, cause: str) -> bool:
    return one.what == other.what and one.champion == other.champion and cause in one.causes
