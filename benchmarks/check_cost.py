"""What a drift check costs as rows and columns grow, beside Evidently's preset on the same rows.

    python -m benchmarks.check_cost [--rows 30000 300000 3000000 30000000] [--columns 15] [--wide 1000] [--preset-most 3000000]

Each figure is one process of its own, from cold to its end: wall time, processor time and peak memory, imports among them. The
check is the whole of it, as the DAG's steps do it: read the published scores of a window of 14 days from a Delta table, join
labels, hold every column against the stored reference, measure performance, and record. No page is drawn. The preset is given
the same window's rows, read from Delta, and as many of the reference. Rows are normal; nothing moved.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    import pandas as pd

    from evenkeel.vocabulary.spec import ModelSpec
    from evenkeel.workflows.gateways import Gateways

MODEL, REFERENCE, WINDOW = "made", 60, 14
REFERENCE_ROWS = 60_000


def spec_of(columns: int, root: Path) -> ModelSpec:
    """A model of so many numeric columns and no feature function."""
    from evenkeel.vocabulary.spec import ModelSpec

    names = [f"x{place}" for place in range(columns)]
    table: dict[str, Any] = {"event_time": "at", "columns": {"id": "int64", "at": "timestamp"}}
    where = {"kind": "parquet", "partition_column": "date"}
    return ModelSpec.model_validate(
        {
            "model": MODEL,
            "description": "made rows",
            "owner": "nobody",
            "task": "binary",
            "period": {"start": datetime(2013, 1, 1, tzinfo=UTC).date()},
            "rows": table
            | {
                "source": where | {"uri": str(root / "rows")},
                "key": ["id"],
                "columns": table["columns"] | dict.fromkeys(names, "float64"),
            },
            "label": table
            | {
                "source": where | {"uri": str(root / "labels")},
                "column": "y",
                "known_after": "1h",
                "maturation": "1h",
                "columns": table["columns"] | {"y": "float64"},
            },
            "features": {"numeric": names},
            "data_gate": {"rows": "rows", "scores": "scores"},
            "training": {
                "window": "60d",
                "holdout": "14d",
                "gap": "1d",
                "candidates": [{"name": "linear", "estimator": "sklearn.linear_model.LogisticRegression"}],
            },
            "promotion": {"metric": "roc_auc", "margin": 0.0},
            "scoring": {"schedule": "0 4 * * *"},
            "drift": {"schedule": "0 5 * * *", "window": "14d", "decay": {"window": "14d", "tolerance": 0.05}},
        }
    )


def gateways_of(root: Path) -> Gateways:
    """The doors of the scratch folder."""
    from evenkeel.vocabulary.settings import Settings
    from evenkeel.workflows.gateways import Gateways

    settings = Settings(root, root, str(root / "lake"), str(root), f"sqlite:///{root / 'mlflow.db'}")
    return Gateways(settings, draws_pages=False)


def day_rows(columns: int, rows: int, day: str, seed: int) -> pd.DataFrame:
    """Rows of one day: key, time, features, a score that knows a little of the label, the label."""
    import numpy as np
    import pandas as pd

    rng = np.random.default_rng(seed)
    values = rng.standard_normal((rows, columns))
    score = 1 / (1 + np.exp(-values[:, 0]))
    frame = pd.DataFrame(values, columns=[f"x{place}" for place in range(columns)])
    start = pd.Timestamp(day, tz="UTC")
    return frame.assign(
        id=np.arange(rows) + seed * 10**9,
        at=start + pd.to_timedelta(rng.integers(0, 86_000, rows), unit="s"),
        _prediction=score,
        _label=(rng.random(rows) < score).astype(float),
    )


def make(root: Path, columns: int, rows: int) -> None:
    """Publish a window of so many rows, their labels, and a champion with its reference."""
    import pandas as pd

    from evenkeel.vocabulary import columns as c
    from evenkeel.vocabulary.tables import SCORES
    from evenkeel.workflows.ledger import Entry, Kind
    from evenkeel.workflows.reference import PART, ROW_DAY, keep_reference

    spec, gateways = spec_of(columns, root), gateways_of(root)
    first = spec.partition("2013-01-01")
    learnt = []
    for place in range(REFERENCE):
        day = first.shift(place).key
        part = "holdout" if place >= REFERENCE - 14 else "train"
        frame = day_rows(columns, REFERENCE_ROWS // REFERENCE, day, place)
        learnt.append(frame.assign(**{PART: part, ROW_DAY: day}))
    keep_reference(spec, "training", pd.concat(learnt, ignore_index=True), gateways)
    gateways.ledger.record(
        MODEL,
        "first",
        lambda _: Entry(
            "first",
            MODEL,
            Kind.PROMOTED,
            first.start,
            "made",
            version=1,
            training="training",
            numbers={"challenger": 0.69},
        ),
    )
    for place in range(WINDOW):
        day = first.shift(REFERENCE + place).key
        frame = day_rows(columns, rows // WINDOW, day, REFERENCE + place)
        folder = root / "labels" / f"date={day}"
        folder.mkdir(parents=True)
        frame[["id", "at", "_label"]].rename(columns={"_label": "y"}).to_parquet(folder / "part.parquet", index=False)
        published = frame.drop(columns="_label").assign(**{c.MODEL_VERSION: 1, c.ROLE: c.CHAMPION_ROLE})
        gateways.lake.publish(MODEL, SCORES, day, published, {})


def check(root: Path, columns: int) -> str:
    """One drift check of the window's last day."""
    from evenkeel.workflows.pipelines import run_drift_check

    spec = spec_of(columns, root)
    last = spec.partition("2013-01-01").shift(REFERENCE + WINDOW - 1)
    recorded = run_drift_check(spec, last, gateways_of(root))
    return f"{recorded.drift} / {recorded.decay}"


