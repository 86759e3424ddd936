"""The laws of Airflow, 26 to 28, as far as they can be held without a scheduler; with one they are in tests/e2e, with kills in
tests/kills.
"""

from __future__ import annotations

import json
import os
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

from evenkeel.decisions.drift import Moved, judge_drift
from evenkeel.gateways.registry import Registry
from evenkeel.vocabulary.errors import FeatureError
from evenkeel.workflows.gateways import Gateways
from evenkeel.workflows.maintain import close_orphans
from tests.dags.test_dags import PIPELINES, dags
from tests.laws.house import CHECKED, DAY, MODELS, SCORED
from tests.laws.pipelines import MAINTENANCE, TRAINED, TRAINING, everything, runs

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from evenkeel.gateways.registry import Version
    from tests.workflows.conftest import House

LIMIT = 10_000
"""Bytes of an XCom."""


class Pushed:
    """What a task pushes: Airflow's side of `ti`."""

    def __init__(self) -> None:
        self.there: dict[tuple[str, str], Any] = {}
        self.task = ""

    def xcom_push(self, key: str, value: Any) -> None:
        self.there[self.task, key] = value

    def xcom_pull(self, task_ids: str, key: str = "return_value") -> Any:
        return self.there.get((task_ids, key))


class Events(dict[Any, Any]):
    """Airflow's side of `outlet_events`."""

    def __missing__(self, asset: Any) -> Any:
        self[asset] = SimpleNamespace(extra=None, add_partitions=lambda key: None)
        return self[asset]


@contextmanager
def as_airflow_runs(house: House, specs: Path) -> Iterator[None]:
    """The environment in which a task finds the house, and the house's own spec as the project's."""
    import yaml

    models = specs / "config" / "models"
    models.mkdir(parents=True, exist_ok=True)
    content = house.spec.model_dump(mode="json") | {"period": house.spec.period.model_dump()}
    (models / f"{house.spec.model}.yaml").write_text(yaml.safe_dump(content))
    if not (specs / "config" / "expectations").exists():
        (specs / "config" / "expectations").symlink_to(house.gateways.settings.suites)
    settings = house.gateways.settings
    wanted = {
        "EVENKEEL_PROJECT": str(specs),
        "EVENKEEL_LAKE": settings.lake,
        "EVENKEEL_DATA": settings.data,
        "MLFLOW_TRACKING_URI": settings.tracking_uri,
    }
    before = {name: os.environ.get(name) for name in wanted}
    os.environ |= wanted
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})


def pushed_by(house: House, folder: Path, pipeline: str, **params: Any) -> dict[tuple[str, str], Any]:
    """What all tasks of a DAG push when they run in a house, one after the other, by task and key."""
    dag = dags()[f"{house.spec.model}_{pipeline}"]
    run = SimpleNamespace(
        run_type="manual", dag_id=dag.dag_id, run_id="manual__1", logical_date=None, data_interval_start=None
    )
    asked = {"champion": "as_of", "wait": None, "as_of": None, "partition": None, **params}
    ti = Pushed()
    context = {"dag_run": run, "run_id": run.run_id, "params": asked, "ti": ti, "outlet_events": Events()}
    with as_airflow_runs(house, folder):
        for task in dag.topological_sort():
            for one in _unmapped(task, ti):
                ti.task = one.task_id
                branches = hasattr(one, "choose_branch")
                ti.xcom_push("return_value", (one.choose_branch if branches else one.execute)(context))
    return ti.there


def _unmapped(task: Any, ti: Pushed) -> list[Any]:
    """The task, or one for each of what it is mapped over; tasks of Airflow's own push nothing of ours."""
    if not type(task).__module__.startswith("evenkeel") and not getattr(task, "is_mapped", False):
        return []
    if not task.is_mapped:
        return [task] if task.task_id != "promote" or ("gate", "return_value") not in ti.there else _if_chosen(task, ti)
    ((name, over),) = task.expand_input.value.items()
    values = over if isinstance(over, list) else ti.xcom_pull(over.operator.task_id)
    return [
        task.operator_class(task_id=task.task_id, model=task.partial_kwargs["model"], **{name: one}) for one in values
    ]


