"""The whole loop in a real Airflow, through its REST API: from a first training to a promotion that decay launched by itself."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

import httpx
import pandas as pd
import psutil
import pytest
from tests.e2e.scratch_project import ASKED, FIRST_TRAINING, MODEL, SHADOWED, make_project
from typer.testing import CliRunner

from evenkeel.cli.main import app
from evenkeel.local.journey import Journey
from evenkeel.local.rest import AirflowClient, RequestRefusedError
from evenkeel.vocabulary.approval import APPROVE, KEEP
from evenkeel.vocabulary.partition import parse_instant
from evenkeel.vocabulary.settings import Settings
from evenkeel.vocabulary.spec_file import find_spec
from evenkeel.workflows.gateways import Gateways
from evenkeel.workflows.ledger import Kind
from evenkeel.workflows.pipelines import run_drift_check, run_retraining, run_scoring, run_training

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from evenkeel.local.stack import LocalStack
    from evenkeel.workflows.ledger import Entry

pytestmark = pytest.mark.e2e

FIRST_DAY, LAST_DAY = date(2013, 2, 1), date(2013, 2, 13)
DAYS = (LAST_DAY - FIRST_DAY).days + 1


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_project(tmp_path_factory.mktemp("project"))


@pytest.fixture(scope="module")
def journey(client: AirflowClient) -> Journey:
    one = Journey(client, MODEL, "America/New_York", print)
    one.begin()
    return one


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


def test_a_check_that_is_early_waits_and_says_for_what(journey: Journey, client: AirflowClient) -> None:
    """A backfill of checks that was started before the scores are there is deferred, and the task names what is missing."""
    journey.start_backfill("drift_check", FIRST_DAY, LAST_DAY)
    run_id = next(one for one in _polled(lambda: _deferred(client, journey.dag("drift_check")), 120.0) if one)
    waited_for = client.xcom(journey.dag("drift_check"), run_id, "gather", key="waited_for")
    assert waited_for == f"the scores of {FIRST_DAY} (flight_delay_score)"


def test_backfills_in_any_order_give_what_day_by_day_gives(
    journey: Journey, client: AirflowClient, gateways: Gateways, project: Path, tmp_path: Path
) -> None:
    """Checks were started first, scores after them, four runs at a time: decay persists, retrains and promotes by itself, and
    scores, checks and decisions equal those of a plain loop over the days without Airflow (laws 1 to 4, 7, 20 to 23).
    """
    number = journey.start_backfill("score", FIRST_DAY, LAST_DAY)
    journey.wait_for_backfill("score", number, FIRST_DAY, LAST_DAY)
    _wait_until(lambda: len(list(client.runs(journey.dag("drift_check"), state="success"))) == DAYS)
    journey.wait_for_answers()
    (promotion,) = journey.promotions()
    assert promotion.version == 2
    by_hand = _day_by_day(project, tmp_path)
    for table in ("scores", "drift_checks", "drift_columns"):
        _assert_equal(gateways.lake.read(MODEL, table), by_hand.lake.read(MODEL, table))
    entries, expected = gateways.ledger.entries(MODEL), by_hand.ledger.entries(MODEL)
    assert [_plain(one) for one in entries] == [_plain(one) for one in expected]
    kinds = [one.kind for one in entries]
    assert (kinds.count(Kind.RETRAIN), kinds.count(Kind.PROMOTED)) == (1, 2)
    assert kinds.count(Kind.DECLINED) >= 2
    assert gateways.registry.champion_alias(MODEL) == 2
    assert not gateways.lake.partitions(MODEL, "refused")


def _day_by_day(project: Path, root: Path) -> Gateways:
    """The same days, one after the other, in this process."""
    data = str(project / ".evenkeel" / "data")
    own = Gateways(Settings(project, root, str(root / "lake"), data, f"sqlite:///{root / 'mlflow.db'}"))
    spec = find_spec(project / "config" / "models", MODEL)
    run_training(spec, parse_instant(str(FIRST_TRAINING), spec.timezone), own)
    days = [spec.partition(str(FIRST_DAY)).shift(number) for number in range(DAYS)]
    for today, yesterday in zip([*days, None], [None, *days], strict=True):
        if today is not None:
            run_scoring(spec, today, own)
        if yesterday is not None and run_drift_check(spec, yesterday, own).signal:
            run_retraining(spec, spec.check_as_of(yesterday), own)
    return own


def _plain(entry: Entry) -> Entry:
    """An entry without what differs from run to run: who wrote it, and when, and the digest over a file that holds a clock."""
    return replace(entry, recorded_at=None, actor="", run="", digest=None)


def _assert_equal(found: pd.DataFrame | None, expected: pd.DataFrame | None) -> None:
    assert found is not None
    assert expected is not None
    order = [one for one in ("_partition", "flight_id", "column") if one in found]
    one, other = (frame.sort_values(order, ignore_index=True) for frame in (found, expected))
    pd.testing.assert_frame_equal(one, other)


def _deferred(client: AirflowClient, dag_id: str) -> str | None:
    """The run of the first day, once one of its tasks is deferred."""
    for run in client.runs(dag_id, state="running"):
        states = {one["state"] for one in client.task_instances(dag_id, run["dag_run_id"])}
        if run["partition_key"] == str(FIRST_DAY) and "deferred" in states:
            return str(run["dag_run_id"])
    return None


def _wait_until(done: Callable[[], bool], timeout: float = 900.0) -> None:
    assert any(_polled(done, timeout)), f"not so after {timeout:.0f} s"


def _polled(read: Callable[[], Any], timeout: float) -> Iterator[Any]:
    until = time.monotonic() + timeout
    while time.monotonic() < until:
        yield read()
        time.sleep(1)


def test_the_next_day_is_scored_by_the_new_champion_and_the_past_is_not(
    journey: Journey, client: AirflowClient, gateways: Gateways
) -> None:
    """A later day takes the new champion; scoring a day before it again takes the champion of that day (law 3)."""
    journey.score(date(2013, 2, 16), date(2013, 2, 16))
    run = client.trigger(journey.dag("score"), partition_key=str(FIRST_DAY))
    assert client.wait_for_run(journey.dag("score"), run["dag_run_id"])["state"] == "success"
    scores = gateways.lake.read(MODEL, "scores")
    assert scores is not None
    champions = scores.groupby("_partition")["_model_version"].unique().map(list).to_dict()
    assert champions["2013-02-16"] == [2]
    assert champions[str(FIRST_DAY)] == [1]


def test_a_run_may_ask_for_another_champion_and_the_scores_say_so(
    journey: Journey, client: AirflowClient, gateways: Gateways
) -> None:
    """`champion` in the conf takes the current one or a version; the choice is in the output (law 3)."""
    for choice in ("current", "1"):
        conf = {"champion": choice, "partition": "2013-02-17"}
        run = client.trigger(journey.dag("score"), conf)
        assert client.wait_for_run(journey.dag("score"), run["dag_run_id"])["state"] == "success"
        scores = gateways.lake.read(MODEL, "scores", partitions=["2013-02-17"])
        assert scores is not None
        assert set(scores["_champion_choice"]) == {choice}
        assert set(scores["_model_version"]) == {2 if choice == "current" else 1}


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
        conf = {"version": "previous", "as_of": "2013-02-19", "reason": "rehearsal"}
        run = client.trigger(journey.dag("promote"), conf)
        assert client.wait_for_run(journey.dag("promote"), run["dag_run_id"])["state"] == "success"
    rolled_back = [one for one in gateways.ledger.entries(MODEL) if one.kind is Kind.ROLLED_BACK]
    assert [(one.version, one.previous_version, one.reason) for one in rolled_back] == [(1, 2, "rehearsal")]
    assert gateways.registry.champion_alias(MODEL) == 1
    (entry,) = rolled_back
    assert (entry.actor, entry.digest) == ("airflow:admin", gateways.registry.version(MODEL, 1).digest)


def test_the_next_scores_are_those_of_the_version_that_was_rolled_back_to(
    journey: Journey, client: AirflowClient, gateways: Gateways
) -> None:
    """A rollback holds from its instant on, for the next run and without anybody doing more (law 19)."""
    run = client.trigger(journey.dag("score"), partition_key="2013-02-19")
    assert client.wait_for_run(journey.dag("score"), run["dag_run_id"])["state"] == "success"
    scores = gateways.lake.read(MODEL, "scores", partitions=["2013-02-19"])
    assert scores is not None
    assert set(scores["_model_version"]) == {1}


def test_a_version_that_was_rolled_back_does_not_return_by_itself(
    journey: Journey, client: AirflowClient, gateways: Gateways
) -> None:
    """Promoting it without force is a red run, on record with who rolled it back and why, and the champion stays (law 19)."""
    run = client.trigger(journey.dag("promote"), {"version": "2", "as_of": "2013-02-20"})
    assert client.wait_for_run(journey.dag("promote"), run["dag_run_id"])["state"] == "failed"
    refused = gateways.ledger.entries(MODEL)[-1]
    assert (refused.kind, refused.version) == (Kind.REFUSED, 2)
    assert "barred since 2013-02-19" in refused.reason
    assert "airflow:admin rolled it back to version 1 (rehearsal)" in refused.reason
    assert gateways.registry.champion_alias(MODEL) == 1


def test_a_viewer_may_look_and_not_act(stack: LocalStack, journey: Journey) -> None:
    """A viewer sees runs and cannot trigger one (law 29)."""
    with stack.viewer() as viewer:
        assert list(viewer.runs(journey.dag("train")))
        with pytest.raises(RequestRefusedError) as caught:
            viewer.trigger(journey.dag("train"), {"as_of": "2013-02-01"})
        assert caught.value.status == 403


@pytest.mark.parametrize(
    "path", ["/evenkeel/health", "/evenkeel/status", f"/evenkeel/pages/{MODEL}/score/2013-02-01/data_docs.html"]
)
def test_nobody_looks_without_a_login(stack: LocalStack, path: str) -> None:
    """The plugin's pages answer 401 without a token (law 29)."""
    assert httpx.get(stack.airflow_url + path, timeout=60).status_code == 401


