"""What a metric will be once the labels are there: estimated from probabilities that are calibrated.

A calibrated probability is the law of the label that is not there yet. So every row stands for one row of each class, weighing
as much as the class is probable, and the metric of those rows is the estimate:

    log loss   mean of - sum_k q_k log p_k              Brier     mean of q (1 - p)^2 + (1 - q) p^2
    accuracy   mean of q of the most probable class     ROC AUC   sum_ij q_i (1 - q_j) [p_i > p_j] / sum_ij q_i (1 - q_j)

with p what the model said, q the calibrated chance, ties of p counting half. A row is paired with itself in the ROC AUC, which
moves it by the order of 1 / n towards one half.

Sources: S. Garg et al., "Leveraging unlabeled data to predict out-of-distribution performance" (ICLR 2022) for average
confidence as the estimate of accuracy; J. Bialek et al., "Estimating model performance under covariate shift without labels"
(2024) for other metrics from calibrated probabilities (CBPE); B. Zadrozny and C. Elkan, "Transforming classifier scores into
accurate multiclass probability estimates" (KDD 2002) for calibrating by isotonic regression.

It sees what inputs and scores do to performance. It cannot see that the same inputs mean something else now: concept drift.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from sklearn.isotonic import IsotonicRegression

from evenkeel.decisions.comparison import Predictions
from evenkeel.decisions.day_statistics import PLAIN, Terms, metric_of_days
from evenkeel.decisions.decay import LEAST_DAYS, draw_metric
from evenkeel.decisions.uncertainty import block_length, estimate_of_draws
from evenkeel.vocabulary.estimate import Estimate
from evenkeel.vocabulary.metrics import range_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from evenkeel.decisions.decay import Sample
    from evenkeel.decisions.uncertainty import Drawn
    from evenkeel.vocabulary.metrics import Task

    Floats = NDArray[np.float64]

CALIBRATED = 0.02
"""A calibration error up to this on the holdout, and probabilities are taken as they are."""


def recalibrated(labels: NDArray[np.generic], known: Predictions, predicted: Predictions) -> Predictions:
    """Probabilities corrected by isotonic regression, class by class, on rows whose labels are known.

    Args:
        labels: shape (m,), of the known rows.
        known: what was said of them.
        predicted: what was said of the rows to correct; (n,) of two classes, (n, k) of several.
    """
    if predicted.values.ndim == 1:
        truth = np.asarray(labels, dtype=np.float64)
        return Predictions(_isotonic(known.values, truth, predicted.values))
    truth = np.asarray(labels).astype(str)
    columns = [
        _isotonic(known.values[:, place], (truth == str(one)).astype(np.float64), predicted.values[:, place])
        for place, one in enumerate(predicted.classes)
    ]
    corrected = np.column_stack(columns)
    total = corrected.sum(axis=1, keepdims=True)
    spread = np.divide(corrected, total, out=np.full_like(corrected, 1 / corrected.shape[1]), where=total > 0)
    return Predictions(spread, predicted.classes)


def expected_metric(
    task: Task,
    metric: str,
    predicted: Predictions,
    chances: Predictions,
    places: NDArray[np.int64],
    count: int,
    terms: Terms = PLAIN,
) -> Callable[[Floats], Floats]:
    """A function from weights of days to the metric that is to be expected, as `day_statistics.metric_of_days` gives it.

    Args:
        task: binary or multiclass.
        metric: one of `day_statistics.measured_metrics`, or the accuracy of two classes.
        predicted: what the model said, by which the metric is measured.
        chances: the law of the labels, in the same shape: its probabilities, calibrated.
        places: shape (n,), the place of each row's day, from 0.
        count: how many days there are.
        terms: what the metric needs to be defined.
    """
    if chances.values.ndim == 1:
        classes, law = np.array([1.0, 0.0]), np.column_stack([chances.values, 1 - chances.values])
    else:
        classes, law = np.asarray([str(one) for one in chances.classes]), chances.values
    copies = len(classes)
    rows = len(places)
    return metric_of_days(
        task,
        metric,
        np.repeat(classes, rows),
        np.concatenate([predicted.values] * copies),
        np.tile(places, copies),
        predicted.classes,
        count=count,
        terms=terms,
        own=law.T.ravel(),
    )


def estimation_error(
    task: Task, metric: str, known: Sample, chances: Predictions, *, seed: int, terms: Terms = PLAIN
) -> Drawn | None:
    """How far the estimate was off on days whose labels are known: the metric less its estimate, on the same draws of days.

    Args:
        task: binary or multiclass.
        metric: as in `expected_metric`.
        known: rows whose labels are known, and what was said of them: the champion's holdout.
        chances: the same, calibrated without the row's own day.
        seed: of the draws.
        terms: what the metric needs to be defined.

    Returns:
        The error; None where it is undefined or the rows are of too few days.
    """
    keys, places = np.unique(known.days, return_inverse=True)
    if len(keys) < LEAST_DAYS:
        return None
    said = known.predicted
    truth = metric_of_days(task, metric, known.labels, said.values, places, said.classes, count=len(keys), terms=terms)
    expected = expected_metric(task, metric, said, chances, places, len(keys), terms)
    return draw_metric(lambda weights: truth(weights) - expected(weights), len(keys), seed=seed)


def estimate_without_labels(
    task: Task,
    metric: str,
    predicted: Predictions,
    chances: Predictions,
    days: NDArray[np.generic],
    error: Drawn,
    *,
    alpha: float,
    terms: Terms = PLAIN,
) -> Estimate | None:
    """The metric of rows without labels, with the interval in which it is to be found once they are there.

    It is a prediction interval. With P days behind the error and D days to estimate, an error that is independent from block to
    block of days has sqrt(1 + P / D) times the spread that the draws of P days have: that of the D days, and that of what was
    learnt from P. Few blocks widen it as in `uncertainty.mean_of_days`. It ends where the metric does.

    Args:
        task: binary or multiclass.
        metric: as in `expected_metric`.
        predicted: what the model said of the rows.
        chances: the same, calibrated.
        days: shape (n,), the key of each row's day.
        error: of `estimation_error`.
        alpha: chance of error on each side.
        terms: what the metric needs to be defined.

    Returns:
        The estimate, over the days; None where it is undefined.
    """
    keys, places = np.unique(days, return_inverse=True)
    measure = expected_metric(task, metric, predicted, chances, places, len(keys), terms)
    value = float(measure(np.ones((1, len(keys))))[0])
    if not np.isfinite(value):
        return None
    length = block_length(error.days)
    off = estimate_of_draws(0.0, error.draws, error.days, length, 1 - 2 * alpha)
    wider = np.sqrt(1 + error.days / len(keys))
    found = Estimate(value, value + off.low * wider, value + off.high * wider, len(keys))
    return found.within(range_of(metric))


def _isotonic(known: Floats, truth: Floats, predicted: Floats) -> Floats:
    found: Floats = IsotonicRegression(y_min=0, y_max=1, out_of_bounds="clip").fit(known, truth).predict(predicted)
    return found
