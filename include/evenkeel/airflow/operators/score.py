"""The steps of the score DAG."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from evenkeel.airflow import assets
from evenkeel.airflow.as_of import partition_of_run
from evenkeel.airflow.need_trigger import SCORE
from evenkeel.airflow.operators.links import DataDocsLink
from evenkeel.airflow.operators.step import StepOperator, page_url
from evenkeel.airflow.operators.waiting import WaitingOperator

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow.sdk import Context

    from evenkeel.vocabulary.partition import Partition
    from evenkeel.vocabulary.spec import ModelSpec
    from evenkeel.workflows.gateways import Gateways


class ExtractPartitionOperator(WaitingOperator):
    """Read one partition's rows, with features from what was known at its as-of; pin the champion."""

    pipeline = SCORE

    def about(self, spec: ModelSpec, context: Context) -> Partition:
        """Its partition."""
        return partition_of_run(spec, context)

    def waits_as(self, context: Context) -> str:
        """Only the champion of the as-of can be one that is not known yet."""
        return super().waits_as(context) if context["params"]["champion"] == "as_of" else ""

    def step(self, spec: ModelSpec, gateways: Gateways, context: Context) -> Any:
        """Extract."""
        from evenkeel.workflows.score import extract_partition

        return extract_partition(spec, partition_of_run(spec, context), gateways, context["params"]["champion"])


class ValidatePartitionOperator(StepOperator):
    """Hold the partition against the suite: quarantine or refuse; the shards are what the next task is mapped over."""

    operator_extra_links = (DataDocsLink(),)

    def step(self, spec: ModelSpec, gateways: Gateways, context: Context) -> Any:
        """Validate."""
        from evenkeel.workflows.score import data_docs_name, validate_partition

        partition = partition_of_run(spec, context)
        self.pages["Data Docs"] = page_url(data_docs_name(spec, partition)) or ""
        validated = validate_partition(spec, partition, gateways)
        context["ti"].xcom_push(key="rows", value={"accepted": validated.rows, "quarantined": validated.quarantined})
        return list(range(validated.shards))


class ScoreShardOperator(StepOperator):
    """Score one shard with the champion of the run; mapped over the shards.

    Args:
        shard: its number.
    """

    template_fields: Sequence[str] = ("model", "shard")

    def __init__(self, *, shard: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.shard = shard

    def step(self, spec: ModelSpec, gateways: Gateways, context: Context) -> Any:
        """Score."""
        from evenkeel.workflows.score import score_shard

        return score_shard(spec, partition_of_run(spec, context), int(self.shard), gateways)


class ValidateScoresOperator(StepOperator):
    """Hold the scores against their own suite: none missing, none NaN, not constant, in range."""

    operator_extra_links = (DataDocsLink(),)

    def step(self, spec: ModelSpec, gateways: Gateways, context: Context) -> Any:
        """Validate."""
        from evenkeel.workflows.score import scores_docs_name, validate_scores

        partition = partition_of_run(spec, context)
        self.pages["Data Docs"] = page_url(scores_docs_name(spec, partition)) or ""
        return validate_scores(spec, partition, gateways)


class PublishScoresOperator(StepOperator):
    """Replace the partition in the scores table, in one commit."""

    def step(self, spec: ModelSpec, gateways: Gateways, context: Context) -> Any:
        """Publish."""
        from evenkeel.workflows.score import publish_scores

        published = publish_scores(spec, partition_of_run(spec, context), gateways)
        asset = assets.scores(spec.model)
        if asset in self.outlets:
            event = context["outlet_events"][asset]
            event.extra = {"partition": published.partition, "rows": published.rows}
            event.add_partitions(published.partition)
        return published
