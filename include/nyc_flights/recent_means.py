"""Means of recent outcomes by carrier, airport or route: what a group of flights did lately, as known."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from nyc_flights.tables import TIMEZONE

if TYPE_CHECKING:
    from collections.abc import Sequence


def local_midnight(as_of: pd.Timestamp, days_before: int) -> pd.Timestamp:
    """The instant at which the New York day so many days before that of `as_of` began, whatever the clocks did."""
    day = as_of.tz_convert(TIMEZONE).normalize() - pd.DateOffset(days=days_before)
    return day.tz_convert("UTC")


class RecentMeans:
    """Group means over a history, looked up for the rows of a partition.

    Args:
        rows: the rows to look up for, one partition.
        history: past outcomes, the same grouping columns among theirs.
        columns: every column that groups are made by. Each is encoded once, whichever groups use it.
    """

    def __init__(self, rows: pd.DataFrame, history: pd.DataFrame, columns: Sequence[str]) -> None:
        self._index = rows.index
        self._split = len(history)
        self._codes: dict[str, np.ndarray] = {}
        self._sizes: dict[str, int] = {}
        for column in columns:
            both = np.concatenate([history[column].to_numpy(object), rows[column].to_numpy(object)])
            self._codes[column], found = pd.factorize(both, use_na_sentinel=False)
            self._sizes[column] = len(found)

    def of(
        self, values: pd.Series[float], by: Sequence[str], *, weight: float = 0.0, prior: pd.Series[float] | None = None
    ) -> pd.Series[float]:
        """For each row the mean of `values` (aligned with the history, nulls left out) in the row's group.

        `weight` flights of the `prior` (by default the overall mean) are mixed in, so that a small group says little.
        Null where there is nothing to tell from.
        """
        codes = self._group(by)
        past, now = codes[: self._split], codes[self._split :]
        value = values.to_numpy(float)
        seen = ~np.isnan(value)
        groups = int(codes.max(initial=-1)) + 1
        total = np.bincount(past[seen], weights=value[seen], minlength=groups)[now]
        count = np.bincount(past[seen], minlength=groups)[now]
        overall = value[seen].mean() if seen.any() else np.nan
        middle = np.full(len(now), overall) if prior is None else prior.to_numpy(float)
        weights = np.where(np.isnan(middle), 0.0, weight)
        with np.errstate(invalid="ignore", divide="ignore"):
            mixed = (total + weights * np.nan_to_num(middle)) / (count + weights)
        return pd.Series(mixed, index=self._index)

    def _group(self, by: Sequence[str]) -> np.ndarray:
        code = np.zeros(len(self._codes[by[0]]), dtype=np.int64)
        for column in by:
            code = code * self._sizes[column] + self._codes[column]
        return code
