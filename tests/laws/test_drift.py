"""Laws 20, 21 and 23: what is drift, what is not known, and what a window is held against."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from scipy.stats import binom

from evenkeel.decisions.calibrated import AgainstChance, Reference, measure_window
from evenkeel.decisions.drift import Moved, judge_drift
from evenkeel.decisions.profile import Counted, numeric_cells
from evenkeel.vocabulary.tables import CHECKS, REFERENCE_ROWS
from evenkeel.vocabulary.verdict import DriftOutcome
from evenkeel.workflows.check_window import check_run
from evenkeel.workflows.drift import measure_drift
from evenkeel.workflows.drift_check import gather_window
from evenkeel.workflows.pipelines import run_drift_check
from evenkeel.workflows.promote import judge_version, promote_version
from tests.laws.house import CHECKED, SCORED

if TYPE_CHECKING:
    from tests.workflows.conftest import House

ALPHA, RUNS = 0.05, 200
DAYS, WINDOW, COLUMNS = 60, 14, 6


def counted(values: np.ndarray, cuts: np.ndarray) -> Counted:
    table = np.array([np.bincount(np.searchsorted(cuts, day), minlength=len(cuts) + 1) for day in values])
    none = np.zeros(len(values), dtype=np.int64)
    return Counted(table, none, none)


def measured(reference: np.ndarray, window: np.ndarray, seed: int) -> list[AgainstChance]:
    """Columns of the two, shape (columns, days, rows)."""
    references, windows = [], {}
    for place, (before, after) in enumerate(zip(reference, window, strict=True)):
        cells = numeric_cells(f"x{place}", before.ravel())
        assert cells.cuts is not None
        references.append(Reference(cells, counted(before, cells.cuts), "wasserstein"))
        windows[f"x{place}"] = counted(after, cells.cuts)
    return measure_window(references, windows, alpha=ALPHA, seed=seed)


def days_with_a_memory(rng: np.random.Generator, columns: int = COLUMNS) -> np.ndarray:
    """The level of each column and day: a share of the day before's lasts, and weekdays differ."""
    found = np.zeros((columns, DAYS + WINDOW))
    for day in range(1, DAYS + WINDOW):
        found[:, day] = 0.5 * found[:, day - 1] + 0.3 * rng.standard_normal(columns)
    return found + 0.3 * rng.standard_normal((columns, 7))[:, np.arange(DAYS + WINDOW) % 7]


@pytest.mark.parametrize("rows", [3, 100])
def test_law_20_windows_like_the_reference_raise_at_most_alpha_alarms(rows: int) -> None:
    """Whatever the number of rows, and although days have a rhythm and a memory, at most alpha of 200 windows alarm (law 20)."""
    alarms = 0
    for seed in range(RUNS):
        rng = np.random.default_rng([20, seed])
        values = rng.standard_normal((COLUMNS, DAYS + WINDOW, 100)) + days_with_a_memory(rng)[:, :, None]
        alarms += any(one.excess > 1 for one in measured(values[:, :DAYS], values[:, DAYS:, :rows], seed))
    assert alarms <= binom.ppf(0.99, RUNS, ALPHA)


def test_law_20_an_injected_shift_is_found_within_a_window() -> None:
    """A shift of one column by 1.5 standard deviations is found in every run, and it is that column which is named (law 20)."""
    for seed in range(20):
        rng = np.random.default_rng([21, seed])
        values = rng.standard_normal((COLUMNS, DAYS + WINDOW, 100)) + days_with_a_memory(rng)[:, :, None]
        values[2, DAYS:] += 1.5
        largest = max(measured(values[:, :DAYS], values[:, DAYS:], seed), key=lambda one: one.excess)
        assert largest.column == "x2"
        assert largest.excess > 1


def test_law_20_an_injected_shift_is_found_in_the_pipeline(lived: House) -> None:
    """The check of a day whose flights are of another distance signals, and names it (law 20)."""
    recorded = run_drift_check(lived.spec, lived.spec.partition(CHECKED), lived.gateways)
    assert recorded.drift == DriftOutcome.DRIFT
    checks = lived.gateways.lake.read(lived.spec.model, CHECKS, partitions=[CHECKED])
    assert checks is not None
    assert "distance" in checks["causes"].iloc[0]


def test_law_21_too_few_rows_are_not_no_drift() -> None:
    """A window of fewer rows than are needed says so, whatever was measured of it (law 21)."""
    still = [Moved("x", "distribution", "wasserstein", 0.0, 0.2, 0.1)]
    assert judge_drift(still, rows=499, min_rows=500).outcome is DriftOutcome.INSUFFICIENT_DATA


def test_law_21_nothing_measured_is_not_no_drift() -> None:
    """Rows of which nothing could be measured say so (law 21)."""
    assert judge_drift([], rows=1000, min_rows=500).outcome is DriftOutcome.INSUFFICIENT_DATA


def test_law_23_the_reference_follows_the_champion(lived: House) -> None:
    """Once another version is champion, its checks are held against what that one learnt from (law 23)."""
    spec, gateways = lived.spec, lived.gateways
    verdict = judge_version(spec, lived.at(SCORED[0]), 2, gateways)
    promote_version(spec, lived.at(SCORED[0]), 2, verdict, gateways, force=True, reason="the law asks for it")
    champion = gateways.ledger.champion(spec.model, lived.at(SCORED[1]))
    assert champion is not None
    gather_window(spec, spec.partition(CHECKED), gateways)
    kept = gateways.lake.read(spec.model, REFERENCE_ROWS, partitions=[champion.training or ""])
    assert kept is not None
    promised = gateways.staging.get(check_run(spec, spec.partition(CHECKED)), "promised")
    assert set(promised["_row_partition"]) == set(kept[kept["_part"] == "holdout"]["_row_partition"])
    assert measure_drift(spec, spec.partition(CHECKED), gateways).outcome == DriftOutcome.INSUFFICIENT_DATA
