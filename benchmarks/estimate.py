"""The metric estimated without labels, beside what came true; and how often decay is called where nothing decayed.

    python -m benchmarks.estimate [--trials 200] [--keep FOLDER]

Estimate: from March on a model is fitted every fortnight as a training would fit it, on the 60 days before with the last 14 held
out. The windows are of the four weeks after. `as promised` takes the metric of the holdout for that of the window.

Decay where nothing decayed, of which each verdict is a false one:

    shuffled days   four weeks that one model scored, their days dealt at random to a holdout and a window of 14 each
    synthetic       days whose level and use of the features wander about a mean (AR(1), 0.7), with a weekly rhythm; the model is
                    the mean relation, the holdout 14 days and the window 14 later ones

`point` is the rule without an interval: the estimate of the fall is beyond the tolerance. Data: flight_delay on the flights of
2013, which take a minute to land and build; --keep keeps them. Everything is seeded.
"""

from __future__ import annotations

import argparse
import tempfile
from collections import defaultdict
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from rich.console import Console
from rich.progress import track
from rich.table import Table

from benchmarks.promotion import WINDOW, Data, _rate, flights, synthetic
from evenkeel.decisions.comparison import Predictions
from evenkeel.decisions.decay import Fall, Sample, judge_decay, measure_fall
from evenkeel.gateways.estimators import build_estimator, fit_estimator, predict
from evenkeel.vocabulary import columns as c
from evenkeel.vocabulary.verdict import DriftOutcome
from evenkeel.workflows.check_window import measure_scores
from evenkeel.workflows.label_free import learn_label_free
from evenkeel.workflows.reference import ROW_DAY
from nyc_flights.landing import land

if TYPE_CHECKING:
    import pandas as pd

    from evenkeel.vocabulary.spec import ModelSpec

HOLDOUT, AFTER = 14, 28
METRICS = ("roc_auc", "log_loss", "brier", "accuracy")
LENGTHS = (1, 7, 14)
TOLERANCES = (0.0, 0.01, 0.05)
LEVEL = 0.9


def lives(data: Data) -> list[tuple[pd.DataFrame, pd.DataFrame]]:
    """For each training its holdout and the four weeks after, as its first candidate scored them."""
    found = []
    candidate, spec = data.spec.training.candidates[0], data.spec
    starts = [date(2013, 3, 1) + timedelta(days=number) for number in range(0, 306 - AFTER, 14)]
    for as_of in track(starts, "fitting", transient=True):
        train = data.days(as_of - timedelta(days=WINDOW), as_of - timedelta(days=HOLDOUT + 2))
        fitted = fit_estimator(build_estimator(candidate, spec.features, 1), train, spec.features, train[c.LABEL])
        holdout, after = (
            rows.assign(**{c.PREDICTION: predict(fitted, rows, spec.task)}).reset_index(drop=True)
            for rows in (
                data.days(as_of - timedelta(days=HOLDOUT), as_of - timedelta(days=1)),
                data.days(as_of, as_of + timedelta(days=AFTER - 1)),
            )
        )
        found.append((holdout.rename(columns={c.PARTITION: ROW_DAY}), after))
    return found


def true_metric(spec: ModelSpec, rows: pd.DataFrame, metric: str) -> float:
    """What came true of published scores."""
    if metric == "accuracy":
        return float(np.mean((rows[c.PREDICTION] >= 0.5) == (rows[c.LABEL] == 1)))
    return measure_scores(spec, rows)[metric]


