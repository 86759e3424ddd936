"""The metric estimated without labels, beside what came true; how often decay is called where nothing decayed, and how soon
where labels stopped following the features while these stayed as they were.

    python -m benchmarks.estimate [--trials 200] [--keep FOLDER]

Estimate: from March on a model is fitted every fortnight as a training would fit it, on the 60 days before with the last 14 held
out. The windows are of the four weeks after. `as promised` takes the metric of the holdout for that of the window.

Decay where nothing decayed, of which each verdict is a false one:

    shuffled days   four weeks that one model scored, their days dealt at random to a holdout and a window of 14 each
    synthetic       days whose level and use of the features wander about a mean (AR(1), 0.7), with a weekly rhythm; the model is
                    the mean relation, the holdout 14 days and the window 14 later ones

`point` is the rule without an interval: the estimate of the fall is beyond the tolerance.

Concept drift: of the same windows' rows, from a day on, a share drawn by chance has its labels dealt anew within each day. So no
feature moves, nor the share of labels, only what follows from what. The window of 14 days is looked at after some of them.

Data: flight_delay on the flights of 2013, which take a minute to land and build; --keep keeps them. Everything is seeded.
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
SHARES = (0.1, 0.25, 0.5, 1.0)
SINCE = (1, 3, 5, 7, 10, 14)
"""Days after which a window is looked at."""


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
        those, days = _drawn(rows, rng, shuffled=shuffled)
        both = (sample(those, days[:HOLDOUT]), sample(those, days[HOLDOUT:]))
        found.append(measure_fall(spec.task, spec.promotion.metric, *both, alpha=spec.drift.alpha, seed=trial))
    return found


def _verdict(found: Fall, tolerance: float) -> DriftOutcome:
    return judge_decay(
        metric="roc_auc",
        found=found,
        labels=1,
        days=HOLDOUT,
        holdout_days=HOLDOUT,
        min_labels=1,
        tolerance=tolerance,
    ).outcome


def false_decays(name: str, found: list[Fall], table: Table) -> None:
    """Rows of the table: verdicts by tolerance."""
    for tolerance in TOLERANCES:
        verdicts = [_verdict(one, tolerance) for one in found]
        called, trials = sum(one is DriftOutcome.DRIFT for one in verdicts), len(found)
        beyond = sum(one in {DriftOutcome.DRIFT, DriftOutcome.WATCH} for one in verdicts)
        table.add_row(name, str(trials), f"{tolerance:g}", _rate(called, trials), _rate(beyond, trials))


def _drawn(rows: list[pd.DataFrame], rng: np.random.Generator, *, shuffled: bool) -> tuple[pd.DataFrame, np.ndarray]:
    """Rows of four weeks, and their days: half are the holdout's, half the window's."""
    those = rows[int(rng.integers(len(rows)))]
    keys = np.unique(those[c.PARTITION])
    first = int(rng.integers(len(keys) - AFTER + 1))
    days = keys[first : first + AFTER]
    inside = those[those[c.PARTITION].isin(days)].reset_index(drop=True)
    return inside, rng.permutation(days) if shuffled else days


def dealt_anew(rows: pd.DataFrame, days: np.ndarray, share: float, rng: np.random.Generator) -> pd.DataFrame:
    """The rows, of which a share of those of some days had their labels dealt anew within the day."""
    changed = rows.copy()
    for day in days:
        those = rows.index[(rows[c.PARTITION] == day) & (rng.random(len(rows)) < share)]
        changed.loc[those, c.LABEL] = rng.permutation(rows.loc[those, c.LABEL].to_numpy())
    return changed


def delays(
    spec: ModelSpec, rows: list[pd.DataFrame], share: float, tolerance: float, trials: int, *, shuffled: bool
) -> list[int | None]:
    """In each trial after how many days decay is found, or None. After n days the last n of the window are the turned ones."""
    found: list[int | None] = []
    for trial in track(range(trials), f"concept {share:.0%}", transient=True):
        rng = np.random.default_rng([11, trial])
        before, days = _drawn(rows, rng, shuffled=shuffled)
        turned = dealt_anew(before, days[HOLDOUT:], share, rng)
        holdout, after = sample(before, days[:HOLDOUT]), None
        for since in SINCE:
            now = turned.where(turned[c.PARTITION].isin(days[-since:]), before)
            fall = measure_fall(
                spec.task,
                spec.promotion.metric,
                holdout,
                sample(now, days[HOLDOUT:]),
                alpha=spec.drift.alpha,
                seed=trial,
            )
            if _verdict(fall, tolerance) is DriftOutcome.DRIFT:
                after = since
                break
        found.append(after)
    return found


def concept(spec: ModelSpec, laws: dict[str, tuple[list[pd.DataFrame], bool]], trials: int) -> Table:
    """How often and how soon labels that were dealt anew are found."""
    table = Table("days", "labels dealt anew", "tolerance", "found within 14 days", "median day")
    table.title = "Concept drift without covariate drift, roc_auc"
    for name, (rows, shuffled) in laws.items():
        for share in SHARES:
            for tolerance in (0.0, 0.05):
                found = delays(spec, rows, share, tolerance, trials, shuffled=shuffled)
                days = [HOLDOUT + 1 if one is None else one for one in found]
                median = float(np.median(days))
                shown = "-" if median > HOLDOUT else f"{median:g}"
                called = sum(one is not None for one in found)
                table.add_row(name, f"{share:.0%}", f"{tolerance:g}", _rate(called, trials), shown)
    return table


def main() -> None:
    """Print the tables."""
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
    laws = {"flights, shuffled days": ([one for _, one in found], True), "synthetic": ([drawn], False)}
    console.print(concept(data.spec, laws, asked.trials))
    console.print(estimates(data, found))


if __name__ == "__main__":
    main()
