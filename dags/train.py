"""Train a challenger as of a date; it becomes champion if it beats the champion on the same rows.

Scheduled by partition and backfillable, where the spec gives a schedule; a training acts from the instant of its schedule. By
hand or through the REST API, pass `as_of` in the conf, or a partition key. A backfill waits for every decision before each of its
days, and for a first champion: train once by itself before it. A run of today waits for a retraining under way only.
"""

from __future__ import annotations

from airflow.sdk import DAG

from evenkeel.airflow import assets
from evenkeel.airflow.declare import as_of_param, dag_arguments, daily, model_specs, wait_param
from evenkeel.airflow.operators import train
from evenkeel.airflow.operators.alert import alert_after
from evenkeel.airflow.operators.approve import ApproveChallengerOperator

for spec in model_specs("train"):
    with DAG(
        **dag_arguments(spec, "train", __doc__, active_runs=2, scheduled=spec.training.schedule is not None),
        schedule=daily(spec, spec.training.schedule),
        params=as_of_param() | wait_param("in a backfill; else for a retraining under way only"),
    ):
        by_hand = spec.promotion.mode == "approval"
        extract = train.ExtractWindowOperator(task_id="extract", model=spec.model)
        validate = train.ValidateWindowOperator(task_id="validate", model=spec.model)
        split = train.SplitWindowOperator(task_id="split", model=spec.model)
        fit = train.FitCandidateOperator.partial(
            task_id="fit", model=spec.model, map_index_template="{{ task.candidate }}"
        ).expand(candidate=[candidate.name for candidate in spec.training.candidates])
        evaluate = train.EvaluateChallengerOperator(task_id="evaluate", model=spec.model)
        register = train.RegisterChallengerOperator(task_id="register", model=spec.model)
        gate = train.GateChallengerOperator(
            task_id="gate", model=spec.model, if_passed="approve" if by_hand else "promote", otherwise="keep"
        )
        promote = train.PromoteChallengerOperator(
            task_id="promote", model=spec.model, outlets=[assets.champion(spec.model)]
        )
        keep = train.KeepChampionOperator(task_id="keep", model=spec.model, trigger_rule="none_failed_min_one_success")
        extract >> validate >> split >> fit >> evaluate >> register >> gate
        if by_hand:
            approve = ApproveChallengerOperator(
                task_id="approve", spec=spec, gate="gate", register="register", approved="promote", rejected="keep"
            )
            gate >> approve >> [promote, keep]
            gate >> keep
        else:
            gate >> [promote, keep]
        alert_after(spec, "train", [promote, keep])
