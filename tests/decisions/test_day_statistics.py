"""Metrics of days that are drawn: the same as the metric of the rows themselves, each as often as its day."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evenkeel.decisions.day_statistics import Terms, measured_metrics, metric_of_days, row_losses
from evenkeel.decisions.evaluation import evaluate
from evenkeel.vocabulary.metrics import METRICS_OF_TASK
from evenkeel.vocabulary.spec_training import Costs

if TYPE_CHECKING:
    from evenkeel.vocabulary.metrics import Task

ROWS, DAYS = 240, 6
CLASSES = ("b", "a", "c")
TERMS = Terms(threshold=0.4, costs=Costs(false_positive=1.0, false_negative=3.0), quantile=0.9)
CASES = [(task, metric) for task in METRICS_OF_TASK for metric in measured_metrics(task, TERMS)]


def drawn(task: Task, rng: np.random.Generator) -> tuple[Any, Any, tuple[str, ...]]:
    """Labels and predictions with ties, and, of several classes, one that the model does not know."""
    if task == "binary":
        labels = (rng.random(ROWS) < 0.3).astype(float)
        return labels, np.clip(np.round(rng.normal(0.3 + 0.2 * labels, 0.2), 2), 0, 1), ()
    if task == "regression":
        labels = rng.normal(1e4, 3, ROWS)
        return labels, labels + rng.normal(1, 2, ROWS), ()
    return np.array(["a", "b", "c", "d"])[rng.integers(0, 4, ROWS)], rng.dirichlet([1, 2, 3], ROWS), CLASSES


@pytest.mark.parametrize(("task", "metric"), CASES)
@given(seed=st.integers(0, 2**32), weights=st.lists(st.integers(0, 4), min_size=DAYS, max_size=DAYS))
@settings(max_examples=10)
def test_a_draw_of_days_is_the_metric_of_its_rows(task: Task, metric: str, seed: int, weights: list[int]) -> None:
    """Whatever days are drawn, and however often, the metric is that of the rows copied as often."""
    rng = np.random.default_rng(seed)
    labels, predicted, classes = drawn(task, rng)
    days = rng.integers(0, DAYS, ROWS)
    rows = np.repeat(np.arange(ROWS), np.asarray(weights)[days])
    measure = metric_of_days(task, metric, labels, predicted, days, classes, count=DAYS, terms=TERMS)
    found = measure(np.array([[1.0] * DAYS, weights]))
    told = {"threshold": TERMS.threshold, "costs": TERMS.costs, "quantile": TERMS.quantile}
    assert found[0] == pytest.approx(evaluate(task, labels, predicted, classes, **told)[metric], abs=1e-9)
    if not len(rows) or metric == "calibration_error":
        return  # the bins are cut once, at the quantiles of all rows
    named = labels[rows]
    if task == "multiclass" and metric.endswith("_macro") and len(set(named)) < len(set(labels)):
        return  # classes are those of all rows, and evaluate knows those of the copied ones only
    expected = evaluate(task, named, predicted[rows], classes, **told)[metric] if len(rows) > 1 else found[1]
    assert found[1] == pytest.approx(expected, abs=1e-7, nan_ok=True)


def test_a_day_of_one_class_alone_has_no_area() -> None:
    """ROC AUC and average precision of rows that are all negative are undefined, not zero."""
    labels, days = np.array([0.0, 0.0, 1.0, 0.0]), np.array([0, 0, 1, 1])
    predicted = np.array([0.1, 0.2, 0.9, 0.3])
    for metric in ("roc_auc", "average_precision"):
        found = metric_of_days("binary", metric, labels, predicted, days)(np.array([[1.0, 0.0], [0.0, 1.0]]))
        assert np.isnan(found[0])
        assert found[1] == 1.0


def test_calibration_error_is_what_a_bin_is_off_by() -> None:
    """Probabilities that are ten points too high everywhere are off by ten points; right ones by nothing but chance."""
    rng = np.random.default_rng(1)
    true = rng.uniform(0.1, 0.8, 200_000)
    labels, days = (rng.random(len(true)) < true).astype(float), rng.integers(0, 5, len(true))
    once = np.ones((1, 5))
    assert metric_of_days("binary", "calibration_error", labels, true, days)(once)[0] < 0.005
    high = metric_of_days("binary", "calibration_error", labels, true + 0.1, days)(once)[0]
    assert high == pytest.approx(0.1, abs=0.005)


@pytest.mark.parametrize(("task", "metric"), [one for one in CASES if one[1] != "calibration_error"])
def test_a_weight_of_a_row_is_so_many_copies_of_it(task: Task, metric: str) -> None:
    """Rows that weigh 0, 1, 2 or 3 by themselves give the metric of as many copies, in whatever days they are."""
    rng = np.random.default_rng(4)
    labels, predicted, classes = drawn(task, rng)
    days, own = rng.integers(0, DAYS, ROWS), rng.integers(0, 4, ROWS)
    copies = np.repeat(np.arange(ROWS), own)
    weighed = metric_of_days(
        task, metric, labels, predicted, days, classes, count=DAYS, terms=TERMS, own=own.astype(float)
    )
    copied = metric_of_days(
        task, metric, labels[copies], predicted[copies], days[copies], classes, count=DAYS, terms=TERMS
    )
    weights = rng.integers(0, 3, (4, DAYS)).astype(float)
    assert weighed(weights) == pytest.approx(copied(weights), abs=1e-9)


@pytest.mark.parametrize(
    ("task", "metric"), [("binary", "brier"), ("binary", "log_loss"), ("multiclass", "log_loss"), ("regression", "mae")]
)
def test_the_mean_of_what_rows_lose_is_the_metric(task: Task, metric: str) -> None:
    """Losses of rows are those whose mean is the metric of the same name."""
    labels, predicted, classes = drawn(task, np.random.default_rng(6))
    if task == "multiclass":
        labels = np.where(labels == "d", "a", labels)  # the fourth class has a name of its own in `evaluate`
    found = row_losses(task, metric, labels, predicted, classes).mean()
    assert found == pytest.approx(evaluate(task, labels, predicted, classes)[metric])
