"""The threshold that makes yes or no of a probability: what it costs, and which one to take."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from evenkeel.vocabulary.spec_training import Costs

NEVER = float(np.nextafter(1.0, 2.0))
"""The threshold that no probability reaches: every answer is no."""


def answers_at(labels: NDArray[np.generic], predicted: NDArray[np.float64], threshold: float) -> dict[str, float]:
    """Precision, recall and F1 of saying yes from the threshold up. NaN where undefined, such as precision without a yes.

    Args:
        labels: shape (n,), 0 or 1.
        predicted: shape (n,), probability of 1.
        threshold: yes is a probability that is at least this.
    """
    right, wrong, missed = (float(one[0]) for one in _counts(labels, predicted, np.array([threshold])))
    return {
        "precision": _share(right, right + wrong),
        "recall": _share(right, right + missed),
        "f1": _share(2 * right, 2 * right + wrong + missed),
    }


def cost_at(labels: NDArray[np.generic], predicted: NDArray[np.float64], threshold: float, costs: Costs) -> float:
    """What wrong answers cost, a row.

        (false positives x their cost + false negatives x theirs) / rows

    Arguments are those of `answers_at`, and the costs. NaN where there are no rows.
    """
    return float(cost_curve(labels, predicted, costs, np.array([threshold]))[0])


def cost_curve(
    labels: NDArray[np.generic], predicted: NDArray[np.float64], costs: Costs, thresholds: NDArray[np.float64]
) -> NDArray[np.float64]:
    """What wrong answers cost a row, at each of several thresholds: `cost_at`, in one pass. Shape of `thresholds`."""
    _, wrong, missed = _counts(labels, predicted, thresholds)
    if not len(predicted):
        return np.full(len(thresholds), np.nan)
    return (wrong * costs.false_positive + missed * costs.false_negative) / len(predicted)


def choose_threshold(labels: NDArray[np.generic], predicted: NDArray[np.float64], costs: Costs | None = None) -> float:
    """The threshold with the least cost on these rows, or with the best F1 where there are no costs.

    Tried is every place between two neighbouring predictions, always saying yes (0) and never (`NEVER`); of equally good ones
    the lowest is taken. The rows must not be those the model learnt from, or the threshold suits its overconfidence, nor
    those it is measured on.

    Sources: C. Elkan, "The foundations of cost-sensitive learning" (IJCAI 2001): with calibrated probabilities the cheapest
    threshold is false_positive / (false_positive + false_negative); Z. Lipton, C. Elkan and B. Narayanaswamy, "Optimal
    thresholding of classifiers to maximize F1 measure" (ECML PKDD 2014): the best is half the F1 that it reaches.

    Args:
        labels: shape (n,), 0 or 1.
        predicted: shape (n,), probability of 1.
        costs: of wrong answers.

    Raises ValueError where there are no rows.
    """
    if not len(predicted):
        raise ValueError("a threshold cannot be chosen without rows: pass predictions with known labels")
    distinct = np.unique(np.asarray(predicted, dtype=np.float64))
    thresholds = np.array([0.0, *((distinct[1:] + distinct[:-1]) / 2), NEVER])
    if costs is not None:
        return float(thresholds[np.argmin(cost_curve(labels, predicted, costs, thresholds))])
    right, wrong, missed = _counts(labels, predicted, thresholds)
    return float(thresholds[np.argmax(2 * right / np.maximum(2 * right + wrong + missed, 1))])


def _counts(
    labels: NDArray[np.generic], predicted: NDArray[np.float64], thresholds: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """True positives, false positives and false negatives at each threshold."""
    order = np.argsort(predicted, kind="stable")
    truth = np.asarray(labels, dtype=np.float64)[order]
    below = np.searchsorted(np.asarray(predicted, dtype=np.float64)[order], thresholds, side="left")
    positives = np.concatenate([[0.0], np.cumsum(truth)])
    missed = positives[below]
    right = positives[-1] - missed
    return right, len(truth) - below - right, missed


def _share(part: float, whole: float) -> float:
    return part / whole if whole else float("nan")
