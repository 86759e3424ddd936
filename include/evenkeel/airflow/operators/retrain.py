"""The steps of the retrain DAG."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseBranchOperator

from evenkeel.airflow.as_of import partition_of_run
from evenkeel.airflow.operators.step import StepOperator
from evenkeel.vocabulary.partition import parse_instant

if TYPE_CHECKING:
    from datetime import datetime

    from airflow.sdk import Context

    from evenkeel.vocabulary.spec import ModelSpec
    from evenkeel.workflows.gateways import Gateways


def as_of_of_signal(spec: ModelSpec, context: Context) -> datetime:
    """The instant a retraining acts from: `as_of`, or else the end of the partition that signalled."""
    given = context["params"].get("as_of")
    return parse_instant(given, spec.timezone) if given else partition_of_run(spec, context).end


class AnswerSignalOperator(BaseBranchOperator, StepOperator):
    """Decide whether the checks ask for a retraining, and write the decision in the ledger.

    Args:
        launch: task that launches the training.
    """

    def __init__(self, *, launch: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.launch = launch

    def choose_branch(self, context: Context) -> str | None:
        """The launching task, or nothing."""
        verdict = StepOperator.execute(self, context)
        context["ti"].xcom_push(key="verdict", value=verdict)
        return self.launch if verdict["outcome"] == "pass" else None

    def execute(self, context: Context) -> Any:
        """Decide, then skip the launch where there is none."""
        return BaseBranchOperator.execute(self, context)

    def step(self, spec: ModelSpec, gateways: Gateways, context: Context) -> Any:
        """Decide."""
        from evenkeel.workflows.retrain import answer_signal

        as_of = as_of_of_signal(spec, context)
        context["ti"].xcom_push(key="as_of", value=as_of.isoformat())
        return answer_signal(spec, as_of, gateways).as_dict()


class ReportAnswerOperator(StepOperator):
    """Say what became of the retraining."""

    def step(self, spec: ModelSpec, gateways: Gateways, context: Context) -> Any:
        """Report."""
        from evenkeel.workflows.retrain import report_answer

        return report_answer(spec, as_of_of_signal(spec, context), gateways)
