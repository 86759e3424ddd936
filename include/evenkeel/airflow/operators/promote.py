"""The steps of the promote DAG."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from evenkeel.airflow.as_of import as_of_of_run
from evenkeel.airflow.operators.step import StepOperator
from evenkeel.vocabulary.verdict import Outcome, Verdict

if TYPE_CHECKING:
    from airflow.sdk import Context

    from evenkeel.vocabulary.spec import ModelSpec
    from evenkeel.workflows.gateways import Gateways

PREVIOUS = "previous"


class JudgeVersionOperator(StepOperator):
    """Hold the given version against the champion, by the same gate as a training; a rollback needs none."""

    def step(self, spec: ModelSpec, gateways: Gateways, context: Context) -> Any:
        """Judge."""
        from evenkeel.workflows.promote import judge_version

        version = context["params"]["version"]
        if version == PREVIOUS:
            return Verdict(Outcome.PASS, "a rollback is not gated").as_dict()
        return judge_version(spec, as_of_of_run(spec, context), int(version), gateways).as_dict()


class PromoteVersionOperator(StepOperator):
    """Promote the given version, or roll back to the previous champion.

    Args:
        judged: the task that judged the version.
    """

    def __init__(self, *, judged: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.judged = judged

    def step(self, spec: ModelSpec, gateways: Gateways, context: Context) -> Any:
        """Promote or roll back."""
        from evenkeel.workflows.promote import promote_version, roll_back

        params, as_of = context["params"], as_of_of_run(spec, context)
        if params["version"] == PREVIOUS:
            return roll_back(spec, as_of, gateways, reason=params["reason"] or "")
        said = context["ti"].xcom_pull(task_ids=self.judged)
        verdict = Verdict(Outcome(said["outcome"]), said["reason"], said["numbers"])
        return promote_version(
            spec, as_of, int(params["version"]), verdict, gateways, force=params["force"], reason=params["reason"] or ""
        )
