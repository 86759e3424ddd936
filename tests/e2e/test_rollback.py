"""A decayed champion is rolled back by itself in a real Airflow, start to end; and a signal whose event was lost is answered."""

from __future__ import annotations

import json
import time
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest
import yaml
from tests.e2e.scratch_project import MODEL, TURNED_FROM, TURNED_TRAINING, make_turned_project
from tests.receivers import TOKEN, webhook

from evenkeel.local.journey import Journey
from evenkeel.vocabulary.spec_file import find_spec
from evenkeel.workflows.ledger import Kind, barred
from evenkeel.workflows.retrain import signal_id

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import date, datetime
    from pathlib import Path

    from tests.receivers import Webhook

    from evenkeel.local.rest import AirflowClient
    from evenkeel.vocabulary.spec import ModelSpec
    from evenkeel.workflows.gateways import Gateways

pytestmark = pytest.mark.e2e

LAST_DAY = TURNED_FROM + timedelta(days=6)


@pytest.fixture(scope="module")
def received() -> Iterator[Webhook]:
    """Who is told."""
    with webhook() as one:
        yield one


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory, received: Webhook) -> Iterator[Path]:
    """A model whose champion decays, with somebody to be told of it through a webhook."""
    root = make_turned_project(tmp_path_factory.mktemp("turned"))
    file = root / "config" / "models" / f"{MODEL}.yaml"
    route = {"kind": "webhook", "connection": "evenkeel_webhook", "about": ["decay", "rolled_back", "needs_person"]}
    file.write_text(yaml.safe_dump(yaml.safe_load(file.read_text()) | {"alerts": {"routes": [route]}}))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AIRFLOW_CONN_EVENKEEL_WEBHOOK", received.connection)
        yield root


@pytest.fixture(scope="module")
def journey(client: AirflowClient, gateways: Gateways, project: Path) -> Journey:
    """Two champions; the second learnt from days when late was called on time at one airport and scores when that is over."""
    one = Journey(client, MODEL, "America/New_York", print)
    one.begin()
    for as_of in (TURNED_TRAINING, TURNED_FROM):
        one.train(as_of)
    spec = find_spec(project / "config" / "models", MODEL)
    for number in range(
        (TURNED_FROM - TURNED_TRAINING).days
    ):  # what the first champion signalled is not what this is about
        day = TURNED_TRAINING + timedelta(days=number)
        put_check(gateways, spec, day, drift="none")
    days = [TURNED_FROM - timedelta(days=number) for number in range(5, 0, -1)]
    runs = [client.trigger(one.dag("score"), {"wait": False}, partition_key=str(day))["dag_run_id"] for day in days]
    for run in runs:
        assert client.wait_for_run(one.dag("score"), run)["state"] == "success"
    one.live(TURNED_FROM, LAST_DAY)
    return one


def put_check(gateways: Gateways, spec: ModelSpec, day: date, *causes: str, drift: str) -> datetime:
    """A check on record that no run made; the instant it acts from."""
    partition = spec.partition(day.isoformat())
    row = {
        "as_of": spec.check_as_of(partition),
        "champion": 1,
        "drift_outcome": drift,
        "decay_outcome": "none",
        "causes": json.dumps(causes),
    }
    gateways.lake.publish(MODEL, "drift_checks", partition.key, pd.DataFrame([row]), {})
    return spec.check_as_of(partition)


def test_a_decayed_champion_is_rolled_back_by_itself(
    journey: Journey, client: AirflowClient, gateways: Gateways
) -> None:
    """Checks signal, `retrain` launches a training that learns from the wrong days still and keeps the champion; the one of
    before takes over: one entry by evenkeel, the version barred, the alias and the next day's scores follow, and the asset's
    event tells of it (laws 3, 19 and 22).
    """
    entries = gateways.ledger.entries(MODEL)
    kinds = [one.kind for one in entries if one.kind is not Kind.DECLINED]
    assert kinds == [Kind.PROMOTED, Kind.PROMOTED, Kind.RETRAIN, Kind.KEPT, Kind.ROLLED_BACK]
    rollback = next(one for one in entries if one.kind is Kind.ROLLED_BACK)
    assert (rollback.version, rollback.previous_version, rollback.actor) == (1, 2, "evenkeel")
    assert "decayed (roc_auc " in rollback.reason
    assert rollback.causes == ("decay",)
    assert set(barred(entries, rollback.effective_at)) == {2}
    assert gateways.registry.champion_alias(MODEL) == 1

    (run,) = [
        one
        for one in client.runs(journey.dag("retrain"))
        if client.xcom(journey.dag("retrain"), one["dag_run_id"], "decide", key="verdict")["outcome"] == "pass"
    ]
    states = {one["task_id"]: one["state"] for one in client.task_instances(journey.dag("retrain"), run["dag_run_id"])}
    assert run["state"] == "success"
    assert set(states.values()) == {"success"}
    settled = client.xcom(journey.dag("retrain"), run["dag_run_id"], "settle")
    assert (settled["result"], settled["new_champion"], settled["reason"]) == ("rolled_back", 1, rollback.reason)
    told = [
        (one["name"], one["source_task_id"], one["source_run_id"])
        for one in client.asset_events(journey.dag("retrain"))
    ]
    assert told == [(f"{MODEL}_champion", "new_champion", run["dag_run_id"])]

    champions = gateways.lake.read(MODEL, "scores", partitions=[LAST_DAY.isoformat()])
    assert champions is not None
    assert set(champions["_model_version"]) == {1}


