"""The retrain rule: a signal is answered when it persists, and once."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from evenkeel.vocabulary.verdict import DriftOutcome, Outcome, Verdict

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime


@dataclass(frozen=True)
class Check:
    """One drift check on record: the instant it acted from, the champion it looked at, and its two answers."""

    as_of: datetime
    champion: int
    drift: DriftOutcome
    decay: DriftOutcome

    @property
    def signals(self) -> bool:
        """Whether this check asked for an answer."""
        return DriftOutcome.DRIFT in {self.drift, self.decay}


def decide_retraining(
    checks: Sequence[Check],
    *,
    as_of: datetime,
    champion: int | None,
    retrains: Sequence[datetime],
    needed: int,
    of: int,
    cooldown: timedelta,
) -> Verdict:
    """Whether to retrain now.

    Args:
        checks: drift checks of the model, any order; those after `as_of` do not exist yet and are left out.
        as_of: the instant the decision acts from.
        champion: the champion effective then; only checks of it count, so that a promotion answers what came before.
        retrains: as-of of each retraining on record; those after `as_of` do not exist yet and are left out.
        needed: signals needed among the last `of` checks.
        of: how many checks are looked at.
        cooldown: how far apart retrainings are at least.
    """
    recent = sorted((one for one in checks if one.as_of <= as_of), key=lambda one: one.as_of)[-of:]
    signals = [one for one in recent if one.signals and one.champion == champion]
    decayed = sum(one.decay is DriftOutcome.DRIFT for one in signals)
    numbers = {"signals": len(signals), "decayed": decayed, "checks": len(recent), "needed": needed, "of": of}
    if champion is None:
        return Verdict(Outcome.REFUSE, "there is no champion to replace: train one first", numbers)
    near = [one for one in retrains if timedelta(0) <= as_of - one < cooldown]
    if near:
        return Verdict(
            Outcome.REFUSE,
            f"answered by the retraining as of {near[0]:%Y-%m-%d}, {cooldown.days} days of cooldown",
            numbers,
        )
    seen = f"{len(signals)} of the last {len(recent)} checks of champion {champion} signalled ({decayed} of them decay)"
    if len(signals) < needed:
        return Verdict(Outcome.REFUSE, f"{seen}; {needed} of {of} are needed", numbers)
    return Verdict(Outcome.PASS, f"{seen}; {needed} of {of} are needed", numbers)
