"""Alerts leave by the notifiers of Airflow's providers and arrive, at a real mail server and a real web server."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest
import yaml
from airflow.sdk.log import redact
from tests.conftest import PROJECT
from tests.receivers import TOKEN, mailbox, webhook

from evenkeel.airflow.operators.alert import AlertOperator
from evenkeel.local.stack import free_ports
from evenkeel.vocabulary.errors import EvenkeelError, TransientError
from evenkeel.vocabulary.settings import read_settings
from evenkeel.vocabulary.spec_file import find_spec
from evenkeel.vocabulary.tables import CHECKS
from evenkeel.workflows.alert_record import told_alerts
from evenkeel.workflows.gateways import Gateways

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.receivers import Mailbox, Webhook

MODEL, DAY = "flight_delay", "2013-04-01"
DAG_ID, RUN_ID = f"{MODEL}_drift_check", f"scheduled__{DAY}"
NASTY = "{{ conn.evenkeel_webhook.extra }}<b>&"
"""A column's name may be anything: it is no template and no markup."""

ROUTES: dict[str, dict[str, Any]] = {
    "email": {"kind": "email", "to": ["oncall@example.com", "second@example.com"], "connection": "evenkeel_mail"},
    "webhook": {"kind": "webhook", "connection": "evenkeel_webhook"},
    "slack": {"kind": "slack", "connection": "evenkeel_slack"},
}


@pytest.fixture
def hook() -> Iterator[Webhook]:
    with webhook() as received:
        yield received


@pytest.fixture
def mail() -> Iterator[Mailbox]:
    with mailbox() as received:
        yield received


@pytest.fixture
def told_by(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hook: Webhook, mail: Mailbox) -> Any:
    """A model with routes of some kinds whose check of the day found drift and decay; its connections are in the environment."""
    for name, value in {
        "EVENKEEL_PROJECT": str(tmp_path),
        "EVENKEEL_LAKE": str(tmp_path / "lake"),
        "EVENKEEL_MLFLOW_UI": "http://mlflow.example",
        "AIRFLOW__API__BASE_URL": "http://airflow.example/here",
        "AIRFLOW_CONN_EVENKEEL_WEBHOOK": hook.connection,
        "AIRFLOW_CONN_EVENKEEL_SLACK": hook.slack_connection,
        "AIRFLOW_CONN_EVENKEEL_MAIL": mail.connection,
    }.items():
        monkeypatch.setenv(name, value)

    def prepare(*kinds: str) -> None:
        folder = tmp_path / "config" / "models"
        folder.mkdir(parents=True)
        content = yaml.safe_load((PROJECT / "config" / "models" / f"{MODEL}.yaml").read_text())
        content["alerts"] = {"routes": [ROUTES[kind] for kind in kinds]}
        (folder / f"{MODEL}.yaml").write_text(yaml.safe_dump(content, sort_keys=False))
        row = {
            "as_of": datetime(2013, 4, 2, 7, 30, tzinfo=UTC),
            "champion": 3,
            "drift_outcome": "drift",
            "drift_reason": "1 column moved",
            "drift_numbers": json.dumps({"share": 0.28}),
            "decay_outcome": "none",
            "decay_reason": "as promised",
            "decay_numbers": "{}",
            "causes": json.dumps([NASTY]),
            "account": json.dumps({"columns": [{"cause": "hour", "excess": 3.0}]}),
            "page": f"{MODEL}/drift_check/{DAY}/drift.html",
        }
        run = f"{DAG_ID}/{RUN_ID}"
        Gateways(read_settings()).lake.publish(MODEL, CHECKS, DAY, pd.DataFrame([row]), {"run": run})

    return prepare


def run_alert(states: dict[str, str] | None = None) -> dict[str, int]:
    """The task's work, in this process: what Airflow would give it is a partition, a run, and the states of its tasks."""
    run = SimpleNamespace(dag_id=DAG_ID, run_id=RUN_ID, run_type="scheduled", triggering_user_name=None)
    ti = SimpleNamespace(get_task_states=lambda dag_id, run_ids: {RUN_ID: states or {}})
    task = AlertOperator(task_id="alert", model=MODEL, pipeline="drift_check")
    context = {"params": {}, "partition_key": DAY, "run_id": RUN_ID, "dag_run": run, "ti": ti}
    return task.execute(context)  # type: ignore[arg-type]


def test_an_e_mail_arrives(told_by: Any, mail: Mailbox) -> None:
    """At every address, from whom the connection says; what the data names is no template and no markup."""
    told_by("email")
    assert run_alert() == {"sent": 1, "silenced": 0}
    (message,) = mail.messages
    assert message["Subject"] == f"[evenkeel] {MODEL}: drift ({DAY}, champion 3)"
    assert (message["From"], message["To"]) == ("evenkeel@example.com", "oncall@example.com, second@example.com")
    body = message.get_body(preferencelist=("html",)).get_content()
    assert "{{ conn.evenkeel_webhook.extra }}&lt;b&gt;&amp;" in body
    for said in ("1 column moved", "share 0.28", "hour (3 times what is chance)", "version 3"):
        assert said in body
    assert f'href="http://airflow.example/here/evenkeel/pages/{MODEL}/drift_check/{DAY}/drift.html"' in body


