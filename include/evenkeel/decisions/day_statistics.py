"""Metrics of days that are drawn again and again: computed once per day, then for any weights of the days at the cost of a sum.

A bootstrap over days asks for the same metric a thousand times, of the same rows, each day counted as often as it was drawn.
Most metrics are functions of sums over rows, so the sums of each day suffice. ROC AUC is a sum over pairs of rows, so the
pairs of each two days suffice. Average precision needs the order of all rows and is computed anew for each draw.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from evenkeel.decisions.calibration import BINS
from evenkeel.vocabulary.metrics import CLIPPED, METRICS_OF_TASK, Task

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from evenkeel.vocabulary.spec_training import Costs

    Floats = NDArray[np.float64]
    OfWeights = Callable[[Floats], Floats]


@dataclass(frozen=True)
class Terms:
    """What some metrics need to be defined: a threshold, costs of wrong answers, a quantile. Those of the spec."""

    threshold: float | None = None
    costs: Costs | None = None
    quantile: float = 0.5


PLAIN = Terms()


def measured_metrics(task: Task, terms: Terms = PLAIN) -> tuple[str, ...]:
    """The names of all metrics of a task that these terms define."""
    names: tuple[str, ...] = METRICS_OF_TASK[task]
    if task == "regression":
        return (*names, "pinball")
    if task == "multiclass":
        return (*names, "precision_macro", "recall_macro", "calibration_error")
    if terms.threshold is not None:
        names = (*names, "precision", "recall", "f1", *(["cost"] if terms.costs is not None else []))
    return (*names, "calibration_error")


def metric_of_days(
    task: Task,
    metric: str,
    labels: NDArray[np.generic],
    predicted: Floats,
    days: NDArray[np.int64],
    classes: Sequence[object] = (),
    *,
    count: int | None = None,
    terms: Terms = PLAIN,
    own: Floats | None = None,
) -> OfWeights:
    """A function from weights of days to the metric of the rows, each row weighing as much as its day, times its own weight.

    Args:
        task: the kind of label.
        metric: one of `measured_metrics`.
        labels: shape (n,), known labels.
        predicted: in the shapes that `evaluation.evaluate` takes.
        days: shape (n,), the place of each row's day, from 0.
        classes: multiclass only, the k classes, in the order of the probabilities.
        count: how many days there are; by default up to the last one of these rows.
        terms: what the metric needs to be defined.
        own: shape (n,), weights of the rows themselves, not negative; by default 1 each.

    Returns:
        A function of weights, shape (r, d), that answers with shape (r,). With every weight 1 it is the metric of all rows as
        `evaluation.evaluate` computes it. Where a metric is undefined (one class only) it is NaN.
    """
    count = int(days.max()) + 1 if count is None else count
    rows = _Rows(days, count, np.ones(len(days)) if own is None else own)
    if metric == "calibration_error":
        return _calibration(*_confidence(task, labels, predicted, classes), rows)
    if task == "binary":
        return _binary(metric, np.asarray(labels, dtype=np.float64), predicted, rows, terms)
    if task == "regression":
        return _regression(metric, np.asarray(labels, dtype=np.float64), predicted, rows, terms.quantile)
    return _multiclass(metric, np.asarray(labels).astype(str), predicted, [str(one) for one in classes], rows)


def row_losses(
    task: Task,
    metric: str,
    labels: NDArray[np.generic],
    predicted: Floats,
    classes: Sequence[object] = (),
) -> Floats:
    """What each row loses, shape (n,), by one of the metrics that are means over rows: brier, log_loss or mae.

    Takes what `metric_of_days` does; a class that is not among `classes` was given probability zero.
    """
    if task == "multiclass":
        return _log_losses(np.asarray(labels).astype(str), predicted, [str(one) for one in classes])
    truth = np.asarray(labels, dtype=np.float64)
    return np.abs(predicted - truth) if task == "regression" else _binary_losses(metric, truth, predicted)


@dataclass(frozen=True)
class _Rows:
    """Of which day each row is, of how many, and what it weighs by itself."""

    days: NDArray[np.int64]
    count: int
    own: Floats

    def per_day(self, values: Floats) -> Floats:
        """Sums of the weighed values, shape (count,)."""
        return np.bincount(self.days, weights=self.own * values, minlength=self.count).astype(np.float64)

    @property
    def weight(self) -> Floats:
        """What the rows of each day weigh together."""
        return self.per_day(np.ones(len(self.days)))

    def mean(self, values: Floats) -> OfWeights:
        """The weighed mean of values, for weights of days."""
        sums, weight = self.per_day(values), self.weight
        return lambda weights: _ratio(weights @ sums, weights @ weight)


def _ratio(above: Floats, below: Floats) -> Floats:
    found: Floats = np.divide(above, below, out=np.full(np.shape(above), np.nan), where=below > 0)
    return found


def _binary(metric: str, truth: Floats, predicted: Floats, rows: _Rows, terms: Terms) -> OfWeights:
    if metric == "roc_auc":
        return _area(truth, predicted, rows)
    if metric == "average_precision":
        return _average_precision(truth, predicted, rows)
    if metric in {"precision", "recall", "f1", "cost"}:
        return _of_answers(metric, truth, predicted, rows, terms)
    if metric == "accuracy":  # of two classes nobody names it; it is estimated before labels are there
        return rows.mean(((predicted >= 0.5) == (truth == 1)).astype(np.float64))
    return rows.mean(_binary_losses(metric, truth, predicted))


def _binary_losses(metric: str, truth: Floats, predicted: Floats) -> Floats:
    if metric == "brier":
        squares: Floats = (predicted - truth) ** 2
        return squares
    inside = np.clip(predicted, CLIPPED, 1 - CLIPPED)
    log_losses: Floats = -np.where(truth == 1, np.log(inside), np.log1p(-inside))
    return log_losses


def _of_answers(metric: str, truth: Floats, predicted: Floats, rows: _Rows, terms: Terms) -> OfWeights:
    """What `threshold.answers_at` and `threshold.cost_at` reckon."""
    if terms.threshold is None:
        raise ValueError(f"{metric} is that of answers at a threshold: pass one, such as `choose_threshold` finds")
    yes = predicted >= terms.threshold
    cases = (yes & (truth == 1), yes & (truth == 0), ~yes & (truth == 1))
    right, wrong, missed = (rows.per_day(one.astype(np.float64)) for one in cases)
    if metric == "cost":
        if terms.costs is None:
            raise ValueError("cost needs the costs of wrong answers: pass those of the spec (evaluation.costs)")
        weight = rows.weight
        paid = wrong * terms.costs.false_positive + missed * terms.costs.false_negative
        return lambda weights: _ratio(weights @ paid, weights @ weight)
    above = 2 * right if metric == "f1" else right
    below = {"precision": right + wrong, "recall": right + missed, "f1": 2 * right + wrong + missed}[metric]
    return lambda weights: _ratio(weights @ above, weights @ below)


def _area(truth: Floats, predicted: Floats, rows: _Rows) -> OfWeights:
    """ROC AUC as the share of pairs of a positive and a negative row that are in order, ties counting half (Mann-Whitney):
    `pairs[d, e]` are those of a positive of day d and a negative of day e.
    """
    _, ranks = np.unique(predicted, return_inverse=True)
    positive = truth == 1
    distinct = int(ranks.max()) + 1
    positives, negatives = (rows.per_day((positive == is_one).astype(np.float64)) for is_one in (True, False))
    pairs = np.empty((rows.count, rows.count))
    for day in range(rows.count):
        inside = ~positive & (rows.days == day)
        at = np.bincount(ranks[inside], weights=rows.own[inside], minlength=distinct)
        below = np.cumsum(at) - at / 2
        pairs[:, day] = rows.per_day(np.where(positive, below[ranks], 0.0))
    return lambda weights: _ratio(
        np.einsum("rd,de,re->r", weights, pairs, weights), (weights @ positives) * (weights @ negatives)
    )


def _average_precision(truth: Floats, predicted: Floats, rows: _Rows) -> OfWeights:
    """AP = sum over thresholds of (R_k - R_{k-1}) P_k, as scikit-learn defines it."""
    order = np.argsort(-predicted, kind="stable")
    truth, days, own = truth[order], rows.days[order], rows.own[order]
    ends = np.append(np.flatnonzero(np.diff(predicted[order])), len(order) - 1)

    def one(weights: Floats) -> float:
        weight = weights[days] * own
        seen, hits = np.cumsum(weight)[ends], np.cumsum(weight * truth)[ends]
        if not 0 < hits[-1] < seen[-1]:
            return float("nan")
        precision = np.divide(hits, seen, out=np.zeros_like(hits), where=seen > 0)
        return float(np.sum(np.diff(hits, prepend=0.0) * precision) / hits[-1])

    return lambda weights: np.array([one(row) for row in weights])


def _regression(metric: str, truth: Floats, predicted: Floats, rows: _Rows, quantile: float) -> OfWeights:
    if metric == "pinball":
        short = truth - predicted
        return rows.mean(np.maximum(quantile * short, (quantile - 1) * short))
    if metric == "mae":
        return rows.mean(np.abs(predicted - truth))
    squared = rows.mean((predicted - truth) ** 2)
    if metric == "rmse":
        return lambda weights: np.sqrt(squared(weights))
    centred = truth - truth.mean()  # about the mean, or the difference of two large numbers would be all noise
    first, second = rows.mean(centred), rows.mean(centred**2)
    return lambda weights: 1 - _ratio(squared(weights), second(weights) - first(weights) ** 2)


def _multiclass(metric: str, truth: NDArray[np.str_], predicted: Floats, classes: list[str], rows: _Rows) -> OfWeights:
    guessed = np.asarray(classes)[predicted.argmax(axis=1)]
    if metric == "accuracy":
        return rows.mean((guessed == truth).astype(np.float64))
    if metric == "log_loss":
        return rows.mean(_log_losses(truth, predicted, classes))
    names = np.unique(np.concatenate([np.asarray(classes), truth]))
    hits, told, there = (
        np.stack([rows.per_day(one.astype(np.float64)) for one in cases])
        for cases in zip(
            *(((guessed == one) & (truth == one), guessed == one, truth == one) for one in names), strict=True
        )
    )
    above = 2 * hits if metric == "f1_macro" else hits
    below = {"precision_macro": told, "recall_macro": there, "f1_macro": told + there}[metric]

    def macro(weights: Floats) -> Floats:
        """The mean over classes; one that nobody was told, or that was not there, counts as zero."""
        part, whole = weights @ above.T, weights @ below.T
        found: Floats = np.divide(part, whole, out=np.zeros_like(part), where=whole > 0).mean(axis=1)
        return found

    return macro


def _log_losses(truth: NDArray[np.str_], predicted: Floats, classes: list[str]) -> Floats:
    places = {name: place for place, name in enumerate(classes)}
    given = np.array([places.get(name, -1) for name in truth], dtype=np.int64)
    chance = np.where(given >= 0, predicted[np.arange(len(given)), given], 0.0) / predicted.sum(axis=1)
    losses: Floats = -np.log(np.clip(chance, np.finfo(np.float64).eps, 1.0))
    return losses


def _confidence(
    task: Task, labels: NDArray[np.generic], predicted: Floats, classes: Sequence[object]
) -> tuple[Floats, Floats]:
    """What came true (0 or 1) and with which probability it was said: for several classes, the most probable one's."""
    if task == "binary":
        return np.asarray(labels, dtype=np.float64), predicted
    guessed = np.asarray([str(one) for one in classes])[predicted.argmax(axis=1)]
    return (guessed == np.asarray(labels).astype(str)).astype(np.float64), predicted.max(axis=1)


def _calibration(truth: Floats, predicted: Floats, rows: _Rows) -> OfWeights:
    """`calibration.calibration_error`, with its bins cut once, at the quantiles of all rows."""
    cuts = np.unique(np.quantile(predicted, np.linspace(0, 1, BINS + 1)[1:-1]))
    bins = np.searchsorted(cuts, predicted, side="right")
    gaps = np.stack([rows.per_day(np.where(bins == one, predicted - truth, 0.0)) for one in range(len(cuts) + 1)])
    weight = rows.weight
    return lambda weights: _ratio(np.abs(weights @ gaps.T).sum(axis=1), weights @ weight)
