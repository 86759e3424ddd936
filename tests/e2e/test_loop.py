"""The whole loop in a real Airflow, through its REST API: from a first training to a promotion that decay launched by itself."""

from __future__ import annotations

import json
from datetime import date
from typing import TYPE_CHECKING

import httpx
import pandas as pd
import pytest
from tests.e2e.scratch_project import FIRST_TRAINING, MODEL, make_project

from evenkeel.local.journey import Journey
from evenkeel.local.rest import AirflowClient, RequestRefusedError
from evenkeel.local.stack import LocalStack, running
from evenkeel.vocabulary.settings import Settings
from evenkeel.workflows.gateways import Gateways
from evenkeel.workflows.ledger import Kind

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_project(tmp_path_factory.mktemp("project"))


@pytest.fixture(scope="module")
def stack(project: Path) -> Iterator[LocalStack]:
    with running(project / ".evenkeel", project) as up:
        yield up


@pytest.fixture(scope="module")
def client(stack: LocalStack) -> Iterator[AirflowClient]:
    with stack.client() as one:
        yield one


@pytest.fixture(scope="module")
def journey(client: AirflowClient) -> Journey:
    one = Journey(client, MODEL, "America/New_York", print)
    one.begin()
    return one


@pytest.fixture
def gateways(stack: LocalStack, project: Path) -> Gateways:
    home = project / ".evenkeel"
    return Gateways(Settings(project, home, str(home / "lake"), str(home / "data"), f"sqlite:///{home / 'mlflow.db'}"))


def test_a_first_training_is_promoted(journey: Journey, client: AirflowClient, gateways: Gateways) -> None:
    """A training that is triggered with an as-of ends in a champion effective from then, and its steps link to their pages."""
    journey.train(FIRST_TRAINING)
    (entry,) = gateways.ledger.entries(MODEL)
    assert (entry.kind, entry.version, f"{entry.effective_at:%Y-%m-%d}") == (Kind.PROMOTED, 1, str(FIRST_TRAINING))
    run_id = f"journey__{FIRST_TRAINING}"
    for task, button in (("validate", "Data Docs"), ("evaluate", "MLflow run"), ("register", "MLflow version")):
        links = client.links(journey.dag("train"), run_id, task)
        assert links[button], links
    page = client.page(client.links(journey.dag("train"), run_id, "validate")["Data Docs"])
    assert "flight_id" in page


def test_repeating_the_training_changes_nothing(journey: Journey, client: AirflowClient, gateways: Gateways) -> None:
    """The same as-of again: no second MLflow run, no second version, no second entry (law 7)."""
    run = client.trigger(journey.dag("train"), {"as_of": str(FIRST_TRAINING)})
    assert client.wait_for_run(journey.dag("train"), run["dag_run_id"])["state"] == "success"
    assert len(gateways.ledger.entries(MODEL)) == 1
    assert [one.number for one in gateways.registry.versions(MODEL)] == [1]


def test_a_backfill_of_scores_publishes_each_partition_once(journey: Journey, gateways: Gateways) -> None:
    """Six days backfilled are six partitions with a score for each flight, by the champion of the day."""
    journey.score(date(2013, 2, 10), date(2013, 2, 15))
    assert gateways.lake.partitions(MODEL, "scores") == [f"2013-02-{day}" for day in range(10, 16)]
    scores = gateways.lake.read(MODEL, "scores")
    assert scores is not None
    assert scores["_model_version"].unique().tolist() == [1]
    assert not scores["flight_id"].duplicated().any()
    landed = pd.read_parquet(
        gateways.settings.data + "/flights/schedule",
        filters=[("date", ">=", "2013-02-10"), ("date", "<=", "2013-02-15")],
    )
    assert len(scores) == len(landed)


def test_decay_that_persists_retrains_and_promotes_by_itself(journey: Journey, gateways: Gateways) -> None:
    """One signal is declined, the second launches a training, whose challenger beats the champion and takes over: each answer
    is on record with its reason. The new champion has made no scores yet, and that is no `none` (laws 20 to 23).
    """
    for day in (13, 14, 15):
        journey.check(date(2013, 2, day), date(2013, 2, day))
    (promotion,) = journey.promotions()
    assert promotion.version == 2
    kinds = [(entry.kind, f"{entry.effective_at:%d}") for entry in gateways.ledger.entries(MODEL)[1:]]
    assert kinds == [(Kind.DECLINED, "14"), (Kind.RETRAIN, "15"), (Kind.PROMOTED, "15")]
    assert gateways.registry.champion_alias(MODEL) == 2
    checks = gateways.lake.read(MODEL, "drift_checks")
    assert checks is not None
    outcomes = checks.set_index("_partition")["decay_outcome"].to_dict()
    assert outcomes == {"2013-02-13": "drift", "2013-02-14": "drift", "2013-02-15": "insufficient_data"}


def test_the_next_day_is_scored_by_the_new_champion_and_the_past_is_not(
    journey: Journey, client: AirflowClient, gateways: Gateways
) -> None:
    """A later day takes the new champion; scoring a day before it again takes the champion of that day (law 3)."""
    journey.score(date(2013, 2, 16), date(2013, 2, 16))
    run = client.trigger(journey.dag("score"), partition_key="2013-02-12")
    assert client.wait_for_run(journey.dag("score"), run["dag_run_id"])["state"] == "success"
    scores = gateways.lake.read(MODEL, "scores")
    assert scores is not None
    champions = scores.groupby("_partition")["_model_version"].unique().map(list).to_dict()
    assert champions["2013-02-16"] == [2]
    assert champions["2013-02-12"] == [1]


