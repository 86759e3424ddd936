"""The steps of the train DAG."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseBranchOperator

from evenkeel.airflow.as_of import as_of_of_run
from evenkeel.airflow.need_trigger import RETRAINED, TRAIN
from evenkeel.airflow.operators.links import DataDocsLink, ModelCardLink, RunLink, VersionLink
from evenkeel.airflow.operators.step import StepOperator, page_url
from evenkeel.airflow.operators.waiting import WaitingOperator
from evenkeel.vocabulary.approval import TASK

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from airflow.sdk import Context

    from evenkeel.vocabulary.spec import ModelSpec
    from evenkeel.workflows.approval import Approval
    from evenkeel.workflows.gateways import Gateways


class ExtractWindowOperator(WaitingOperator):
    """Read the window before the as-of, with the labels known by then and point-in-time features."""

    pipeline, always = TRAIN, RETRAINED

    def about(self, spec: ModelSpec, context: Context) -> datetime:
        """Its as-of."""
        return as_of_of_run(spec, context)

    def step(self, spec: ModelSpec, gateways: Gateways, context: Context) -> Any:
        """Extract."""
        from evenkeel.workflows.train import extract_window

        return extract_window(spec, as_of_of_run(spec, context), gateways)


class ValidateWindowOperator(StepOperator):
    """Hold the window against the model's expectation suite."""

    operator_extra_links = (DataDocsLink(),)

    def step(self, spec: ModelSpec, gateways: Gateways, context: Context) -> Any:
        """Validate."""
        from evenkeel.workflows.train import data_docs_name, validate_window

        as_of = as_of_of_run(spec, context)
        self.pages["Data Docs"] = page_url(data_docs_name(spec, as_of)) or ""
        return validate_window(spec, as_of, gateways)


class SplitWindowOperator(StepOperator):
    """Split by time, with a gap of at least the label's maturation."""

    def step(self, spec: ModelSpec, gateways: Gateways, context: Context) -> Any:
        """Split."""
        from evenkeel.workflows.train import split_window

        return split_window(spec, as_of_of_run(spec, context), gateways)


class FitCandidateOperator(StepOperator):
    """Fit one candidate; mapped over the spec's candidates.

    Args:
        candidate: its name (templated).
    """

    template_fields: Sequence[str] = ("model", "candidate")

    def __init__(self, *, candidate: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.candidate = candidate

    def step(self, spec: ModelSpec, gateways: Gateways, context: Context) -> Any:
        """Fit."""
        from evenkeel.workflows.train import fit_candidate

        return fit_candidate(spec, as_of_of_run(spec, context), self.candidate, gateways)


class EvaluateChallengerOperator(StepOperator):
    """Measure the best candidate and whom it meets on the same holdout rows, on one MLflow run."""

    operator_extra_links = (RunLink(),)

    def step(self, spec: ModelSpec, gateways: Gateways, context: Context) -> Any:
        """Evaluate."""
        from evenkeel.workflows.challenge import evaluate_challenger

        evaluated = evaluate_challenger(spec, as_of_of_run(spec, context), gateways)
        self.pages["MLflow run"] = evaluated.run_page or ""
        return evaluated


class RegisterChallengerOperator(StepOperator):
    """Make the run's model a version in the registry, once."""

    operator_extra_links = (VersionLink(),)

    def step(self, spec: ModelSpec, gateways: Gateways, context: Context) -> Any:
        """Register."""
        from evenkeel.workflows.challenge import register_challenger

        registered = register_challenger(spec, as_of_of_run(spec, context), gateways)
        self.pages["MLflow version"] = registered.page or ""
        return registered


class GateChallengerOperator(BaseBranchOperator, StepOperator):
    """Judge the challenger; the branch it chooses is what becomes of it.

    Args:
        if_passed: task that follows a pass.
        otherwise: task that follows any other verdict.
    """

    operator_extra_links = (ModelCardLink(),)

    def __init__(self, *, if_passed: str, otherwise: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.if_passed, self.otherwise = if_passed, otherwise

    def choose_branch(self, context: Context) -> str:
        """The task to go on with."""
        verdict = StepOperator.execute(self, context)
        context["ti"].xcom_push(key="verdict", value=verdict)
        return self.if_passed if verdict["outcome"] in {"pass", "warn"} else self.otherwise

    def execute(self, context: Context) -> Any:
        """Judge, then skip what was not chosen."""
        return BaseBranchOperator.execute(self, context)

    def step(self, spec: ModelSpec, gateways: Gateways, context: Context) -> Any:
        """Judge."""
        from evenkeel.workflows.challenge import gate_challenger
        from evenkeel.workflows.model_card import card_page
        from evenkeel.workflows.train import training_run

        as_of = as_of_of_run(spec, context)
        verdict = gate_challenger(spec, as_of, gateways)
        run_id = gateways.staging.get_note(training_run(spec, as_of), "registered")["run_id"]
        self.pages["Model card"] = card_page(run_id, gateways) or ""
        return verdict.as_dict()


class PromoteChallengerOperator(StepOperator):
    """Make the challenger champion from the as-of on."""

    def step(self, spec: ModelSpec, gateways: Gateways, context: Context) -> Any:
        """Promote."""
        from evenkeel.workflows.promote import promote_challenger

        return promote_challenger(spec, as_of_of_run(spec, context), gateways, _approval(context))


class KeepChampionOperator(StepOperator):
    """Keep the champion, and put on record why."""

    def step(self, spec: ModelSpec, gateways: Gateways, context: Context) -> Any:
        """Keep."""
        from evenkeel.workflows.promote import keep_champion

        return keep_champion(spec, as_of_of_run(spec, context), gateways, _approval(context))


def _approval(context: Context) -> Approval | None:
    """What a person said about the challenger, where one was asked."""
    from evenkeel.workflows.approval import Approval

    answer = context["ti"].xcom_pull(task_ids=TASK, key="approval")
    return None if answer is None else Approval(**answer)
