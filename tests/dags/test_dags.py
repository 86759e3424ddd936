"""The DAGs as Airflow sees them: all parse, their graphs are pinned, and each says what every DAG must (law 25)."""

from __future__ import annotations

import re
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from evenkeel.vocabulary.spec_file import load_specs

PROJECT = Path(__file__).parents[2]
FILES = sorted((PROJECT / "dags").glob("*.py"))
SPECS, _ = load_specs(PROJECT / "config" / "models")
PIPELINES = ("train", "score", "drift_check", "retrain", "promote", "maintain")

GRAPHS = {
    "train": {
        "extract": {"validate"},
        "validate": {"split"},
        "split": {"fit"},
        "fit": {"evaluate"},
        "evaluate": {"register"},
        "register": {"gate"},
        "gate": {"promote", "keep"},
        "promote": set(),
        "keep": set(),
    },
    "score": {
        "extract": {"validate"},
        "validate": {"score"},
        "score": {"validate_scores"},
        "validate_scores": {"publish"},
        "publish": set(),
    },
    "drift_check": {
        "gather": {"drift", "performance"},
        "drift": {"record"},
        "performance": {"record"},
        "record": {"signal"},
        "signal": set(),
    },
    "retrain": {
        "wait": {"decide"},
        "decide": {"launch_training"},
        "launch_training": {"report", "settle"},
        "report": set(),
        "settle": {"new_champion"},
        "new_champion": set(),
    },
    "promote": {"judge": {"promote"}, "promote": set()},
    "maintain": {
        "maintain": set(),
        "close_orphans": set(),
        "repair_alias": set(),
        "retire_versions": set(),
        "sweep": set(),
        "resend_signals": set(),
    },
}

SHADOW = {
    "gather": {"drift", "performance", "shadow"},
    "shadow": {"record", "new_champion"},
    "new_champion": set(),
}
"""What a drift check has beside, where the spec has a shadow."""


@cache
def dags(folder: Path = PROJECT / "dags") -> dict[str, Any]:
    from airflow.dag_processing.dagbag import DagBag

    bag = DagBag(dag_folder=str(folder))
    assert not bag.import_errors
    return dict(bag.dags)


def test_every_model_has_its_six_dags_and_nothing_else_is_there() -> None:
    """The number of DAGs follows from the specs: six a model."""
    assert set(dags()) == {f"{spec.model}_{pipeline}" for spec in SPECS for pipeline in PIPELINES}


@pytest.mark.parametrize("pipeline", PIPELINES)
@pytest.mark.parametrize("model", [spec.model for spec in SPECS])
def test_the_task_graph_is_the_pinned_one(model: str, pipeline: str) -> None:
    """A changed graph is a decision, made here as well."""
    dag = dags()[f"{model}_{pipeline}"]
    shadowed = {spec.model for spec in SPECS if spec.promotion.shadow is not None}
    expected = GRAPHS[pipeline] | (SHADOW if pipeline == "drift_check" and model in shadowed else {})
    assert {task.task_id: set(task.downstream_task_ids) for task in dag.tasks} == expected


@pytest.mark.parametrize("dag_id", sorted(f"{spec.model}_{pipeline}" for spec in SPECS for pipeline in PIPELINES))
def test_every_dag_says_who_owns_it_and_how_it_fails(dag_id: str) -> None:
    """Owner, tags, docs, explicit catchup and active runs, retries with a policy, timeouts (law 25)."""
    dag = dags()[dag_id]
    assert "evenkeel" in dag.tags
    assert dag.doc_md
    assert dag.catchup is False
    assert dag.max_active_runs >= 1
    assert dag.dagrun_timeout is not None
    for task in dag.tasks:
        assert task.owner not in {"", "airflow"}
        assert task.retries == (0 if task.task_id == "launch_training" else 2)
        assert task.retry_policy is not None
        assert task.execution_timeout is not None


@pytest.mark.parametrize("model", [spec.model for spec in SPECS])
def test_maintenance_runs_daily_on_tables_as_they_are(model: str) -> None:
    """A plain schedule: no run for a week that was missed, no partition, one run at a time, and no end with the period."""
    from evenkeel.vocabulary.tables import TABLES

    dag = dags()[f"{model}_maintain"]
    assert type(dag.timetable).__name__ == "CronTriggerTimetable"
    assert dag.timetable.expression == "0 5 * * *"
    assert (dag.catchup, dag.max_active_runs, dag.end_date) == (False, 1, None)
    assert dag.get_task("maintain").expand_input.value == {"table": list(TABLES)}


def test_gates_never_retry_and_transient_faults_do() -> None:
    """The retry policy tells a refusal from a service that did not answer (laws 11 and 25)."""
    from airflow.sdk import RetryAction

    from evenkeel.airflow.declare import RETRIES
    from evenkeel.vocabulary.errors import AsOfMissingError, GateRefusedError, SourceError, TransientError

    def action(error: Exception) -> RetryAction:
        return RETRIES.evaluate(error, try_number=1, max_tries=3).action

    assert action(TransientError("x")) is RetryAction.RETRY
    for error in (GateRefusedError("x"), SourceError("x"), AsOfMissingError("x")):
        assert action(error) is RetryAction.FAIL
    assert action(OSError("x")) is RetryAction.DEFAULT


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_dag_file_is_short_and_declares(path: Path) -> None:
    """At most 80 lines, and no vendor import of its own."""
    text = path.read_text()
    assert len(text.splitlines()) <= 80
    assert not re.search(r"^(from|import) (pandas|sklearn|mlflow|great_expectations|evidently|deltalake)", text, re.M)