def test_the_person_on_call_was_told_of_the_decay_and_of_the_rollback(
    journey: Journey, received: Webhook, gateways: Gateways
) -> None:
    """Once each, with the connection's secret: that the second champion decayed, that the first took over, the cause, the
    numbers of the verdict, the account and the links.
    """
    told = {(one["what"], one["champion"]): one for one in received.messages}
    assert len(told) == len(received.messages)
    assert set(told) >= {("decay", 2), ("rolled_back", 1)}
    assert set(received.tokens) == {f"Bearer {TOKEN}"}
    (rollback,) = [one for one in gateways.ledger.entries(MODEL) if one.kind is Kind.ROLLED_BACK]
    alert = told["rolled_back", 1]
    print(json.dumps(alert, indent=1))
    assert alert["reason"] == rollback.reason
    assert alert["numbers"]["gain_low"] > 0
    assert "roc_auc" in told["decay", 2]["reason"]
    assert all(one["links"] for one in told.values())


def test_every_signal_has_its_answer_and_the_other_days_keep_their_champion(
    journey: Journey, gateways: Gateways
) -> None:
    """One retraining, all other signals declined with a reason; the days before the rollback keep their champion."""
    entries = gateways.ledger.entries(MODEL)
    checks = gateways.lake.read(MODEL, "drift_checks")
    assert checks is not None
    signalled = checks[(checks[["drift_outcome", "decay_outcome"]] == "drift").any(axis=1)]
    answers = {one.id: one for one in entries if one.kind in {Kind.RETRAIN, Kind.DECLINED}}
    assert set(answers) == {signal_id(one.to_pydatetime()) for one in signalled["as_of"]}
    assert all(one.reason for one in answers.values())
    scores = gateways.lake.read(MODEL, "scores", partitions=[TURNED_FROM.isoformat()])
    assert scores is not None
    assert set(scores["_model_version"]) == {2}


def test_a_signal_whose_event_was_lost_is_answered_after_maintenance(
    journey: Journey, client: AirflowClient, gateways: Gateways, project: Path
) -> None:
    """A check on record that nobody was told of: `maintain` wakes `retrain` for its day, once; then there is nothing to send."""
    spec = find_spec(project / "config" / "models", MODEL)
    lost = LAST_DAY + timedelta(days=1)
    client.unpause(journey.dag("maintain"))
    _wait_until(lambda: list(client.runs(journey.dag("maintain"), state="success")))  # that of this morning
    as_of = put_check(gateways, spec, lost, "wind", drift="drift")
    for _ in range(2):
        run = client.trigger(journey.dag("maintain"))
        assert client.wait_for_run(journey.dag("maintain"), run["dag_run_id"])["state"] == "success"
        _wait_until(lambda: any(one.id == signal_id(as_of) for one in gateways.ledger.entries(MODEL)))
    journey.wait_for_answers()
    woken = [one for one in client.runs(journey.dag("retrain")) if one["partition_key"] == lost.isoformat()]
    assert [one["state"] for one in woken] == ["success"]
    states = {one["task_id"]: one["state"] for one in client.task_instances(journey.dag("maintain"), run["dag_run_id"])}
    assert states["resend_signals"] == "skipped"


def _wait_until(done: Callable[[], Any], timeout: float = 300.0) -> None:
    until = time.monotonic() + timeout
    while not done():
        assert time.monotonic() < until, f"not so after {timeout:.0f} s"
        time.sleep(1)
