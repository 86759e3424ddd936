"""Promote a version past the gate, or roll back to the previous champion.

No schedule: started in the UI, through the REST API, or by `evenkeel promote`.
"""

from __future__ import annotations

from airflow.sdk import DAG, Param

from evenkeel.airflow import assets
from evenkeel.airflow.declare import dag_arguments, model_specs, required_as_of_param
from evenkeel.airflow.operators import promote
from evenkeel.airflow.operators.alert import alert_after

PARAMS = {
    "version": Param("previous", type="string", pattern=r"^(previous|[1-9]\d*)$",
                     description="Version to promote, or `previous` to roll back to the champion before."),
    "reason": Param(None, type=["null", "string"], maxLength=500,
                    description="Why, for the ledger. Needed where `force` is set."),
    "force": Param(False, type="boolean", description="Promote whatever the gate says."),
}  # fmt: skip

for spec in model_specs("promote"):
    with DAG(
        **dag_arguments(spec, "promote", __doc__, active_runs=1, scheduled=False),
        schedule=None,
        params=required_as_of_param() | PARAMS,
    ):
        judge = promote.JudgeVersionOperator(task_id="judge", model=spec.model)
        decide = promote.PromoteVersionOperator(
            task_id="promote", model=spec.model, judged="judge", outlets=[assets.champion(spec.model)]
        )
        judge >> decide
        alert_after(spec, "promote", [decide])
