"""How often the promotion gate promotes what is no better, and what it finds: beside the naive rule "the metric is larger".

    python -m benchmarks.promotion [--trials 200] [--keep FOLDER]

Null trials, of which each promotion is a false one:

    another seed   champion and challenger are the same candidate, fitted on the same window with two seeds
    zero gain      both are one model's predictions, each with noise of its own of the same law (rows, and whole days): the true
                   gain is exactly zero, and the difference on the holdout is as large as that of two real models

Power: the challenger has less of that noise than the champion. The gain is the mean over the trials, in the metric's unit.
Data: the flights of both example models at dates drawn from March to December, and a synthetic set whose days have a rhythm and
a memory. The flights take a minute to land and build; --keep keeps them. Everything is seeded.
"""

from __future__ import annotations

import argparse
import tempfile
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from rich.console import Console
from rich.progress import track
from rich.table import Table
from scipy.stats import binomtest

from benchmarks.example_models import PROJECT, between, year
from evenkeel.decisions.comparison import Comparison, Predictions, compare
from evenkeel.decisions.promotion import judge_challenger
from evenkeel.gateways.estimators import build_estimator, fit_estimator, predict
from evenkeel.vocabulary import columns as c
from evenkeel.vocabulary.spec_file import load_spec
from evenkeel.vocabulary.verdict import Outcome
from nyc_flights.landing import land

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from evenkeel.vocabulary.spec import ModelSpec

    Floats = NDArray[np.float64]

HOLDOUT, WINDOW, GAP = 14, 60, 1
NOISE = {"binary": (0.2, 0.07), "regression": (0.02, 0.007)}
"""Standard deviations on rows and on days: of log odds, or in standard deviations of the label. Two models of different days
differ by about as much.
"""


@dataclass(frozen=True)
class Trial:
    """One challenge: who won by the gate and by the naive rule, and the measured gain."""

    promoted: bool
    larger: bool
    gain: float


@dataclass(frozen=True)
class Data:
    """Labelled rows of a year with their features, and the model's scores of each day by a version that had not seen it."""

    spec: ModelSpec
    frame: pd.DataFrame

    def days(self, first: date, last: date) -> pd.DataFrame:
        """The rows of the days first..last; the frame is in the order of its days."""
        keys = self.frame[c.PARTITION].to_numpy()
        start, end = (np.searchsorted(keys, one.isoformat(), side) for one, side in ((first, "left"), (last, "right")))
        return self.frame.iloc[start:end]


def challenge(spec: ModelSpec, rows: pd.DataFrame, challenger: Floats, champion: Floats, seed: int) -> Comparison:
    """Two sets of predictions on the same rows, by the spec's metric alone."""
    return compare(
        spec.task,
        spec.promotion.metric,
        rows[c.LABEL].to_numpy(),
        rows[c.PARTITION].to_numpy(),
        Predictions(challenger),
        Predictions(champion),
        alpha=spec.promotion.alpha,
        seed=seed,
        only=[spec.promotion.metric],
    )


def judged(spec: ModelSpec, compared: Comparison, margin: float) -> Trial:
    """What the gate of the spec says, with a margin of one's own and no guards."""
    own = {"margin": margin, "min_labels": 100, "min_days": 2, "slices": {}, "calibration_tolerance": None}
    verdict = judge_challenger(compared, spec.promotion.model_copy(update=own), opponent="the champion")
    gained = compared.gain[spec.promotion.metric]
    value = 0.0 if gained is None else gained.value
    return Trial(verdict.outcome is Outcome.PASS, value > margin, value)


def noisy(spec: ModelSpec, rows: pd.DataFrame, scores: Floats, scale: float, rng: np.random.Generator) -> Floats:
    """Scores with noise on each row and on each day."""
    _, days = np.unique(rows[c.PARTITION], return_inverse=True)
    on_rows, on_days = NOISE[spec.task]
    added = on_rows * rng.standard_normal(len(rows)) + on_days * rng.standard_normal(days.max() + 1)[days]
    if spec.task == "regression":
        return scores + scale * added * float(rows["_spread"].iloc[0])
    inside = np.clip(scores, 1e-6, 1 - 1e-6)
    found: Floats = 1 / (1 + np.exp(-(np.log(inside / (1 - inside)) + scale * added)))
    return found


