"""Check whether a partition's inputs or scores drifted, and whether the champion still does what it promised.

Scheduled by partition and backfillable, once the partition is scored. Drift or decay ends in a signal, which wakes `retrain`.
Where the spec has a shadow, it is judged too, and promoted once its gain is beyond chance.
"""

from __future__ import annotations

from airflow.sdk import DAG

from evenkeel.airflow import assets
from evenkeel.airflow.declare import dag_arguments, daily, model_specs, partition_param, wait_param
from evenkeel.airflow.operators import drift_check
from evenkeel.airflow.operators.new_champion import NewChampionOperator

for spec in model_specs("drift_check"):
    with DAG(
        **dag_arguments(spec, "drift_check", __doc__, active_runs=4, offset=-1),
        schedule=daily(spec, spec.drift.schedule, offset=-1),
        params=partition_param() | wait_param(),
    ):
        gather = drift_check.GatherWindowOperator(task_id="gather", model=spec.model)
        drift = drift_check.MeasureDriftOperator(task_id="drift", model=spec.model)
        performance = drift_check.MeasurePerformanceOperator(task_id="performance", model=spec.model)
        record = drift_check.RecordCheckOperator(task_id="record", model=spec.model, signal="signal")
        signal = drift_check.SignalOperator(task_id="signal", model=spec.model, outlets=[assets.drift(spec.model)])
        measured = [drift, performance]
        if spec.promotion.shadow is not None:  # before the record: a check on record has decided about its shadow
            shadow = drift_check.JudgeShadowOperator(task_id="shadow", model=spec.model)
            shadow >> NewChampionOperator(
                task_id="new_champion", model=spec.model, decided="shadow", outlets=[assets.champion(spec.model)]
            )
            measured.append(shadow)
        gather >> measured >> record >> signal
