"""The retrain rule: a signal is answered when it persists, once for each of its causes, and within the cap."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from evenkeel.vocabulary.partition import duration_text
from evenkeel.vocabulary.verdict import DriftOutcome, Outcome, Verdict

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime, timedelta

    from evenkeel.vocabulary.spec_monitoring import Retraining

DECAY = "decay"
"""The cause of a signal that performance gave; those that drift gave are the names of what moved."""

_NAMED = 5
"""How many causes a reason names before it only counts."""


@dataclass(frozen=True)
class Check:
    """One drift check on record: the instant it acted from, the champion it looked at, its two answers, and what moved."""

    as_of: datetime
    champion: int
    drift: DriftOutcome
    decay: DriftOutcome
    causes: frozenset[str] = frozenset()

    @property
    def signals(self) -> bool:
        """Whether this check asked for an answer."""
        return DriftOutcome.DRIFT in {self.drift, self.decay}


class Ending(StrEnum):
    """How a retraining ended: its challenger replaced the champion or did not, a gate refused its data, or nothing is on record
    yet, because it is under way or because it failed.
    """

    PROMOTED = "promoted"
    KEPT = "kept"
    REFUSED = "refused"
    UNDECIDED = "undecided"


@dataclass(frozen=True)
class Launched:
    """A retraining on record: the instant it acts from, the champion it is to replace, what it answers, and how it ended."""

    as_of: datetime
    champion: int | None
    causes: frozenset[str]
    ending: Ending


@dataclass(frozen=True)
class Reply:
    """What a signal is answered with; `causes` are those that the answer is about, decay among them only where it persists."""

    verdict: Verdict
    causes: tuple[str, ...]


@dataclass(frozen=True)
class _Question:
    """What is asked as of an instant: `signals` are those among the `recent` checks that are about the champion, `past` the
    retrainings on record by then, in order; `tally` says in how many signals each cause was.
    """

    rules: Retraining
    as_of: datetime
    champion: int | None
    longest: timedelta
    recent: Sequence[Check]
    signals: Sequence[Check]
    past: Sequence[Launched]
    tally: Counter[str]

    @property
    def lasting(self) -> set[str]:
        """The causes that persist by themselves."""
        return {cause for cause, times in self.tally.items() if times >= self.rules.needed}

    @property
    def causes(self) -> set[str]:
        """All of them, but for decay that does not persist: that is not what would be answered."""
        return {cause for cause, times in self.tally.items() if times and (cause != DECAY or cause in self.lasting)}

    @property
    def spent(self) -> int:
        """Retrainings that count against the cap."""
        launched = [one for one in self.past if one.ending is not Ending.REFUSED]
        return len(self.within(self.rules.cap.within, launched))

    @property
    def seen(self) -> str:
        """What the checks say, in words."""
        return (
            f"{len(self.signals)} of the last {len(self.recent)} checks of champion {self.champion} signalled "
            f"({self.tally[DECAY]} of them decay); {self.rules.needed} of {self.rules.of} are needed"
        )

    def within(self, period: timedelta, launched: Sequence[Launched]) -> list[Launched]:
        """Those no longer ago than a period."""
        return [one for one in launched if self.as_of - one.as_of < period]


def decide_retraining(
    checks: Sequence[Check],
    launched: Sequence[Launched],
    rules: Retraining,
    *,
    as_of: datetime,
    champion: int | None,
    longest: timedelta,
) -> Reply:
    """Whether to retrain now.

    Decay outranks drift: what drift alone asked for holds it back by no cooldown. A new champion has no causes yet.

    Args:
        checks: drift checks of the model, any order; those after `as_of` do not exist yet and are left out.
        launched: retrainings on record, any order; those after `as_of` do not exist yet and are left out.
        rules: the spec's.
        as_of: the instant the decision acts from.
        champion: the champion effective then; only checks of it count, so that a promotion answers what came before.
        longest: for how long a retraining may be under way; an undecided one that is older has failed, and answered nothing.
    """
    recent = sorted((one for one in checks if one.as_of <= as_of), key=lambda one: one.as_of)[-rules.of :]
    signals = [one for one in recent if one.signals and one.champion == champion]
    past = sorted((one for one in launched if one.as_of <= as_of), key=lambda one: one.as_of)
    asked = _Question(rules, as_of, champion, longest, recent, signals, past, _tally(signals))
    declined = next(filter(None, (rule(asked) for rule in _RULES)), None)
    some = f"; {_some(asked.causes)}" if asked.causes else ""
    verdict = Verdict(
        Outcome.PASS if declined is None else Outcome.REFUSE,
        f"{asked.seen}{some}" if declined is None else declined,
        {
            "signals": len(signals),
            "decayed": asked.tally[DECAY],
            "checks": len(recent),
            "needed": rules.needed,
            "of": rules.of,
            "trainings": asked.spent,
            "cap": rules.cap.trainings,
        },
    )
    return Reply(verdict, tuple(sorted(asked.causes)))


def _without_champion(asked: _Question) -> str | None:
    return "there is no champion to replace: train one first" if asked.champion is None else None


def _under_way(asked: _Question) -> str | None:
    found = asked.within(asked.longest, [one for one in asked.past if one.ending is Ending.UNDECIDED])
    return f"the retraining as of {_day(found[-1])} is under way" if found else None


def _too_few(asked: _Question) -> str | None:
    return asked.seen if len(asked.signals) < asked.rules.needed else None


def _answered(asked: _Question) -> str | None:
    """Each cause has had its retraining. A signal whose causes nobody knows is answered by none."""
    lost = [one for one in asked.past if one.ending is Ending.KEPT and one.champion == asked.champion]
    kept = asked.within(asked.rules.answer_holds, lost)
    asking = asked.lasting or asked.causes
    if not asking or not asking <= {cause for one in kept for cause in one.causes}:
        return None
    return (
        f"{_some(asking)}: answered by the retraining as of {_day(kept[-1])}, which kept champion {asked.champion}; an answer "
        f"holds {duration_text(asked.rules.answer_holds)}"
    )


def _cooling(asked: _Question) -> str | None:
    judged = [one for one in asked.past if one.ending in {Ending.PROMOTED, Ending.KEPT}]
    own = [one for one in judged if DECAY in one.causes] if DECAY in asked.lasting else judged
    near = asked.within(asked.rules.cooldown, own)
    cooldown = duration_text(asked.rules.cooldown)
    return f"answered by the retraining as of {_day(near[-1])}, {cooldown} of cooldown" if near else None


def _over_cap(asked: _Question) -> str | None:
    cap = asked.rules.cap
    if asked.spent < cap.trainings:
        return None
    return f"{asked.seen}; but the cap is {cap.trainings} in {duration_text(cap.within)}"


_RULES = (_without_champion, _under_way, _too_few, _answered, _cooling, _over_cap)
"""Each says why a signal is declined, or nothing; the first that does is the reason."""


def _tally(signals: Sequence[Check]) -> Counter[str]:
    tally = Counter(cause for one in signals for cause in one.causes - {DECAY})
    tally[DECAY] = sum(one.decay is DriftOutcome.DRIFT for one in signals)
    return tally


def _day(one: Launched) -> str:
    return f"{one.as_of:%Y-%m-%d}"


def _some(causes: set[str]) -> str:
    more = f" and {len(causes) - _NAMED} more" if len(causes) > _NAMED else ""
    return ", ".join(sorted(causes)[:_NAMED]) + more