def thinned(rows: pd.DataFrame, a_day: int | None, rng: np.random.Generator) -> pd.DataFrame:
    """At most so many rows of each day, drawn."""
    if a_day is None:
        return rows
    shuffled = rows.iloc[rng.permutation(len(rows))]
    return shuffled[shuffled.groupby(c.PARTITION).cumcount() < a_day].sort_index()


def another_seed(data: Data, a_day: int | None, seed: int) -> Comparison:
    """The same candidate twice, with two seeds, on one window at a date of its own."""
    rng = np.random.default_rng([1, seed])
    as_of = date(2013, 3, 2) + timedelta(days=int(rng.integers(0, 300)))
    window = thinned(data.days(as_of - timedelta(days=WINDOW), as_of - timedelta(days=1)), a_day, rng)
    until = (as_of - timedelta(days=HOLDOUT + GAP)).isoformat()
    train = window[window[c.PARTITION] < until]
    holdout = window[window[c.PARTITION] >= (as_of - timedelta(days=HOLDOUT)).isoformat()]
    candidate, spec = data.spec.training.candidates[0], data.spec
    first, second = (
        predict(
            fit_estimator(build_estimator(candidate, spec.features, number), train, spec.features, train[c.LABEL]),
            holdout,
            spec.task,
        )
        for number in rng.integers(0, 2**31, 2).tolist()
    )
    return challenge(spec, holdout, first, second, seed)


def of_noise(data: Data, a_day: int | None, days: int, seed: int, *, worse: float = 1.0, stream: int = 2) -> Comparison:
    """One model's scores with noise on both sides; `worse` is how much more of it the champion has."""
    rng = np.random.default_rng([stream, seed])
    first = date(2013, 3, 2) + timedelta(days=int(rng.integers(0, 300 - days)))
    rows = thinned(data.days(first, first + timedelta(days=days - 1)), a_day, rng)
    scores = rows["_score"].to_numpy()
    challenger, champion = (noisy(data.spec, rows, scores, scale, rng) for scale in (1.0, worse))
    return challenge(data.spec, rows, challenger, champion, seed)


def flights(name: str, landed: str, keep: Path) -> Data:
    """The flights of a model, each scored by the candidate fitted on the window before its fortnight."""
    spec = load_spec(PROJECT / "config" / "models" / f"{name}.yaml")
    file = keep / f"{name}.parquet"
    if not file.exists():
        frame = year(spec, landed)
        parts = []
        for start in range(0, 306, 14):
            as_of = date(2013, 3, 1) + timedelta(days=start)
            train = between(frame, as_of - timedelta(days=WINDOW), as_of - timedelta(days=2))
            candidate = spec.training.candidates[0]
            fitted = fit_estimator(build_estimator(candidate, spec.features, 1), train, spec.features, train[c.LABEL])
            part = between(frame, as_of, as_of + timedelta(days=13))
            parts.append(part.assign(_score=predict(fitted, part, spec.task)))
        early = between(frame, date(2013, 1, 1), date(2013, 2, 28)).assign(_score=np.nan)
        pd.concat([early, *parts], ignore_index=True).to_parquet(file)
    frame = pd.read_parquet(file).sort_values(c.PARTITION, kind="stable", ignore_index=True)
    return Data(spec, frame.assign(_spread=frame[c.LABEL].std()))