def test_mlflow_answers_nobody_without_a_password(stack: LocalStack) -> None:
    """The MLflow server is behind a login of its own."""
    address = f"{stack.mlflow_url}/api/2.0/mlflow/experiments/search?max_results=1"
    assert httpx.get(address, timeout=60).status_code == 401


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
    run = client.trigger(journey.dag("drift_check"), {"partition": "2013-02-08"})
    assert client.wait_for_run(journey.dag("drift_check"), run["dag_run_id"])["state"] == "success"
    journey.wait_for_answers()
    keys = [one["partition_key"] for one in client.runs(journey.dag("retrain"))]
    assert len(keys) == before + 1
    assert keys.count("2013-02-08") == 2


def test_two_partitions_in_one_run_are_refused(journey: Journey, client: AirflowClient) -> None:
    """A run about one day whose conf names another fails at once: nothing is scored under a wrong label."""
    run = client.trigger(journey.dag("score"), {"partition": "2013-02-08"}, partition_key="2013-02-12")
    assert client.wait_for_run(journey.dag("score"), run["dag_run_id"])["state"] == "failed"


def test_todays_run_does_not_wait_for_a_long_backfill(journey: Journey, client: AirflowClient) -> None:
    """A run that is triggered while a backfill fills the workers is done before it: its tasks come first (law 27)."""
    first, last = date(2013, 1, 16), date(2013, 1, 31)
    number = journey.start_backfill("score", first, last, {"champion": "1"})
    next(one for one in _polled(lambda: list(client.runs(journey.dag("score"), state="running")), 60.0) if one)
    run = client.trigger(journey.dag("score"), {"champion": "current"}, partition_key="2013-02-18")
    done = client.wait_for_run(journey.dag("score"), run["dag_run_id"])
    backfilled = list(client.runs(journey.dag("score"), run_type="backfill"))
    assert done["state"] == "success"
    assert any(one["state"] != "success" for one in backfilled)
    weights = [
        {task["priority_weight"] for task in client.task_instances(journey.dag("score"), one["dag_run_id"])}
        for one in (run, backfilled[0])
    ]
    assert min(weights[0]) > max(weights[1])
    journey.wait_for_backfill("score", number, first, last)


