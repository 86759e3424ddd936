"""The retrain rule."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evenkeel.decisions.retraining import Check, Ending, Launched, Reply, decide_retraining
from evenkeel.vocabulary.spec_monitoring import Cap, Retraining
from evenkeel.vocabulary.verdict import DriftOutcome

START = datetime(2013, 5, 1, tzinfo=UTC)
DAY = timedelta(days=1)
RULES = Retraining(
    needed=3, of=5, cooldown=14 * DAY, cap=Cap(trainings=2, within=90 * DAY), answer_holds=60 * DAY, rollback="off"
)
QUIET = (DriftOutcome.WATCH, DriftOutcome.INSUFFICIENT_DATA)
ANSWERS = {
    "d": (DriftOutcome.DRIFT, DriftOutcome.NONE),
    "e": (DriftOutcome.DRIFT, DriftOutcome.NONE),
    "c": (DriftOutcome.NONE, DriftOutcome.DRIFT),
    "b": (DriftOutcome.DRIFT, DriftOutcome.DRIFT),
    "?": (DriftOutcome.DRIFT, DriftOutcome.NONE),
}
CAUSES = {"d": {"wind"}, "e": {"hour"}, "c": {"decay"}, "b": {"wind", "decay"}}


def checks(pattern: str, champion: int = 1, start: datetime = START) -> list[Check]:
    """One check a day: `d` the wind drifts, `e` the hour, `c` decay, `b` wind and decay, `?` drift of nobody knows what, `.` not
    enough data.
    """
    return [
        Check(start + day * DAY, champion, *ANSWERS.get(one, QUIET), frozenset(CAUSES.get(one, ())))
        for day, one in enumerate(pattern)
    ]


def launched(days_ago: float, *causes: str, ending: Ending = Ending.KEPT, champion: int = 1) -> Launched:
    """A retraining so long before the last check of three."""
    return Launched(START + 2 * DAY - days_ago * DAY, champion, frozenset(causes), ending)


def decide(history: list[Check], *past: Launched, champion: int | None = 1, **rules: Any) -> Reply:
    return decide_retraining(
        history,
        past,
        RULES.model_copy(update=rules),
        as_of=max((one.as_of for one in history), default=START),
        champion=champion,
        longest=DAY / 2,
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
        (".....", False),
    ],
)
def test_a_signal_is_answered_when_it_persists(pattern: str, answered: bool) -> None:
    """Three of the last five checks; a blip is not answered (law 20), and too little data neither signals nor clears (law 21)."""
    assert decide(checks(pattern)).verdict.passed is answered


@pytest.mark.parametrize(
    ("pattern", "past", "said"),
    [
        # One in flight: whatever is asked, and by its name; an undecided one that is older has failed.
        ("ddd", [launched(0.4, "wind", ending=Ending.UNDECIDED)], "the retraining as of 2013-05-02 is under way"),
        ("ccc", [launched(0.4, "wind", ending=Ending.UNDECIDED)], "the retraining as of 2013-05-02 is under way"),
        ("ddd", [launched(0.5, "wind", ending=Ending.UNDECIDED)], None),
        # A cause is answered once, for as long as an answer holds, and by a retraining of this champion.
        ("ddd", [launched(20, "wind")], "wind: answered by the retraining as of 2013-04-13, which kept champion 1"),
        ("ddd", [launched(59, "wind")], "wind: answered by the retraining"),
        ("ddd", [launched(60, "wind")], None),
        ("ddd", [launched(20, "wind", champion=2)], None),
        ("ddd", [launched(20, "wind", ending=Ending.PROMOTED)], None),
        ("ddd", [launched(20, "wind", ending=Ending.REFUSED)], None),
        # A new cause may be answered; a new one that does not persist by itself is not one yet.
        ("eee", [launched(20, "wind")], None),
        ("ddde", [launched(20, "wind")], "wind: answered by"),
        ("dddee", [launched(20, "wind")], "wind: answered by"),
        ("ddeee", [launched(20, "wind")], None),
        ("bbb", [launched(20, "wind")], None),
        (
            "bbb",
            [launched(20, "wind"), launched(40, "decay")],
            "decay, wind: answered by the retraining as of 2013-04-13",
        ),
        # Nobody knows what moved: no answer is about it.
        ("???", [launched(20, "wind")], None),
        # The cooldown, of whatever has answered something.
        ("eee", [launched(13, "wind")], "answered by the retraining as of 2013-04-20, 14d of cooldown"),
        ("eee", [launched(13, "wind", ending=Ending.PROMOTED, champion=7)], "14d of cooldown"),
        ("eee", [launched(13, "wind", ending=Ending.REFUSED)], None),
        ("eee", [launched(13, "wind", ending=Ending.UNDECIDED)], None),
        # Decay outranks drift: only a cooldown of its own holds it back.
        ("ccc", [launched(1, "wind")], None),
        ("bbb", [launched(1, "wind", ending=Ending.PROMOTED)], None),
        ("ccc", [launched(13, "decay", ending=Ending.PROMOTED)], "14d of cooldown"),
        ("ddc", [launched(1, "hour")], "14d of cooldown"),
        # The cap, which a retraining whose data a gate refused does not use up.
        ("ddd", [launched(20, "a"), launched(40, "b")], "the cap is 2 in 90d"),
        ("ddd", [launched(20, "a"), launched(40, "b", ending=Ending.UNDECIDED)], "the cap is 2 in 90d"),
        ("ddd", [launched(20, "a"), launched(40, "b", ending=Ending.REFUSED)], None),
        ("ddd", [launched(20, "a"), launched(90, "b")], None),
        ("ccc", [launched(20, "a"), launched(40, "b")], "the cap is 2 in 90d"),
    ],
)
def test_what_was_answered_is_declined_with_its_reason(pattern: str, past: list[Launched], said: str | None) -> None:
    """One in flight, each cause once, cooldown, cap, and decay before drift; None stands for a retraining (law 22)."""
    verdict = decide(checks(pattern, start=START + (3 - len(pattern)) * DAY), *past).verdict
    assert verdict.passed is (said is None), verdict.reason
    assert said is None or said in verdict.reason


@pytest.mark.parametrize(
    ("pattern", "causes"),
    [("ddd", ("wind",)), ("ded", ("hour", "wind")), ("ddb", ("wind",)), ("bbb", ("decay", "wind")), ("???", ())],
)
def test_the_reply_names_what_it_is_about(pattern: str, causes: tuple[str, ...]) -> None:
    """Every column that moved; decay where it persists by itself, because one check's is not what a retraining answers."""
    assert decide(checks(pattern)).causes == causes


