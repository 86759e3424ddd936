"""Which runs wait, and for whose needs."""

from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from tests.conftest import PROJECT

from evenkeel.airflow.operators.retrain import WaitForDecisionsOperator
from evenkeel.airflow.operators.score import ExtractPartitionOperator
from evenkeel.airflow.operators.train import ExtractWindowOperator
from evenkeel.vocabulary.spec_file import find_spec

if TYPE_CHECKING:
    from evenkeel.airflow.operators.waiting import WaitingOperator


@pytest.mark.parametrize(
    ("operator", "run_type", "wait", "champion", "needs"),
    [
        (ExtractPartitionOperator, "scheduled", None, "as_of", ""),
        (ExtractPartitionOperator, "backfill", None, "as_of", "score"),
        (ExtractPartitionOperator, "backfill", None, "current", ""),
        (ExtractPartitionOperator, "backfill", False, "as_of", ""),
        (ExtractPartitionOperator, "manual", True, "as_of", "score"),
        (ExtractWindowOperator, "scheduled", None, "", "retrained"),
        (ExtractWindowOperator, "backfill", None, "", "decide"),
        (ExtractWindowOperator, "manual", True, "", "decide"),
        (ExtractWindowOperator, "scheduled", False, "", ""),
        (WaitForDecisionsOperator, "asset_triggered", None, "", "decide"),
        (WaitForDecisionsOperator, "manual", False, "", ""),
    ],
)
def test_backfills_wait_and_today_only_for_what_is_under_way(
    operator: type[WaitingOperator], run_type: str, wait: bool | None, champion: str, needs: str
) -> None:
    """Scores of today wait for nothing, a training of today for a retraining under way, answers always; each unless told not
    to.
    """
    context: Any = {"params": {"wait": wait, "champion": champion}, "dag_run": SimpleNamespace(run_type=run_type)}
    assert operator(task_id="waits", model="flight_delay").waits_as(context) == needs


def test_a_training_waits_for_a_retraining_as_long_as_that_may_take() -> None:
    """A person's time to approve included; for everything else a day."""
    spec = find_spec(PROJECT / "config" / "models", "flight_delay")
    slow = spec.model_copy(
        update={
            "promotion": spec.promotion.model_copy(update={"mode": "approval", "approval_timeout": timedelta(days=9)})
        }
    )
    operator = ExtractWindowOperator(task_id="extract", model="flight_delay")
    assert operator.patience_with(slow, "retrained") > timedelta(days=9, hours=12)
    assert operator.patience_with(slow, "decide") == timedelta(days=1)
