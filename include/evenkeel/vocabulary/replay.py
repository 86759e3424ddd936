"""What a replay tells: how each policy fared over a period, as plain records."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from evenkeel.vocabulary.estimate import Estimate


@dataclass(frozen=True)
class Decided:
    """One decision of a policy. `at` is the instant it holds from, in the model's time zone; numbers count from 1."""

    number: int
    at: str
    kind: str
    version: int | None
    reason: str


@dataclass(frozen=True)
class Refused:
    """Something that did not happen, because a gate refused it or its data is damaged."""

    at: str
    what: str
    reason: str


@dataclass(frozen=True)
class Day:
    """One partition under one policy: what was published of it, what its scores were worth, and what its check said.

    `measured` holds each measure's value on the day's labels; a measure that is undefined there is left out. Without a check
    the outcomes are None. `excess` is the largest drift measure in units of its threshold; `fall` how much worse than promised,
    in the metric's unit.
    """

    partition: str
    rows: int
    quarantined: int
    champion: int | None
    measured: Mapping[str, float]
    drift: str | None
    decay: str | None
    excess: float | None
    fall: float | None


@dataclass(frozen=True)
class PolicyAccount:
    """How one policy fared.

    `counts` names trainings, promoted, kept, shadowed, dropped, refused_trainings, rolled_back, escalated, retrain, declined,
    signals, rows, quarantined, days_scored and refused; `means` and `differences` (to the first policy) are by measure.
    `tolerance` is the spec's of decay.
    """

    name: str
    slug: str
    rule: str
    spec_hash: str
    tolerance: float
    counts: Mapping[str, int]
    means: Mapping[str, Estimate | None]
    differences: Mapping[str, Estimate | None]
    decisions: tuple[Decided, ...]
    refusals: tuple[Refused, ...]
    days: tuple[Day, ...]


@dataclass(frozen=True)
class ReplayAccount:
    """A whole replay. `measures` are the spec's metric and the task's loss; the first policy is what others are held against.
    `left_out` counts the days on which not every policy has scores, which no difference looks at.
    """

    model: str
    description: str
    task: str
    timezone: str
    first: str
    last: str
    labels_as_of: str
    code: str
    environment: str
    measures: tuple[str, ...]
    left_out: int
    notes: tuple[str, ...]
    policies: tuple[PolicyAccount, ...]