LIGHT = """
import runpy, socket, sys
def refuse(*_, **__): raise AssertionError("network, database or Variable touched while a DAG file was parsed")
socket.socket.connect = refuse
socket.create_connection = refuse
import airflow, airflow.sdk, sqlalchemy.engine  # Airflow's own import makes an engine; nobody may connect it
sqlalchemy.engine.Engine.connect = refuse
airflow.sdk.Variable.get = refuse
airflow.sdk.BaseHook.get_connection = refuse
namespace = runpy.run_path(sys.argv[1])
heavy = {"pandas", "numpy", "pyarrow", "sklearn", "scipy", "mlflow", "great_expectations", "evidently", "deltalake", "matplotlib"}
print(sorted(heavy & set(sys.modules)))
"""


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_parsing_a_dag_file_imports_nothing_heavy_and_touches_nothing(path: Path) -> None:
    """No heavy library, no network, no database and no Variable at parse time (law 24)."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", LIGHT, str(path)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip().splitlines()[-1] == "[]"


def test_a_bad_spec_costs_only_its_own_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The sound model keeps its DAGs, and the mistake is an import error with the whole message."""
    from airflow.dag_processing.dagbag import DagBag

    models = tmp_path / "config" / "models"
    models.mkdir(parents=True)
    sound = yaml.safe_load((PROJECT / "config" / "models" / "flight_delay.yaml").read_text())
    (models / "flight_delay.yaml").write_text(yaml.safe_dump(sound))
    (models / "broken.yaml").write_text(yaml.safe_dump(sound | {"model": "broken", "taskk": "binary"}))
    monkeypatch.setenv("EVENKEEL_PROJECT", str(tmp_path))
    bag = DagBag(dag_folder=str(PROJECT / "dags"))
    assert set(bag.dags) == {f"flight_delay_{pipeline}" for pipeline in PIPELINES}
    (message,) = bag.import_errors.values()
    assert "broken.yaml: taskk: unknown key. Did you mean 'task'?" in message


def test_a_shadow_is_judged_before_its_check_is_on_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the spec has one; a task of its own then updates the champion asset, and is skipped where nothing was promoted."""
    from airflow.dag_processing.dagbag import DagBag
    from airflow.sdk.exceptions import AirflowSkipException

    models = tmp_path / "config" / "models"
    models.mkdir(parents=True)
    content = yaml.safe_load((PROJECT / "config" / "models" / "flight_delay.yaml").read_text())
    content["promotion"]["shadow"] = {"term": "28d"}
    (models / "flight_delay.yaml").write_text(yaml.safe_dump(content))
    monkeypatch.setenv("EVENKEEL_PROJECT", str(tmp_path))
    check = DagBag(dag_folder=str(PROJECT / "dags" / "drift_check.py")).dags["flight_delay_drift_check"]
    assert set(check.get_task("gather").downstream_task_ids) == {"drift", "performance", "shadow"}
    assert set(check.get_task("shadow").downstream_task_ids) == {"record", "new_champion"}
    assert [one.name for one in check.get_task("new_champion").outlets] == ["flight_delay_champion"]

    class Told:
        def __init__(self, promoted: bool) -> None:
            self.promoted = promoted

        def xcom_pull(self, task_ids: str) -> dict[str, Any]:
            return {"new_champion": 2 if self.promoted else None, "reason": "not decided yet"}

    task = check.get_task("new_champion")
    assert task.step(SPECS[0], None, {"ti": Told(promoted=True)}) == {"champion": 2}
    with pytest.raises(AirflowSkipException, match="not decided yet"):
        task.step(SPECS[0], None, {"ti": Told(promoted=False)})


def test_approval_puts_a_person_between_gate_and_promotion(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With `mode: approval` the pass of the gate leads to a human task whose silence keeps the champion."""
    from airflow.dag_processing.dagbag import DagBag

    models = tmp_path / "config" / "models"
    models.mkdir(parents=True)
    content = yaml.safe_load((PROJECT / "config" / "models" / "flight_delay.yaml").read_text())
    content["promotion"]["mode"] = "approval"
    (models / "flight_delay.yaml").write_text(yaml.safe_dump(content))
    monkeypatch.setenv("EVENKEEL_PROJECT", str(tmp_path))
    train = DagBag(dag_folder=str(PROJECT / "dags" / "train.py")).dags["flight_delay_train"]
    assert set(train.get_task("gate").downstream_task_ids) == {"approve", "keep"}
    assert set(train.get_task("approve").downstream_task_ids) == {"promote", "keep"}
    assert train.get_task("approve").defaults == ["Keep the champion"]


def test_with_routes_each_pipeline_ends_by_telling_people(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A teardown after the last tasks: it runs whatever became of them, and the run's state is theirs alone."""
    from airflow.dag_processing.dagbag import DagBag

    models = tmp_path / "config" / "models"
    models.mkdir(parents=True)
    content = yaml.safe_load((PROJECT / "config" / "models" / "flight_delay.yaml").read_text())
    content["alerts"] = {"routes": [{"kind": "webhook", "connection": "evenkeel_webhook"}]}
    (models / "flight_delay.yaml").write_text(yaml.safe_dump(content))
    monkeypatch.setenv("EVENKEEL_PROJECT", str(tmp_path))
    found = DagBag(dag_folder=str(PROJECT / "dags")).dags
    for pipeline in ("train", "score", "drift_check", "retrain", "promote"):
        dag = found[f"flight_delay_{pipeline}"]
        alert = dag.get_task("alert")
        last = {name for name, then in GRAPHS[pipeline].items() if not then}
        assert (alert.upstream_task_ids, alert.downstream_task_ids) == (last, set())
        assert (alert.is_teardown, alert.on_failure_fail_dagrun) == (True, False)
    assert "alert" not in found["flight_delay_maintain"].task_ids
