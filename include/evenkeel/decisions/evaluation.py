"""What a set of predictions is worth: the metrics of a task, computed one way everywhere."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from sklearn import metrics

from evenkeel.decisions.calibration import calibration_error
from evenkeel.decisions.threshold import answers_at, cost_at
from evenkeel.vocabulary.metrics import CLIPPED

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from evenkeel.vocabulary.metrics import Task
    from evenkeel.vocabulary.spec_training import Costs

    Metric = Callable[[NDArray[np.generic], NDArray[np.float64]], float]


@dataclass(frozen=True)
class ClassMeasured:
    """One class against all others: how often it was there, and how well it was told. NaN where undefined."""

    name: str
    labels: int
    precision: float
    recall: float
    f1: float


def evaluate(
    task: Task,
    labels: NDArray[np.generic],
    predicted: NDArray[np.float64],
    classes: Sequence[object] = (),
    *,
    threshold: float | None = None,
    costs: Costs | None = None,
    quantile: float = 0.5,
) -> dict[str, float]:
    """Every metric of a task.

    Args:
        task: which metrics.
        labels: shape (n,), known labels.
        predicted: binary: (n,) probability of the positive class; multiclass: (n, k) probabilities in the order of
            `classes`; regression: (n,) values in the label's unit.
        classes: multiclass only, the k classes.
        threshold: binary only: from here up a probability means yes; without one there is no precision, recall and F1.
        costs: binary only: of wrong answers at the threshold; without them there is no cost.
        quantile: regression only, that of the pinball loss; at 0.5 it is half the mean absolute error.

    Returns:
        Metric name to value. A metric that is undefined on these labels (ROC AUC of a single class) is NaN. A class that
        is among the labels and not among `classes` counts as given probability zero.

    Definitions are those of scikit-learn's user guide, "Metrics and scoring"; calibration error and cost are defined in
    `decisions.calibration` and `decisions.threshold`. The calibration error of several classes is that of the most probable
    one (C. Guo et al., "On calibration of modern neural networks", ICML 2017). Raises ValueError for costs without a threshold.
    """
    if task == "binary":
        functions = _binary() | _at_threshold(threshold, costs)
    elif task == "multiclass":
        names, labels, predicted = _aligned(labels, predicted, classes)
        functions = _multiclass(names)
    else:
        functions = _regression(quantile)
    return {name: function(labels, predicted) for name, function in functions.items()}


def evaluate_classes(
    labels: NDArray[np.generic], predicted: NDArray[np.float64], classes: Sequence[object]
) -> tuple[ClassMeasured, ...]:
    """Each class against all others, where the most probable one is the answer; in the order of their names.

    Takes what `evaluate` takes for a multiclass task.
    """
    names, labels, predicted = _aligned(labels, predicted, classes)
    told = metrics.precision_recall_fscore_support(
        labels, names[predicted.argmax(axis=1)], labels=names, zero_division=np.nan
    )
    rows = zip(names.tolist(), *(one.tolist() for one in told), strict=True)
    return tuple(ClassMeasured(name, int(there), *found) for name, *found, there in rows)


def _binary() -> dict[str, Metric]:
    return {
        "roc_auc": _of_two_classes(metrics.roc_auc_score),
        "average_precision": _of_two_classes(metrics.average_precision_score),
        "log_loss": lambda y, p: float(metrics.log_loss(y, np.clip(p, CLIPPED, 1 - CLIPPED), labels=[0, 1])),
        "brier": lambda y, p: float(np.mean((p - y.astype(float)) ** 2)),
        "calibration_error": calibration_error,
    }


def _at_threshold(threshold: float | None, costs: Costs | None) -> dict[str, Metric]:
    if threshold is None:
        if costs is not None:
            raise ValueError("costs are those of answers at a threshold: pass one, such as `choose_threshold` finds")
        return {}
    found: dict[str, Metric] = {
        name: lambda y, p, name=name: answers_at(y, p, threshold)[name]  # type: ignore[misc]
        for name in ("precision", "recall", "f1")
    }
    return found if costs is None else found | {"cost": lambda y, p: cost_at(y, p, threshold, costs)}


def _of_two_classes(function: Callable[..., float]) -> Metric:
    def measure(y: NDArray[np.generic], p: NDArray[np.float64]) -> float:
        return float(function(y, p)) if len(np.unique(y)) == 2 else float("nan")

    return measure


def _aligned(
    labels: NDArray[np.generic], predicted: NDArray[np.float64], classes: Sequence[object]
) -> tuple[NDArray[np.generic], NDArray[np.generic], NDArray[np.float64]]:
    """All classes there are, by name, with the labels as names and the probabilities in that order."""
    names = np.unique(np.concatenate([np.asarray(classes).astype(str), np.asarray(labels).astype(str)]))
    return names, np.asarray(labels).astype(str), _spread(predicted, [str(one) for one in classes], names)


def _spread(predicted: NDArray[np.float64], classes: Sequence[str], names: NDArray[np.generic]) -> NDArray[np.float64]:
    """Probabilities in the order of `names`: sorted, as scikit-learn's metrics read the columns."""
    absent = np.zeros(len(predicted))
    return np.column_stack([predicted[:, classes.index(one)] if one in classes else absent for one in names.tolist()])


def _multiclass(classes: NDArray[np.generic]) -> dict[str, Metric]:
    def macro(function: Callable[..., float]) -> Metric:
        return lambda y, p: float(
            function(y, classes[p.argmax(axis=1)], labels=classes, average="macro", zero_division=0)
        )

    return {
        "log_loss": lambda y, p: float(metrics.log_loss(y, p, labels=classes)),
        "accuracy": lambda y, p: float(np.mean(classes[p.argmax(axis=1)] == y)),
        "f1_macro": macro(metrics.f1_score),
        "precision_macro": macro(metrics.precision_score),
        "recall_macro": macro(metrics.recall_score),
        "calibration_error": lambda y, p: calibration_error(classes[p.argmax(axis=1)] == y, p.max(axis=1)),
    }


def _regression(quantile: float) -> dict[str, Metric]:
    return {
        "mae": lambda y, p: float(metrics.mean_absolute_error(y, p)),
        "rmse": lambda y, p: float(metrics.root_mean_squared_error(y, p)),
        "r2": lambda y, p: float(metrics.r2_score(y, p)) if len(y) > 1 else float("nan"),
        "pinball": lambda y, p: float(metrics.mean_pinball_loss(y, p, alpha=quantile)),
    }


def baseline(
    task: Task, train_labels: NDArray[np.generic], rows: int, classes: Sequence[object] = ()
) -> NDArray[np.float64]:
    """What predicting without looking gives: the training part's rate, its class frequencies, or its median.

    Args:
        task: the kind of label.
        train_labels: shape (m,), labels of the training part.
        rows: how many predictions to make.
        classes: multiclass only, the k classes.

    Returns:
        Predictions in the shape `evaluate` takes.
    """
    if task == "binary":
        return np.full(rows, float(np.mean(train_labels.astype(float))))
    if task == "regression":
        return np.full(rows, float(np.median(train_labels.astype(float))))
    shares = np.array([float(np.mean(train_labels == one)) for one in classes])
    return np.tile(shares, (rows, 1))
