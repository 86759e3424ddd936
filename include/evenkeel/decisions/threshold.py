"""The probability from which a binary model's answer is yes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


def choose_threshold(
    labels: NDArray[np.generic],
    probabilities: NDArray[np.float64],
    *,
    false_positive: float | None = None,
    false_negative: float | None = None,
) -> float | None:
    """The threshold that costs least, or, where no costs are given, that has the best F1.

        cost(t) = false_positive * #{label 0, p >= t} + false_negative * #{label 1, p < t}
        F1(t)   = 2 TP / (2 TP + FP + FN)

    Every probability that was predicted is tried, and one above them all. Of equally good ones the highest is taken.

    Source: C. Elkan, "The foundations of cost-sensitive learning" (IJCAI 2001); the threshold is the best on these rows rather
    than his fixed ratio of costs, which presumes calibrated probabilities.

    Args:
        labels: shape (n,), 0 or 1; of rows the model has not learnt from.
        probabilities: shape (n,), of the label 1.
        false_positive: what a yes that was wrong costs.
        false_negative: what a no that was wrong costs.

    Returns:
        The threshold; None where there is no row, or rows of one label only.
    """
    yes = np.asarray(labels, dtype=np.float64) == 1
    if yes.all() or not yes.any():
        return None
    order = np.argsort(-probabilities, kind="stable")
    ranked = probabilities[order]
    last_of_equals = np.append(ranked[:-1] > ranked[1:], [True])
    tried = np.concatenate([[np.nextafter(ranked[0], np.inf)], ranked[last_of_equals]])
    true_positives = np.concatenate([[0], np.cumsum(yes[order])[last_of_equals]])
    false_positives = np.concatenate([[0], np.cumsum(~yes[order])[last_of_equals]])
    false_negatives = yes.sum() - true_positives
    if false_positive is not None and false_negative is not None:
        loss = false_positive * false_positives + false_negative * false_negatives
    else:
        loss = -2 * true_positives / (2 * true_positives + false_positives + false_negatives)
    return float(tried[int(loss.argmin())])