def _if_chosen(task: Any, ti: Pushed) -> list[Any]:
    return [task] if ti.xcom_pull("gate") == task.task_id else []


def sizes(pushed: dict[tuple[str, str], Any]) -> dict[tuple[str, str], int]:
    """Bytes of each XCom; what is no plain value does not pass."""
    return {key: len(json.dumps(value, allow_nan=False).encode()) for key, value in pushed.items()}


def many_in_quarantine(house: House) -> House:
    """A day of two thousand flights, half of them of a carrier nobody knows, and a budget that lets them be set aside."""

    def grow(rows: pd.DataFrame) -> pd.DataFrame:
        more = pd.concat([rows.assign(flight_id=rows["flight_id"] + "-" + "x" * 50 + str(copy)) for copy in range(3)])
        bad = np.arange(len(more)) % 2 == 0
        return more.assign(carrier=more["carrier"].where(~bad, "Z" * 200))

    house.change("schedule", DAY, grow)
    gate = house.spec.data_gate.model_copy(update={"quarantine_budget": 1.0, "recent": timedelta(days=1)})
    scoring = house.spec.scoring.model_copy(update={"shard_rows": 100})
    spec = house.spec.model_copy(update={"data_gate": gate, "scoring": scoring})
    return type(house)(spec, house.gateways, house.root)


def test_law_26_scoring_hands_on_little_whatever_is_in_quarantine(lived: House, tmp_path: Path) -> None:
    """A thousand quarantined rows with long values, and many shards: each XCom is ids, counts and paths (law 26)."""
    house = many_in_quarantine(lived)
    pushed = pushed_by(house, tmp_path / "project", "score", partition=DAY)
    assert pushed["publish", "return_value"]["quarantined"] > 1000
    assert len(pushed["validate", "return_value"]) > 5
    assert max(sizes(pushed).values()) < LIMIT, sizes(pushed)


def test_law_26_the_other_pipelines_hand_on_little(lived: House, tmp_path: Path) -> None:
    """Training, check, decision and maintenance: each XCom is under 10 KB, numbers and all (law 26)."""
    folder = tmp_path / "project"
    pushed = {
        "train": pushed_by(lived, folder, "train", as_of=TRAINED),
        "drift_check": pushed_by(lived, folder, "drift_check", partition=SCORED[-1]),
        "retrain": pushed_by_retrain(lived, folder),
        "maintain": pushed_by(lived, folder, "maintain"),
        "promote": pushed_by(lived, folder, "promote", as_of=DAY, version="2", force=True, reason="x" * 500),
    }
    found = {(name, *key): size for name, one in pushed.items() for key, size in sizes(one).items()}
    assert len(found) > 20
    assert max(found.values()) < LIMIT, found


def pushed_by_retrain(house: House, folder: Path) -> dict[tuple[str, str], Any]:
    """The retrain DAG up to where a training is launched."""
    as_of = house.spec.check_as_of(house.spec.partition(CHECKED)).isoformat()
    dag = dags()[f"{house.spec.model}_retrain"]
    run = SimpleNamespace(
        run_type="asset_triggered", dag_id=dag.dag_id, run_id="asset__1", logical_date=None, data_interval_start=None
    )
    ti = Pushed()
    context = {"dag_run": run, "run_id": run.run_id, "params": {"as_of": as_of, "wait": False}, "ti": ti}
    with as_airflow_runs(house, folder):
        ti.task = "wait"
        ti.xcom_push("return_value", dag.get_task("wait").execute(context))
        ti.task = "decide"
        ti.xcom_push("return_value", dag.get_task("decide").choose_branch(context))
    assert ti.there["decide", "verdict"]["outcome"] == "pass"
    return ti.there


def test_law_26_a_model_of_many_features_hands_on_little() -> None:
    """Where four hundred columns moved, the reason names some and counts the others (law 26)."""
    names = [f"{'a_long_name_of_a_feature' * 2}_{number}" for number in range(400)]
    measures = [Moved(name, "distribution", "wasserstein", 0.9, 0.2, 0.1) for name in names]
    verdict = judge_drift(measures, rows=1000, min_rows=10)
    assert len(json.dumps(verdict.as_dict())) < LIMIT / 5
    assert "400 of 400 measures drifted" in verdict.reason
    assert "and 395 more" in verdict.reason


