"""The timeline of a replay: what a policy does when, in the order it would have happened."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from evenkeel.vocabulary.errors import AsOfMissingError
from evenkeel.vocabulary.partition import Partition, back

if TYPE_CHECKING:
    from datetime import datetime

    from evenkeel.vocabulary.spec import ModelSpec
    from evenkeel.workflows.replay_policy import Policy

_TRAIN, _CHECK, _SCORE, _CHECK_OF_WHAT_WAS_JUST_SCORED = range(4)


@dataclass(frozen=True, order=True)
class Event:
    """One step of the walk, as of an instant. Within one instant `rank` orders: decisions come before scoring."""

    instant: datetime
    rank: int
    kind: Literal["train", "score", "check"]
    partition: Partition

    @property
    def key(self) -> str:
        """The event's name, for the record of what was done."""
        about = self.instant.isoformat() if self.kind == "train" else self.partition.key
        return f"{self.kind}/{about}"


@dataclass(frozen=True)
class Span:
    """The days of a replay, both included."""

    first: Partition
    last: Partition

    @classmethod
    def parse(cls, spec: ModelSpec, first: str, last: str) -> Span:
        """The days of two keys. Raises AsOfMissingError where one is no day, or they are not in order in the spec's period."""
        span = cls(spec.partition(first), spec.partition(last))
        if span.last < span.first:
            raise AsOfMissingError(
                f"--to {last} is before --from {first}: pass the period's first and last day in order"
            )
        start, end = spec.period.start, spec.period.end
        if span.first.day < start:
            raise AsOfMissingError(
                f"--from {first} is before {start}, where the data of {spec.model} begins (period.start)"
            )
        if end is not None and span.last.day >= end:
            raise AsOfMissingError(f"--to {last} is not before {end}, where the data of {spec.model} ends (period.end)")
        return span

    @property
    def partitions(self) -> list[Partition]:
        """Every day, in order."""
        return [self.first.shift(days) for days in range((self.last.day - self.first.day).days + 1)]

    def __str__(self) -> str:
        return f"{self.first}_{self.last}"


def timeline(policy: Policy, span: Span) -> list[Event]:
    """Every event of a period under a policy: the first training at once, then trainings, scores and checks as they fall due.

    A retraining is no event of its own: it follows the check that asks for it, as of the same instant.
    """
    events = [
        Event(one, _TRAIN, "train", Partition.containing(one, policy.spec.timezone)) for one in trainings(policy, span)
    ]
    for partition in span.partitions:
        scored, checked = policy.spec.scoring_as_of(partition), policy.spec.check_as_of(partition)
        events.append(Event(scored, _SCORE, "score", partition))
        # A check looks at its partition's scores: where those come no earlier than its schedule, it follows them.
        rank = _CHECK if scored < checked else _CHECK_OF_WHAT_WAS_JUST_SCORED
        events.append(Event(max(scored, checked), rank, "check", partition))
    return sorted(events)


def trainings(policy: Policy, span: Span) -> list[datetime]:
    """The instants at which a policy trains by the calendar: the first at the period's start, so that there is a champion."""
    spec = policy.spec
    start = spec.scoring_as_of(span.first)
    instants = {start}
    if policy.scheduled:
        instants.update(spec.scheduled_trainings(start, span.last.end))
    if policy.every is not None:
        instants.update(spec.scoring_as_of(one) for one in span.partitions[:: policy.every])
    return sorted(instants)


def partitions_needed(policy: Policy, span: Span) -> list[Partition]:
    """The partitions whose frames a policy looks at: those of the period, and those of its first training's window."""
    spec = policy.spec
    start = back(spec.scoring_as_of(span.first), spec.training.window, spec.timezone)
    before = Partition.containing(start, spec.timezone)
    return [before.shift(days) for days in range((span.last.day - before.day).days + 1)]
