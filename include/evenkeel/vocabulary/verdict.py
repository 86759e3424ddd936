"""What a gate answers: an outcome, the numbers it looked at, and one sentence that says why."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


class Outcome(StrEnum):
    """The four answers of a gate."""

    PASS = "pass"  # noqa: S105 - a verdict, no password
    WARN = "warn"
    REFUSE = "refuse"
    INCONCLUSIVE = "inconclusive"


class DriftOutcome(StrEnum):
    """The four answers of a drift or decay check; too little data is an answer of its own."""

    NONE = "none"
    WATCH = "watch"
    DRIFT = "drift"
    INSUFFICIENT_DATA = "insufficient_data"


@dataclass(frozen=True)
class Verdict:
    """A gate's answer. `numbers` holds every figure the decision used, so that it can be checked by hand."""

    outcome: Outcome
    reason: str
    numbers: Mapping[str, float | int | None] = field(default_factory=dict)

    @property
    def passed(self) -> bool:
        """Whether what was gated may go on."""
        return self.outcome in {Outcome.PASS, Outcome.WARN}

    def as_dict(self) -> dict[str, Any]:
        """Plain values, small enough for an XCom."""
        return {"outcome": str(self.outcome), "reason": self.reason, "numbers": dict(self.numbers)}


@dataclass(frozen=True)
class DriftVerdict:
    """A check's answer for one partition: overall outcome, reason and numbers."""

    outcome: DriftOutcome
    reason: str
    numbers: Mapping[str, float | int | None] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """Plain values, small enough for an XCom."""
        return {"outcome": str(self.outcome), "reason": self.reason, "numbers": dict(self.numbers)}
