"""Columns as counts in cells: distances of counts are those of the rows they count."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import jensenshannon
from scipy.stats import wasserstein_distance

from evenkeel.decisions.profile import Cells, categorical_cells, distance, numeric_cells
from evenkeel.workflows.counting import count_reference, count_window

RNG = np.random.default_rng(3)


def counts(values: object, cells: Cells) -> np.ndarray:
    rows = pd.Series(values)
    return (
        count_window(rows, pd.Series("2013-01-01", index=rows.index), ["2013-01-01"], cells)
        .cells.sum(axis=0)
        .astype(float)
    )


@pytest.mark.parametrize("shift", [0.1, 0.5, 2.0])
def test_the_binned_wasserstein_distance_is_that_of_the_rows(shift: float) -> None:
    """In standard deviations of the reference, as of the rows themselves, but for what lies beyond all of the reference."""
    reference, window = RNG.normal(5, 2, 20_000), RNG.normal(5 + 2 * shift, 2, 20_000)
    cells = numeric_cells("x", reference)
    found = float(distance(cells, "wasserstein", counts(window, cells), counts(reference, cells)))
    expected = wasserstein_distance(reference, np.minimum(window, reference.max())) / reference.std()
    assert found == pytest.approx(expected, rel=0.15)


def test_the_jensen_shannon_distance_is_scipys() -> None:
    """To base 2, of the shares of categories."""
    cells = categorical_cells("x", {"A": 50, "B": 30, "C": 20})
    one, other = np.array([10.0, 20.0, 30.0, 0.0]), np.array([50.0, 30.0, 20.0, 0.0])
    assert float(distance(cells, "jensenshannon", one, other)) == pytest.approx(jensenshannon(one, other, base=2))


def test_a_value_on_either_side_of_a_constant_is_seen() -> None:
    """Of a column that was constant, the distance is the share of rows that differ, below or above."""
    cells = numeric_cells("x", np.full(100, 7.0))
    reference = counts(np.full(100, 7.0), cells)
    for other in (6.9, 7.1):
        window = counts(np.array([7.0] * 9 + [other]), cells)
        assert float(distance(cells, "wasserstein", window, reference)) == pytest.approx(0.1)


def test_a_null_is_no_value_and_an_infinity_neither() -> None:
    """Nulls and infinities are counted as nulls and are in no cell."""
    cells = numeric_cells("x", np.arange(100.0))
    days = pd.Series(["a", "a", "b", "b"])
    counted = count_window(pd.Series([1.0, np.nan, np.inf, 2.0]), days, ["a", "b"], cells)
    assert (counted.nulls.tolist(), counted.rows.tolist(), int(counted.cells.sum())) == ([1, 1], [2, 2], 2)


def test_what_the_reference_does_not_know_is_unseen() -> None:
    """A category that the reference does not hold is counted as unseen, and in the cell of the others; a rare one is known."""
    cells = categorical_cells("x", {f"N{place}": 100 - place for place in range(60)})
    counted = count_window(pd.Series(["N0", "N59", "new", None]), pd.Series(["a"] * 4), ["a"], cells)
    assert (counted.unseen.tolist(), counted.nulls.tolist(), counted.cells[0, -1]) == ([1], [1], 2)


def test_a_reference_is_as_new_to_itself_as_its_own_weeks_are() -> None:
    """In the reference unseen is what no day outside the week holds: a stranger of one day, not one who comes each week."""
    days = [f"2013-01-{day:02}" for day in range(1, 29)]
    rows = pd.DataFrame(
        {"day": days * 2, "value": ["A"] * 28 + ["once" if day == "2013-01-10" else "B" for day in days]}
    )
    cells = categorical_cells("x", rows["value"].value_counts().to_dict())
    counted = count_reference(rows["value"], rows["day"], days, cells)
    assert (int(counted.unseen.sum()), counted.unseen[9]) == (1, 1)


@settings(max_examples=40)
@given(
    st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=60),
    st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=60),
    st.sampled_from(["wasserstein", "jensenshannon", "psi"]),
)
def test_counts_add_up_and_a_distance_is_never_below_zero(reference: list[float], window: list[float], method) -> None:  # type: ignore[no-untyped-def]
    """Every value lies in one cell; a distance to itself is zero, to anything else not negative and finite."""
    cells = numeric_cells("x", np.array(reference))
    here, there = counts(window, cells), counts(reference, cells)
    assert (int(here.sum()), int(there.sum())) == (len(window), len(reference))
    assert float(distance(cells, method, there, there)) == pytest.approx(0.0, abs=1e-9)
    assert 0 <= float(distance(cells, method, here, there)) < np.inf
