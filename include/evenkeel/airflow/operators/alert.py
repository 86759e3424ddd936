"""The last step of a pipeline where the spec has routes: tell people what they must know."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.sdk import TaskInstanceState

from evenkeel.airflow.as_of import as_of_of_run, as_of_of_signal, partition_of_run
from evenkeel.airflow.operators.step import StepOperator

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from airflow.sdk import BaseOperator, Context

    from evenkeel.vocabulary.spec import ModelSpec
    from evenkeel.workflows.gateways import Gateways
    from evenkeel.workflows.happenings import Failure


class AlertOperator(StepOperator):
    """Send the alerts that are due by the spec's routes, and put on record what was sent, silenced or could not be sent.

    Args:
        pipeline: the DAG it ends.
        told_elsewhere: tasks of whose failure another DAG tells.
    """

    def __init__(self, *, pipeline: str, told_elsewhere: Sequence[str] = (), **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.pipeline, self.told_elsewhere = pipeline, tuple(told_elsewhere)

    def step(self, spec: ModelSpec, gateways: Gateways, context: Context) -> Any:
        """Send."""
        from evenkeel.airflow.alerts import sender
        from evenkeel.workflows.alerts import deliver_alerts

        as_of = self._as_of(spec, context)
        failure = self._failure(as_of, context)
        return deliver_alerts(spec, as_of, gateways, sender(context, gateways.settings), failure=failure)

    def _as_of(self, spec: ModelSpec, context: Context) -> datetime:
        match self.pipeline:
            case "score":
                return spec.scoring_as_of(partition_of_run(spec, context))
            case "drift_check":
                return spec.check_as_of(partition_of_run(spec, context))
            case "retrain":
                return as_of_of_signal(spec, context)
            case _:
                return as_of_of_run(spec, context)

    def _failure(self, as_of: datetime, context: Context) -> Failure | None:
        """What failed in this run, by the states that Airflow keeps."""
        from evenkeel.workflows.happenings import Failure

        run = context["dag_run"]
        states = context["ti"].get_task_states(dag_id=run.dag_id, run_ids=[run.run_id]).get(run.run_id, {})
        failed = sorted(
            name
            for name, state in states.items()
            if state == TaskInstanceState.FAILED and name not in {self.task_id, *self.told_elsewhere}
        )
        return Failure(self.pipeline, tuple(failed), as_of) if failed else None


def alert_after(
    spec: ModelSpec, pipeline: str, last: Sequence[BaseOperator], *, told_elsewhere: Sequence[str] = ()
) -> None:
    """End a DAG with an alert task where the spec has routes.

    A teardown: it runs whatever became of the run, and the run's state is that of its other tasks. An alert that cannot be sent
    makes its own task red, stays due, and turns no sound run into a failed one.
    """
    if spec.alerts.routes:
        alert = AlertOperator(
            task_id="alert", model=spec.model, pipeline=pipeline, told_elsewhere=told_elsewhere
        ).as_teardown()
        list(last) >> alert
