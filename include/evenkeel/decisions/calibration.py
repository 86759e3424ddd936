"""Calibration: of the rows that were given a probability, how many came true?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

BINS = 10


@dataclass(frozen=True)
class Bin:
    """Rows with neighbouring predictions: their mean prediction, the share that came true, and how many they are."""

    predicted: float
    observed: float
    rows: int


def reliability(labels: NDArray[np.generic], predicted: NDArray[np.float64], bins: int = BINS) -> tuple[Bin, ...]:
    """Rows in bins of about equal size, from the lowest predictions to the highest.

    The bins end at quantiles of the predictions. Equal predictions are never parted, so that the order of the rows does not
    matter; where many are equal there are fewer bins.

    Args:
        labels: shape (n,), 1 for what came true and 0 for what did not.
        predicted: shape (n,), probabilities.
        bins: how many, at most.
    """
    truth = np.asarray(labels, dtype=np.float64)
    edges = np.quantile(predicted, np.linspace(0, 1, bins + 1)[1:-1]) if len(predicted) else np.empty(0)
    place = np.searchsorted(edges, predicted, side="right")
    rows = np.bincount(place, minlength=bins)
    means, shares = (
        np.bincount(place, weights=one, minlength=bins) / np.maximum(rows, 1) for one in (predicted, truth)
    )
    return tuple(
        Bin(float(mean), float(share), int(count))
        for mean, share, count in zip(means, shares, rows, strict=True)
        if count
    )


def calibration_error(labels: NDArray[np.generic], predicted: NDArray[np.float64], bins: int = BINS) -> float:
    """How far predicted probabilities are from what came true, on average over rows.

        sum over bins of (rows in bin / rows) |mean prediction - share that came true|

    This is the expected calibration error with bins of equal mass. A perfect model has one a little above zero, the more so the
    fewer rows there are: about sqrt(2 p (1 - p) bins / (pi rows)).

    Sources: M. Pakdaman Naeini, G. Cooper and M. Hauskrecht, "Obtaining well calibrated probabilities using Bayesian binning"
    (AAAI 2015) for the error; J. Nixon et al., "Measuring calibration in deep learning" (CVPR workshops 2019) for equal mass.

    Args:
        labels: shape (n,), 1 for what came true and 0 for what did not.
        predicted: shape (n,), probabilities.
        bins: of about equal size.

    Returns:
        From 0 to 1; NaN where there are no rows.
    """
    found = reliability(labels, predicted, bins)
    if not found:
        return float("nan")
    return sum(one.rows * abs(one.predicted - one.observed) for one in found) / len(predicted)
