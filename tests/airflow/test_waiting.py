"""Which runs wait, and for whose needs."""

from __future__ import annotations

import asyncio
from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from airflow.sdk.exceptions import TaskDeferred
from tests.conftest import PROJECT

from evenkeel.airflow.need_trigger import NeedTrigger
from evenkeel.airflow.operators import retrain
from evenkeel.airflow.operators.drift_check import GatherWindowOperator
from evenkeel.airflow.operators.retrain import WaitForDecisionsOperator
from evenkeel.airflow.operators.score import ExtractPartitionOperator
from evenkeel.airflow.operators.step import StepOperator
from evenkeel.airflow.operators.train import ExtractWindowOperator
from evenkeel.vocabulary.errors import AsOfMissingError
from evenkeel.vocabulary.spec_file import find_spec

if TYPE_CHECKING:
    from pathlib import Path

    from evenkeel.airflow.operators.waiting import WaitingOperator

TOMORROW = f"{datetime.now(UTC) + timedelta(days=2):%Y-%m-%d}"


@pytest.mark.parametrize(
    ("operator", "run_type", "wait", "champion", "needs"),
    [
        (ExtractPartitionOperator, "scheduled", None, "as_of", ""),
        (ExtractPartitionOperator, "backfill", None, "as_of", "score"),
        (ExtractPartitionOperator, "backfill", None, "current", ""),
        (ExtractPartitionOperator, "backfill", False, "as_of", ""),
        (ExtractPartitionOperator, "manual", True, "as_of", "score"),
        (ExtractWindowOperator, "scheduled", None, "", "retrained"),
        (ExtractWindowOperator, "backfill", None, "", "train"),
        (ExtractWindowOperator, "manual", True, "", "train"),
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


@pytest.mark.parametrize(
    ("operator", "about"),
    [
        (ExtractPartitionOperator, {"partition": TOMORROW}),
        (GatherWindowOperator, {"partition": f"{date.today()}"}),  # noqa: DTZ011 - in whatever zone, it is checked tomorrow
        (ExtractWindowOperator, {"as_of": TOMORROW}),
    ],
)
def test_what_is_to_come_is_not_acted_on(operator: type[WaitingOperator], about: dict[str, str]) -> None:
    """What is decided as of an instant stays decided, so it must have come: a red task that says what to pass."""
    context: Any = {"params": {"champion": "as_of", "wait": None, **about}, "run_id": "manual"}
    with pytest.raises(AsOfMissingError, match=r"which is to come.*Pass an earlier partition or as_of"):
        operator(task_id="early", model="flight_delay").execute(context)


def test_a_worker_whose_clock_is_a_little_behind_acts_all_the_same() -> None:
    """A scheduled run begins at the instant it acts from, by the scheduler's clock."""
    spec = find_spec(PROJECT / "config" / "models", "flight_delay")
    operator = ExtractWindowOperator(task_id="early", model="flight_delay")
    operator.refuse_to_come(spec, datetime.now(UTC) + timedelta(minutes=1))
    with pytest.raises(AsOfMissingError, match="which is to come"):
        operator.refuse_to_come(spec, datetime.now(UTC) + timedelta(minutes=10))


def test_an_answer_whose_wait_was_in_vain_waits_on_for_a_retraining(monkeypatch: pytest.MonkeyPatch) -> None:
    """After an hour for a check that never came it would go on; but not while a retraining is under way."""
    context: Any = {"params": {"wait": None, "as_of": "2013-02-08"}, "run_id": "manual"}
    operator = WaitForDecisionsOperator(task_id="wait", model="flight_delay")
    monkeypatch.setattr(retrain, "open_gateways", lambda _: None)
    monkeypatch.setattr(retrain, "missing", lambda _spec, needs, *_: f"what {needs} needs")
    with pytest.raises(TaskDeferred) as deferred:
        operator.execute_after_wait(context, {"missing": "the drift check of 2013-02-07"})
    assert deferred.value.trigger.waits_for == "what retrained needs"
    assert deferred.value.kwargs == {"without": "the drift check of 2013-02-07"}
    monkeypatch.setattr(retrain, "missing", lambda *_: None)
    monkeypatch.setattr(StepOperator, "execute", lambda self, _: self.without)
    done = operator.execute_after_wait(context, {"missing": None}, without="the drift check of 2013-02-07")
    assert done == "the drift check of 2013-02-07"
    assert operator.execute_after_wait(context, {"missing": None}) == "the drift check of 2013-02-07"


def test_a_triggerer_without_the_lake_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where it sees no ledger though the task did, everything would look as if there were nothing to wait for."""
    monkeypatch.setenv("EVENKEEL_HOME", str(tmp_path))
    trigger = NeedTrigger("flight_delay", "decide", "2013-02-08", "the drift check of 2013-02-07", 60, poll=0)
    event = asyncio.run(anext(trigger.run()))
    assert "the triggerer finds no ledger of flight_delay in" in event.payload["error"]


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
    assert operator.patience_with(slow, "train") == timedelta(days=1)
