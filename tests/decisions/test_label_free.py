"""The metric estimated without labels."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from evenkeel.decisions.comparison import Predictions
from evenkeel.decisions.day_statistics import metric_of_days
from evenkeel.decisions.decay import Sample
from evenkeel.decisions.label_free import estimate_without_labels, estimation_error, expected_metric, recalibrated

if TYPE_CHECKING:
    from evenkeel.vocabulary.metrics import Task

CLASSES = ("a", "b", "c")


def two_classes(
    seed: int, days: int, *, shift: float = 0.0, flip: bool = False, sharp: float = 1.0, wander: float = 0.0
) -> Sample:
    """Rows whose true log odds are `sharp` times what the model says, of inputs that lie `shift` higher."""
    rng = np.random.default_rng(seed)
    day = np.repeat(np.arange(days), 400)
    odds = rng.normal(shift, 1.0, len(day))
    level = wander * rng.normal(size=days)[day]
    labels = (rng.random(len(day)) < 1 / (1 + np.exp(-(sharp * odds + level)))).astype(float)
    return Sample(1 - labels if flip else labels, Predictions(1 / (1 + np.exp(-odds))), day)


def three_classes(seed: int, rows: int) -> Sample:
    rng = np.random.default_rng(seed)
    said = rng.dirichlet([1.0, 2.0, 0.5], rows)
    drawn = (said.cumsum(axis=1) < rng.random((rows, 1))).sum(axis=1)
    return Sample(np.asarray(CLASSES)[drawn], Predictions(said, CLASSES), np.arange(rows) % 5)


def truth(task: Task, metric: str, sample: Sample) -> float:
    measure = metric_of_days(
        task,
        metric,
        sample.labels,
        sample.predicted.values,
        np.zeros(len(sample.labels), int),
        sample.predicted.classes,
    )
    return float(measure(np.ones((1, 1)))[0])


def expected(task: Task, metric: str, sample: Sample) -> float:
    places = np.zeros(len(sample.labels), dtype=int)
    return float(expected_metric(task, metric, sample.predicted, sample.predicted, places, 1)(np.ones((1, 1)))[0])


def test_each_estimate_is_its_formula() -> None:
    """Log loss, Brier, accuracy and ROC AUC of three rows, by the formulae."""
    p = np.array([0.2, 0.6, 0.9])
    said, places = Predictions(p), np.zeros(3, dtype=int)

    def of(metric: str) -> float:
        return float(expected_metric("binary", metric, said, said, places, 1)(np.ones((1, 1)))[0])

    assert of("log_loss") == pytest.approx(np.mean(-p * np.log(p) - (1 - p) * np.log(1 - p)))
    assert of("brier") == pytest.approx(np.mean(p * (1 - p)))
    assert of("accuracy") == pytest.approx(np.mean(np.maximum(p, 1 - p)))
    pairs = np.outer(p, 1 - p)
    right = np.where(p[:, None] > p[None, :], 1.0, np.where(p[:, None] == p[None, :], 0.5, 0.0))
    assert of("roc_auc") == pytest.approx((pairs * right).sum() / pairs.sum())


@pytest.mark.parametrize("metric", ["log_loss", "brier", "accuracy", "roc_auc", "average_precision"])
def test_calibrated_probabilities_tell_the_metric_under_other_inputs(metric: str) -> None:
    """Where inputs lie elsewhere, and the concept holds, the estimate follows the truth, which the promise does not."""
    promised, window = two_classes(1, 20), two_classes(2, 50, shift=1.5)
    moved = abs(truth("binary", metric, window) - truth("binary", metric, promised))
    assert abs(expected("binary", metric, window) - truth("binary", metric, window)) < min(0.01, moved / 3)


@pytest.mark.parametrize("metric", ["log_loss", "accuracy", "f1_macro"])
def test_several_classes_are_estimated_alike(metric: str) -> None:
    """Of three classes, the estimate is the metric that comes true."""
    sample = three_classes(3, 100_000)
    assert expected("multiclass", metric, sample) == pytest.approx(truth("multiclass", metric, sample), abs=0.01)


def test_probabilities_that_are_off_are_put_right_by_the_holdout() -> None:
    """A model that is too sure of itself is estimated too well; corrected on its holdout it is not."""
    promised, window = two_classes(4, 30, sharp=0.4), two_classes(5, 30, sharp=0.4, shift=0.5)
    true = truth("binary", "log_loss", window)
    chances = recalibrated(promised.labels, promised.predicted, window.predicted)
    places = np.zeros(len(window.labels), dtype=int)
    put_right = expected_metric("binary", "log_loss", window.predicted, chances, places, 1)(np.ones((1, 1)))[0]
    assert expected("binary", "log_loss", window) < true - 0.1
    assert put_right == pytest.approx(true, abs=0.02)


def test_corrected_probabilities_of_several_classes_add_up() -> None:
    """Class by class, and to one; a row that no class is left of is spread evenly."""
    known, rows = three_classes(6, 3_000), three_classes(7, 500)
    corrected = recalibrated(known.labels, known.predicted, rows.predicted)
    assert corrected.values.sum(axis=1) == pytest.approx(1.0)


def found_in(seeds: range, **law: float) -> float:
    """Share of windows whose truth lies in the estimate's interval."""
    hits = 0
    for seed in seeds:
        known, window = two_classes(2 * seed, 14, wander=0.5), two_classes(2 * seed + 1, 7, wander=0.5, **law)
        error = estimation_error("binary", "log_loss", known, known.predicted, seed=seed)
        assert error is not None
        said = window.predicted
        estimate = estimate_without_labels("binary", "log_loss", said, said, window.days, error, alpha=0.05)
        assert estimate is not None
        hits += estimate.low <= truth("binary", "log_loss", window) <= estimate.high
    return hits / len(seeds)


def test_the_truth_lies_in_the_interval_as_often_as_it_says() -> None:
    """Of 100 windows whose days have levels of their own, about 90 % come true within the interval."""
    assert 0.8 <= found_in(range(100)) <= 0.99


def test_an_estimate_promises_nothing_that_cannot_be() -> None:
    """The interval of a ROC AUC near one ends at one, however much the holdout's days differ."""
    known, window = two_classes(1, 4, wander=3.0, sharp=9.0), two_classes(2, 2, sharp=9.0)
    sharper = Predictions(1 / (1 + (1 / known.predicted.values - 1) ** 9))
    error = estimation_error("binary", "roc_auc", known, sharper, seed=1)
    assert error is not None
    said = Predictions(1 / (1 + (1 / window.predicted.values - 1) ** 9))
    estimate = estimate_without_labels("binary", "roc_auc", said, said, window.days, error, alpha=0.05)
    assert estimate is not None
    assert estimate.value > 0.9
    assert estimate.high == 1.0


def test_another_concept_is_outside_of_it() -> None:
    """Labels that flip are what it cannot see beforehand: the truth is then outside, which is how it is found out."""
    assert found_in(range(100, 110), flip=True) == 0


def test_without_days_to_learn_from_nothing_is_known_of_the_error() -> None:
    """A holdout of one day says nothing of how far an estimate may be off, so there is no estimate."""
    known = two_classes(1, 1)
    assert estimation_error("binary", "roc_auc", known, known.predicted, seed=1) is None
