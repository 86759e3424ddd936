"""What a set of predictions is worth: the metrics of a task, computed one way everywhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from sklearn import metrics

from evenkeel.vocabulary.metrics import CLIPPED, METRICS_OF_TASK, Task

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    Metric = Callable[[NDArray[np.generic], NDArray[np.float64]], float]


def evaluate(
    task: Task, labels: NDArray[np.generic], predicted: NDArray[np.float64], classes: Sequence[object] = ()
) -> dict[str, float]:
    """Every metric of a task.

    Args:
        task: which metrics.
        labels: shape (n,), known labels.
        predicted: binary: (n,) probability of the positive class; multiclass: (n, k) probabilities in the order of
            `classes`; regression: (n,) values in the label's unit.
        classes: multiclass only, the k classes.

    Returns:
        Metric name to value. A metric that is undefined on these labels (ROC AUC of a single class) is NaN. A class that
        is among the labels and not among `classes` counts as given probability zero.

    Definitions are those of scikit-learn's user guide, "Metrics and scoring".
    """
    if task == "binary":
        functions = _binary()
    elif task == "multiclass":
        names = np.unique(np.concatenate([np.asarray(classes).astype(str), np.asarray(labels).astype(str)]))
        labels, predicted = np.asarray(labels).astype(str), _spread(predicted, [str(one) for one in classes], names)
        functions = _multiclass(names)
    else:
        functions = _regression()
    return {name: functions[name](labels, predicted) for name in METRICS_OF_TASK[task]}


def _binary() -> dict[str, Metric]:
    return {
        "roc_auc": _of_two_classes(metrics.roc_auc_score),
        "average_precision": _of_two_classes(metrics.average_precision_score),
        "log_loss": lambda y, p: float(metrics.log_loss(y, np.clip(p, CLIPPED, 1 - CLIPPED), labels=[0, 1])),
        "brier": lambda y, p: float(np.mean((p - y.astype(float)) ** 2)),
    }


def _of_two_classes(function: Callable[..., float]) -> Metric:
    def measure(y: NDArray[np.generic], p: NDArray[np.float64]) -> float:
        return float(function(y, p)) if len(np.unique(y)) == 2 else float("nan")

    return measure


def _spread(predicted: NDArray[np.float64], classes: Sequence[str], names: NDArray[np.generic]) -> NDArray[np.float64]:
    """Probabilities in the order of `names`: sorted, as scikit-learn's metrics read the columns."""
    absent = np.zeros(len(predicted))
    return np.column_stack([predicted[:, classes.index(one)] if one in classes else absent for one in names.tolist()])


def _multiclass(classes: NDArray[np.generic]) -> dict[str, Metric]:
    return {
        "log_loss": lambda y, p: float(metrics.log_loss(y, p, labels=classes)),
        "accuracy": lambda y, p: float(np.mean(classes[p.argmax(axis=1)] == y)),
        "f1_macro": lambda y, p: float(
            metrics.f1_score(y, classes[p.argmax(axis=1)], labels=classes, average="macro", zero_division=0)
        ),
    }


def _regression() -> dict[str, Metric]:
    return {
        "mae": lambda y, p: float(metrics.mean_absolute_error(y, p)),
        "rmse": lambda y, p: float(metrics.root_mean_squared_error(y, p)),
        "r2": lambda y, p: float(metrics.r2_score(y, p)) if len(y) > 1 else float("nan"),
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
