"""Writes docs/dags.md from the DAGs themselves; `--check` fails where the page is stale."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).parents[1]
PAGE = PROJECT / "docs" / "dags.md"
PIPELINES = ("train", "score", "drift_check", "retrain", "promote", "maintain")


def catalogue() -> str:
    """The page: every pipeline with its text, its tasks and what it produces; every model with its schedules."""
    os.environ.setdefault("AIRFLOW_HOME", tempfile.mkdtemp(prefix="evenkeel-airflow-"))
    os.environ["EVENKEEL_PROJECT"] = str(PROJECT)
    from airflow.dag_processing.dagbag import DagBag

    from evenkeel.vocabulary.spec_file import load_specs

    bag = DagBag(dag_folder=str(PROJECT / "dags"))
    if bag.import_errors:
        raise SystemExit("\n".join(bag.import_errors.values()))
    specs, _ = load_specs(PROJECT / "config" / "models")
    parts = ["# DAGs", "", "Written by `make docs` from the DAGs' own words; `make check` fails where it is stale.", ""]
    for pipeline in PIPELINES:
        parts += _pipeline(pipeline, bag.dags[f"{specs[0].model}_{pipeline}"])
    parts += ["## Schedules", "", "| DAG | schedule | owner |", "| --- | --- | --- |"]
    for spec in specs:
        for pipeline in PIPELINES:
            dag = bag.dags[f"{spec.model}_{pipeline}"]
            parts.append(f"| `{dag.dag_id}` | {_schedule(dag)} | {dag.owner} |")
    return "\n".join(parts) + "\n"


def _pipeline(name: str, dag: Any) -> list[str]:
    text = (dag.doc_md or "").split("\n\n---\n\n")[0].strip()
    parts = [f"## {name}", "", text, "", "| task | what it does | then |", "| --- | --- | --- |"]
    for task in dag.topological_sort():
        says = (task.operator_class.__doc__ if task.is_mapped else type(task).__doc__) or ""
        first = says.strip().splitlines()[0]
        if type(task).__module__.startswith("airflow.providers"):
            first = f"Airflow's `{type(task).__name__}`"
        parts.append(f"| `{task.task_id}` | {first} | {', '.join(sorted(task.downstream_task_ids)) or '-'} |")
    outlets = sorted(
        {asset.name.removeprefix(dag.dag_id.removesuffix(name)) for task in dag.tasks for asset in task.outlets}
    )
    parts += ["", f"Parameters: {', '.join(f'`{one}`' for one in dag.params) or 'none'}."]
    parts += [
        f"Updates the model's asset {', '.join(f'`{one}`' for one in outlets)}." if outlets else "Updates no asset.",
        "",
    ]
    return parts


def _schedule(dag: Any) -> str:
    cron = getattr(dag.timetable, "expression", None)
    if cron:
        return f"`{cron}` {dag.timetable.timezone}"
    return "none" if dag.schedule is None else "the model's `drift` asset"


def main() -> None:
    """Write the page, or check it."""
    text = catalogue()
    if "--check" in sys.argv[1:]:
        if not PAGE.exists() or PAGE.read_text() != text:
            sys.exit("docs/dags.md is stale: run `make docs`")
        return
    PAGE.write_text(text)


if __name__ == "__main__":
    main()
