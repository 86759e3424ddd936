"""Metrics and the baseline."""

from __future__ import annotations

import math

import numpy as np
import pytest

from evenkeel.decisions.evaluation import baseline, evaluate
from evenkeel.vocabulary.metrics import METRICS_OF_TASK, gain


def test_binary_metrics_by_hand() -> None:
    """Four rows whose metrics can be worked out on paper."""
    found = evaluate("binary", np.array([0, 0, 1, 1]), np.array([0.1, 0.4, 0.35, 0.8]))
    assert found["roc_auc"] == pytest.approx(0.75)
    assert found["brier"] == pytest.approx((0.01 + 0.16 + 0.4225 + 0.04) / 4)
    assert set(found) == set(METRICS_OF_TASK["binary"])


def test_a_single_class_leaves_the_ranking_undefined() -> None:
    """ROC AUC of one class is NaN, not a number that could win; log loss stays defined."""
    found = evaluate("binary", np.zeros(3), np.array([0.1, 0.2, 0.0]))
    assert math.isnan(found["roc_auc"])
    assert math.isfinite(found["log_loss"])


def test_regression_metrics_by_hand() -> None:
    """Errors of 1 and 3 minutes: MAE 2, RMSE the root of 5."""
    found = evaluate("regression", np.array([10.0, 20.0]), np.array([11.0, 17.0]))
    assert found["mae"] == pytest.approx(2.0)
    assert found["rmse"] == pytest.approx(math.sqrt(5))


def test_multiclass_metrics_by_hand() -> None:
    """Two of three rows right."""
    probabilities = np.array([[0.8, 0.1, 0.1], [0.2, 0.7, 0.1], [0.5, 0.3, 0.2]])
    found = evaluate("multiclass", np.array(["a", "b", "c"]), probabilities, ["a", "b", "c"])
    assert found["accuracy"] == pytest.approx(2 / 3)


@pytest.mark.parametrize(
    ("task", "labels", "classes"),
    [("binary", [0, 1, 1, 1], []), ("regression", [1.0, 2.0, 9.0], []), ("multiclass", ["a", "b", "b"], ["a", "b"])],
)
def test_the_baseline_has_no_skill_and_the_right_shape(task: str, labels: list, classes: list) -> None:
    """Predicting without looking gives predictions that the metrics of the task accept."""
    predicted = baseline(task, np.array(labels), len(labels), classes)  # type: ignore[arg-type]
    found = evaluate(task, np.array(labels), predicted, classes)  # type: ignore[arg-type]
    assert found.get("roc_auc", 0.5) == 0.5
    assert predicted.shape[0] == len(labels)


@pytest.mark.parametrize(
    ("metric", "better", "worse"), [("roc_auc", 0.8, 0.7), ("log_loss", 0.4, 0.5), ("mae", 1.0, 2.0)]
)
def test_gain_is_positive_for_the_better_one(metric: str, better: float, worse: float) -> None:
    """Whichever way a metric runs, a gain is positive."""
    assert gain(metric, better, worse) > 0 > gain(metric, worse, better)


def test_the_order_of_classes_does_not_matter_and_an_unseen_one_counts() -> None:
    """Twelve numbered classes, whose names sort as text in another order, measure the same; so does a class nobody predicts."""
    random = np.random.default_rng(0)
    labels = random.integers(0, 12, 300)
    probabilities = random.dirichlet(np.ones(12), 300)
    sensible = evaluate("multiclass", labels, probabilities, list(range(12)))
    order = random.permutation(12)
    assert evaluate("multiclass", labels, probabilities[:, order], list(order)) == pytest.approx(sensible)
    by_hand = -np.log(probabilities[np.arange(300), labels]).mean()
    assert sensible["log_loss"] == pytest.approx(by_hand)
    unseen = evaluate("multiclass", np.array(["a", "z"]), np.array([[0.9, 0.1], [0.4, 0.6]]), ["a", "b"])
    assert unseen["accuracy"] == 0.5
