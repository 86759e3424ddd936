"""Telling rows of the reference from rows of a window by all features at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

from evenkeel.gateways.domain_classifier import DomainClassifier

if TYPE_CHECKING:
    from collections.abc import Callable

DAY = "day"


def rows(days: int, seed: int, correlation: float = 0.0) -> pd.DataFrame:
    """A hundred rows a day of three normal numbers, the first two correlated, and a category."""
    rng = np.random.default_rng(seed)
    size = 100 * days
    first, noise, third = rng.standard_normal((3, size))
    second = correlation * first + np.sqrt(1 - correlation**2) * noise
    kind = rng.choice(["a", "b", "c"], size)
    return pd.DataFrame(
        {
            "x": first,
            "y": second,
            "z": third,
            "kind": kind,
            DAY: np.repeat([f"{seed}/{n:02}" for n in range(days)], 100),
        }
    )


@pytest.fixture
def classifier() -> DomainClassifier:
    return DomainClassifier(["x", "y", "z"], ["kind"], seed=1)


def test_what_no_single_column_shows_is_told(classifier: DomainClassifier) -> None:
    """Two columns that begin to move together are told from those that did not, and are what tells."""
    reference, window = rows(28, 1), rows(14, 2, correlation=0.9)
    told = classifier.tell(reference, window, DAY, importance=True)
    assert told.auc > 0.65
    assert set(sorted(told.importance, key=lambda name: told.importance[name])[-2:]) == {"x", "y"}
    assert abs(classifier.tell(reference, rows(14, 3), DAY).auc - 0.5) < 0.04


def test_chance_is_near_a_half(classifier: DomainClassifier) -> None:
    """Windows of the reference itself cannot be told from its other days."""
    found = classifier.by_chance(rows(42, 1), DAY, window_days=14, rows=1_000, draws=6)
    assert len(found) == 6
    assert abs(found.mean() - 0.5) < 0.04


@pytest.mark.parametrize("change", [lambda x: 1e6 * x - 3, np.exp, np.arctan], ids=["scaled", "exp", "arctan"])
def test_only_the_order_of_a_column_counts(
    classifier: DomainClassifier, change: Callable[[pd.Series], pd.Series]
) -> None:
    """Units and skew are no matter."""
    reference, window = rows(28, 1), rows(14, 2, correlation=0.9)
    changed = [one.assign(x=change(one["x"])) for one in (reference, window)]
    assert classifier.tell(*changed, DAY).auc == classifier.tell(reference, window, DAY).auc


def test_nulls_and_infinities_tell_by_being_there(classifier: DomainClassifier) -> None:
    """A column without a value on half of the window's rows, or without any at all, is no error."""
    reference, window = rows(28, 1), rows(14, 2)
    window.loc[window.index % 2 == 0, "x"] = np.inf
    assert classifier.tell(reference, window, DAY).auc > 0.65
    for one in (reference, window):
        one["x"], one["kind"] = np.nan, None
    assert abs(classifier.tell(reference, window, DAY).auc - 0.5) < 0.04
