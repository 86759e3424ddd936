"""Tells rows of the reference from rows of a window by all features at once. The only door to its estimator."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import roc_auc_score
from threadpoolctl import threadpool_limits

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

_TREES = {"max_iter": 30, "max_leaf_nodes": 8, "min_samples_leaf": 20, "early_stopping": False}

_BINS = 250
_NO_VALUE = -1.0
"""Below every bin and category: the trees refuse a column that is null on all the rows they learn from."""


@dataclass(frozen=True)
class Told:
    """How well rows can be told apart: ROC AUC on days that the classifier had not seen, one half each way; a half is chance.

    `importance`, by feature: by how much the AUC falls when the feature's values are shuffled.
    """

    auc: float
    importance: Mapping[str, float]


class DomainClassifier:
    """Gradient-boosted trees over numbers and category codes.

    Args:
        numeric: features that hold numbers.
        categorical: features that hold categories.
        seed: of fits, draws and shuffles.
    """

    def __init__(self, numeric: Sequence[str], categorical: Sequence[str], seed: int) -> None:
        self._numeric, self._categorical, self._seed = list(numeric), list(categorical), seed

    def tell(self, reference: pd.DataFrame, window: pd.DataFrame, day: str, *, importance: bool = False) -> Told:
        """Tell the two apart.

        Each side's days are cut into two halves, block by block in turn; what is learnt on one half is asked of the other: rows
        of one day share its weather, so any two days could be told apart by their own rows.

        Args:
            reference: rows of many days.
            window: rows of the window.
            day: the column that holds a row's day.
            importance: whether to shuffle, which takes longer.
        """
        features = self._encode(reference, window)
        labels = np.repeat([0, 1], [len(reference), len(window)])
        halves = np.concatenate([_halves(reference[day].to_numpy()), _halves(window[day].to_numpy())])
        return self._told(features, labels, halves, importance=importance)

    def by_chance(
        self, reference: pd.DataFrame, day: str, *, window_days: int, rows: int, draws: int
    ) -> NDArray[np.float64]:
        """What the AUC is where nothing moved: consecutive days of the reference told from its other days, shape (draws,).

        Args:
            reference: rows of many days.
            day: the column that holds a row's day.
            window_days: days of such a window.
            rows: rows of each side, at most.
            draws: how many windows, their first days spread over the reference.
        """
        features = self._encode(reference, reference.iloc[:0])
        keys, places = np.unique(reference[day].to_numpy(), return_inverse=True)
        rng = np.random.default_rng(self._seed)
        found = []
        for first in np.linspace(0, len(keys), draws, endpoint=False).astype(int):
            inside = (places - first) % len(keys) < window_days
            sides = [_drawn(np.flatnonzero(side), rows, rng) for side in (~inside, inside)]
            if min(map(len, sides)) == 0:
                continue
            chosen = np.concatenate(sides)
            halves = np.concatenate([_halves(places[side]) for side in sides])
            labels = np.repeat([0, 1], [len(side) for side in sides])
            found.append(self._told(features[chosen], labels, halves).auc)
        return np.array(found)

    def _told(
        self, features: Floats, labels: NDArray[np.int64], halves: NDArray[np.int64], *, importance: bool = False
    ) -> Told:
        said, weights = np.full(len(labels), np.nan), np.zeros(features.shape[1])
        rng = np.random.default_rng(self._seed)
        for half in (0, 1):
            learn, ask = halves != half, halves == half
            if len(np.unique(labels[learn])) < 2 or len(np.unique(labels[ask])) < 2:
                continue
            model = HistGradientBoostingClassifier(random_state=self._seed, class_weight="balanced", **_TREES)
            # scikit-learn's threads wait for each other at every one of many columns.
            with threadpool_limits(1, "openmp"):
                model.fit(features[learn], labels[learn])
            said[ask] = model.predict_proba(features[ask])[:, 1]
            if importance:
                whole = roc_auc_score(labels[ask], said[ask])
                for place in range(features.shape[1]):
                    shuffled = features[ask].copy()
                    shuffled[:, place] = rng.permutation(shuffled[:, place])
                    weights[place] += (whole - roc_auc_score(labels[ask], model.predict_proba(shuffled)[:, 1])) / 2
        areas = [
            roc_auc_score(labels[halves == half], said[halves == half])
            for half in (0, 1)
            if np.isfinite(said[halves == half]).all() and len(np.unique(labels[halves == half])) == 2
        ]
        names = [*self._numeric, *self._categorical]
        return Told(
            float(np.mean(areas)) if areas else 0.5,
            dict(zip(names, weights.tolist(), strict=True)) if importance else {},
        )

    def _encode(self, reference: pd.DataFrame, window: pd.DataFrame) -> Floats:
        columns = []
        for name in self._numeric:
            numbers = np.concatenate([one[name].to_numpy(dtype=float) for one in (reference, window)])
            columns.append(_binned(numbers))
        for name in self._categorical:
            known = reference[name].dropna().astype(str).value_counts()
            ordered = pd.Index(sorted(known.index, key=lambda one: (-known[one], one)))
            both = pd.concat([reference[name], window[name]]).astype("object")
            codes = ordered.get_indexer(pd.Index(both.map(str, na_action="ignore"))).astype(float)
            columns.append(np.where(both.isna(), _NO_VALUE, np.where(codes < 0, len(ordered), codes)))
        return np.column_stack(columns).astype(float)


def _binned(numbers: Floats) -> Floats:
    """The bin of each number between quantiles of all.

    The trees bin too, once a fit, and with weighted rows by a walk over the rows for every bin of every column. Of so few values
    they take each for a bin.
    """
    finite = np.isfinite(numbers)
    if not finite.any():
        return np.full(len(numbers), _NO_VALUE)
    cuts = np.unique(np.quantile(numbers[finite], np.linspace(0, 1, _BINS + 1)[1:-1]))
    return np.where(finite, np.searchsorted(cuts, numbers, side="left").astype(float), _NO_VALUE)


def _halves(days: NDArray[np.generic]) -> NDArray[np.int64]:
    """0 or 1 for each row: days in turn, a week at most at a time; of a single day, its rows in turn."""
    keys, places = np.unique(days, return_inverse=True)
    if len(keys) < 2:
        return np.arange(len(days)) % 2
    block = max(1, min(7, len(keys) // 2))
    halves: NDArray[np.int64] = (places // block) % 2
    return halves


def _drawn(places: NDArray[np.int64], rows: int, rng: np.random.Generator) -> NDArray[np.int64]:
    return places if len(places) <= rows else np.sort(rng.choice(places, rows, replace=False))
