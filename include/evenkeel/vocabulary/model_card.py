"""A model card: what a version is for, what it was made of, how it did, where its limits are, and what became of it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Figure:
    """A number and, where one was measured, the interval in which it plausibly lies."""

    value: float
    low: float | None = None
    high: float | None = None

    @property
    def has_interval(self) -> bool:
        """Whether both ends are known."""
        return self.low is not None and self.high is not None

    @property
    def side(self) -> int:
        """1 where the whole interval is above zero, -1 where it is below, 0 where chance explains the number."""
        if self.low is None or self.high is None:
            return 0
        return (self.low > 0) - (self.high < 0)


@dataclass(frozen=True)
class Measured:
    """A metric of the version, of whom it met on the same rows, and its gain (positive is better)."""

    name: str
    version: Figure | None
    opponent: Figure | None
    gain: Figure | None


@dataclass(frozen=True)
class Slice:
    """The rows of one value of a column, measured apart."""

    column: str
    value: str
    labels: int
    version: Figure | None
    gain: Figure | None


@dataclass(frozen=True)
class OneClass:
    """One class of a multiclass version against all others, where the most probable class is the answer.

    Precision is unknown of a class that is never the answer.
    """

    name: str
    labels: int
    precision: Figure | None
    recall: Figure | None
    f1: Figure | None


@dataclass(frozen=True)
class Compared:
    """Groups of a sensitive column held against each other: the difference between the worst and the best."""

    column: str
    measure: str
    difference: float | None
    worst: str
    best: str


@dataclass(frozen=True)
class Weight:
    """How much a feature matters to the version; `share` is that of the largest, for drawing."""

    feature: str
    figure: Figure
    share: float


@dataclass(frozen=True)
class Source:
    """Where some of the data came from, without what would open it."""

    role: str
    kind: str
    place: str
    event_time: str


@dataclass(frozen=True)
class LifeEvent:
    """A decision of the ledger that concerned the version, and what it meant for it."""

    holds_from: str
    kind: str
    meaning: str
    reason: str
    by: str
    written: str


Facts = tuple[tuple[str, str], ...]
"""Names and values, in the order in which they are told."""


@dataclass(frozen=True)
class ModelCard:
    """Everything on the card, ready to be set in type.

    `decisions` is None on a card that is attached before any: those made later are in the ledger. `importance` and `shap` are
    None where they were not measured, `confidence` where no interval was. `classes` is empty but for a multiclass version.
    """

    model: str
    version: int
    description: str
    status: str
    page: str | None
    overview: Facts
    verdict: str
    met: str
    reason: str
    data: Facts
    sources: tuple[Source, ...]
    candidate: Facts
    params: Facts
    features: Facts
    metric: str
    metrics: tuple[Measured, ...]
    opponent: str
    confidence: float | None
    classes: tuple[OneClass, ...]
    slices: tuple[Slice, ...]
    fairness: tuple[Compared, ...]
    importance: tuple[Weight, ...] | None
    shap: tuple[Weight, ...] | None
    limits: tuple[str, ...]
    decisions: tuple[LifeEvent, ...] | None
    lineage: Facts