def test_a_worker_that_is_killed_in_a_task_costs_a_retry_and_nothing_else(
    journey: Journey, client: AirflowClient, gateways: Gateways
) -> None:
    """The task's process is killed while it evaluates: the run completes, with one version and no MLflow run left running
    (law 28).
    """
    before = len(gateways.registry.versions(MODEL))
    dag_id = journey.dag("train")
    run_id = client.trigger(dag_id, {"as_of": "2013-02-16"})["dag_run_id"]
    pid = next(one for one in _polled(lambda: _pid_of(client, dag_id, run_id, "evaluate"), 600.0) if one)
    process = psutil.Process(pid)
    for one in [*process.children(recursive=True), process]:
        one.kill()
    assert client.wait_for_run(dag_id, run_id)["state"] == "success"
    tasks = {one["task_id"]: one["try_number"] for one in client.task_instances(dag_id, run_id)}
    assert tasks["evaluate"] == 2
    assert len(gateways.registry.versions(MODEL)) == before + 1
    assert gateways.registry.close_orphans(MODEL, datetime.now(UTC)) == []


def _pid_of(client: AirflowClient, dag_id: str, run_id: str, task_id: str) -> int | None:
    tasks = {one["task_id"]: one for one in client.task_instances(dag_id, run_id)}
    return tasks[task_id]["pid"] if tasks[task_id]["state"] == "running" else None