def preset(root: Path, columns: int) -> str:
    """Evidently's preset on the same rows."""
    from evidently import Report
    from evidently.presets import DataDriftPreset

    from evenkeel.vocabulary.tables import SCORES

    names = [f"x{place}" for place in range(columns)]
    current = gateways_of(root).lake.read(MODEL, SCORES, columns=names)
    assert current is not None
    import pandas as pd

    reference = pd.concat(
        [
            day_rows(columns, max(1, len(current) // REFERENCE), "2013-01-01", 500 + day)[names]
            for day in range(REFERENCE)
        ],
        ignore_index=True,
    )
    found = Report([DataDriftPreset()]).run(current, reference).dict()
    count = next(one["value"] for one in found["metrics"] if "DriftedColumnsCount" in one["metric_name"])
    return f"{count['count']:g} columns"


def timed(what: str, root: Path, columns: int, rows: int) -> tuple[float, str, str]:
    """Wall seconds; wall, processor seconds and GiB at the peak in words; and what it said. In a process of its own."""
    command = [
        sys.executable,
        "-W",
        "ignore",
        "-m",
        "benchmarks.check_cost",
        "--step",
        what,
        str(root),
        str(columns),
        str(rows),
    ]
    begun = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    took = time.perf_counter() - begun
    if done.returncode:
        raise RuntimeError(f"{what} of {rows} rows failed: {done.stderr[-2000:]}")
    peak, used, said = done.stdout.strip().splitlines()[-1].split(" ", 2)
    return took, f"{took:.1f} s ({used} s CPU), {peak} GiB", said


def main() -> None:
    """Print the table, or do one step of it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, nargs="+", default=[30_000, 300_000, 3_000_000, 30_000_000])
    parser.add_argument("--columns", type=int, default=15)
    parser.add_argument("--wide", type=int, default=1000, help="columns of a last line of 30,000 rows; 0 leaves it out")
    parser.add_argument("--preset-most", type=int, default=3_000_000, help="rows above which the preset is not asked")
    parser.add_argument("--step", nargs=4, metavar=("STEP", "FOLDER", "COLUMNS", "ROWS"), help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.step:
        step, root, columns, rows = asked.step[0], Path(asked.step[1]), int(asked.step[2]), int(asked.step[3])
        said = make(root, columns, rows) if step == "make" else {"check": check, "preset": preset}[step](root, columns)
        used = resource.getrusage(resource.RUSAGE_SELF)
        sys.stdout.write(f"{used.ru_maxrss / 2**20:.2f} {used.ru_utime + used.ru_stime:.1f} {said}\n")
        return
    os.environ.setdefault("DO_NOT_TRACK", "1")
    table = Table("rows", "columns", "check", "said", "preset", "said", "preset / check")
    console = Console()
    arms = [(rows, asked.columns) for rows in asked.rows] + ([(30_000, asked.wide)] if asked.wide else [])
    for rows, columns in arms:
        with tempfile.TemporaryDirectory(prefix="evenkeel-check-") as folder:
            timed("make", Path(folder), columns, rows)
            took, cost, said = timed("check", Path(folder), columns, rows)
            line = [f"{rows:,}", f"{columns:,}", cost, said]
            if rows <= asked.preset_most:
                other, cost, told = timed("preset", Path(folder), columns, rows)
                line += [cost, told, f"{other / took:.2f}"]
        console.print(*line)
        table.add_row(*line)
    console.print(table)


if __name__ == "__main__":
    main()
