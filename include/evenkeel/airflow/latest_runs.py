"""The DAGs of a model that a user may see, each with the run that was made last."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow.api_fastapi.app import get_auth_manager
from airflow.models.dagrun import DagRun
from sqlalchemy import func, select

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.orm import Session

PIPELINES = ("train", "score", "drift_check", "retrain", "promote")
"""The DAGs of every model, in the order of a model's life."""


@dataclass(frozen=True)
class Pipeline:
    """One DAG; the last three fields are None where it never ran."""

    dag_id: str
    name: str
    run_id: str | None = None
    state: str | None = None
    partition: str | None = None


def latest_runs(models: Sequence[str], user: Any, session: Session) -> dict[str, list[Pipeline]]:
    """For each model, its DAGs that Airflow knows and the user may read."""
    readable = get_auth_manager().get_authorized_dag_ids(user=user, method="GET", session=session)
    dags = {(model, name): f"{model}_{name}" for model in models for name in PIPELINES}
    last = _last_runs([dag_id for dag_id in dags.values() if dag_id in readable], session)
    found: dict[str, list[Pipeline]] = {model: [] for model in models}
    for (model, name), dag_id in dags.items():
        if dag_id in readable:
            found[model].append(Pipeline(dag_id, name.replace("_", " "), *last.get(dag_id, ())))
    return found


def _last_runs(dag_ids: list[str], session: Session) -> dict[str, tuple[str, str, str | None]]:
    newest = select(func.max(DagRun.id)).where(DagRun.dag_id.in_(dag_ids)).group_by(DagRun.dag_id)
    wanted = select(DagRun.dag_id, DagRun.run_id, DagRun.state, DagRun.partition_key).where(DagRun.id.in_(newest))
    return {dag_id: (run_id, str(state), key) for dag_id, run_id, state, key in session.execute(wanted)}
