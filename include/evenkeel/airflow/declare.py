"""What every DAG says of itself: owner, tags, docs, schedule, retries and who may run beside it."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from typing import TYPE_CHECKING, Any

from airflow.sdk import CronPartitionTimetable, ExceptionRetryPolicy, Param, RetryAction, RetryRule, get_parsing_context

from evenkeel.airflow.fair_turns import POOL, TODAY_FIRST
from evenkeel.vocabulary.errors import EvenkeelError, TransientError
from evenkeel.vocabulary.settings import read_settings
from evenkeel.vocabulary.spec_file import find_spec, load_specs

if TYPE_CHECKING:
    from evenkeel.vocabulary.spec import ModelSpec

RETRIES = ExceptionRetryPolicy(
    rules=[
        RetryRule(exception=TransientError, action=RetryAction.RETRY, reason="a service did not answer; it may later"),
        RetryRule(exception=EvenkeelError, action=RetryAction.FAIL, reason="the same input would fail again"),
    ]
)
"""Gates and broken input never retry, transient I/O does; anything unforeseen follows Airflow's own count."""

_PRIORITY = {"promote": 5, "score": 4, "retrain": 3, "drift_check": 2}
_LONG = {"train", "drift_check"}

_DAY = r"^\d{4}-\d{2}-\d{2}$"
_INSTANT = r"^\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:?\d{2})?)?$"


def model_specs(pipeline: str) -> list[ModelSpec]:
    """The sound specs of the project; inside a task, only that of the task's own DAG."""
    models, wanted = read_settings().models, get_parsing_context().dag_id
    if wanted is not None:
        return [find_spec(models, wanted.removesuffix(f"_{pipeline}"))] if wanted.endswith(f"_{pipeline}") else []
    specs, _ = load_specs(models)  # mistakes are shown by dags/model_specs.py
    return specs


def dag_id(spec: ModelSpec, pipeline: str) -> str:
    """The DAG of a model's pipeline, such as `flight_delay_train`."""
    return f"{spec.model}_{pipeline}"


def dag_arguments(
    spec: ModelSpec, pipeline: str, doc: str | None, *, active_runs: int, offset: int = 0, scheduled: bool = True
) -> dict[str, Any]:
    """The arguments every DAG has.

    Args:
        spec: the model.
        pipeline: which of its DAGs.
        doc: the DAG file's docstring; its text is the DAG's page.
        active_runs: how many runs of the DAG may be under way at once.
        offset: that of its schedule: a run about yesterday begins, and ends, a day after the period does.
        scheduled: whether it has a schedule, and so a first and a last day. Without one it has neither: the UI fills in a
            logical date of now, and beyond an end date a run would do nothing and turn green.
    """
    first, end = (
        None if day is None or not scheduled else datetime.combine(day, time(), spec.zone) - timedelta(days=offset)
        for day in (spec.period.start, spec.period.end)
    )
    by_hand = spec.promotion.approval_timeout if spec.promotion.mode == "approval" else timedelta(0)
    return {
        "dag_id": dag_id(spec, pipeline),
        "dag_display_name": f"{spec.model}: {pipeline.replace('_', ' ')}",
        "description": f"{(doc or '').strip().splitlines()[0]} ({spec.model})",
        "doc_md": f"{doc}\n\n---\n\n**{spec.model}** ({spec.task}): {spec.description} Days and schedules: {spec.timezone}.",
        "tags": ["evenkeel", spec.model, pipeline, *spec.tags],
        "start_date": first,
        "end_date": None if end is None else end - timedelta(seconds=1),
        "catchup": False,
        "max_active_runs": active_runs,
        "max_consecutive_failed_dag_runs": 0,
        "dagrun_timeout": timedelta(hours=12) + by_hand,
        "default_args": {
            "owner": spec.owner,
            "retries": 2,
            "retry_delay": timedelta(seconds=30),
            "retry_exponential_backoff": 2.0,
            "max_retry_delay": timedelta(minutes=10),
            "retry_policy": RETRIES,
            "execution_timeout": timedelta(hours=2),
            "weight_rule": TODAY_FIRST,
            "priority_weight": _PRIORITY.get(pipeline, 1),
            **({"pool": POOL} if pipeline in _LONG else {}),
        },
    }


def daily(spec: ModelSpec, cron: str | None, *, offset: int = 0) -> CronPartitionTimetable | None:
    """A schedule whose runs are partitions, keyed by the local day `offset` periods from the run's own; none without a cron."""
    if cron is None:
        return None
    return CronPartitionTimetable(cron, timezone=spec.timezone, run_offset=offset, key_format="%Y-%m-%d")


def as_of_param() -> dict[str, Param]:
    """Parameter `as_of`: the instant a run acts from, where it has no partition."""
    description = (
        "Instant to act from, ISO 8601 (a date is read in the model's time zone). Default: the run's partition."
    )
    return {"as_of": Param(None, type=["null", "string"], pattern=_INSTANT, description=description)}


def required_as_of_param() -> dict[str, Param]:
    """Parameter `as_of` where there is no partition to fall back on: a decision says from when on it holds."""
    description = "Instant from which it holds, ISO 8601 (a date is read in the model's time zone)."
    return {"as_of": Param(type="string", pattern=_INSTANT, description=description)}


def partition_param() -> dict[str, Param]:
    """Parameter `partition`: the day a run is about, where it was not made for one."""
    description = "Day to work on, YYYY-MM-DD. Default: the run's own partition."
    return {"partition": Param(None, type=["null", "string"], pattern=_DAY, description=description)}


def wait_param(unasked: str = "in a backfill only") -> dict[str, Param]:
    """Parameter `wait`: whether a run waits for what its as-of needs; `unasked` says when it does without being told."""
    description = f"Whether to wait for results of other runs that its as-of needs. Default: {unasked}."
    return {"wait": Param(None, type=["null", "boolean"], description=description)}


def champion_param() -> dict[str, Param]:
    """Parameter `champion`: which version scores."""
    description = "Version that scores: `as_of` (the champion of the partition's as-of), `current`, or a number."
    return {"champion": Param("as_of", type="string", pattern=r"^(as_of|current|[1-9]\d*)$", description=description)}