def test_a_webhook_gets_one_json_object(told_by: Any, hook: Webhook) -> None:
    """With the connection's secret in a header, an id by which a second one of the same is known, and the links."""
    told_by("webhook")
    run_alert()
    (message,) = hook.messages
    assert hook.tokens == [f"Bearer {TOKEN}"]
    assert message["id"].startswith(f"drift/3/{DAY}/")
    assert (message["model"], message["what"], message["champion"], message["causes"]) == (MODEL, "drift", 3, [NASTY])
    assert (message["day"], message["since"], message["numbers"]) == (DAY, DAY, {"share": 0.28})
    assert message["links"] == {
        "report": f"http://airflow.example/here/evenkeel/pages/{MODEL}/drift_check/{DAY}/drift.html",
        "run": f"http://airflow.example/here/dags/{DAG_ID}/runs/{RUN_ID}",
        "version": f"http://mlflow.example/#/models/{MODEL}/versions/3",
        "ledger": f"http://airflow.example/here/evenkeel/health#{MODEL}",
    }


def test_slack_gets_text_without_markup_of_the_data(told_by: Any, hook: Webhook) -> None:
    """Slack gives &, < and > a meaning."""
    told_by("slack")
    run_alert()
    (message,) = hook.messages
    assert "cause: {{ conn.evenkeel_webhook.extra }}&lt;b&gt;&amp;" in message["text"]
    assert f"<http://airflow.example/here/dags/{DAG_ID}/runs/{RUN_ID}|run>" in message["text"]


def test_two_routes_are_told_and_the_task_again_tells_nobody(told_by: Any, hook: Webhook, mail: Mailbox) -> None:
    """Once a route, whatever the number of runs (law 7)."""
    told_by("email", "webhook")
    run_alert()
    assert run_alert() == {"sent": 0, "silenced": 0}
    assert (len(mail.messages), len(hook.messages)) == (1, 1)


def test_a_failed_task_of_the_run_is_told(told_by: Any, hook: Webhook) -> None:
    """By its name; what was not run because of it is not."""
    told_by("webhook")
    run_alert({"gather": "success", "drift": "failed", "record": "upstream_failed", "alert": "running"})
    (failed,) = [one for one in hook.messages if one["what"] == "failed"]
    assert failed["reason"] == "drift_check: drift failed; its log says why"


@pytest.mark.parametrize("kind", ["webhook", "slack"])
def test_a_receiver_that_refuses_is_tried_again_and_no_secret_is_told(
    told_by: Any, hook: Webhook, kind: str, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    """Neither in the error, nor behind it, nor in a log (law 30); the alert arrives once the receiver takes it."""
    told_by(kind)
    hook.broken = True
    with caplog.at_level(logging.DEBUG), pytest.raises(TransientError, match=f"connection 'evenkeel_{kind}'") as caught:
        run_alert()
    shown = "".join([str(caught.getrepr(chain=True)), caplog.text, *capfd.readouterr()])
    assert "AirflowException" in shown
    assert TOKEN not in shown
    spec = find_spec(read_settings().models, MODEL)
    assert [str(one.outcome) for one in told_alerts(spec, Gateways(read_settings()))] == ["failed"]
    hook.broken = False
    assert run_alert() == {"sent": 1, "silenced": 0}


def test_an_address_that_is_a_secret_is_masked(
    told_by: Any, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Where nobody listens, the HTTP provider logs the address it tried: Airflow is told to hide it."""
    told_by("webhook")
    gone = {"conn_type": "http", "host": f"http://127.0.0.1:{free_ports(1)[0]}/hooks/{TOKEN}"}
    monkeypatch.setenv("AIRFLOW_CONN_EVENKEEL_WEBHOOK", json.dumps(gone))
    with pytest.raises(TransientError, match="ConnectionError") as caught:
        run_alert()
    logged = capfd.readouterr().out
    assert TOKEN not in str(caught.getrepr(chain=True))
    assert TOKEN in logged
    assert TOKEN not in str(redact(logged))  # what Airflow does to each line of a task's log


def test_a_missing_connection_is_told_by_its_name(told_by: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is no transient fault, so nothing is tried again until the next run."""
    told_by("webhook")
    monkeypatch.delenv("AIRFLOW_CONN_EVENKEEL_WEBHOOK")
    with pytest.raises(EvenkeelError, match="connection 'evenkeel_webhook' is not defined in Airflow") as caught:
        run_alert()
    assert not isinstance(caught.value, TransientError)


DRIFT_CHECK = f"""
from datetime import UTC, datetime
from airflow.utils.db import initdb
initdb()
from airflow.dag_processing.dagbag import DagBag
dag = DagBag().dags["{DAG_ID}"]
run = dag.test(logical_date=datetime(2013, 4, 2, 8, tzinfo=UTC), run_conf={{"partition": "{DAY}"}})
states = {{task.task_id: str(task.state) for task in run.get_task_instances()}}
print([str(run.state), states["gather"], states["alert"]])
"""


def test_a_failed_run_is_told_and_stays_failed(told_by: Any, hook: Webhook, tmp_path: Path) -> None:
    """The DAG in Airflow's own runner. No champion: so the first task fails; the alert is sent, the run is red all the same."""
    told_by("webhook")
    mine = {
        "AIRFLOW_HOME": str(tmp_path / "airflow"),
        "AIRFLOW__CORE__DAGS_FOLDER": str(PROJECT / "dags"),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(PROJECT / "plugins"),
        "EVENKEEL_LAKE": str(tmp_path / "empty"),
    }
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", DRIFT_CHECK],
        env=os.environ | mine,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip().splitlines()[-1] == "['failed', 'failed', 'success']"
    assert [one["reason"] for one in hook.messages] == ["drift_check: gather failed; its log says why"]
    assert TOKEN not in done.stdout + done.stderr
