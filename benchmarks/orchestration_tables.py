"""The tables of the orchestration benchmark: seconds, ratios measured in the same run, and where a task's time goes."""

from __future__ import annotations

from statistics import mean, median
from typing import TYPE_CHECKING

from rich.table import Table

from benchmarks.airflow_runs import PHASES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.airflow_runs import Measured
    from benchmarks.orchestration import Orchestrated, Plain

Steps = dict[str, float]


def tables(plain: Plain, warm: Orchestrated, stock: Orchestrated | None) -> Iterator[Table]:
    """All tables, in the order in which they explain each other."""
    executors = {"Airflow, warm executor": warm} | ({"Airflow, stock LocalExecutor": stock} if stock else {})
    yield trainings(plain, executors)
    yield backfills(plain, executors)
    yield overhead(plain, executors)
    yield phases(plain, warm)
    yield processor(plain, executors)


def trainings(plain: Plain, executors: dict[str, Orchestrated]) -> Table:
    """Seconds of a training, the first and repeated, beside the script started cold."""
    cold = median(plain.cold)
    table = _table(
        "training flight_delay (60 days, 2 candidates), seconds", "", "first", "repeated", "by the client", "x cold"
    )
    table.add_row("plain script, started cold", f"{cold:.1f}", "", "", "1.00")
    first, *later = [sum(steps.values()) for steps in plain.trainings]
    table.add_row(
        "the same, repeated in one process", f"{first:.1f}", f"{median(later):.1f}", "", _x(median(later), cold)
    )
    for name, found in executors.items():
        first, *later = [run.wall for run in found.trainings]
        client = median(run.client for run in found.trainings[1:])
        table.add_row(name, f"{first:.1f}", f"{median(later):.1f}", f"{client:.1f}", _x(median(later), cold))
    stock = len(executors["Airflow, stock LocalExecutor"].trainings) - 1 if len(executors) > 1 else 0
    table.caption = (
        f"medians of {len(plain.cold)}{f' (stock: {stock})' if stock else ''}; cold: {_list(plain.cold)}, with interpreter and "
        "imports. Airflow's seconds are the run's, start to end; the client's clock adds the request and its own pauses between "
        "two looks, up to 2 s. The plain script writes to an SQLite MLflow, Airflow's tasks to an MLflow server. One BLAS/OpenMP "
        "thread each."
    )
    return table


def backfills(plain: Plain, executors: dict[str, Orchestrated]) -> Table:
    """Seconds of a scoring backfill, in total and a partition, beside the loop."""
    count, warmed = len(plain.scorings), median(sum(steps.values()) for steps in plain.scorings[1:])
    loop = plain.loop / count
    title = "scoring backfill of flight_delay, seconds"
    table = _table(title, "", "partitions", "total", "a partition", "x loop", "x loop once warm")
    table.add_row("plain loop, one process", str(count), f"{plain.loop:.1f}", f"{loop:.2f}", "1.0", _x(loop, warmed))
    table.add_row("the same once warm", str(count - 1), f"{warmed * (count - 1):.1f}", f"{warmed:.2f}", "", "1.0")
    for name, found in executors.items():
        each = found.backfill.wall / found.backfill.partitions
        table.add_row(
            name,
            str(found.backfill.partitions),
            f"{found.backfill.wall:.1f}",
            f"{each:.2f}",
            _x(each, loop),
            _x(each, warmed),
        )
    table.caption = (
        "the loop includes its imports; a backfill with fewer partitions is compared by the partition; the stock executor runs "
        "with the local stack's other settings"
    )
    return table


def overhead(plain: Plain, executors: dict[str, Orchestrated]) -> Table:
    """Overhead a task: the wall of a run that is alone, less the same steps in a warm process, over the tasks of its chain."""
    table = _table(
        "overhead a task, one run at a time, seconds",
        "",
        "pipeline",
        "wall",
        "steps in-process",
        "tasks",
        "overhead a task",
    )
    for name, found in executors.items():
        for pipeline, runs, steps in (
            ("train", found.trainings[1:], plain.trainings[1:]),
            ("score", found.scorings[1:], plain.scorings[1:]),
        ):
            wall, inside, tasks = median(run.wall for run in runs), _inside(steps), len(runs[0].chain)
            table.add_row(name, pipeline, f"{wall:.2f}", f"{inside:.2f}", str(tasks), f"{(wall - inside) / tasks:.2f}")
    table.caption = "of the candidates, fitted side by side, the slower one counts, in-process too"
    return table


def phases(plain: Plain, warm: Orchestrated) -> Table:
    """Where the time of a task goes with the warm executor."""
    found = {
        "train": _phases(warm.trainings[1:]),
        "score": _phases(warm.scorings[1:]),
        f"score, backfill of {warm.backfill.partitions}": warm.backfill.phases,
    }
    table = _table("where a task's time goes with the warm executor, mean seconds a task", "", *found)
    for phase, meaning in PHASES.items():
        table.add_row(f"{phase}: {meaning}", *(f"{each[phase]:.3f}" for each in found.values()))
    table.add_row("all of it", *(f"{sum(each.values()):.3f}" for each in found.values()))
    table.add_section()
    score = _inside(plain.scorings[1:]) / len(warm.scorings[0].chain)
    train = _inside(plain.trainings[1:]) / len(warm.trainings[0].chain)
    table.add_row("the step in a process that has run it before", f"{train:.3f}", f"{score:.3f}", f"{score:.3f}")
    table.caption = "a run's chain is strictly sequential, so these add up to its wall, but for its own end"
    return table


def processor(plain: Plain, executors: dict[str, Orchestrated]) -> Table:
    """Processor seconds of a backfill, a task, by who uses them."""
    table = _table("processor seconds a task of the backfill", "", "all", *SERVICES, "cores busy")
    for name, found in executors.items():
        used, tasks = found.backfill.processor, found.backfill.tasks
        total = sum(used.values())
        each = (f"{used.get(service, 0.0) / tasks:.3f}" for service in SERVICES)
        table.add_row(name, f"{total / tasks:.3f}", *each, f"{total / found.backfill.wall:.2f}")
    warmed = mean(sum(steps.values()) for steps in plain.scorings[1:]) / len(plain.scorings[0])
    table.caption = f"the steps of the plain loop once warm take {warmed:.3f} s each"
    return table


SERVICES = ("tasks", "workers", "scheduler", "API server", "MLflow", "others")


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left", caption_justify="left")
    for column in columns:
        table.add_column(column, justify="right" if column else "left")
    return table


def _phases(runs: list[Measured]) -> Steps:
    tasks = [task for run in runs for task in run.chain.values()]
    return {phase: mean(task[phase] for task in tasks) for phase in PHASES}


def _inside(repeated: list[Steps]) -> float:
    """Seconds of a pipeline's steps; of the candidates the slower one."""
    totals = []
    for steps in repeated:
        fits = [seconds for step, seconds in steps.items() if step.startswith("fit ")]
        totals.append(sum(steps.values()) - sum(fits) + max(fits, default=0.0))
    return median(totals)


def _x(value: float, base: float) -> str:
    return f"{value / base:.2f}"


def _list(values: list[float]) -> str:
    return ", ".join(f"{value:.1f}" for value in values)
