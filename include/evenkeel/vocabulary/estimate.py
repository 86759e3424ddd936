"""An estimate: a number with the interval in which it plausibly lies."""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Estimate:
    """A value, the interval from `low` to `high` around it, and how many days it was measured on."""

    value: float
    low: float
    high: float
    days: int

    def within(self, possible: tuple[float, float]) -> Estimate:
        """The same, its interval cut to the least and the greatest value that there can be."""
        least, most = possible
        return replace(self, low=max(least, self.low), high=min(most, self.high))
