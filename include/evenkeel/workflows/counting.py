"""Rows into counts: a column of a frame in its cells, day by day."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from evenkeel.decisions.profile import WEEK, Cells, Counted, categorical_cells, numeric_cells

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any


def cells_of(column: str, values: pd.Series[Any], *, numeric: bool) -> Cells:
    """The cells that a reference's values cut a column into."""
    if numeric:
        numbers = values.to_numpy(dtype=float)
        return numeric_cells(column, numbers[np.isfinite(numbers)])
    return categorical_cells(
        column, {str(name): int(rows) for name, rows in values.dropna().astype(str).value_counts().items()}
    )


def count_window(values: pd.Series[Any], days: pd.Series[Any], keys: Sequence[str], cells: Cells) -> Counted:
    """Count a column of a window.

    Args:
        values: shape (n,).
        days: shape (n,), the day of each row.
        keys: the days of the window, in order; one may be without rows.
        cells: those of the reference.
    """
    places = pd.Index(keys).get_indexer(pd.Index(days))
    codes, unknown = _codes(values, cells)
    there = codes >= 0
    table = np.bincount(places[there] * cells.count + codes[there], minlength=len(keys) * cells.count)
    return Counted(
        table.reshape(len(keys), cells.count),
        np.bincount(places[~there], minlength=len(keys)),
        np.bincount(places[unknown], minlength=len(keys)),
    )


def count_reference(values: pd.Series[Any], days: pd.Series[Any], keys: Sequence[str], cells: Cells) -> Counted:
    """Count a column of the reference: unseen is what its own other weeks do not hold."""
    counted = count_window(values, days, keys, cells)
    if cells.numeric:
        return counted
    frame = pd.DataFrame({"value": values.to_numpy(), "day": pd.Index(keys).get_indexer(pd.Index(days))}).dropna()
    by_value = frame.groupby("value")["day"]
    first, last = by_value.transform("min"), by_value.transform("max")
    new = (frame["day"] - first < WEEK) & (last - frame["day"] < WEEK)
    unseen = np.bincount(frame.loc[new, "day"].astype(int), minlength=len(keys))
    return Counted(counted.cells, counted.nulls, unseen)


def _codes(values: pd.Series[Any], cells: Cells) -> tuple[Any, Any]:
    """The cell of each row, -1 for a null, and whether the reference does not know its category."""
    if cells.cuts is not None:
        numbers = values.to_numpy(dtype=float)
        codes = np.where(np.isfinite(numbers), np.searchsorted(cells.cuts, numbers, side="left"), -1)
        return codes, np.zeros(len(codes), dtype=bool)
    codes, categories = pd.factorize(values.astype("object"))
    names, others = {name: place for place, name in enumerate(cells.names)}, set(cells.others)
    known = np.array([names.get(str(one), len(names)) for one in categories] or [0])
    new = np.array([str(one) not in names and str(one) not in others for one in categories] or [False])
    there = codes >= 0
    return np.where(there, known[codes], -1), there & new[codes]
