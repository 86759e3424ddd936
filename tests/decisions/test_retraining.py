"""The retrain rule."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evenkeel.decisions.retraining import Check, decide_retraining
from evenkeel.vocabulary.verdict import DriftOutcome, Verdict

START = datetime(2013, 5, 1, tzinfo=UTC)


def checks(pattern: str, champion: int = 1) -> list[Check]:
    """One check a day: `d` drift, `c` decay, `.` neither."""
    answers = {"d": (DriftOutcome.DRIFT, DriftOutcome.NONE), "c": (DriftOutcome.NONE, DriftOutcome.DRIFT)}
    quiet = (DriftOutcome.WATCH, DriftOutcome.INSUFFICIENT_DATA)
    return [Check(START + timedelta(days=day), champion, *answers.get(one, quiet)) for day, one in enumerate(pattern)]


def decide(history: list[Check], *, retrains: tuple[datetime, ...] = (), champion: int | None = 1) -> Verdict:
    return decide_retraining(
        history,
        as_of=max((one.as_of for one in history), default=START),
        champion=champion,
        retrains=retrains,
        needed=3,
        of=5,
        cooldown=timedelta(days=14),
    )


@pytest.mark.parametrize(
    ("pattern", "answered"),
    [
        ("d", False),
        ("dd", False),
        ("ddd", True),
        ("d.d.c", True),
        ("ddd....", False),
        ("d..d..d", False),
        ("..ccc", True),
    ],
)
def test_a_signal_is_answered_when_it_persists(pattern: str, answered: bool) -> None:
    """Three of the last five checks; a blip is not answered (law 20)."""
    assert decide(checks(pattern)).passed is answered


def test_a_cooldown_follows_a_retraining() -> None:
    """A retraining less than the cooldown ago answers for its cause; a day later the next may come (law 22). One that comes
    after the as-of does not exist yet (law 2).
    """
    history = checks("ddd")
    now = history[-1].as_of
    for days in (13, 0):
        assert not decide(history, retrains=(now - timedelta(days=days),)).passed
    for days in (14, -1, -13):
        assert decide(history, retrains=(now - timedelta(days=days),)).passed


def test_signals_about_an_earlier_champion_do_not_count() -> None:
    """What the old champion signalled was answered by the new one (law 23)."""
    assert not decide(checks("ddddd", champion=1), champion=2).passed


def test_without_a_champion_there_is_nothing_to_retrain() -> None:
    """The first training is somebody's decision."""
    assert "no champion" in decide(checks("ddd"), champion=None).reason


@given(st.text("dc.", min_size=1, max_size=12), st.text("dc.", min_size=1, max_size=12))
def test_checks_after_the_as_of_change_nothing(before: str, after: str) -> None:
    """What was not known yet does not exist for the decision, in whatever order the checks arrive (law 2)."""
    known = checks(before)
    later = checks(before + after)[len(before) :]
    as_of = known[-1].as_of
    arguments = {
        "as_of": as_of,
        "champion": 1,
        "retrains": (),
        "needed": 3,
        "of": 5,
        "cooldown": timedelta(days=14),
    }
    assert decide_retraining([*later, *reversed(known)], **arguments) == decide_retraining(known, **arguments)
