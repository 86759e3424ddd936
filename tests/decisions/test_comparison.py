"""A challenger beside its opponent: intervals by days, gains on the same rows, slices."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from evenkeel.decisions.comparison import Comparison, Predictions, compare

DAYS, A_DAY = 14, 60


def stormy(seed: int, *, spread: float = 0.5, copies: int = 1) -> dict[str, Any]:
    """Rows of days whose level is that of the day: what one day says, all its rows say. `copies` repeats every row."""
    rng = np.random.default_rng(seed)
    days = np.repeat(np.arange(DAYS), A_DAY)
    level = rng.normal(0, spread, DAYS)[days]
    truth = 10 + rng.normal(0, 1, len(days))
    predicted = truth + level + rng.normal(0, 0.2, len(days))
    rows = {"labels": truth, "days": days.astype(str), "predicted": predicted}
    return {name: np.repeat(one, copies) for name, one in rows.items()}


def compared(rows: dict[str, Any], other: Any, **more: Any) -> Comparison:
    return compare(
        "regression",
        "mae",
        rows["labels"],
        rows["days"],
        Predictions(rows["predicted"]),
        Predictions(other),
        alpha=0.05,
        seed=0,
        **more,
    )


def test_the_same_predictions_gain_nothing_for_sure() -> None:
    """Whoever is compared with himself differs by exactly nothing, with no width (law 17)."""
    rows = stormy(0)
    gain = compared(rows, rows["predicted"]).gain["mae"]
    assert gain is not None
    assert (gain.value, gain.low, gain.high) == (0.0, 0.0, 0.0)


def test_rows_of_a_day_are_not_taken_for_independent() -> None:
    """Every row said ten times over is no more evidence: the interval stays as wide."""
    once, often = (compared(one, one["labels"] + 0.3) for one in (stormy(1), stormy(1, copies=10)))
    here, there = once.gain["mae"], often.gain["mae"]
    assert here is not None
    assert there is not None
    assert here.high - here.low == pytest.approx(there.high - there.low, rel=1e-6)
    assert often.labels == 10 * once.labels


def test_what_both_share_cancels_out() -> None:
    """Both suffer from the same storms: the gain is far surer than either metric."""
    rows = stormy(2)
    found = compared(rows, rows["predicted"] + np.where(rows["predicted"] > rows["labels"], 0.1, -0.1))
    gain, alone = found.gain["mae"], found.challenger["mae"]
    assert gain is not None
    assert alone is not None
    assert gain.value == pytest.approx(0.1)
    assert gain.high - gain.low < (alone.high - alone.low) / 20


def test_a_gain_is_positive_whichever_way_the_metric_runs() -> None:
    """A smaller error and a larger R2 are both gains."""
    rows = stormy(3, spread=0.0)
    found = compared(rows, rows["predicted"] + 1.0)
    assert all(one is not None and one.low > 0 for one in found.gain.values())


def test_an_interval_holds_the_truth_as_often_as_it_says() -> None:
    """Of 300 sets of 14 days, the one-sided bound of 95 % misses the true gain of zero in about 15."""
    missed = 0
    for seed in range(300):
        rng = np.random.default_rng([7, seed])
        rows = stormy(seed)
        noise = rng.normal(0, 0.3, (2, DAYS))[:, rows["days"].astype(int)]
        both = (rows["labels"] + one + rng.normal(0, 0.2, len(one)) for one in noise)
        rows["predicted"], other = both
        gain = compared(rows, other, only=["mae"], resamples=400).gain["mae"]
        assert gain is not None
        missed += gain.low > 0
    assert 3 <= missed <= 27


def test_an_interval_holds_its_own_value() -> None:
    """A calibration error is larger on draws of days than on all of them, and its interval lies around it all the same."""
    rng = np.random.default_rng(3)
    true = rng.uniform(0.1, 0.5, DAYS * 400)
    labels, days = (rng.random(len(true)) < true).astype(float), np.repeat(np.arange(DAYS), 400)
    found = compare("binary", "roc_auc", labels, days, Predictions(true), Predictions(true), alpha=0.05, seed=0)
    for one in found.challenger.values():
        assert one is not None
        assert one.low < one.value < one.high


def test_slices_are_measured_where_they_have_labels() -> None:
    """Each value of a column has its own gain on its own rows; one of a handful of rows has none."""
    rows = stormy(4)
    where = np.where(np.arange(DAYS * A_DAY) % 3 == 0, "north", "south")
    where[:5] = "tiny"
    other = rows["predicted"] + np.where(where == "north", 2.0, 0.0)
    found = {one.value: one for one in compared(rows, other, slices={"region": where}).slices}
    assert set(found) == {"north", "south"}
    assert found["north"].gain is not None
    assert found["north"].gain.low > 1
    assert found["south"].gain is not None
    assert found["south"].gain.value == 0


def test_the_same_seed_draws_the_same_days() -> None:
    """An evaluation repeated is the same evaluation (law 1)."""
    rows = stormy(5)
    assert compared(rows, rows["labels"]) == compared(rows, rows["labels"])


def test_an_interval_holds_no_value_that_the_metric_cannot_have() -> None:
    """A calibration error is not negative, a share not above one; a gain may be either."""
    rng = np.random.default_rng(3)
    days = np.repeat(np.arange(DAYS), A_DAY)
    chance = np.clip(0.3 + rng.normal(0, 0.2, DAYS), 0.01, 0.99)[days]
    labels = (rng.random(len(days)) < chance).astype(float)
    both = Predictions(np.full(len(days), labels.mean())), Predictions(chance)
    found = compare("binary", "roc_auc", labels, days, *both, alpha=0.05, seed=0)
    for one in (found.challenger["calibration_error"], found.opponent["calibration_error"]):
        assert one is not None
        assert 0 <= one.low <= one.value <= one.high <= 1
    assert found.challenger["calibration_error"].low == 0  # type: ignore[union-attr]
    gain = found.gain["calibration_error"]
    assert gain is not None
    assert gain.low < 0
