"""Concept or covariate: does a fall stay when the window's rows are weighed so that their inputs are the reference's?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from sklearn.linear_model import LogisticRegression

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from evenkeel.vocabulary.estimate import Estimate

    Floats = NDArray[np.float64]

Cause = Literal["concept", "inputs", "undecided"]

LEAST_EFFECTIVE = 0.1
"""Share of the rows that the weights must leave in effect for an answer: with less, the inputs hardly overlap."""

CARRIES = 3.0
"""The weights' mean, 1 if they are right, is at most so many times larger or smaller for an answer. It is not where a classifier
that was fitted on other days does not know these days' inputs.
"""

_MOST = 20.0
"""No row weighs more."""


@dataclass(frozen=True)
class Explained:
    """What a fall is due to, and the sentence that says so."""

    cause: Cause
    sentence: str


def sobered(chance_of_window: Floats, is_window: NDArray[np.bool_]) -> Floats:
    """Chances as sure as they have earned: a sigmoid of their log odds that is fitted to which side each row is of.

    A classifier that knows days by heart is sure of itself, and wrong, about days it had not seen. Where it tells the sides
    apart no better than by chance on those, every row has the same chance.

    Source: J. Platt, "Probabilistic outputs for support vector machines" (1999).

    Args:
        chance_of_window: shape (n,), of rows of both sides, by classifiers that had not seen the row's day.
        is_window: shape (n,), the side of each row.
    """
    inside = np.clip(chance_of_window, 1e-6, 1 - 1e-6)
    odds = np.log(inside / (1 - inside))[:, None]
    fitted = LogisticRegression().fit(odds, is_window)
    if fitted.coef_[0, 0] <= 0:
        return np.full(len(is_window), float(is_window.mean()))
    found: Floats = fitted.predict_proba(odds)[:, 1]
    return found


def density_ratio(chance_of_window: Floats, *, reference_rows: int, window_rows: int) -> Floats:
    """Weights that bring the window's inputs to the reference's: w(x) = p_reference(x) / p_window(x), clipped.

        w(x) = (1 - c(x)) / c(x) * n_window / n_reference

    with c(x) the chance, by a classifier that was fitted on both, that a row of inputs x is one of the window. Over the window
    their mean is 1, as far as the classifier is right.

    Sources: S. Bickel, M. Brueckner and T. Scheffer, "Discriminative learning under covariate shift" (JMLR 2009) for the ratio
    from a classifier; E. Ionides, "Truncated importance sampling" (JCGS 2008) for clipping.

    Args:
        chance_of_window: shape (n,), of the window's rows, by a classifier that had not seen them.
        reference_rows: how many rows of the reference the chance was fitted on.
        window_rows: how many of the window.
    """
    inside = np.clip(chance_of_window, 1e-6, 1 - 1e-6)
    found: Floats = np.minimum((1 - inside) / inside * window_rows / reference_rows, _MOST)
    return found


def effective_rows(weights: Floats) -> float:
    """How many rows of equal weight say as much: (sum w)^2 / sum w^2 (L. Kish, "Survey sampling", 1965)."""
    return float(weights.sum() ** 2 / np.sum(weights**2))


def explain_fall(fall: Estimate, reweighted: Estimate | None, weights: Floats) -> Explained:
    """Whether a fall is one of the concept or of the inputs.

    Of the concept: at least half of it stays on the reference's inputs, beyond chance. Of the inputs: less than half stays.

    Args:
        fall: of the window as it is.
        reweighted: of the window's rows weighed by `weights`; None where it is undefined.
        weights: shape (n,), of `density_ratio`.
    """
    rows, effective, mean = len(weights), effective_rows(weights), float(weights.mean())
    if effective < LEAST_EFFECTIVE * rows:
        return Explained(
            "undecided",
            "whether the inputs explain it is open: they overlap too little with those of the holdout "
            f"({effective:.0f} of {rows} rows are in effect when weighed to them)",
        )
    if not 1 / CARRIES <= mean <= CARRIES:
        return Explained(
            "undecided",
            "whether the inputs explain it is open: those of each day are unlike those of the others, so that no weights carry "
            f"over (their mean is {mean:.2g} where it should be 1)",
        )
    if reweighted is None:
        return Explained("undecided", "whether the inputs explain it is open: the metric of weighed rows is undefined")
    interval = f"{reweighted.value:.4f} [{reweighted.low:.4f}, {reweighted.high:.4f}]"
    if reweighted.value < fall.value / 2:
        return Explained("inputs", f"the inputs explain it: weighed to those of the holdout the fall is {interval}")
    if reweighted.low > 0:
        return Explained("concept", f"concept drift: weighed to the inputs of the holdout the fall stays, {interval}")
    return Explained(
        "undecided", f"whether the inputs explain it is open: weighed to those of the holdout the fall is {interval}"
    )
