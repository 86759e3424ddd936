"""Calibration by hand, and what must not matter to it."""

from __future__ import annotations

import math

import numpy as np
import pytest

from evenkeel.decisions.calibration import Bin, calibration_error, reliability


def test_two_bins_by_hand() -> None:
    """Four rows in two bins: predictions 0.15 where none came true, 0.75 where all did."""
    labels, predicted = np.array([0, 0, 1, 1]), np.array([0.1, 0.2, 0.7, 0.8])
    found = reliability(labels, predicted, bins=2)
    assert found == (Bin(pytest.approx(0.15), 0.0, 2), Bin(pytest.approx(0.75), 1.0, 2))  # type: ignore[arg-type]
    assert calibration_error(labels, predicted, bins=2) == pytest.approx(0.5 * 0.15 + 0.5 * 0.25)


def test_equal_predictions_stay_together_whatever_the_order() -> None:
    """The same probability for every row is one bin: right on average is calibrated, however late the ones come."""
    labels = np.array([0] * 80 + [1] * 20)
    assert calibration_error(labels, np.full(100, 0.2)) == pytest.approx(0.0, abs=1e-12)
    random = np.random.default_rng(0)
    predicted, labels = np.round(random.random(500), 1), random.integers(0, 2, 500)
    order = random.permutation(500)
    assert calibration_error(labels[order], predicted[order]) == pytest.approx(calibration_error(labels, predicted))
    assert sum(one.rows for one in reliability(labels, predicted)) == 500


def test_a_perfect_model_has_what_the_docstring_says_and_a_bent_one_more() -> None:
    """On true probabilities only chance is left, of the size that is written there; overconfidence is found."""
    random = np.random.default_rng(0)
    truth = random.uniform(0.1, 0.5, 20_000)
    labels = (random.random(20_000) < truth).astype(float)
    by_chance = float(np.mean(np.sqrt(2 * truth * (1 - truth) * 10 / (math.pi * 20_000))))
    assert calibration_error(labels, truth) == pytest.approx(by_chance, rel=0.6)
    assert calibration_error(labels, np.clip(truth + 0.1, 0, 1)) == pytest.approx(0.1, abs=0.01)


def test_no_rows_have_no_calibration() -> None:
    """NaN, rather than a perfect zero."""
    assert math.isnan(calibration_error(np.empty(0), np.empty(0)))