def synthetic(spec: ModelSpec) -> Data:
    """Days whose level and whose use of each feature wander (AR(1), 0.7), with a weekly rhythm and unequal size; a year."""
    rng = np.random.default_rng(5)
    parts, level, slope = [], 0.0, 0.0
    for day in range(365):
        level, slope = (0.7 * one + 0.4 * rng.standard_normal() for one in (level, slope))
        rows = int(rng.integers(400, 1400))
        x = rng.standard_normal((rows, len(spec.features.numeric)))
        weekly = 0.5 * np.sin(2 * np.pi * day / 7)
        odds = -1.2 + 0.5 * level + weekly + (0.6 + 0.3 * slope) * x[:, 0] + 0.4 * x[:, 1] * x[:, 2]
        frame = pd.DataFrame(x, columns=list(spec.features.numeric))
        for name in spec.features.categorical:
            frame[name] = rng.choice(list("abcde"), rows)
        frame[c.LABEL] = (rng.random(rows) < 1 / (1 + np.exp(-odds))).astype(float)
        frame["_score"] = 1 / (1 + np.exp(-(-1.2 + 0.6 * x[:, 0] + 0.4 * x[:, 1] * x[:, 2])))
        frame[c.PARTITION] = (date(2013, 1, 1) + timedelta(days=day)).isoformat()
        parts.append(frame)
    return Data(spec, pd.concat(parts, ignore_index=True))


def main() -> None:
    """Print the three tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=200, help="trials a row of the tables")
    parser.add_argument("--keep", type=Path, help="folder for the flights and their scores")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        keep = asked.keep or Path(scratch)
        if not (keep / "data").exists():
            land(keep / "data", date(2013, 1, 1), date(2013, 12, 31))
        known = {name: flights(name, str(keep / "data"), keep) for name in ("flight_delay", "flight_duration")}
    known["synthetic"] = synthetic(known["flight_delay"].spec)
    console = Console(width=140)
    console.print(_false_promotions(known, asked.trials))
    console.print(_power(known, asked.trials))


def _false_promotions(known: dict[str, Data], trials: int) -> Table:
    table = Table(
        "data", "null", "rows a day", "margin", "gate", "naive rule", "sd of the gain", title="False promotions"
    )
    kinds: dict[str, Callable[[Data, int | None, int], Comparison]] = {
        "another seed": another_seed,
        "zero gain": lambda data, a_day, seed: of_noise(data, a_day, HOLDOUT, seed),
    }
    for name, data in known.items():
        for kind, run in kinds.items():
            for a_day in (None, 100):
                pairs = [run(data, a_day, seed) for seed in track(range(trials), f"{name}, {kind}")]
                for margin in (0.0, data.spec.promotion.margin):
                    found = [judged(data.spec, one, margin) for one in pairs]
                    table.add_row(
                        name,
                        kind,
                        "all" if a_day is None else str(a_day),
                        f"{margin:g}",
                        _rate(sum(one.promoted for one in found), trials),
                        _rate(sum(one.larger for one in found), trials),
                        f"{np.std([one.gain for one in found]):.4f}",
                    )
    return table


def _power(known: dict[str, Data], trials: int) -> Table:
    """The gain that is found in 80 % of the trials, by linear interpolation between degrees of noise."""
    table = Table(
        "data", "metric", "days", "rows a day", "gain found in 80 %", "share found by gain", title="Power, margin 0"
    )
    degrees = (1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 7.0, 10.0)
    for name, data in known.items():
        for days in (7, 14, 28):
            for a_day in (None, 100):
                curve = []
                for degree in track(degrees, f"{name}, {days} days"):
                    pairs = [of_noise(data, a_day, days, seed, worse=degree, stream=3) for seed in range(trials)]
                    found = [judged(data.spec, one, 0.0) for one in pairs]
                    share = float(np.mean([one.promoted for one in found]))
                    curve.append((float(np.mean([one.gain for one in found])), share))
                    if share > 0.95:
                        break
                gains, shares = zip(*curve, strict=True)
                needed = f"{np.interp(0.8, shares, gains):.4f}" if shares[-1] >= 0.8 else f"more than {gains[-1]:.4f}"
                shown = ", ".join(f"{one:.4f}: {share:.0%}" for one, share in curve)
                table.add_row(
                    name, data.spec.promotion.metric, str(days), "all" if a_day is None else str(a_day), needed, shown
                )
    return table


def _rate(hits: int, trials: int) -> str:
    low, high = binomtest(hits, trials).proportion_ci(method="exact")
    return f"{hits / trials:.1%} [{low:.1%}, {high:.1%}]"


if __name__ == "__main__":
    main()
