"""Answers at a threshold, what they cost, and the threshold that is chosen."""

from __future__ import annotations

import math

import numpy as np
import pytest
from sklearn import metrics

from evenkeel.decisions.threshold import NEVER, answers_at, choose_threshold, cost_at, cost_curve
from evenkeel.vocabulary.spec_training import Costs

LABELS = np.array([0, 1, 0, 1, 1])
PREDICTED = np.array([0.1, 0.3, 0.4, 0.6, 0.9])


def test_answers_by_hand() -> None:
    """From 0.4 up there are two right answers and a wrong one; one is missed."""
    found = answers_at(LABELS, PREDICTED, 0.4)
    assert found == {"precision": 2 / 3, "recall": 2 / 3, "f1": 2 / 3}


def test_answers_are_those_of_scikit_learn() -> None:
    """On many rows with ties, at several thresholds."""
    random = np.random.default_rng(0)
    labels, predicted = random.integers(0, 2, 400), np.round(random.random(400), 2)
    for threshold in (0.2, 0.5, 0.83):
        said = predicted >= threshold
        found = answers_at(labels, predicted, threshold)
        assert found["precision"] == pytest.approx(metrics.precision_score(labels, said))
        assert found["recall"] == pytest.approx(metrics.recall_score(labels, said))
        assert found["f1"] == pytest.approx(metrics.f1_score(labels, said))


def test_what_is_undefined_is_not_a_number() -> None:
    """Without a yes there is no precision, without a positive no recall."""
    assert math.isnan(answers_at(LABELS, PREDICTED, NEVER)["precision"])
    assert math.isnan(answers_at(np.zeros(5), PREDICTED, 0.5)["recall"])
    assert math.isnan(cost_at(np.empty(0), np.empty(0), 0.5, Costs(false_positive=1.0, false_negative=1.0)))


def test_the_cost_of_wrong_answers_by_hand() -> None:
    """One false yes at 1 and one false no at 10, over five rows; nothing for always yes but the two false ones."""
    costs = Costs(false_positive=1.0, false_negative=10.0)
    assert cost_at(LABELS, PREDICTED, 0.4, costs) == pytest.approx((1 + 10) / 5)
    assert cost_curve(LABELS, PREDICTED, costs, np.array([0.0, NEVER])) == pytest.approx([2 / 5, 30 / 5])


@pytest.mark.parametrize(
    ("false_positive", "false_negative", "threshold"), [(1.0, 10.0, 0.2), (10.0, 1.0, 0.5), (1.0, 1.0, 0.2)]
)
def test_the_cheapest_threshold_is_taken(false_positive: float, false_negative: float, threshold: float) -> None:
    """Dear misses pull it down, dear false alarms up; of equally cheap ones it is the lowest."""
    costs = Costs(false_positive=false_positive, false_negative=false_negative)
    assert choose_threshold(LABELS, PREDICTED, costs) == pytest.approx(threshold)


def test_with_calibrated_probabilities_it_is_elkans() -> None:
    """The cheapest threshold nears false_positive / (false_positive + false_negative)."""
    random = np.random.default_rng(0)
    predicted = random.random(200_000)
    labels = random.random(200_000) < predicted
    costs = Costs(false_positive=1.0, false_negative=4.0)
    assert choose_threshold(labels, predicted, costs) == pytest.approx(0.2, abs=0.02)


def test_without_costs_it_is_the_best_f1() -> None:
    """No threshold of a fine grid does better."""
    random = np.random.default_rng(1)
    predicted = random.random(2_000)
    labels = (random.random(2_000) < predicted**2).astype(int)
    best = answers_at(labels, predicted, choose_threshold(labels, predicted))["f1"]
    assert best >= max(metrics.f1_score(labels, predicted >= one) for one in np.linspace(0, 1, 201))


def test_never_and_always_are_choices_too() -> None:
    """Where every yes would be wrong there is none, also of a probability of one; where every no would be, there is no no."""
    costs = Costs(false_positive=1.0, false_negative=1.0)
    assert choose_threshold(np.zeros(2), np.array([0.5, 1.0]), costs) == NEVER
    assert choose_threshold(np.ones(2), np.array([0.0, 0.5]), costs) == 0.0
    with pytest.raises(ValueError, match="cannot be chosen without rows"):
        choose_threshold(np.empty(0), np.empty(0))
