"""A column as counts in cells, day by day: what a reference is kept as, and what a window is held against.

Counts add up: those of a window are the sum of its days', so nothing here looks at rows. Distances are between the shares of two
sums of counts. Nulls and categories that the reference does not know are no part of a distance: their rates are measures of
their own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Counts = NDArray[np.int64]

Method = Literal["wasserstein", "jensenshannon", "psi"]
Measure = Literal["distribution", "nulls", "unseen"]

_QUANTILES = np.array([0.005, 0.01, 0.025, *np.arange(0.05, 1.0, 0.05), 0.975, 0.99, 0.995])
WEEK = 7
"""Days of the rhythm that most data has."""

_NAMED = 50
"""Categories with a cell of their own, the most frequent ones; the others share one."""


@dataclass(frozen=True)
class Cells:
    """How a column is cut into cells.

    `cuts`, shape (m - 1,): upper bounds of a numeric column's cells, each inclusive; the first cell is below everything the
    reference held and the last above it. `values`, shape (m,): a value of each cell. `spread`: the reference's standard
    deviation. `names`: a categorical column's categories with a cell of their own, after which the cell of the `others` follows.
    """

    column: str
    cuts: Floats | None = None
    values: Floats | None = None
    spread: float = 0.0
    names: tuple[str, ...] = ()
    others: tuple[str, ...] = ()

    @property
    def numeric(self) -> bool:
        """Whether the column holds numbers."""
        return self.cuts is not None

    @property
    def count(self) -> int:
        """How many cells there are."""
        return len(self.names) + 1 if self.cuts is None else len(self.cuts) + 1


@dataclass(frozen=True)
class Counted:
    """A column's rows, day by day.

    Args:
        cells: shape (d, m), rows in each cell.
        nulls: shape (d,), rows without a value.
        unseen: shape (d,), rows of a category that is unknown; they are among the cell of the others as well. In a reference, of
            a category that no day outside the row's own week holds: so often does a week bring something new.
    """

    cells: Counts
    nulls: Counts
    unseen: Counts

    @property
    def rows(self) -> Counts:
        """Shape (d,), all rows of each day."""
        rows: Counts = self.cells.sum(axis=1) + self.nulls
        return rows


def numeric_cells(column: str, values: Floats) -> Cells:
    """Cells of a numeric column, cut at the reference's quantiles and closer at its ends; values shape (n,), finite."""
    if not len(values):
        return Cells(column, cuts=np.array([0.0]), values=np.zeros(2))
    ordered = np.sort(values)
    lowest, highest = float(ordered[0]), float(ordered[-1])
    cuts = np.unique([np.nextafter(lowest, -np.inf), *np.quantile(ordered, _QUANTILES), highest])
    ends = np.searchsorted(ordered, cuts, side="right")
    sums = np.concatenate([[0.0], np.cumsum(ordered)])[ends]
    inside = np.diff(ends)
    means = np.where(inside > 0, np.diff(sums) / np.maximum(inside, 1), (cuts[1:] + cuts[:-1]) / 2)
    spread = float(ordered.std())
    return Cells(column, cuts, np.array([lowest - spread, *means, highest + spread]), spread)


def categorical_cells(column: str, categories: dict[str, int]) -> Cells:
    """Cells of a categorical column, from the rows of each category."""
    ordered = sorted(categories, key=lambda name: (-categories[name], name))
    return Cells(column, names=tuple(ordered[:_NAMED]), others=tuple(ordered[_NAMED:]))


def distance(cells: Cells, method: Method, one: Floats, reference: Floats) -> Floats:
    """How far apart two distributions over a column's cells are; zero where one of them has no rows.

    wasserstein    earth mover's distance in the reference's standard deviations, each cell's rows at the cell's value
    jensenshannon  square root of the Jensen-Shannon divergence to base 2, between 0 and 1
    psi            population stability index, shares taken for at least 0.0001

    Of a column that was constant in the reference it is the share of rows that differ.

    Sources: L. Rueschendorf, "Wasserstein metric" (Encyclopedia of Mathematics); D. Endres and J. Schindelin, "A new metric for
    probability distributions" (IEEE Trans. Inf. Theory 2003); B. Yurdakul, "Statistical properties of population stability
    index" (2018).

    Args:
        cells: of the column.
        method: one of the three; wasserstein is for numeric columns.
        one: counts, shape (..., m).
        reference: counts, shape (..., m).
    """
    p, q = _shares(one), _shares(reference)
    empty = (one.sum(axis=-1) == 0) | (reference.sum(axis=-1) == 0)
    if is_constant(reference):
        held = reference.reshape(-1, reference.shape[-1]).sum(axis=0) > 0
        found = p[..., ~held].sum(axis=-1)
    elif method == "wasserstein":
        assert cells.values is not None
        gaps = np.abs(np.cumsum(p - q, axis=-1))[..., :-1]
        found = (gaps * np.diff(cells.values)).sum(axis=-1) / (cells.spread or 1.0)
    elif method == "jensenshannon":
        middle = (p + q) / 2
        found = np.sqrt(np.maximum((_entropy(middle) - (_entropy(p) + _entropy(q)) / 2), 0.0))
    else:
        low, high = np.maximum(p, 1e-4), np.maximum(q, 1e-4)
        found = ((low - high) * np.log(low / high)).sum(axis=-1)
    answer: Floats = np.where(empty, 0.0, found)
    return answer


def is_constant(reference: Floats | Counts) -> bool:
    """Whether all rows of the reference lie in one cell."""
    return int((reference.reshape(-1, reference.shape[-1]).sum(axis=0) > 0).sum()) <= 1


def _shares(counts: Floats) -> Floats:
    total = counts.sum(axis=-1, keepdims=True)
    shares: Floats = np.divide(counts, total, out=np.zeros(counts.shape), where=total > 0)
    return shares


def _entropy(shares: Floats) -> Floats:
    logs = np.log2(shares, out=np.zeros_like(shares), where=shares > 0)
    entropy: Floats = -(shares * logs).sum(axis=-1)
    return entropy