@pytest.fixture(scope="module")
def asked(client: AirflowClient) -> Journey:
    """The model whose promotions wait for a person."""
    one = Journey(client, ASKED, "America/New_York", print)
    one.begin()
    return one


@pytest.fixture
def terminal(project: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """The command line of someone in the project's folder."""
    monkeypatch.setenv("EVENKEEL_PROJECT", str(project))

    def type_in(*arguments: str) -> str:
        done = CliRunner().invoke(app, list(arguments), catch_exceptions=False)
        assert done.exit_code == 0, done.output
        return str(done.stdout)

    return type_in


def test_a_person_approves_and_the_ledger_says_who(
    stack: LocalStack, asked: Journey, client: AirflowClient, gateways: Gateways, terminal: Callable[..., str]
) -> None:
    """A challenger that passed waits for a person, who sees every number of the verdict and links to its pages; a viewer cannot
    answer (law 29); an approval by command promotes it, with who and why on record.
    """
    run_id = client.trigger(asked.dag("train"), {"as_of": str(FIRST_TRAINING)})["dag_run_id"]
    question = _question(client, asked, run_id)
    with stack.viewer() as viewer:
        assert [one["task_instance"]["dag_run_id"] for one in viewer.questions()] == [run_id]
        with pytest.raises(RequestRefusedError) as caught:
            viewer.answer(question, APPROVE)
        assert caught.value.status == 403
    (waiting,) = json.loads(terminal("approvals", "--json"))
    assert (waiting["model"], waiting["version"], waiting["outcome"], waiting["run"]) == (ASKED, 1, "pass", run_id)
    assert "approved by admin" in terminal("approve", ASKED, "--reason", "as rehearsed")
    assert client.wait_for_run(asked.dag("train"), run_id)["state"] == "success"
    (entry,) = gateways.ledger.entries(ASKED)
    assert (entry.kind, entry.version, entry.actor) == (Kind.PROMOTED, 1, "airflow:admin")
    assert entry.reason.endswith("; approved by admin: as rehearsed")
    assert gateways.ledger.champion(ASKED, entry.effective_at) == entry
    assert question["subject"] == f"Promote version 1 of {ASKED}?"
    for name in entry.numbers:
        assert f"| {name} |" in question["body"].replace("\\", "")
    for link in (
        "[Data Docs](</evenkeel/pages/",
        f"[MLflow run](<{stack.mlflow_url}",
        "[MLflow version](<",
        "[Model card](<",
    ):
        assert link in question["body"]
    assert "nothing waits for an approval" in terminal("approvals")


REJECTED, IGNORED = "2013-02-13", "2013-02-10"


@pytest.fixture(scope="module")
def two_asked(asked: Journey, client: AirflowClient) -> dict[str, str]:
    """The runs of two more trainings that ask, by their as-of."""
    return {day: client.trigger(asked.dag("train"), {"as_of": day})["dag_run_id"] for day in (REJECTED, IGNORED)}


def test_a_rejection_keeps_the_champion_and_names_who_rejected(
    asked: Journey, client: AirflowClient, gateways: Gateways, two_asked: dict[str, str]
) -> None:
    """By answering the question, with a reason."""
    run_id = two_asked[REJECTED]
    answered = client.answer(_question(client, asked, run_id), KEEP, {"reason": "not before the holiday"})
    assert answered["responded_by"]["name"] == "admin"
    no = _kept(asked, client, gateways, run_id)
    assert (no.kind, no.actor, no.verdict) == (Kind.KEPT, "airflow:admin", "pass")
    assert no.reason.endswith("; rejected by admin: not before the holiday")


def test_an_inconclusive_challenger_scores_in_the_shadow_and_is_judged(
    client: AirflowClient, gateways: Gateways, terminal: Callable[..., str]
) -> None:
    """A training whose gate cannot decide yet makes the shadow: it scores beside the champion, which counts but for the keys of
    the canary, marked as such (law 3); a check judges it on the day whose labels have matured, and promotes nobody yet.
    """
    journey = Journey(client, SHADOWED, "America/New_York", print)
    journey.begin()
    terminal("train", SHADOWED, "--as-of", str(FIRST_TRAINING))
    terminal("promote", SHADOWED, "1", "--as-of", str(FIRST_TRAINING), "--force", "--reason", "a start")
    journey.train(date(2013, 2, 13))
    made = gateways.ledger.entries(SHADOWED)[-1]
    assert (made.kind, made.version, made.previous_version) == (Kind.SHADOWED, 2, 1)
    for day in ("2013-02-14", "2013-02-15"):
        run = client.trigger(journey.dag("score"), partition_key=day)
        assert client.wait_for_run(journey.dag("score"), run["dag_run_id"])["state"] == "success"
    published, beside = (
        gateways.lake.read(SHADOWED, name, partitions=["2013-02-14"]) for name in ("scores", "shadow_scores")
    )
    assert published is not None
    assert beside is not None
    assert list(beside["flight_id"]) == list(published["flight_id"])
    canary = published["_role"] == "canary"
    assert 0.1 < canary.mean() < 0.3
    assert published["_model_version"].where(canary, 0).isin([0, 2]).all()
    assert set(published["_model_version"][~canary]) == {1}
    assert (published["_prediction"] == beside["_prediction"].where(canary, beside["_champion_prediction"])).all()
    run = client.trigger(journey.dag("drift_check"), partition_key="2013-02-15")
    assert client.wait_for_run(journey.dag("drift_check"), run["dag_run_id"])["state"] == "success"
    judged = client.xcom(journey.dag("drift_check"), run["dag_run_id"], "shadow")
    assert (judged["outcome"], judged["shadow"], judged["days"], judged["promoted"]) == ("continue", 2, 1, False)
    assert judged["gain"] > 0  # since the labels flipped, who learnt from flipped ones
    states = {
        one["task_id"]: one["state"] for one in client.task_instances(journey.dag("drift_check"), run["dag_run_id"])
    }
    assert states["new_champion"] == "skipped"
    assert gateways.registry.champion_alias(SHADOWED) == 1


def test_silence_is_a_no_as_well(
    asked: Journey, client: AirflowClient, gateways: Gateways, two_asked: dict[str, str]
) -> None:
    """And says that nobody answered in time. It was asked minutes ago: what is above took longer than it waits."""
    silence = _kept(asked, client, gateways, two_asked[IGNORED])
    assert (silence.kind, silence.actor, silence.verdict) == (Kind.KEPT, "airflow:nobody in time", "pass")
    assert silence.reason.endswith("; nobody answered within 2m")
    first, *others = gateways.ledger.entries(ASKED)
    assert gateways.ledger.champion(ASKED, others[-1].effective_at) == first
    assert gateways.registry.champion_alias(ASKED) == 1


def test_what_was_approved_is_not_asked_again(asked: Journey, client: AirflowClient, gateways: Gateways) -> None:
    """The same training again goes the way that is on record, waits for nobody and writes nothing (law 7)."""
    before = gateways.ledger.entries(ASKED)
    run_id = client.trigger(asked.dag("train"), {"as_of": str(FIRST_TRAINING)})["dag_run_id"]
    assert client.wait_for_run(asked.dag("train"), run_id)["state"] == "success"
    states = {one["task_id"]: one["state"] for one in client.task_instances(asked.dag("train"), run_id)}
    assert (states["promote"], states["keep"]) == ("success", "skipped")
    assert gateways.ledger.entries(ASKED) == before


def _kept(asked: Journey, client: AirflowClient, gateways: Gateways, run_id: str) -> Entry:
    """The entry of a training whose run ended with its champion kept."""
    dag_id = asked.dag("train")
    assert client.wait_for_run(dag_id, run_id)["state"] == "success"
    states = {one["task_id"]: one["state"] for one in client.task_instances(dag_id, run_id)}
    assert (states["promote"], states["keep"]) == ("skipped", "success")
    return next(one for one in gateways.ledger.entries(ASKED) if one.run == f"{dag_id}/{run_id}")


def _question(client: AirflowClient, asked: Journey, run_id: str) -> dict[str, Any]:
    """What a run asks, once it does."""

    def found() -> dict[str, Any] | None:
        questions = client.questions(asked.dag("train"))
        return next((one for one in questions if one["task_instance"]["dag_run_id"] == run_id), None)

    return next(one for one in _polled(found, 600.0) if one)
