"""The steps of the drift_check DAG."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseBranchOperator

from evenkeel.airflow import assets
from evenkeel.airflow.as_of import partition_of_run
from evenkeel.airflow.need_trigger import CHECK
from evenkeel.airflow.operators.links import DriftReportLink
from evenkeel.airflow.operators.new_champion import NEW_CHAMPION
from evenkeel.airflow.operators.step import StepOperator, page_url
from evenkeel.airflow.operators.waiting import WaitingOperator

if TYPE_CHECKING:
    from airflow.sdk import Context

    from evenkeel.vocabulary.partition import Partition
    from evenkeel.vocabulary.spec import ModelSpec
    from evenkeel.workflows.gateways import Gateways


class GatherWindowOperator(WaitingOperator):
    """Collect the champion's scores, the labels that matured, and what the champion learnt from."""

    pipeline = CHECK

    def about(self, spec: ModelSpec, context: Context) -> Partition:
        """Its partition."""
        return partition_of_run(spec, context)

    def step(self, spec: ModelSpec, gateways: Gateways, context: Context) -> Any:
        """Gather."""
        from evenkeel.workflows.drift_check import gather_window

        return gather_window(spec, partition_of_run(spec, context), gateways)


class MeasureDriftOperator(StepOperator):
    """Compare inputs and scores with the champion's reference, by fixed methods."""

    operator_extra_links = (DriftReportLink(),)

    def step(self, spec: ModelSpec, gateways: Gateways, context: Context) -> Any:
        """Measure."""
        from evenkeel.workflows.drift import measure_drift

        measured = measure_drift(spec, partition_of_run(spec, context), gateways)
        self.pages["Drift report"] = page_url(measured.page) or ""
        return measured


class MeasurePerformanceOperator(StepOperator):
    """Compare the champion on matured labels with what it promised."""

    def step(self, spec: ModelSpec, gateways: Gateways, context: Context) -> Any:
        """Measure."""
        from evenkeel.workflows.performance import measure_performance

        return measure_performance(spec, partition_of_run(spec, context), gateways)


class JudgeShadowOperator(StepOperator):
    """Hold the shadow against the champion on matured labels: promote it, go on, or drop it at the end of its term."""

    def step(self, spec: ModelSpec, gateways: Gateways, context: Context) -> Any:
        """Judge."""
        from evenkeel.workflows.shadow import judge_shadow

        judged = judge_shadow(spec, partition_of_run(spec, context), gateways)
        return asdict(judged) | {NEW_CHAMPION: judged.shadow if judged.promoted else None}


class RecordCheckOperator(BaseBranchOperator, StepOperator):
    """Put both answers on record; go on to the signal only where one of them is drift.

    Args:
        signal: task that emits the signal.
    """

    def __init__(self, *, signal: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.signal = signal

    def choose_branch(self, context: Context) -> str | None:
        """The signal task, or nothing."""
        recorded = StepOperator.execute(self, context)
        context["ti"].xcom_push(key="recorded", value=recorded)
        return self.signal if recorded["signal"] else None

    def execute(self, context: Context) -> Any:
        """Record, then skip the signal where there is none."""
        return BaseBranchOperator.execute(self, context)

    def step(self, spec: ModelSpec, gateways: Gateways, context: Context) -> Any:
        """Record."""
        from evenkeel.workflows.drift_check import record_check

        return record_check(spec, partition_of_run(spec, context), gateways)


class SignalOperator(StepOperator):
    """Emit the drift asset's event: a task of its own, because a skipped task emits none."""

    def step(self, spec: ModelSpec, gateways: Gateways, context: Context) -> Any:
        """Emit."""
        del gateways
        partition = partition_of_run(spec, context)
        asset = assets.drift(spec.model)
        if asset in self.outlets:
            event = context["outlet_events"][asset]
            event.extra = {"partition": partition.key}
            event.add_partitions(partition.key)  # a run by conf has no key of its own, and `retrain` wakes by keys only
        return {"partition": partition.key}
