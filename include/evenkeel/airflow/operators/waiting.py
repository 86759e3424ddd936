"""Steps that first wait, deferred, for results of other runs: so a backfill in any order gives what day by day would have."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from evenkeel.airflow.need_trigger import CHECK, RETRAINED, NeedTrigger, missing
from evenkeel.airflow.operators.step import StepOperator, kind_of_run, open_gateways
from evenkeel.vocabulary.errors import AsOfMissingError, EvenkeelError
from evenkeel.vocabulary.settings import read_settings
from evenkeel.vocabulary.spec_file import find_spec

if TYPE_CHECKING:
    from airflow.sdk import Context

    from evenkeel.vocabulary.partition import Partition
    from evenkeel.vocabulary.spec import ModelSpec

_CLOCKS_APART = timedelta(minutes=5)
"""How far a worker's clock may be behind the scheduler's, which begins a run at the instant it acts from."""


class WaitingOperator(StepOperator):
    """A step that waits where the run is a backfill, or its parameter `wait` says so: a run of today acts on what there is.

    `pipeline` names what is waited for then, `always` what a run of today waits for too, unless it was told not to wait.
    """

    pipeline = always = ""
    patience = timedelta(days=1)

    def about(self, spec: ModelSpec, context: Context) -> Partition | datetime:
        """The partition or the instant whose needs are waited for."""
        raise NotImplementedError

    def waits_as(self, context: Context) -> str:
        """Whose needs this run waits for; empty where it does not wait."""
        asked = context["params"].get("wait")
        if asked is None:
            return self.pipeline if kind_of_run(context) == "backfill" else self.always
        return self.pipeline if asked else ""

    def patience_with(self, spec: ModelSpec, needs: str) -> timedelta:
        """For how long it waits: a retraining is under way as long as a training may be, and a minute later it has failed."""
        return spec.longest_training + timedelta(minutes=1) if needs == RETRAINED else self.patience

    def execute(self, context: Context) -> Any:
        """Run the step, or defer until what it needs is on record. Raises AsOfMissingError for an as-of that is to come."""
        spec = find_spec(read_settings().models, self.model)
        about = self.about(spec, context)
        self.refuse_to_come(spec, about)
        if needs := self.waits_as(context):
            lacking = missing(spec, needs, str(about), open_gateways(context))
            if lacking is not None:
                self.log.info("%s %s waits for %s", self.model, self.task_id, lacking)
                # For people: Airflow hides a trigger's arguments.
                context["ti"].xcom_push(key="waited_for", value=lacking)
                patience = self.patience_with(spec, needs).total_seconds()
                trigger = NeedTrigger(self.model, needs, str(about), lacking, patience)
                self.defer(trigger=trigger, method_name="execute_after_wait")
        return super().execute(context)

    def refuse_to_come(self, spec: ModelSpec, about: Partition | datetime) -> None:
        """Raise AsOfMissingError for what is to come: what is decided stays, and not all is known yet that counts."""
        instant = self.acts_from(spec, about)
        if instant > datetime.now(UTC) + _CLOCKS_APART:
            raise AsOfMissingError(
                f"{self.model} {self.task_id}: {about} is acted on as of {instant.isoformat()}, which is to come: not all that "
                "counts is known yet. Pass an earlier partition or as_of in the run's conf"
            )

    def acts_from(self, spec: ModelSpec, about: Partition | datetime) -> datetime:
        """The instant this step acts from."""
        if isinstance(about, datetime):
            return about
        return spec.check_as_of(about) if self.pipeline == CHECK else spec.scoring_as_of(about)

    def execute_after_wait(self, context: Context, event: dict[str, Any]) -> Any:
        """Run the step after the wait; where what it needs never came, say so and fail."""
        if "error" in event:
            raise EvenkeelError(f"{self.model} {self.task_id}: {event['error']}")
        if event["missing"] is not None:
            self.give_up(event["missing"])
        return StepOperator.execute(self, context)

    def give_up(self, lacking: str) -> None:
        """What to do where the wait was in vain. Raises EvenkeelError."""
        raise EvenkeelError(
            f"{self.model} {self.task_id}: waited for {lacking}, which never came; run that, or run this "
            'again with {"wait": false} to go on without'
        )
