"""Whether a version was made again: its file, else its predictions, and what stands in the way where they differ."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

TOLERANCE = 1e-6
"""Predictions no further apart than this, in units of `Apart.scale`, are equal within tolerance: sums of floating-point numbers
taken in another order (by another number of threads, another processor) differ by less, another model by far more.
"""


_SHOWN = 8
"""How many packages a difference names before it only counts."""


class Sameness(StrEnum):
    """How much of a version came out again, from all of it to nothing."""

    BITS = "equal (bit for bit)"
    PREDICTIONS = "equal predictions"
    TOLERANCE = "equal within tolerance"
    DIFFERS = "differs"


@dataclass(frozen=True)
class Apart:
    """The largest difference of two predictions of a row, and the scale it is held against: 1 for probabilities, the standard
    deviation of the version's predictions for other values.
    """

    largest: float
    scale: float


@dataclass(frozen=True)
class Difference:
    """One thing that is not what the version has on record."""

    what: str
    recorded: str
    found: str

    def __str__(self) -> str:
        return f"{self.what}: {self.recorded} on record, {self.found} found"


@dataclass(frozen=True)
class Reproduction:
    """The answer: how much is the same, a sentence that says so, and everything that is not as it was."""

    sameness: Sameness
    reason: str
    differences: tuple[Difference, ...]

    @property
    def equal(self) -> bool:
        """Whether the version was made again, within tolerance at least."""
        return self.sameness is not Sameness.DIFFERS


def compare_predictions(
    rebuilt: NDArray[np.float64], registered: NDArray[np.float64], *, probabilities: bool
) -> Apart | None:
    """How far two predictions of the same rows are apart; None where they are not about the same things.

    Args:
        rebuilt: shape (n,) or (n, k).
        registered: the same shape; the scale is theirs.
        probabilities: whether they lie between 0 and 1.
    """
    if rebuilt.shape != registered.shape or rebuilt.size == 0:
        return None
    if not np.array_equal(np.isfinite(rebuilt), np.isfinite(registered)):
        return None
    both = np.isfinite(rebuilt)
    largest = float(np.max(np.abs(rebuilt[both] - registered[both]), initial=0.0))
    spread = 1.0 if probabilities else float(np.std(registered[both]))
    return Apart(largest, spread if spread > 0 else 1.0)


def judge_reproduction(
    *, same_file: bool, apart: Apart | None, rows: int, differences: Sequence[Difference], data_as_recorded: bool
) -> Reproduction:
    """What came of making a version again.

    Args:
        same_file: whether the model's file has the same content.
        apart: how far predictions are apart; None where they could not be compared.
        rows: how many rows were predicted.
        differences: what is not as it was, data among them.
        data_as_recorded: whether the rows it was made from are those on record; without them it is not the version again,
            whatever comes out.
    """
    found = tuple(differences)
    if not data_as_recorded:
        model = "an equal model came out of them" if same_file else "another model came out of them"
        return Reproduction(Sameness.DIFFERS, f"the training set is not the one on record; {model}", found)
    if same_file:
        return Reproduction(Sameness.BITS, "the rebuilt model's file is the registered one, bit for bit", found)
    if apart is None:
        return Reproduction(
            Sameness.DIFFERS, f"the models differ and cannot be compared by predictions{_why(found)}", found
        )
    if apart.largest == 0:
        return Reproduction(
            Sameness.PREDICTIONS,
            f"the files differ, but each of {rows:,} holdout rows is predicted exactly the same",
            found,
        )
    allowed = TOLERANCE * apart.scale
    if apart.largest <= allowed:
        return Reproduction(
            Sameness.TOLERANCE,
            f"predictions of {rows:,} holdout rows differ by {apart.largest:.2g} at most, {allowed:.2g} is allowed",
            found,
        )
    return Reproduction(
        Sameness.DIFFERS,
        f"predictions of {rows:,} holdout rows differ by up to {apart.largest:.3g}, {allowed:.2g} is allowed{_why(found)}",
        found,
    )


def compare_packages(recorded: Iterable[str], found: Iterable[str]) -> Difference | None:
    """How two environments differ, of lines `name==version`; None where what both have is of one version.

    Packages that only one of them has are told, and alone are no difference: a model is made by those it imports.
    """
    before, now = _versions(recorded), _versions(found)
    changed = sorted(name for name in before.keys() & now.keys() if before[name] != now[name])
    if not changed:
        return None
    told = [
        ", ".join(f"{name} {versions[name]}" for name in changed[:_SHOWN])
        + (f" and {len(changed) - _SHOWN} more" if len(changed) > _SHOWN else "")
        for versions in (before, now)
    ]
    return Difference("packages", told[0], told[1])


def _versions(lines: Iterable[str]) -> dict[str, str]:
    pairs = (line.partition("==") for line in lines if "==" in line and not line.startswith("#"))
    return {name: version for name, _, version in pairs}


def _why(differences: Sequence[Difference]) -> str:
    if not differences:
        return (
            ". Nothing on record explains it: code, lock, packages, data, seed and parameters are as they were. The fit itself "
            "may depend on threads or processor, or the registered file is not what its training made"
        )
    return f". Not as on record: {', '.join(dict.fromkeys(one.what for one in differences))}"
