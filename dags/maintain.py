"""Keep the model's tables fast and its history as long as the spec says; end what killed processes left behind; let the alias
`@champion` show the ledger's champion; let go of versions that nobody needs; wake `retrain` for signals that nobody answered.

Scheduled daily, and not by partition: it acts on the tables as they are when it runs. No row of any table changes, and
everything else may go on meanwhile.
"""

from __future__ import annotations

from airflow.sdk import DAG, CronTriggerTimetable

from evenkeel.airflow import assets
from evenkeel.airflow.declare import dag_arguments, model_specs
from evenkeel.airflow.operators import maintain
from evenkeel.vocabulary.tables import TABLES

DAILY = "0 5 * * *"

for spec in model_specs("maintain"):
    with DAG(
        # Without an end: the tables are there when the model's period is over.
        **dag_arguments(spec, "maintain", __doc__, active_runs=1) | {"end_date": None},
        schedule=CronTriggerTimetable(DAILY, timezone=spec.timezone),
    ):
        maintain.MaintainTableOperator.partial(
            task_id="maintain", model=spec.model, map_index_template="{{ task.table }}"
        ).expand(table=list(TABLES))
        maintain.CloseOrphansOperator(task_id="close_orphans", model=spec.model)
        maintain.RepairAliasOperator(task_id="repair_alias", model=spec.model)
        maintain.RetireVersionsOperator(task_id="retire_versions", model=spec.model)
        maintain.SweepStagingOperator(task_id="sweep", model=spec.model)
        maintain.ResendSignalsOperator(task_id="resend_signals", model=spec.model, outlets=[assets.drift(spec.model)])
