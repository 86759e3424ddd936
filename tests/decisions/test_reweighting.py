"""Concept or inputs: what a fall is due to."""

from __future__ import annotations

import numpy as np
import pytest

from evenkeel.decisions.reweighting import density_ratio, effective_rows, explain_fall, sobered
from evenkeel.vocabulary.estimate import Estimate


def of(low: float, value: float, high: float) -> Estimate:
    return Estimate(value, low, high, 14)


def test_the_true_ratio_brings_the_windows_inputs_to_the_references() -> None:
    """With the chance that is true, the weighed mean of the window is that of the reference, whatever the numbers of rows."""
    rng = np.random.default_rng(1)
    window = rng.normal(0.5, 1, 60_000)
    to_reference = np.exp(-0.5 * window**2 + 0.5 * (window - 0.5) ** 2)
    chance = 1 / (1 + to_reference * 2_000 / 60_000)
    weights = density_ratio(chance, reference_rows=2_000, window_rows=60_000)
    assert weights == pytest.approx(to_reference)
    assert np.average(window, weights=weights) == pytest.approx(0.0, abs=0.03)
    assert weights.mean() == pytest.approx(1.0, abs=0.03)


def test_chances_are_as_sure_as_they_have_earned() -> None:
    """Too sure and right, they are softened to how often they are right; sure and wrong, or right by chance, they say nothing."""
    rng = np.random.default_rng(2)
    true = rng.normal(size=20_000)
    sides = rng.random(20_000) < 1 / (1 + np.exp(-true))
    sure = 1 / (1 + np.exp(-3 * true))
    softened = sobered(sure, sides)
    assert softened == pytest.approx(1 / (1 + np.exp(-true)), abs=0.03)
    weights = density_ratio(softened[sides], reference_rows=int((~sides).sum()), window_rows=int(sides.sum()))
    assert weights.mean() == pytest.approx(1.0, abs=0.05)
    assert np.ptp(sobered(1 - sure, sides)) == 0


def test_no_row_weighs_without_bound() -> None:
    """A row the classifier is sure of does not outweigh all others."""
    weights = density_ratio(np.array([0.0, 0.5, 1.0]), reference_rows=10, window_rows=10)
    assert weights.max() == 20
    assert effective_rows(np.array([1.0, 1.0, 0.0, 0.0])) == 2


@pytest.mark.parametrize(
    ("weighed", "cause"),
    [
        (of(0.05, 0.10, 0.15), "concept"),
        (of(-0.02, 0.01, 0.04), "inputs"),
        (of(0.02, 0.04, 0.06), "inputs"),
        (of(-0.10, 0.08, 0.20), "undecided"),
        (None, "undecided"),
    ],
)
def test_a_fall_that_stays_on_the_references_inputs_is_of_the_concept(weighed: Estimate | None, cause: str) -> None:
    """Half of it or more beyond chance is concept drift, less than half is the inputs, in between it is open."""
    assert explain_fall(of(0.06, 0.10, 0.14), weighed, np.ones(900)).cause == cause


@pytest.mark.parametrize(
    ("weights", "says"),
    [
        (np.r_[np.full(50, 20.0), np.zeros(950)], "50 of 1000 rows are in effect"),
        (np.full(1000, 20.0), "their mean is 20 where it should be 1"),
        (np.full(1000, 0.01), "their mean is 0.01"),
    ],
)
def test_weights_that_cannot_be_trusted_say_nothing(weights: np.ndarray, says: str) -> None:
    """Hardly any overlap, or a classifier that does not know the days' inputs, and the cause is open, with the number."""
    explained = explain_fall(of(0.06, 0.10, 0.14), of(0.05, 0.10, 0.15), weights)
    assert explained.cause == "undecided"
    assert says in explained.sentence
