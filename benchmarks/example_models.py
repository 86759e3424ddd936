"""What the two example models reach over the year: trained once, against retrained every fortnight.

`python -m benchmarks.example_models` lands the flights into a scratch folder if EVENKEEL_DATA does not hold them, and takes a few
minutes. Features, splits, estimators and metrics are those of the pipelines; labels are those known a day later.
"""

from __future__ import annotations

import os
import tempfile
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from rich.console import Console
from rich.progress import track
from rich.table import Table

from evenkeel.decisions.evaluation import evaluate
from evenkeel.gateways.estimators import build_estimator, fit_estimator, predict
from evenkeel.gateways.lake import Lake
from evenkeel.gateways.sources import Sources
from evenkeel.vocabulary import columns as c
from evenkeel.vocabulary.spec_file import load_spec
from evenkeel.workflows.frame import add_labels, build_frame
from nyc_flights.landing import land

if TYPE_CHECKING:
    import pandas as pd

    from evenkeel.vocabulary.spec import ModelSpec

PROJECT = Path(__file__).parents[1]
FIRST, STRIDE = date(2013, 3, 1), timedelta(days=14)


def year(spec: ModelSpec, data: str) -> pd.DataFrame:
    """Every labelled flight of 2013 with its point-in-time features."""
    sources = Sources(data, Lake.scan)
    first = spec.partition("2013-01-01")
    partitions = [first.shift(day) for day in range(365)]
    frame = add_labels(spec, build_frame(spec, partitions, sources), partitions[-1].shift(3).end, sources)
    return frame[frame[c.LABEL].notna()].reset_index(drop=True)


def between(frame: pd.DataFrame, first: date, last: date) -> pd.DataFrame:
    """The rows of the days first..last."""
    return frame[frame[c.PARTITION].between(first.isoformat(), last.isoformat())]


def fitted(spec: ModelSpec, frame: pd.DataFrame, as_of: date, candidate: Any) -> Any:
    """One candidate on the window before a date, its last day (whose labels are not all known) left out."""
    rows = between(frame, as_of - spec.training.window, as_of - timedelta(days=2))
    return fit_estimator(
        build_estimator(candidate, spec.features, spec.training.seed), rows, spec.features, rows[c.LABEL]
    )


def study(spec: ModelSpec, frame: pd.DataFrame) -> dict[tuple[str, str], list[float]]:
    """Metric by fortnight of each candidate, once trained as of FIRST and once retrained every fortnight."""
    found: dict[tuple[str, str], list[float]] = {}
    starts = [FIRST + STRIDE * number for number in range((date(2013, 12, 31) - FIRST) // STRIDE)]
    for candidate in spec.training.candidates:
        once = fitted(spec, frame, FIRST, candidate)
        for start in track(starts, f"{spec.model} {candidate.name}", transient=True):
            rows = between(frame, start, start + STRIDE - timedelta(days=1))
            labels = rows[c.LABEL].to_numpy()
            for how, model in (("trained once", once), ("every 14 days", fitted(spec, frame, start, candidate))):
                value = evaluate(spec.task, labels, predict(model, rows, spec.task))[spec.promotion.metric]
                found.setdefault((candidate.name, how), []).append(value)
    return found


def main() -> None:
    """Print the table."""
    data = os.environ.get("EVENKEEL_DATA") or str(PROJECT / ".evenkeel" / "data")
    if not (Path(data) / "flights").exists():
        data = tempfile.mkdtemp(prefix="evenkeel-flights-")
        land(data)
    table = Table(title="mean over the fortnights from 2013-03-01", title_justify="left")
    for column in ("model", "metric", "candidate", "how", "mean", "worst fortnight", "best fortnight"):
        table.add_column(column)
    for path in sorted((PROJECT / "config" / "models").glob("*.yaml")):
        spec = load_spec(path)
        worst, best = (np.min, np.max) if spec.promotion.metric == "roc_auc" else (np.max, np.min)
        for (candidate, how), values in study(spec, year(spec, data)).items():
            figures = (f"{function(values):.3f}" for function in (np.mean, worst, best))
            table.add_row(spec.model, spec.promotion.metric, candidate, how, *figures)
    Console(width=130).print(table)


if __name__ == "__main__":
    main()
