"""Score a partition with the champion of its day, and publish it in one commit.

Scheduled by partition and backfillable. By hand or through the REST API, pass a partition key, or `partition` in the conf.
"""

from __future__ import annotations

from airflow.sdk import DAG

from evenkeel.airflow import assets
from evenkeel.airflow.declare import champion_param, dag_arguments, daily, model_specs, partition_param, wait_param
from evenkeel.airflow.operators import score
from evenkeel.airflow.operators.alert import alert_after

for spec in model_specs("score"):
    offset = 0 if spec.scores_the_day_it_runs else -1
    with DAG(
        **dag_arguments(spec, "score", __doc__, active_runs=4, offset=offset),
        schedule=daily(spec, spec.scoring.schedule, offset=offset),
        params=partition_param() | champion_param() | wait_param(),
    ):
        extract = score.ExtractPartitionOperator(task_id="extract", model=spec.model)
        validate = score.ValidatePartitionOperator(task_id="validate", model=spec.model)
        shards = score.ScoreShardOperator.partial(task_id="score", model=spec.model).expand(shard=validate.output)
        validate_scores = score.ValidateScoresOperator(task_id="validate_scores", model=spec.model)
        publish = score.PublishScoresOperator(task_id="publish", model=spec.model, outlets=[assets.scores(spec.model)])
        extract >> validate >> shards >> validate_scores >> publish
        alert_after(spec, "score", [publish])
