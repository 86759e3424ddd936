"""Registers what keeps a long backfill from starving today's run: a priority for tasks, and a pool for the long ones."""

from __future__ import annotations

from airflow.plugins_manager import AirflowPlugin

from evenkeel.airflow.fair_turns import PoolKeeper, TodayFirst


class FairTurnsPlugin(AirflowPlugin):
    """The strategy by which every evenkeel task is weighed, and the listener that makes the pool."""

    name = "evenkeel_fair_turns"
    priority_weight_strategies = [TodayFirst]  # noqa: RUF012 - Airflow reads a plain list
    listeners = [PoolKeeper()]  # noqa: RUF012