def estimates(data: Data, found: list[tuple[pd.DataFrame, pd.DataFrame]]) -> Table:
    """Error and coverage of the estimate, by metric and length of the window."""
    table = Table(
        "metric", "days", "windows", "mean abs. error", "as promised", f"truth within {LEVEL:.0%} interval", "width"
    )
    table.title = "The estimate without labels against the truth"
    for metric in METRICS:
        asked = data.spec.promotion.model_copy(update={"metric": metric})
        spec = data.spec.model_copy(update={"promotion": asked})
        told = defaultdict(list)
        for holdout, after in track(found, metric, transient=True):
            label_free = learn_label_free(spec, holdout)
            assert label_free is not None
            promised = true_metric(spec, holdout, metric)
            keys = np.unique(after[c.PARTITION])
            for length in LENGTHS:
                for first in range(0, AFTER, length):
                    rows = after[after[c.PARTITION].isin(keys[first : first + length])]
                    estimate, truth = label_free.estimate(rows), true_metric(spec, rows, metric)
                    if estimate is not None:
                        inside = estimate.low <= truth <= estimate.high
                        width = estimate.high - estimate.low
                        told[length].append((abs(estimate.value - truth), abs(promised - truth), inside, width))
        for length, rows_of in told.items():
            error, naive, inside, width = np.mean(np.array(rows_of, dtype=float), axis=0)
            shown = (f"{error:.4f}", f"{naive:.4f}", f"{inside:.1%}", f"{width:.4f}")
            table.add_row(metric, str(length), str(len(rows_of)), *shown)
    return table


def sample(rows: pd.DataFrame, days: np.ndarray) -> Sample:
    """The rows of some days."""
    inside = rows[rows[c.PARTITION].isin(days)]
    said = Predictions(inside[c.PREDICTION].to_numpy())
    return Sample(inside[c.LABEL].to_numpy(), said, inside[c.PARTITION].to_numpy())


def null_falls(spec: ModelSpec, rows: list[pd.DataFrame], trials: int, *, shuffled: bool) -> list[Fall]:
    """Falls of windows that are of the holdout's own law."""
    found = []
    for trial in track(range(trials), "shuffled" if shuffled else "synthetic", transient=True):
        rng = np.random.default_rng([7, trial])
        those = rows[int(rng.integers(len(rows)))]
        keys = np.unique(those[c.PARTITION])
        first = int(rng.integers(len(keys) - AFTER + 1))
        days = keys[first : first + AFTER]
        dealt = rng.permutation(days) if shuffled else days
        both = (sample(those, dealt[:HOLDOUT]), sample(those, dealt[HOLDOUT:]))
        found.append(measure_fall(spec.task, spec.promotion.metric, *both, alpha=spec.drift.alpha, seed=trial))
    return found


def false_decays(name: str, found: list[Fall], table: Table) -> None:
    """Rows of the table: verdicts by tolerance."""
    for tolerance in TOLERANCES:
        verdicts = [
            judge_decay(
                metric="roc_auc",
                found=one,
                labels=1,
                days=HOLDOUT,
                holdout_days=HOLDOUT,
                min_labels=1,
                tolerance=tolerance,
            ).outcome
            for one in found
        ]
        called, trials = sum(one is DriftOutcome.DRIFT for one in verdicts), len(found)
        beyond = sum(one in {DriftOutcome.DRIFT, DriftOutcome.WATCH} for one in verdicts)
        table.add_row(name, str(trials), f"{tolerance:g}", _rate(called, trials), _rate(beyond, trials))


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=200, help="null windows of each law")
    parser.add_argument("--keep", type=Path, help="folder for the flights and their scores")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        keep = asked.keep or Path(scratch)
        if not (keep / "data").exists():
            land(keep / "data", date(2013, 1, 1), date(2013, 12, 31))
        data = flights("flight_delay", str(keep / "data"), keep)
    console = Console(width=140)
    found = lives(data)
    table = Table("days", "null windows", "tolerance", "decay", "point", title="Decay where nothing decayed, roc_auc")
    false_decays(
        "flights, shuffled days", null_falls(data.spec, [one for _, one in found], asked.trials, shuffled=True), table
    )
    drawn = synthetic(data.spec).frame.rename(columns={"_score": c.PREDICTION})
    false_decays("synthetic", null_falls(data.spec, [drawn], asked.trials, shuffled=False), table)
    console.print(table)
    console.print(estimates(data, found))


if __name__ == "__main__":
    main()
