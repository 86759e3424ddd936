"""Fair turns: a long backfill never starves today's run.

Two means, both set up by the plugin `plugins/fair_turns.py`: today's tasks come before those of a backfill whenever a slot
gets free, and the long tasks (trainings, drift checks) share a pool that leaves slots for scoring.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow.configuration import conf
from airflow.listeners import hookimpl
from airflow.task.priority_strategy import PriorityWeightStrategy

if TYPE_CHECKING:
    from airflow.models.taskinstance import TaskInstance

POOL = "evenkeel_long"
"""Pool of trainings and drift checks."""

_TODAY = 100


class TodayFirst(PriorityWeightStrategy):
    """Weight of a task: its own, a hundredfold unless its run is part of a backfill."""

    def get_weight(self, ti: TaskInstance) -> int:
        """The weight Airflow sorts waiting tasks by, highest first."""
        task = ti.task
        own = int(task.priority_weight) if task is not None else 1
        return own if ti.run_id.startswith("backfill__") else _TODAY * own


TODAY_FIRST = f"{__name__}.TodayFirst"
"""The strategy by the name under which the plugin registers it: a task's instance of it would not be found again."""


class PoolKeeper:
    """Makes the pool when a component of Airflow that has its database starts; a size that someone set stays."""

    @hookimpl
    def on_starting(self, component: object) -> None:
        """Called by Airflow for every component, and in every task, where there is nothing to do."""
        from airflow.jobs.job import Job

        if isinstance(component, Job):
            make_pool()


def make_pool() -> None:
    """The pool, where it is not there yet: all of the executor's slots but two, and at least one."""
    from airflow.models.pool import Pool
    from sqlalchemy.exc import IntegrityError

    if Pool.get_pool(POOL) is not None:
        return
    slots = max(1, conf.getint("core", "parallelism") - 2)
    description = "Trainings and drift checks of evenkeel; what is left of the executor's slots is for scoring."
    try:
        Pool.create_or_update_pool(POOL, slots, description, include_deferred=False)
    except IntegrityError:  # another component made it at the same moment
        if Pool.get_pool(POOL) is None:
            raise
