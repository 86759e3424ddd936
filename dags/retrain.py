"""Answer a drift or decay signal: launch a training if the signal persists, or put on record why not.

Woken by the model's drift asset, once for each partition that signalled. Signals are answered in the order of their days,
whatever the order they came in: `wait` holds a run until earlier checks and decisions are on record. The decision reads the
check table and the ledger. Where a retraining leaves a champion that has decayed, `settle` returns to an earlier one that is
better, or calls a person.
By hand or through the REST API, pass `as_of` in the conf.
"""

from __future__ import annotations

from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator
from airflow.sdk import DAG, PartitionedAssetTimetable

from evenkeel.airflow import assets
from evenkeel.airflow.declare import as_of_param, dag_arguments, dag_id, model_specs, wait_param
from evenkeel.airflow.operators import retrain
from evenkeel.airflow.operators.new_champion import NewChampionOperator

AS_OF = "{{ ti.xcom_pull(task_ids='decide', key='as_of') }}"

for spec in model_specs("retrain"):
    with DAG(
        # Many: a run that waits for an earlier signal must not keep that signal's run from starting.
        **dag_arguments(spec, "retrain", __doc__, active_runs=16),
        schedule=PartitionedAssetTimetable(assets=assets.drift(spec.model)),
        params=as_of_param() | wait_param("always, an hour at most"),
    ):
        wait = retrain.WaitForDecisionsOperator(task_id="wait", model=spec.model)
        decide = retrain.AnswerSignalOperator(
            task_id="decide", model=spec.model, waited="wait", launch="launch_training"
        )
        launch = TriggerDagRunOperator(
            task_id="launch_training",
            trigger_dag_id=dag_id(spec, "train"),
            trigger_run_id=f"retrain__{AS_OF}",
            logical_date=None,
            conf={"as_of": AS_OF},
            reset_dag_run=True,
            wait_for_completion=True,
            deferrable=True,
            poke_interval=5,
            retries=0,  # a retry would clear, and so repeat, a training that a gate refused
            failed_states=[],
            allowed_states=["success", "failed"],  # `report` says what became of it, and fails where nothing did
            execution_timeout=spec.longest_training,
        )
        report = retrain.ReportAnswerOperator(task_id="report", model=spec.model)
        settle = retrain.SettleDecayOperator(task_id="settle", model=spec.model)
        changed = NewChampionOperator(
            task_id="new_champion", model=spec.model, decided="settle", outlets=[assets.champion(spec.model)]
        )
        # Beside the report, which fails where a gate refused the data: a person is called then, too.
        wait >> decide >> launch >> [report, settle]
        settle >> changed
