"""The alert rule: once a stretch, again when it was quiet or the cause is another, whatever the order of telling."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import permutations

from evenkeel.decisions.alerting import Event, is_silenced, news_of

WEEK = timedelta(days=7)


def day(number: int) -> datetime:
    return datetime(2013, 4, 1, tzinfo=UTC) + timedelta(days=number)


def drift(number: int, *causes: str, champion: int = 1) -> Event:
    return Event(f"drift/{champion}/{number}", "drift", champion, frozenset(causes or ("dest",)), day(number))


def told_in_turn(events: list[Event]) -> list[Event]:
    """What is told where each event is heard of in its turn."""
    told: list[Event] = []
    for count in range(1, len(events) + 1):
        told += [one.event for one in news_of(events[:count], events[:count], told, WEEK)]
    return told


def test_what_goes_on_is_told_once() -> None:
    """Sixty days of the same drift are one alert."""
    events = [drift(number) for number in range(60)]
    assert told_in_turn(events) == events[:1]


def test_after_a_quiet_week_the_same_is_news() -> None:
    """Six quiet days are not enough, seven are."""
    assert told_in_turn([drift(0), drift(6)]) == [drift(0)]
    assert told_in_turn([drift(0), drift(7)]) == [drift(0), drift(7)]


def test_another_cause_is_news_and_its_return_is_not() -> None:
    """A column that no alert of the stretch has named is told of, once."""
    events = [drift(0, "a"), drift(1, "a", "b"), drift(2, "b"), drift(3, "a")]
    assert told_in_turn(events) == events[:2]


def test_another_champion_and_another_kind_are_news() -> None:
    """A new champion that drifts too, and decay beside drift."""
    decay = Event("decay/1/0", "decay", 1, frozenset({"dest"}), day(0))
    assert len(told_in_turn([drift(0), drift(1, champion=2), decay])) == 3


def test_of_a_stretch_nobody_was_told_of_the_newest_is_told() -> None:
    """With the day on which it began; the older events of the same cause are told with it."""
    events = [drift(number) for number in range(4)]
    (found,) = news_of(events, events, [], WEEK)
    assert (found.event, found.since) == (drift(3), day(0))


def test_a_backfill_in_any_order_tells_no_more() -> None:
    """Days whose neighbours were told of already join their stretch."""
    events = [drift(number) for number in range(4)]
    for order in permutations(events):
        assert len(told_in_turn(list(order))) == 1


def test_a_silence_of_columns_silences_only_them() -> None:
    """Where another one moved too, it does not hold; a silence without columns holds for all."""
    assert is_silenced({"a"}, {"a", "b"})
    assert not is_silenced({"a", "c"}, {"a", "b"})
    assert is_silenced({"a", "c"}, None)
