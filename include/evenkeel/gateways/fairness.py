"""Fairness: how the groups of a sensitive column fare beside each other, by Fairlearn. The only door to it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from fairlearn.metrics import MetricFrame, false_positive_rate, selection_rate, true_positive_rate
from sklearn.metrics import accuracy_score, mean_absolute_error

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from evenkeel.vocabulary.metrics import Task

    Measure = Callable[[NDArray[Any], NDArray[Any]], float]

LEAST = 50
"""Labels below which a group's figures say more about chance than about the model."""

MISSING = "(missing)"
"""The group of rows that have no value."""


@dataclass(frozen=True)
class Group:
    """One value of the column: its labels, and its figures by name; an undefined one is NaN."""

    name: str
    labels: int
    figures: dict[str, float]


@dataclass(frozen=True)
class Fairness:
    """The groups of one column, the largest first, and how far apart they are.

    `differences` is empty where there are fewer than two groups. Groups with fewer than `least` labels are left out: `left_out`
    counts them, `left_out_labels` theirs.
    """

    column: str
    groups: tuple[Group, ...]
    differences: dict[str, float] = field(default_factory=dict)
    least: int = LEAST
    left_out: int = 0
    left_out_labels: int = 0


def compare_groups(
    task: Task,
    column: str,
    values: pd.Series[Any],
    labels: NDArray[np.generic],
    predicted: NDArray[np.float64],
    *,
    classes: Sequence[object] = (),
    threshold: float | None = None,
    least: int = LEAST,
) -> Fairness:
    """How a model treats the groups of a sensitive column.

    Args:
        task: the kind of label.
        column: the column's name.
        values: shape (n,), the group each row belongs to.
        labels: shape (n,), known labels.
        predicted: in the shape `decisions.evaluation.evaluate` takes.
        classes: multiclass only.
        threshold: binary only, and needed there: from here up a probability means yes.
        least: labels that a group must have.

    Returns:
        Binary: by group the selection rate, true and false positive rates; between groups the demographic parity difference
        (largest less smallest selection rate) and the equalized odds difference (the larger of those of the two other rates).
        Multiclass: the accuracy, and regression: the mean absolute error, with the difference between the extremes.

    Source: Fairlearn's user guide, "Common fairness metrics". Unlike Fairlearn's, a rate is NaN rather than 0 in a group that
    has no label it could be a share of, and counts in no difference. Raises ValueError for a binary task without a threshold.
    """
    names = values.astype("object").where(values.notna(), MISSING).astype(str).to_numpy()
    counted = pd.Series(names).value_counts()
    large = sorted((name for name in counted.index if counted[name] >= least), key=lambda name: (-counted[name], name))
    small = counted[counted < least]
    said, measures = _answers(task, predicted, classes, threshold), _MEASURES[task]
    truth = np.asarray(labels).astype(str) if task == "multiclass" else np.asarray(labels, dtype=np.float64)
    inside = np.isin(names, large)
    groups: tuple[Group, ...] = ()
    differences: dict[str, float] = {}
    if large:
        frame = MetricFrame(
            metrics=measures, y_true=truth[inside], y_pred=said[inside], sensitive_features=names[inside]
        )
        found = frame.by_group
        groups = tuple(
            Group(name, int(counted[name]), {key: float(found.loc[name, key]) for key in measures}) for name in large
        )
        differences = _differences(task, frame) if len(large) > 1 else {}
    return Fairness(column, groups, differences, least, len(small), int(small.sum()))


def _answers(
    task: Task, predicted: NDArray[np.float64], classes: Sequence[object], threshold: float | None
) -> NDArray[Any]:
    if task == "regression":
        return predicted
    if task == "multiclass":
        told: NDArray[Any] = np.asarray(classes).astype(str)[predicted.argmax(axis=1)]
        return told
    if threshold is None:
        raise ValueError("groups of a binary model are compared by its answers: pass the threshold that makes them")
    said: NDArray[Any] = np.where(predicted >= threshold, 1.0, 0.0)
    return said


def _differences(task: Task, frame: MetricFrame) -> dict[str, float]:
    found = {name: float(value) for name, value in frame.difference().items()}
    if task != "binary":
        return found
    odds = np.array([found["true_positive_rate"], found["false_positive_rate"]])
    worst = float(np.nanmax(odds)) if np.isfinite(odds).any() else float("nan")
    return {"demographic_parity": found["selection_rate"], "equalized_odds": worst}


def _share_of(label: float, rate: Measure) -> Measure:
    """The rate, where the group has that label."""

    def measure(truth: NDArray[Any], said: NDArray[Any]) -> float:
        return float(rate(truth, said)) if (np.asarray(truth) == label).any() else float("nan")

    return measure


_MEASURES: dict[Task, dict[str, Measure]] = {
    "binary": {
        "selection_rate": lambda truth, said: float(selection_rate(truth, said, pos_label=1.0)),
        "true_positive_rate": _share_of(1.0, lambda truth, said: true_positive_rate(truth, said, pos_label=1.0)),
        "false_positive_rate": _share_of(0.0, lambda truth, said: false_positive_rate(truth, said, pos_label=1.0)),
    },
    "multiclass": {"accuracy": lambda truth, said: float(accuracy_score(truth, said))},
    "regression": {"mae": lambda truth, said: float(mean_absolute_error(truth, said))},
}
