"""Whether a version was made again: the four answers, and what is named where it was not."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from evenkeel.decisions.reproduction import (
    TOLERANCE,
    Apart,
    Difference,
    Sameness,
    compare_packages,
    compare_predictions,
    judge_reproduction,
)

CODE = Difference("code", "a" * 40, "b" * 40)


@pytest.mark.parametrize(
    ("asked", "sameness", "said"),
    [
        ({"same_file": True}, Sameness.BITS, "bit for bit"),
        ({"apart": Apart(0.0, 1.0)}, Sameness.PREDICTIONS, "each of 1,200 holdout rows is predicted exactly the same"),
        ({"apart": Apart(TOLERANCE, 1.0)}, Sameness.TOLERANCE, "differ by 1e-06 at most"),
        ({"apart": Apart(TOLERANCE * 30, 40.0)}, Sameness.TOLERANCE, "4e-05 is allowed"),
        ({"apart": Apart(TOLERANCE * 1.1, 1.0)}, Sameness.DIFFERS, "Nothing on record explains it"),
        ({"apart": Apart(0.2, 1.0), "differences": [CODE]}, Sameness.DIFFERS, "Not as on record: code"),
        ({"apart": None}, Sameness.DIFFERS, "cannot be compared by predictions"),
        ({"same_file": True, "data_as_recorded": False}, Sameness.DIFFERS, "the training set is not the one on record"),
    ],
)
def test_how_much_is_the_same(asked: dict[str, Any], sameness: Sameness, said: str) -> None:
    """The file decides, then the predictions within a tolerance; rows that are not those on record make it another model."""
    full = {"same_file": False, "apart": None, "rows": 1_200, "differences": [], "data_as_recorded": True} | asked
    found = judge_reproduction(**full)
    assert (found.sameness, found.equal) == (sameness, sameness is not Sameness.DIFFERS)
    assert said in found.reason


def test_what_is_not_as_it_was_is_told_even_where_the_model_is_equal() -> None:
    """A difference that did no harm is still on the answer."""
    found = judge_reproduction(same_file=True, apart=None, rows=1, differences=[CODE], data_as_recorded=True)
    assert found.equal
    assert [str(one) for one in found.differences] == [f"code: {'a' * 40} on record, {'b' * 40} found"]


def test_predictions_are_held_against_their_own_scale() -> None:
    """Probabilities differ by themselves, values in units of how far they spread; other shapes and holes are not comparable."""
    one, other = np.array([10.0, 20.0, 30.0]), np.array([10.0, 20.0, 33.0])
    assert compare_predictions(one, one, probabilities=False) == Apart(0.0, float(np.std(one)))
    assert compare_predictions(one, other, probabilities=True) == Apart(3.0, 1.0)
    assert compare_predictions(one, other[:2], probabilities=False) is None
    assert compare_predictions(one, np.array([10.0, np.nan, 30.0]), probabilities=False) is None
    holes = np.array([np.nan, 2.0, 2.0])
    assert compare_predictions(holes, holes, probabilities=False) == Apart(0.0, 1.0)
    assert compare_predictions(np.ones((2, 3)) / 3, np.ones((2, 3)) / 3, probabilities=True) == Apart(0.0, 1.0)


def test_packages_of_another_version_are_named() -> None:
    """What both environments have, at other versions; what only one has makes no model different."""
    there = ["# python 3.11.2", "numpy==2.4.6", "pytest==9.0", "scikit-learn==1.9.1"]
    here = ["# python 3.11.2", "numpy==2.4.5", "scikit-learn==1.9.1", "uv==0.9"]
    assert compare_packages(there, here) == Difference("packages", "numpy 2.4.6", "numpy 2.4.5")
    assert compare_packages(there, [*there, "more==1"]) is None
    many = [f"package{number}==1" for number in range(20)]
    found = compare_packages(many, [line.replace("==1", "==2") for line in many])
    assert found is not None
    assert found.found.endswith("and 12 more")