def test_a_retraining_after_the_as_of_does_not_exist_yet() -> None:
    """One that comes later declines nothing (law 2)."""
    for ending in Ending:
        assert decide(
            checks("ddd"), launched(-1, "wind", ending=ending), launched(-13, "wind", ending=ending)
        ).verdict.passed


def test_signals_about_an_earlier_champion_do_not_count() -> None:
    """What the old champion signalled was answered by the new one (law 23)."""
    assert not decide(checks("ddddd", champion=1), champion=2).verdict.passed


def test_without_a_champion_there_is_nothing_to_retrain() -> None:
    """The first training is somebody's decision."""
    assert "no champion" in decide(checks("ddd"), champion=None).verdict.reason


PATTERNS = st.text("dcbe?.", min_size=1, max_size=12)
PAST = st.lists(
    st.builds(
        launched,
        st.integers(-5, 100),
        st.sampled_from(["wind", "hour", "decay"]),
        ending=st.sampled_from(Ending),
        champion=st.integers(1, 2),
    ),
    max_size=5,
)


@given(PATTERNS, PATTERNS, PAST)
def test_what_comes_after_the_as_of_changes_nothing(before: str, after: str, past: list[Launched]) -> None:
    """What was not known yet does not exist for the decision, in whatever order things arrive (law 2)."""
    known = checks(before)
    as_of = known[-1].as_of
    later = checks(before + after)[len(before) :]
    then = [one for one in past if one.as_of <= as_of]
    arguments: dict[str, Any] = {"as_of": as_of, "champion": 1, "longest": DAY / 2}
    asked = decide_retraining([*later, *reversed(known)], list(reversed(past)), RULES, **arguments)
    assert asked == decide_retraining(known, then, RULES, **arguments)


@given(PATTERNS, st.sampled_from([Ending.PROMOTED, Ending.KEPT, Ending.UNDECIDED]))
def test_once_a_day_at_most(pattern: str, ending: Ending) -> None:
    """Whatever is asked at the instant of a retraining, it is the one that answers (law 22)."""
    history = checks(pattern)
    first = decide(history)
    now = Launched(history[-1].as_of, 1, frozenset(first.causes), ending)
    assert not decide(history, now).verdict.passed


@given(st.text("dcbe?.", min_size=20, max_size=60), st.sampled_from([Ending.PROMOTED, Ending.KEPT]))
def test_no_more_than_the_cap_within_its_period(pattern: str, ending: Ending) -> None:
    """Day after day, whatever the signals are: never more retrainings than the cap in any period of its length."""
    rules = RULES.model_copy(update={"cooldown": DAY, "cap": Cap(trainings=2, within=20 * DAY)})
    history, past = checks(pattern), list[Launched]()
    for day, check in enumerate(history):
        reply = decide_retraining(history[: day + 1], past, rules, as_of=check.as_of, champion=1, longest=DAY / 2)
        if reply.verdict.passed:
            past.append(Launched(check.as_of, 1, frozenset(reply.causes), ending))
    for one in past:
        assert sum(timedelta(0) <= one.as_of - other.as_of < 20 * DAY for other in past) <= 2


@given(PATTERNS, PAST)
def test_drift_beside_it_never_holds_decay_back(pattern: str, past: list[Launched]) -> None:
    """Where decay alone would be answered, decay with drift is too: what else moves takes no answer away."""
    alone = ["c" if one in "cb" else "." for one in pattern]
    beside = ["b" if one in "cb" else one for one in pattern]
    if decide(checks("".join(alone)), *past).verdict.passed:
        assert decide(checks("".join(beside)), *past).verdict.passed
