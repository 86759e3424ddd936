"""The steps of the retrain DAG."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseBranchOperator

from evenkeel.airflow.as_of import as_of_of_signal
from evenkeel.airflow.need_trigger import DECIDE, RETRAINED, NeedTrigger, missing
from evenkeel.airflow.operators.step import StepOperator, open_gateways
from evenkeel.airflow.operators.waiting import WaitingOperator
from evenkeel.vocabulary.settings import read_settings
from evenkeel.vocabulary.spec_file import find_spec

if TYPE_CHECKING:
    from datetime import datetime

    from airflow.sdk import Context

    from evenkeel.vocabulary.spec import ModelSpec
    from evenkeel.workflows.gateways import Gateways


class WaitForDecisionsOperator(WaitingOperator):
    """Wait until every check and decision before the signal is on record; what never came is told and done without."""

    pipeline = always = DECIDE
    patience = timedelta(hours=1)
    without = ""

    def about(self, spec: ModelSpec, context: Context) -> datetime:
        """The as-of of the signal."""
        return as_of_of_signal(spec, context)

    def give_up(self, lacking: str) -> None:
        """Go on: a check that failed must not leave later signals unanswered."""
        self.without = lacking
        self.log.warning("%s: waited %s for %s, which never came", self.model, self.patience, lacking)

    def execute_after_wait(self, context: Context, event: dict[str, Any], without: str = "") -> Any:
        """Go on, but not while a retraining is under way: whatever never came, a second one would not be its answer."""
        lacking = without or event.get("missing")
        if lacking and "error" not in event:
            spec = find_spec(read_settings().models, self.model)
            about = str(self.about(spec, context))
            retraining = missing(spec, RETRAINED, about, open_gateways(context))
            if retraining is not None:
                patience = self.patience_with(spec, RETRAINED).total_seconds()
                trigger = NeedTrigger(self.model, RETRAINED, about, retraining, patience)
                self.defer(trigger=trigger, method_name="execute_after_wait", kwargs={"without": lacking})
        return super().execute_after_wait(context, {**event, "missing": lacking})

    def step(self, spec: ModelSpec, gateways: Gateways, context: Context) -> Any:
        """Nothing more than to say what was done without."""
        del spec, gateways, context
        return {"without": self.without}


class AnswerSignalOperator(BaseBranchOperator, StepOperator):
    """Decide whether the checks ask for a retraining, and write the decision in the ledger. Of several runs that were told of one
    signal, the one that decided launches.

    Args:
        waited: task that waited for what the decision needs.
        launch: task that launches the training.
    """

    def __init__(self, *, waited: str, launch: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.waited, self.launch = waited, launch

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
        from evenkeel.workflows.retrain import answer_in_turn

        as_of = as_of_of_signal(spec, context)
        context["ti"].xcom_push(key="as_of", value=as_of.isoformat())
        waited = context["ti"].xcom_pull(task_ids=self.waited)
        return answer_in_turn(spec, as_of, gateways, without=waited["without"]).as_dict()


class ReportAnswerOperator(StepOperator):
    """Say what became of the retraining."""

    def step(self, spec: ModelSpec, gateways: Gateways, context: Context) -> Any:
        """Report."""
        from evenkeel.workflows.retrain import report_answer

        return report_answer(spec, as_of_of_signal(spec, context), gateways)


class SettleDecayOperator(StepOperator):
    """Where the retraining kept a champion that has decayed: roll back to an earlier one that is better, or call a person."""

    def step(self, spec: ModelSpec, gateways: Gateways, context: Context) -> Any:
        """Settle."""
        from evenkeel.workflows.rollback import settle_decay

        return settle_decay(spec, as_of_of_signal(spec, context), gateways)
