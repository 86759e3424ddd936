"""Groups of a sensitive column beside each other."""

from __future__ import annotations

import json
import math
from dataclasses import asdict

import numpy as np
import pandas as pd
import pytest

from evenkeel.gateways.fairness import MISSING, compare_groups

GROUPS = pd.Series(["a"] * 4 + ["b"] * 4 + ["c"])
LABELS = np.array([0, 0, 1, 1, 0, 0, 0, 1, 1])
PREDICTED = np.array([0.1, 0.6, 0.7, 0.2, 0.3, 0.2, 0.1, 0.9, 0.9])


def test_rates_and_differences_by_hand() -> None:
    """`a` is chosen half the time and half right; `b` a quarter and all right; `c` is too small, and is counted."""
    found = compare_groups("binary", "who", GROUPS, LABELS, PREDICTED, threshold=0.5, least=4)
    a, b = found.groups
    assert (a.name, a.labels) == ("a", 4)
    assert a.figures == {"selection_rate": 0.5, "true_positive_rate": 0.5, "false_positive_rate": 0.5}
    assert b.figures == {"selection_rate": 0.25, "true_positive_rate": 1.0, "false_positive_rate": 0.0}
    assert found.differences == {"demographic_parity": 0.25, "equalized_odds": 0.5}
    assert (found.left_out, found.left_out_labels) == (1, 1)


def test_a_rate_of_nothing_is_undefined_and_makes_no_difference() -> None:
    """A group without a positive has no true positive rate, where Fairlearn says 0: the odds differ by the other rate only."""
    labels = np.where(GROUPS == "b", 0, LABELS)
    found = compare_groups("binary", "who", GROUPS, labels, PREDICTED, threshold=0.5, least=4)
    assert math.isnan(found.groups[1].figures["true_positive_rate"])
    assert found.groups[1].figures["false_positive_rate"] == 0.25
    assert found.differences["equalized_odds"] == pytest.approx(0.25)


def test_rows_without_a_value_are_a_group_and_one_group_has_nobody_beside_it() -> None:
    """Missing values are not lost; where one group is left there is no difference."""
    values = GROUPS.mask(GROUPS == "b", None)
    found = compare_groups("binary", "who", values, LABELS, PREDICTED, threshold=0.5, least=4)
    assert [one.name for one in found.groups] == [MISSING, "a"]
    alone = compare_groups("binary", "who", pd.Series(["a"] * 9), LABELS, PREDICTED, threshold=0.5, least=4)
    assert (len(alone.groups), alone.differences) == (1, {})
    nobody = compare_groups("binary", "who", GROUPS, LABELS, PREDICTED, threshold=0.5)
    assert (nobody.groups, nobody.differences, nobody.left_out, nobody.left_out_labels) == ((), {}, 3, 9)


def test_other_tasks_are_compared_by_how_right_they_are() -> None:
    """Accuracy of several classes, mean absolute error of a number."""
    two = pd.Series(["a", "a", "b", "b"])
    probabilities = np.array([[0.9, 0.1], [0.8, 0.2], [0.3, 0.7], [0.6, 0.4]])
    told = compare_groups(
        "multiclass", "who", two, np.array(["x", "x", "x", "x"]), probabilities, classes=["x", "y"], least=2
    )
    assert [one.figures["accuracy"] for one in told.groups] == [1.0, 0.5]
    assert told.differences == {"accuracy": 0.5}
    numbers = compare_groups("regression", "who", two, np.array([1.0, 2, 3, 4]), np.array([1.0, 3, 5, 8]), least=2)
    assert [one.figures["mae"] for one in numbers.groups] == [0.5, 3.0]
    assert numbers.differences == {"mae": 2.5}


def test_a_binary_model_is_compared_by_its_answers() -> None:
    """Without a threshold there are none; the message says what to pass. The summary is small enough for a note."""
    with pytest.raises(ValueError, match="pass the threshold"):
        compare_groups("binary", "who", GROUPS, LABELS, PREDICTED)
    found = compare_groups("binary", "who", GROUPS, LABELS, PREDICTED, threshold=0.5, least=4)
    assert len(json.dumps(asdict(found))) < 1_000