def test_law_26_a_champion_that_lacks_many_features_is_told_shortly(lived: House) -> None:
    """What a model was fitted on and the rows lack is named up to a few, in a message that becomes part of a result (law 26)."""
    from sklearn.linear_model import LinearRegression

    from evenkeel.gateways.estimators import predict

    names = [f"{'a_long_name_of_a_feature' * 2}_{number}" for number in range(400)]
    fitted = LinearRegression().fit(pd.DataFrame(np.eye(400), columns=names), np.arange(400))
    with pytest.raises(FeatureError, match="and 390 more") as told:
        predict(fitted, pd.DataFrame({"other": [1.0]}), "regression")
    assert len(str(told.value)) < LIMIT / 5


def weight(dag_id: str, task_id: str, run_id: str) -> int:
    """The weight by which Airflow sorts a waiting task of a run."""
    from evenkeel.airflow.fair_turns import TodayFirst

    task = dags()[dag_id].get_task(task_id)
    return TodayFirst().get_weight(SimpleNamespace(task=task, run_id=run_id))  # type: ignore[arg-type]


def test_law_27_every_task_of_today_comes_before_every_task_of_a_backfill() -> None:
    """Whatever the pipeline: the least of today's tasks weighs more than the heaviest of a backfill, and of today's, scoring
    comes before checks and trainings (law 27).
    """
    todays, backfills = {}, {}
    for model in MODELS:
        for pipeline in PIPELINES:
            for task in dags()[f"{model}_{pipeline}"].tasks:
                arguments = (f"{model}_{pipeline}", task.task_id)
                todays[arguments] = min(
                    weight(*arguments, run) for run in ("scheduled__1", "manual__1", "asset_triggered__1")
                )
                backfills[arguments] = weight(*arguments, "backfill__2013-02-06")
    assert min(todays.values()) > max(backfills.values())
    for model in MODELS:
        by = {name: {one for (dag, _), one in todays.items() if dag == f"{model}_{name}"} for name in PIPELINES}
        assert min(by["score"]) > max(by["drift_check"] | by["train"] | by["maintain"])


def test_law_27_every_task_is_weighed_by_it() -> None:
    """No task keeps Airflow's own strategy, by which the length of a DAG would decide (law 27)."""
    from evenkeel.airflow.fair_turns import TODAY_FIRST

    for model in MODELS:
        for pipeline in PIPELINES:
            assert {task.weight_rule for task in dags()[f"{model}_{pipeline}"].tasks} == {TODAY_FIRST}


def test_law_27_long_tasks_share_a_pool_and_scoring_is_not_in_it() -> None:
    """However many trainings and checks a backfill makes, the pool leaves slots for scores and decisions (law 27)."""
    from evenkeel.airflow.fair_turns import POOL

    for model in MODELS:
        pools = {name: {task.pool for task in dags()[f"{model}_{name}"].tasks} for name in PIPELINES}
        assert pools["train"] == pools["drift_check"] == {POOL}
        assert POOL not in pools["score"] | pools["retrain"] | pools["promote"]


@pytest.mark.parametrize(("parallelism", "slots"), [("32", 30), ("4", 2), ("2", 1), ("1", 1)])
def test_law_27_the_pool_leaves_two_slots(monkeypatch: pytest.MonkeyPatch, parallelism: str, slots: int) -> None:
    """Made at start with all slots of the executor but two, and at least one; a size that someone set stays (law 27)."""
    from airflow.models.pool import Pool
    from airflow.utils.session import create_session

    from evenkeel.airflow.fair_turns import POOL, make_pool

    monkeypatch.setenv("AIRFLOW__CORE__PARALLELISM", parallelism)
    with create_session() as session:
        for name in {"team", "slot_pool"} & set(Pool.metadata.tables):  # of Airflow's database no more is needed
            Pool.metadata.tables[name].create(session.get_bind(), checkfirst=True)
        session.query(Pool).filter(Pool.pool == POOL).delete()
    make_pool()
    found = Pool.get_pool(POOL)
    assert found is not None
    assert found.slots == slots
    Pool.create_or_update_pool(POOL, 7, "set by hand", include_deferred=False)
    make_pool()
    kept = Pool.get_pool(POOL)
    assert kept is not None
    assert kept.slots == 7


