"""An estimate: a number with the interval in which it plausibly lies."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Estimate:
    """A value, the interval from `low` to `high` around it, and how many days it was measured on."""

    value: float
    low: float
    high: float
    days: int
