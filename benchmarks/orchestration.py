"""What Airflow costs on top of the work: the same steps as a plain script, and as DAGs, side by side in one run.

`python -m benchmarks.orchestration` trains and scores `flight_delay` in scratch homes: in plain Python processes, in Airflow
with the warm executor, and in Airflow with its stock LocalExecutor. It takes several minutes; `--quick` takes fewer days.
The flights are those of EVENKEEL_DATA, or are landed first. Everything runs with one BLAS/OpenMP thread, as in the local stack.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from benchmarks.airflow_runs import Backfilled, Measured, measure_backfill, measure_run
from benchmarks.orchestration_tables import tables
from benchmarks.plain import MODEL
from evenkeel.local.environment import ANALYTICS_OFF, STOCK_EXECUTOR, TUNING, WARM_EXECUTOR
from evenkeel.local.journey import Journey
from evenkeel.local.stack import running
from nyc_flights.landing import land

if TYPE_CHECKING:
    from collections.abc import Callable

    Say = Callable[[str], None]

PROJECT = Path(__file__).parents[1]
FIRST = date(2013, 3, 1)
WEEK, DAY = timedelta(days=7), timedelta(days=1)
COLD = "import sys; from benchmarks.plain import main; main(*sys.argv[1:])"
ALONE = 3
"""Partitions scored one at a time, before the backfill of the others."""


@dataclass(frozen=True)
class Plain:
    """Plain Python: walls of cold starts, steps of each warm training, wall and steps of the scoring loop."""

    cold: list[float]
    trainings: list[dict[str, float]]
    loop: float
    scorings: list[dict[str, float]]


@dataclass(frozen=True)
class Orchestrated:
    """Airflow: the trainings and the single scorings, the first of each in a fresh stack, and a backfill."""

    trainings: list[Measured]
    scorings: list[Measured]
    backfill: Backfilled


def days(first: date, count: int, stride: timedelta) -> list[str]:
    """Dates in ISO form."""
    return [(first + stride * number).isoformat() for number in range(count)]


def python(home: Path, arguments: list[str]) -> tuple[float, list[dict[str, float]]]:
    """A Python process with a home of its own: its wall, imports and all, and the steps it timed. Raises on failure."""
    home.mkdir(parents=True, exist_ok=True)
    answer = home / "answer.json"
    started = time.perf_counter()
    with (home / "plain.log").open("a") as log:
        subprocess.run(
            [sys.executable, "-c", COLD, str(answer), *arguments],
            env=os.environ | {"EVENKEEL_HOME": str(home)},
            cwd=PROJECT,
            stdout=log,
            stderr=log,
            check=True,
        )
    return time.perf_counter() - started, json.loads(answer.read_text())


def measure_plain(root: Path, repeats: int, partitions: int, say: Say) -> Plain:
    """A script started cold, `repeats` times in a fresh home; the same repeated in one process; a loop over the partitions."""
    cold = []
    for number in range(repeats):
        cold.append(python(root / f"cold-{number}", ["train", FIRST.isoformat()])[0])
        say(f"plain script, cold: {cold[-1]:.1f} s")
    trained = python(root / "plain", ["train", *days(FIRST, repeats + 1, WEEK)])[1]
    say("plain script, repeated: " + ", ".join(f"{sum(steps.values()):.1f}" for steps in trained[1:]) + " s")
    loop, scored = python(root / "plain", ["score", *days(FIRST, partitions, DAY)])
    say(f"plain loop over {partitions} partitions: {loop:.1f} s")
    return Plain(cold, trained, loop, scored)


def measure_airflow(home: Path, executor: str, repeats: int, partitions: int, say: Say) -> Orchestrated:
    """Trainings one at a time, a few partitions one at a time, then the backfill of the others."""
    name = executor.rsplit(".", maxsplit=1)[-1]
    with running(home, PROJECT, executor=executor) as stack, stack.client() as client:
        journey = Journey(client, MODEL, "America/New_York", lambda text: say(f"{name}: {text}"))
        journey.begin()
        trainings, scorings = [], []
        for as_of in days(FIRST, repeats + 1, WEEK):
            trainings.append(measure_run(client, journey.dag("train"), conf={"as_of": as_of}))
            say(f"{name}: training as of {as_of}: {trainings[-1].wall:.1f} s")
        for key in days(FIRST, ALONE, DAY):
            scorings.append(measure_run(client, journey.dag("score"), partition_key=key))
            say(f"{name}: scoring of {key}: {scorings[-1].wall:.1f} s")
        backfill = measure_backfill(journey, stack.pid, FIRST + ALONE * DAY, partitions)
        say(f"{name}: backfill of {partitions} partitions: {backfill.wall:.1f} s")
    return Orchestrated(trainings, scorings, backfill)


def settle(root: Path, say: Say) -> None:
    """The environment of everything below: one thread, no analytics, no state but the scratch homes, the landed flights."""
    for variable in ("EVENKEEL_LAKE", "MLFLOW_TRACKING_URI", "EVENKEEL_HOME"):
        os.environ.pop(variable, None)
    one_thread = {name: value for name, value in TUNING.items() if name.endswith("_NUM_THREADS")}
    os.environ |= {**ANALYTICS_OFF, **one_thread, "EVENKEEL_PROJECT": str(PROJECT)}
    data = os.environ.get("EVENKEEL_DATA") or str(root / "data")
    if not (Path(data) / "flights").exists():
        land(data, progress=say)
    os.environ["EVENKEEL_DATA"] = data


def main() -> None:
    """Measure, and print the tables."""
    options = argparse.ArgumentParser(prog="python -m benchmarks.orchestration", description=__doc__)
    options.add_argument("--repeats", type=int, default=3, help="repetitions of a training (default 3)")
    options.add_argument("--partitions", type=int, default=30, help="days of the backfill (default 30)")
    options.add_argument(
        "--stock-partitions", type=int, default=10, help="the same with the stock executor (default 10)"
    )
    options.add_argument("--stock-repeats", type=int, default=1, help="the same with the stock executor (default 1)")
    options.add_argument("--no-stock", action="store_true", help="leave the stock executor out")
    options.add_argument("--quick", action="store_true", help="1 repetition, 6 partitions, 2 with the stock executor")
    given = options.parse_args()
    repeats, partitions, stock_partitions = given.repeats, given.partitions, given.stock_partitions
    if given.quick:
        repeats, partitions, stock_partitions = 1, 6, 2
    console, started = Console(width=130), time.monotonic()

    def say(text: str) -> None:
        load = os.getloadavg()[0]
        console.print(f"[dim]{time.monotonic() - started:5.0f} s  load {load:.1f}[/dim]  {text}", highlight=False)

    with tempfile.TemporaryDirectory(prefix="evenkeel-orchestration-") as scratch:
        root = Path(scratch)
        settle(root, say)
        plain = measure_plain(root, repeats, partitions, say)
        warm = measure_airflow(root / "warm", WARM_EXECUTOR, repeats, partitions, say)
        stock = None
        if not given.no_stock:
            stock = measure_airflow(root / "stock", STOCK_EXECUTOR, given.stock_repeats, stock_partitions, say)
    for table in tables(plain, warm, stock):
        console.print(table)


if __name__ == "__main__":
    main()
