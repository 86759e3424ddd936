"""What a search is worth on the holdout: the example models' boosted trees by default, as their specs set them, and tuned.

`python -m benchmarks.tuning [--as-of 2013-06-01 ...] [--trials 20]` reads, gates and splits the window as a training does (60
days, the last 14 of them held out), searches with the preset's space on the folds of the training part, and compares on the
holdout. A gain is the mean over days of the difference of the day's metric, with an interval of a bootstrap over blocks of days.
It lands the flights into a scratch folder if EVENKEEL_DATA does not hold them; each as-of takes a minute or two a model.
"""

from __future__ import annotations

import argparse
import math
import os
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from rich.console import Console
from rich.table import Table

from evenkeel.decisions.evaluation import evaluate
from evenkeel.decisions.uncertainty import mean_of_days
from evenkeel.gateways.estimators import predict
from evenkeel.vocabulary import columns as c
from evenkeel.vocabulary.metrics import GREATER_IS_BETTER
from evenkeel.vocabulary.partition import parse_instant
from evenkeel.vocabulary.presets import PRESETS
from evenkeel.vocabulary.settings import Settings
from evenkeel.vocabulary.spec_file import load_spec
from evenkeel.vocabulary.spec_training import Candidate
from evenkeel.workflows.candidates import Compared, compare_candidate, fit_whole
from evenkeel.workflows.gateways import Gateways
from evenkeel.workflows.train import extract_window, split_window, training_run, validate_window
from nyc_flights.landing import land

if TYPE_CHECKING:
    import pandas as pd

    from evenkeel.vocabulary.spec import ModelSpec

PROJECT = Path(__file__).parents[1]
DEFAULT = "default"
"""Whom the others are compared with: the estimator as scikit-learn gives it."""


def candidates_of(spec: ModelSpec) -> dict[str, Candidate]:
    """The boosted trees by default, as the spec sets them, and with the preset's search."""
    known = next(one for one in spec.training.candidates if one.name == "boosted_trees")
    preset = next(one for one in PRESETS.values() if one["estimator"] == known.estimator)
    plain = {"name": "boosted_trees", "estimator": known.estimator}
    return {
        DEFAULT: Candidate.model_validate(plain),
        "as the spec sets it": known.model_copy(update={"search": {}}),
        "tuned": Candidate.model_validate({**plain, "search": preset["search"]}),
    }


def parts_of(spec: ModelSpec, as_of: str, data: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The training part and the holdout of a training, gated and split as it does."""
    with tempfile.TemporaryDirectory() as home:
        settings = Settings(PROJECT, Path(home), f"{home}/lake", data, f"sqlite:///{home}/mlflow.db")
        gateways, instant = (
            Gateways(settings, actor="benchmark", draws_pages=False),
            parse_instant(as_of, spec.timezone),
        )
        for step in (extract_window, validate_window, split_window):
            step(spec, instant, gateways)
        run = training_run(spec, instant)
        return gateways.staging.get(run, "train"), gateways.staging.get(run, "holdout")


def by_day(spec: ModelSpec, holdout: pd.DataFrame, predicted: Any) -> list[float]:
    """The metric of each day of the holdout, in order; NaN where it is not defined."""
    days = holdout[c.PARTITION].to_numpy()
    labels, metric = holdout[c.LABEL].to_numpy(), spec.promotion.metric
    return [evaluate(spec.task, labels[days == day], predicted[days == day])[metric] for day in np.unique(days)]


def add_model(table: Table, spec: ModelSpec, dates: list[str], data: str) -> None:
    """Lines of one model: a line a candidate, its days those of all holdouts."""
    metric = spec.promotion.metric
    daily: dict[str, list[float]] = {}
    whole: dict[str, list[float]] = {}
    seconds: dict[str, float] = {}
    said: dict[str, list[Compared]] = {}
    for as_of in dates:
        train, holdout = parts_of(spec, as_of, data)
        labels = holdout[c.LABEL].to_numpy()
        for name, candidate in candidates_of(spec).items():
            start = time.perf_counter()
            compared = compare_candidate(spec, candidate, train)
            fitted = fit_whole(spec, candidate, train, compared.params)
            seconds[name] = seconds.get(name, 0.0) + time.perf_counter() - start
            predicted = predict(fitted, holdout, spec.task)
            daily.setdefault(name, []).extend(by_day(spec, holdout, predicted))
            whole.setdefault(name, []).append(evaluate(spec.task, labels, predicted)[metric])
            said.setdefault(name, []).append(compared)
    for name, values in whole.items():
        folds = np.mean([one.value for one in said[name]])
        gain = "" if name == DEFAULT else _gain(daily[name], daily[DEFAULT], metric)
        trials = sum(len(one.trials) for one in said[name])
        pruned = sum(trial["state"] == "pruned" for one in said[name] for trial in one.trials)
        limited = ", cut by time" if any(one.limited for one in said[name]) else ""
        figures = (f"{folds:.4f}", f"{np.mean(values):.4f}", gain, f"{trials} ({pruned} pruned{limited})")
        table.add_row(spec.model, metric, name, *figures, f"{seconds[name]:.1f}")
    for one in said["tuned"]:
        found = ", ".join(f"{key}={value:.4g}" for key, value in one.params.items())
        table.add_row("", "", f"[dim]{found}[/dim]")


def _gain(values: list[float], others: list[float], metric: str) -> str:
    """How much better, day by day, with the interval; better is positive whichever way the metric runs."""
    sign = 1 if GREATER_IS_BETTER[metric] else -1
    differences = [sign * (here - there) for here, there in zip(values, others, strict=True)]
    estimate = mean_of_days([one for one in differences if math.isfinite(one)])
    assert estimate is not None
    return f"{estimate.value:+.4f} [{estimate.low:+.4f}, {estimate.high:+.4f}] over {estimate.days} days"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--as-of", nargs="+", default=["2013-06-01"])
    parser.add_argument("--trials", type=int, default=20)
    parser.add_argument("--models", nargs="+", default=["flight_delay", "flight_duration"])
    asked = parser.parse_args()
    data = os.environ.get("EVENKEEL_DATA") or str(PROJECT / ".evenkeel" / "data")
    if not (Path(data) / "flights").exists():
        data = tempfile.mkdtemp(prefix="evenkeel-flights-")
        land(data)
    table = Table(title=f"as of {', '.join(asked.as_of)}; gain over the default on the holdout", title_justify="left")
    for column in ("model", "metric", "boosted trees", "folds", "holdout", "gain by day (95 %)", "trials", "seconds"):
        table.add_column(column)
    for model in asked.models:
        spec = load_spec(PROJECT / "config" / "models" / f"{model}.yaml")
        tuning = spec.training.tuning.model_copy(update={"trials": asked.trials})
        spec = spec.model_copy(update={"training": spec.training.model_copy(update={"tuning": tuning})})
        add_model(table, spec, asked.as_of, data)
    Console(width=190).print(table)


if __name__ == "__main__":
    main()
