"""The steps of the maintain DAG. They act on things as they are now: the one place where the clock is asked."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from airflow.sdk.exceptions import AirflowSkipException

from evenkeel.airflow import assets
from evenkeel.airflow.operators.step import StepOperator

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow.sdk import Context

    from evenkeel.vocabulary.spec import ModelSpec
    from evenkeel.workflows.gateways import Gateways

_SHOWN = 20
"""How many partitions a result names."""


class MaintainTableOperator(StepOperator):
    """Make a table's files few and drop what was replaced longer ago than the model's `history`; mapped over the tables.

    Args:
        table: its name.
    """

    template_fields: Sequence[str] = ("model", "table")

    def __init__(self, *, table: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.table = table

    def step(self, spec: ModelSpec, gateways: Gateways, context: Context) -> Any:  # noqa: ARG002 - every step takes it
        """Maintain."""
        from evenkeel.workflows.maintain import maintain_table

        return maintain_table(spec, self.table, gateways)


class CloseOrphansOperator(StepOperator):
    """End MLflow runs that still say RUNNING though the process that made them is gone."""

    def step(self, spec: ModelSpec, gateways: Gateways, context: Context) -> Any:  # noqa: ARG002 - every step takes it
        """Close."""
        from evenkeel.workflows.maintain import close_orphans

        return close_orphans(spec, datetime.now(UTC), gateways)


class RepairAliasOperator(StepOperator):
    """Put the alias `@champion` back to the ledger's champion where someone moved it, and put that on record."""

    def step(self, spec: ModelSpec, gateways: Gateways, context: Context) -> Any:  # noqa: ARG002 - every step takes it
        """Repair."""
        from evenkeel.workflows.promote import repair_alias

        repaired = repair_alias(spec, gateways)
        return {"repaired": "" if repaired is None else repaired.reason}


class RetireVersionsOperator(StepOperator):
    """Delete old versions that nothing was ever decided about, and drop the model files of those turned down long ago."""

    def step(self, spec: ModelSpec, gateways: Gateways, context: Context) -> Any:  # noqa: ARG002 - every step takes it
        """Retire."""
        from evenkeel.workflows.maintain import retire_versions

        return retire_versions(spec, datetime.now(UTC), gateways)


class SweepStagingOperator(StepOperator):
    """Drop what runs staged for their next steps more than a week ago."""

    def step(self, spec: ModelSpec, gateways: Gateways, context: Context) -> Any:  # noqa: ARG002 - every step takes it
        """Sweep."""
        from evenkeel.workflows.maintain import sweep_staging

        return sweep_staging(spec, gateways)


class ResendSignalsOperator(StepOperator):
    """Emit the drift asset's event again for each signal without an answer on record, so that none is lost for good."""

    def step(self, spec: ModelSpec, gateways: Gateways, context: Context) -> Any:
        """Emit, or skip."""
        from evenkeel.workflows.retrain import unanswered_signals

        found = [one.key for one in unanswered_signals(spec, gateways)]
        if not found:
            raise AirflowSkipException(f"{spec.model}: every signal has its answer on record")
        event = context["outlet_events"][assets.drift(spec.model)]
        event.extra = {"sent_again": True}
        event.add_partitions(found)
        return {"signals": len(found), "partitions": found[:_SHOWN]}
