"""The step that tells of another champion."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.sdk.exceptions import AirflowSkipException

from evenkeel.airflow.operators.step import StepOperator

if TYPE_CHECKING:
    from airflow.sdk import Context

    from evenkeel.vocabulary.spec import ModelSpec
    from evenkeel.workflows.gateways import Gateways

NEW_CHAMPION = "new_champion"
"""In the result of a deciding task: the version that became champion by it, or None."""


class NewChampionOperator(StepOperator):
    """Emit the champion asset's event where the task before made another champion: a task of its own, because a skipped task
    emits none.

    Args:
        decided: the task that decided.
    """

    def __init__(self, *, decided: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.decided = decided

    def step(self, spec: ModelSpec, gateways: Gateways, context: Context) -> Any:
        """Emit, or skip."""
        del gateways
        told = context["ti"].xcom_pull(task_ids=self.decided)
        if told[NEW_CHAMPION] is None:
            raise AirflowSkipException(f"{spec.model}: the champion is the same: {told['reason']}")
        return {"champion": told[NEW_CHAMPION]}