class KilledError(BaseException):
    """The process ends here: nothing that handles errors sees it."""


class Mortal(Registry):
    """A registry whose process is killed when it comes to a call."""

    def __init__(self, tracking_uri: str, dies_at: str) -> None:
        super().__init__(tracking_uri)
        self._dies_at = dies_at

    def log(self, run_id: str, **kwargs: Any) -> None:
        self._perhaps("log")
        super().log(run_id, **kwargs)

    def log_model(self, run_id: str, estimator: Any, **kwargs: Any) -> str:
        self._perhaps("log_model")
        return str(super().log_model(run_id, estimator, **kwargs))

    def register(self, model: str, run_id: str, **kwargs: Any) -> Version:
        self._perhaps("register")
        return super().register(model, run_id, **kwargs)

    def finish(self, run_id: str, **kwargs: Any) -> None:
        self._perhaps("finish")
        super().finish(run_id, **kwargs)

    def _perhaps(self, call: str) -> None:
        if call == self._dies_at:
            raise KilledError


def killed(house: House, dies_at: str) -> None:
    """A training that is killed at a call of the registry, and leaves its run as it is."""
    gateways = Gateways(house.gateways.settings, actor="laws", run="scheduled__1", draws_pages=False)
    vars(gateways)["registry"] = Mortal(house.gateways.settings.tracking_uri, dies_at)
    with pytest.raises(KilledError):
        TRAINING.run(replace(house, gateways=gateways))
    assert [one["status"] for one in runs(house)].count("RUNNING") == 1


@pytest.mark.parametrize(
    ("model", "dies_at"),
    [
        ("flight_delay", "log"),
        ("flight_duration", "log_model"),
        ("flight_delay", "register"),
        ("flight_duration", "finish"),
    ],
)
def test_law_28_a_killed_training_completes_and_leaves_no_run_running(lived: House, twin: House, dies_at: str) -> None:
    """Killed wherever its MLflow run is open and started again, a training ends as one that nobody killed: one run, finished, and
    one version (law 28).
    """
    killed(lived, dies_at)
    TRAINING.run(lived)
    TRAINING.run(twin)
    assert everything(lived) == everything(twin)
    assert {one["status"] for one in runs(lived)} == {"FINISHED"}


def test_law_28_a_killed_training_that_nobody_repeats_is_ended_by_maintenance(lived: House) -> None:
    """No run stays RUNNING for ever; one that may still be under way is left alone, and one that is ended can be taken up again
    (law 28).
    """
    killed(lived, "register")
    now, longest = datetime.now(UTC), timedelta(days=1) + lived.spec.promotion.approval_timeout
    assert close_orphans(lived.spec, now + longest - timedelta(hours=1), lived.gateways).runs == 0
    assert close_orphans(lived.spec, now + longest + timedelta(hours=1), lived.gateways).runs == 1
    assert sorted(one["status"] for one in runs(lived)) == [*["FINISHED"] * 3, "KILLED"]
    MAINTENANCE.run(lived)
    TRAINING.run(lived)
    assert {one["status"] for one in runs(lived)} == {"FINISHED"}
    assert len(runs(lived)) == 4  # two trainings and a candidate, and the one of the checks


def test_law_28_a_training_that_fails_does_not_leave_its_run_running(lived: House) -> None:
    """An error, which is no kill, ends the run as failed; the next attempt takes the same run up again (law 28)."""
    from evenkeel.vocabulary.errors import TransientError

    gateways = Gateways(lived.gateways.settings, actor="laws", run="scheduled__1", draws_pages=False)

    class Silent(Registry):
        def log_model(self, run_id: str, estimator: Any, **kwargs: Any) -> str:
            raise TransientError("MLflow does not answer")

    vars(gateways)["registry"] = Silent(lived.gateways.settings.tracking_uri)
    with pytest.raises(TransientError):
        TRAINING.run(replace(lived, gateways=gateways))
    assert sorted(one["status"] for one in runs(lived)) == ["FAILED", *["FINISHED"] * 3]
    TRAINING.run(lived)
    assert [one["status"] for one in runs(lived)] == ["FINISHED"] * 4