@pytest.mark.parametrize(
    ("pipeline", "conf", "named"),
    [
        ("train", {"as_of": "soon"}, "as_of"),
        ("train", {"as_of": 20130301}, "as_of"),
        ("score", {"partition": "2013-2-1"}, "partition"),
        ("promote", {"as_of": "2013-02-18", "version": 0}, "version"),
        ("promote", {"as_of": "2013-02-18", "force": "yes"}, "force"),
        ("promote", {"version": "previous"}, "as_of"),
    ],
)
def test_a_bad_conf_is_refused_by_name(
    journey: Journey, client: AirflowClient, pipeline: str, conf: dict, named: str
) -> None:
    """A wrong value in a run's conf is a 4xx that names the field, and no run is made."""
    before = len(list(client.runs(journey.dag(pipeline))))
    with pytest.raises(RequestRefusedError, match=named) as caught:
        client.trigger(journey.dag(pipeline), conf)
    assert 400 <= caught.value.status < 500
    assert len(list(client.runs(journey.dag(pipeline)))) == before


def test_a_run_without_an_instant_fails_saying_what_to_pass(journey: Journey, client: AirflowClient) -> None:
    """Nothing acts from the clock: a training without as-of or partition fails at its first task, without a retry (law 5)."""
    run = client.trigger(journey.dag("train"))
    assert client.wait_for_run(journey.dag("train"), run["dag_run_id"])["state"] == "failed"
    tasks = {one["task_id"]: one for one in client.task_instances(journey.dag("train"), run["dag_run_id"])}
    assert (tasks["extract"]["state"], tasks["extract"]["try_number"]) == ("failed", 1)


def test_an_empty_partition_is_refused_and_not_published(
    journey: Journey, client: AirflowClient, gateways: Gateways
) -> None:
    """A day without flights is a red run with nothing downstream, and the table does not know the day (laws 11 and 14)."""
    run = client.trigger(journey.dag("score"), partition_key="2013-03-15")
    assert client.wait_for_run(journey.dag("score"), run["dag_run_id"])["state"] == "failed"
    assert "2013-03-15" not in gateways.lake.partitions(MODEL, "scores")


def test_a_rollback_returns_to_the_previous_champion(
    journey: Journey, client: AirflowClient, gateways: Gateways
) -> None:
    """One run of `promote` is one ledger entry, and doing it again changes nothing (law 19)."""
    for _ in range(2):
        conf = {"version": "previous", "as_of": "2013-02-18", "reason": "rehearsal"}
        run = client.trigger(journey.dag("promote"), conf)
        assert client.wait_for_run(journey.dag("promote"), run["dag_run_id"])["state"] == "success"
    rolled_back = [one for one in gateways.ledger.entries(MODEL) if one.kind is Kind.ROLLED_BACK]
    assert [(one.version, one.previous_version, one.reason) for one in rolled_back] == [(1, 2, "rehearsal")]
    assert gateways.registry.champion_alias(MODEL) == 1


def test_a_viewer_may_look_and_not_act(stack: LocalStack, journey: Journey) -> None:
    """A viewer sees runs and cannot trigger one (law 29)."""
    with stack.viewer() as viewer:
        assert list(viewer.runs(journey.dag("train")))
        with pytest.raises(RequestRefusedError) as caught:
            viewer.trigger(journey.dag("train"), {"as_of": "2013-02-01"})
        assert caught.value.status == 403


@pytest.mark.parametrize(
    "path", ["/evenkeel/health", "/evenkeel/status", f"/evenkeel/pages/{MODEL}/score/2013-02-10/data_docs.html"]
)
def test_nobody_looks_without_a_login(stack: LocalStack, path: str) -> None:
    """The plugin's pages answer 401 without a token (law 29)."""
    assert httpx.get(stack.airflow_url + path).status_code == 401


def test_mlflow_answers_nobody_without_a_password(stack: LocalStack) -> None:
    """The MLflow server is behind a login of its own."""
    assert httpx.get(f"{stack.mlflow_url}/api/2.0/mlflow/experiments/search?max_results=1").status_code == 401


def test_no_task_hands_on_more_than_a_little(journey: Journey, client: AirflowClient) -> None:
    """XComs are ids, counts and paths: none is larger than 10 KB (law 26)."""
    for pipeline in ("train", "score", "drift_check", "retrain"):
        dag_id = journey.dag(pipeline)
        run_id = next(client.runs(dag_id, state="success"))["dag_run_id"]
        entries = client.xcom_entries(dag_id, run_id)
        assert entries
        for one in entries:
            value = client.xcom(dag_id, run_id, one["task_id"], key=one["key"], map_index=one["map_index"])
            assert len(json.dumps(value)) < 10_000, one


def test_a_check_by_conf_wakes_retrain_too(journey: Journey, client: AirflowClient) -> None:
    """A check whose partition stands in its conf sends its signal under that partition, so the answer is not lost."""
    before = len(list(client.runs(journey.dag("retrain"))))
    run = client.trigger(journey.dag("drift_check"), {"partition": "2013-02-14"})
    assert client.wait_for_run(journey.dag("drift_check"), run["dag_run_id"])["state"] == "success"
    journey.wait_for_answers()
    keys = [one["partition_key"] for one in client.runs(journey.dag("retrain"))]
    assert len(keys) == before + 1
    assert keys.count("2013-02-14") == 2


def test_two_partitions_in_one_run_are_refused(journey: Journey, client: AirflowClient) -> None:
    """A run about one day whose conf names another fails at once: nothing is scored under a wrong label."""
    run = client.trigger(journey.dag("score"), {"partition": "2013-02-11"}, partition_key="2013-02-12")
    assert client.wait_for_run(journey.dag("score"), run["dag_run_id"])["state"] == "failed"
