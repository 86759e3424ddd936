"""What parsing the DAG files costs, beside a DAG file with nothing in it.

`python -m benchmarks.parsing` parses every file as Airflow's DAG processor does: in a process forked from one that has
Airflow imported. Nothing is left from the file before, so each file pays for its own imports. No DAG runs.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, NamedTuple

from rich.console import Console
from rich.progress import track
from rich.table import Table

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

PROJECT = Path(__file__).parents[1]
HEAVY = frozenset(
    {
        "pandas",
        "numpy",
        "pyarrow",
        "sklearn",
        "scipy",
        "mlflow",
        "great_expectations",
        "evidently",
        "deltalake",
        "matplotlib",
    }
)
EMPTY = """
from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG

with DAG(dag_id="empty", schedule=None):
    EmptyOperator(task_id="nothing")
"""


class Parsed(NamedTuple):
    """A file, parsed twice in one process: seconds of both, the DAGs found, the heavy packages that are loaded now."""

    first: float
    again: float
    dags: int
    heavy: tuple[str, ...]


def prepare(home: str) -> None:
    """Import Airflow as the DAG processor has it, in a scratch AIRFLOW_HOME."""
    os.environ |= {"AIRFLOW_HOME": home, "AIRFLOW__CORE__LOAD_EXAMPLES": "False", "EVENKEEL_PROJECT": str(PROJECT)}
    os.environ["AIRFLOW__LOGGING__LOGGING_LEVEL"] = "WARNING"
    import airflow.dag_processing.processor
    import airflow.sdk  # noqa: F401


def parse(path: Path, answer: Connection) -> None:
    """Parse one file twice and send what it took."""
    from airflow.dag_processing.dagbag import DagBag

    seconds = []
    for _ in range(2):
        started = time.perf_counter()
        bag = DagBag(dag_folder=str(path))
        seconds.append(time.perf_counter() - started)
        if bag.import_errors:
            raise SystemExit(f"{path} does not parse: {bag.import_errors}")
    answer.send(Parsed(seconds[0], seconds[1], len(bag.dags), tuple(sorted(HEAVY & set(sys.modules)))))


def parse_forked(path: Path) -> Parsed:
    """`parse` in a process of its own."""
    fork = multiprocessing.get_context("fork")
    ours, theirs = fork.Pipe(duplex=False)
    process = fork.Process(target=parse, args=(path, theirs))
    process.start()
    theirs.close()
    try:
        answer: Parsed = ours.recv()
    except EOFError:
        raise SystemExit(f"parsing {path} ended without a result") from None
    finally:
        process.join()
    return answer


def measure(paths: list[Path], runs: int) -> dict[Path, list[Parsed]]:
    """All files in turn, `runs` times over: what the machine does meanwhile falls on all of them alike."""
    found: dict[Path, list[Parsed]] = {path: [] for path in paths}
    for _ in track(range(runs), f"parsing {len(paths)} files, {runs} times", transient=True):
        for path in paths:
            found[path].append(parse_forked(path))
    return found


def table_of(found: dict[Path, list[Parsed]], empty: Path, runs: int) -> Table:
    """One row a file; ratios to the empty one."""
    table = Table(title=f"parsing, median of {runs} runs", title_justify="left")
    for column in (
        "DAG file",
        "DAGs",
        "parse, ms",
        "x empty",
        "again in the same process, ms",
        "x empty",
        "heavy imports",
    ):
        table.add_column(column, justify="left" if column == "DAG file" else "right")
    base = [median(run.first for run in found[empty]), median(run.again for run in found[empty])]
    for path, measured in found.items():
        first, again = median(run.first for run in measured), median(run.again for run in measured)
        table.add_row(
            "an empty DAG" if path == empty else f"{path.parent.name}/{path.name}",
            str(measured[-1].dags),
            f"{first * 1000:.1f}",
            f"{first / base[0]:.1f}",
            f"{again * 1000:.1f}",
            f"{again / base[1]:.1f}",
            ", ".join(measured[-1].heavy) or "0",
        )
    return table


def main() -> None:
    """Print the table."""
    options = argparse.ArgumentParser(prog="python -m benchmarks.parsing", description=__doc__)
    options.add_argument("--runs", type=int, default=15, help="times each file is parsed (default 15)")
    options.add_argument("--quick", action="store_true", help="3 runs")
    given = options.parse_args()
    runs = 3 if given.quick else given.runs
    with tempfile.TemporaryDirectory(prefix="evenkeel-parsing-") as scratch:
        prepare(scratch)
        empty = Path(scratch) / "empty.py"
        empty.write_text(EMPTY)
        found = measure([empty, *sorted((PROJECT / "dags").glob("*.py"))], runs)
        Console(width=130).print(table_of(found, empty, runs))


if __name__ == "__main__":
    main()
