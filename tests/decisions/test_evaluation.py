"""Metrics and the baseline."""

from __future__ import annotations

import math

import numpy as np
import pytest

from evenkeel.decisions.evaluation import baseline, evaluate, evaluate_classes
from evenkeel.vocabulary.metrics import GREATER_IS_BETTER, METRICS_OF_TASK, gain
from evenkeel.vocabulary.spec_training import Costs


def test_binary_metrics_by_hand() -> None:
    """Four rows whose metrics can be worked out on paper."""
    found = evaluate("binary", np.array([0, 0, 1, 1]), np.array([0.1, 0.4, 0.35, 0.8]))
    assert found["roc_auc"] == pytest.approx(0.75)
    assert found["brier"] == pytest.approx((0.01 + 0.16 + 0.4225 + 0.04) / 4)
    assert found["calibration_error"] == pytest.approx((0.1 + 0.4 + 0.65 + 0.2) / 4)


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


def test_answers_and_costs_are_measured_where_there_is_a_threshold() -> None:
    """Precision, recall and F1 need a threshold, the cost needs both; costs alone are a mistake."""
    labels, predicted = np.array([0, 0, 1, 1]), np.array([0.1, 0.4, 0.35, 0.8])
    costs = Costs(false_positive=2.0, false_negative=5.0)
    assert not {"precision", "recall", "f1", "cost"} & set(evaluate("binary", labels, predicted))
    found = evaluate("binary", labels, predicted, threshold=0.38, costs=costs)
    assert (found["precision"], found["recall"], found["f1"]) == (0.5, 0.5, 0.5)
    assert found["cost"] == pytest.approx((2 + 5) / 4)
    with pytest.raises(ValueError, match="costs are those of answers at a threshold"):
        evaluate("binary", labels, predicted, costs=costs)


def test_the_pinball_loss_by_hand() -> None:
    """At 0.9 a minute too little costs nine times a minute too much."""
    labels, predicted = np.array([10.0, 20.0]), np.array([11.0, 17.0])
    assert evaluate("regression", labels, predicted, quantile=0.9)["pinball"] == pytest.approx((0.1 + 2.7) / 2)
    assert evaluate("regression", labels, predicted)["pinball"] == pytest.approx(2.0 / 2)


def test_each_class_by_hand() -> None:
    """Two `a` of which one is told, one false `a`; a class that is never said has no precision, one not there no recall."""
    probabilities = np.array([[0.8, 0.1, 0.1], [0.2, 0.7, 0.1], [0.5, 0.3, 0.2]])
    a, b, c, unseen = evaluate_classes(np.array(["a", "a", "unseen"]), probabilities, ["a", "b", "c"])
    assert (a.name, a.labels, a.precision, a.recall, a.f1) == ("a", 2, 0.5, 0.5, 0.5)
    assert (b.labels, b.precision) == (0, 0.0)
    assert math.isnan(b.recall)
    assert math.isnan(c.precision)
    assert (unseen.name, unseen.labels, unseen.recall) == ("unseen", 1, 0.0)


def test_the_calibration_of_classes_is_that_of_the_most_probable_one() -> None:
    """Told with 0.6 and right four times of five: 0.2 away, whatever the other classes were given."""
    probabilities = np.tile([0.6, 0.3, 0.1], (50, 1))
    found = evaluate("multiclass", np.array(["a"] * 40 + ["b"] * 10), probabilities, ["a", "b", "c"])
    assert found["calibration_error"] == pytest.approx(0.2)


@pytest.mark.parametrize(
    ("task", "labels", "classes"),
    [("binary", [0, 1], []), ("regression", [1.0, 2.0], []), ("multiclass", ["a", "b"], ["a", "b"])],
)
def test_every_metric_says_which_way_it_is_better(task: str, labels: list, classes: list) -> None:
    """What is measured holds what a spec may name, and can be compared."""
    predicted = baseline(task, np.array(labels), len(labels), classes)  # type: ignore[arg-type]
    further = {"threshold": 0.5, "costs": Costs(false_positive=1.0, false_negative=1.0)} if task == "binary" else {}
    found = set(evaluate(task, np.array(labels), predicted, classes, **further))  # type: ignore[arg-type]
    assert set(METRICS_OF_TASK[task]) <= found <= set(GREATER_IS_BETTER)  # type: ignore[index]


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
