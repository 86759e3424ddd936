"""Candidates through their task: compared on the same folds, tuned, kept in a file, and told of in MLflow."""

from __future__ import annotations

import json
from importlib.metadata import version as installed
from typing import TYPE_CHECKING, Any

import cloudpickle
import numpy as np
import pandas as pd
import pytest
import yaml
from mlflow import MlflowClient

from evenkeel.gateways.estimators import classes_of, predict
from evenkeel.gateways.registry import DIGEST
from evenkeel.vocabulary import columns as c
from evenkeel.vocabulary.errors import EvenkeelError, GateRefusedError
from evenkeel.vocabulary.partition import parse_instant
from evenkeel.vocabulary.settings import Settings
from evenkeel.vocabulary.spec import ModelSpec
from evenkeel.workflows.candidate_runs import log_candidates
from evenkeel.workflows.check import check_spec
from evenkeel.workflows.gateways import Gateways
from evenkeel.workflows.train import fit_candidate, staged_candidate, training_run
from tests.gateways.test_pickled_models import Payload
from tests.workflows.conftest import PROJECT

if TYPE_CHECKING:
    from pathlib import Path

AS_OF = parse_instant("2013-02-01", "America/New_York")
SHALLOW = {
    "name": "shallow",
    "estimator": "sklearn.tree.DecisionTreeClassifier",
    "params": {"min_samples_leaf": 2},
    "search": {"max_depth": {"low": 1, "high": 8}},
}
LIGHTGBM = {
    "name": "lightgbm",
    "estimator": "lightgbm.LGBMClassifier",
    "params": {"n_estimators": 20, "verbose": -1, "n_jobs": 1},
    "search": {"num_leaves": {"low": 4, "high": 32}, "learning_rate": {"low": 0.01, "high": 0.3, "log": True}},
    "imbalance": "balanced",
    "calibration": "isotonic",
}
LOGISTIC = {"name": "logistic", "preset": "logistic", "params": {"C": 1.0}}


@pytest.fixture(scope="module")
def train() -> pd.DataFrame:
    """Twenty days of a hundred flights; whether one is late depends on two features, by a step, and on much noise."""
    rng = np.random.default_rng(3)
    spec = _spec([LOGISTIC])
    rows = {name: rng.normal(size=2_000) for name in spec.features.numeric}
    rows |= {name: rng.choice(["A", "B", "C"], 2_000) for name in spec.features.categorical}
    late = rng.random(2_000) < np.where((rows["hour"] > 0.3) & (rows["distance"] > 0), 0.7, 0.1)
    days = pd.date_range("2013-01-05", periods=20, tz="America/New_York").repeat(100)
    keys = {spec.rows.event_time: days + pd.Timedelta(hours=9), c.PARTITION: days.strftime("%Y-%m-%d")}
    return pd.DataFrame(rows | keys | {c.LABEL: late.astype(float)})


def test_a_search_finds_better_than_the_default(train: pd.DataFrame, tmp_path: Path) -> None:
    """A tree that overfits by default is tuned to a better value on the folds, and the note says what was chosen; the file holds
    the tree of those parameters, fitted on the whole training part.
    """
    spec, gateways = _house(tmp_path, train, [SHALLOW], trials=12)
    fitted = fit_candidate(spec, AS_OF, "shallow", gateways)
    note = gateways.staging.get_note(training_run(spec, AS_OF), "fitted_shallow")
    assert {key: note[key] for key in vars(fitted)} == vars(fitted)
    trials = gateways.staging.get_note(training_run(spec, AS_OF), "trials_shallow")["trials"]
    assert trials[0]["params"] == {"max_depth": None}
    assert fitted.value > trials[0]["value"] + 0.01
    assert (fitted.trials, fitted.limited) == (12, False)
    assert fitted.pruned == sum(one["state"] == "pruned" for one in trials) > 0
    assert 0 < (fitted.spread or 0) < 0.2
    assert 0.1 < (fitted.threshold or 0) < 0.7
    assert len(json.dumps(vars(fitted))) < 500  # it goes through XCom
    estimator, size = staged_candidate(spec, AS_OF, "shallow", gateways)
    tree = estimator[-1]
    assert size > 0
    assert (tree.max_depth, tree.min_samples_leaf) == (fitted.params["max_depth"], 2)
    assert tree.tree_.n_node_samples[0] == len(train)


def test_of_two_windows_the_one_that_later_days_bear_out_is_the_better(train: pd.DataFrame, tmp_path: Path) -> None:
    """Where what was late became early twelve days ago, a tree of the last six days is measured better than one of all days, and
    its file was fitted on six days.
    """
    turned = train.copy()
    before = turned[c.PARTITION] < "2013-01-13"
    turned.loc[before, c.LABEL] = 1 - turned.loc[before, c.LABEL]
    whole = {"name": "whole", "estimator": SHALLOW["estimator"], "params": {"max_depth": 3}}
    spec, gateways = _house(tmp_path, turned, [whole, whole | {"name": "recent", "window": "6d"}])
    of_all, of_recent = (fit_candidate(spec, AS_OF, name, gateways) for name in ("whole", "recent"))
    assert of_recent.value > of_all.value + 0.05
    estimator, _ = staged_candidate(spec, AS_OF, "recent", gateways)
    assert estimator[-1].tree_.n_node_samples[0] == 600


def test_the_same_training_tries_the_same(train: pd.DataFrame, tmp_path: Path) -> None:
    """Fitted again, a searched candidate is the same in every number (law 1)."""
    spec, gateways = _house(tmp_path, train, [SHALLOW], trials=8)
    first = fit_candidate(spec, AS_OF, "shallow", gateways), _trials(spec, gateways)
    assert (fit_candidate(spec, AS_OF, "shallow", gateways), _trials(spec, gateways)) == first


def test_a_limit_that_time_reached_is_told(train: pd.DataFrame, tmp_path: Path) -> None:
    """Ten thousand trials in a limit of no time end after the default, and the note says that time ran out."""
    spec, gateways = _house(tmp_path, train, [SHALLOW], trials=10_000)
    tuning = spec.training.tuning.model_copy(update={"limit": pd.Timedelta(0).to_pytimedelta()})
    spec = spec.model_copy(update={"training": spec.training.model_copy(update={"tuning": tuning})})
    _stage(spec, gateways, train)
    fitted = fit_candidate(spec, AS_OF, "shallow", gateways)
    assert (fitted.trials, fitted.limited, fitted.params["max_depth"]) == (1, True, None)


def test_rows_after_the_folds_change_nothing_before_them(train: pd.DataFrame, tmp_path: Path) -> None:
    """What is measured on first does not depend on later rows: with the last fold's labels turned round, the first two folds of a
    candidate keep their values (law 2 inside the training part).
    """
    from evenkeel.workflows import candidates

    spec = _spec([LOGISTIC])
    turned = train.copy()
    last = turned[c.PARTITION] >= "2013-01-22"
    turned.loc[last, c.LABEL] = 1 - turned.loc[last, c.LABEL]
    values = []
    for frame in (train, turned):
        folds = candidates._measurable(spec, frame)
        parts = candidates._parts(frame, folds)
        values.append([candidates._measured(spec, spec.training.candidates[0], {}, *part).value for part in parts])
    assert len(values[0]) == 3
    assert values[0][:2] == values[1][:2]
    assert values[0][2] != values[1][2]


@pytest.mark.parametrize("storage", ["skops", "pickle"])
def test_lightgbm_needs_no_code_of_ours(train: pd.DataFrame, tmp_path: Path, storage: str) -> None:
    """LightGBM by its import path is searched, weighed, calibrated, stored either way, and predicts probabilities that are those
    of the rows as they come; as a version it asks for LightGBM, and loads.
    """
    spec, gateways = _house(tmp_path, train, [LIGHTGBM | {"storage": storage}], trials=3)
    fitted = fit_candidate(spec, AS_OF, "lightgbm", gateways)
    assert set(fitted.params) == {"n_estimators", "verbose", "n_jobs", "num_leaves", "learning_rate"}
    assert fitted.value > 0.7
    estimator, _ = staged_candidate(spec, AS_OF, "lightgbm", gateways)
    assert classes_of(estimator) == (0.0, 1.0)
    expected = predict(estimator, train, "binary")
    assert expected.mean() == pytest.approx(train[c.LABEL].mean(), abs=0.05)
    registry = gateways.registry
    run = registry.begin(spec.model, "training", name="train", tags={})
    example = train[list(spec.features.names)].head(5)
    registry.log_model(run, estimator, example=example, storage=storage)  # type: ignore[arg-type]
    version = registry.register(spec.model, run, tags={})
    loaded = registry.load(spec.model, version.number, digest=version.tags[DIGEST])
    assert np.array_equal(predict(loaded, train, "binary"), expected)
    asked = next((tmp_path / "mlartifacts").rglob("requirements.txt")).read_text()
    assert f"lightgbm=={installed('lightgbm')}" in asked
    assert ("cloudpickle==" in asked) is (storage == "pickle")


@pytest.mark.parametrize("storage", ["skops", "pickle"])
def test_a_staged_file_that_was_changed_is_not_opened(train: pd.DataFrame, tmp_path: Path, storage: str) -> None:
    """A malicious pickle in the place of a candidate's file is refused by the digest of the training that staged it."""
    spec, gateways = _house(tmp_path, train, [LOGISTIC | {"storage": storage}])
    fit_candidate(spec, AS_OF, "logistic", gateways)
    forged = cloudpickle.dumps(Payload(tmp_path / "it ran"))
    gateways.staging.put_bytes(training_run(spec, AS_OF), f"candidate_logistic.{storage}", forged)
    with pytest.raises(
        EvenkeelError, match=rf"candidate_logistic\.{storage} has SHA-256 .*not the file that was stored"
    ):
        staged_candidate(spec, AS_OF, "logistic", gateways)
    assert not (tmp_path / "it ran").exists()


def test_a_check_of_the_spec_tells_what_an_estimator_cannot_do(train: pd.DataFrame, tmp_path: Path) -> None:
    """`evenkeel check` names a candidate whose rows cannot be weighed, before anything is trained."""
    neighbours = {"name": "near", "estimator": "sklearn.neighbors.KNeighborsClassifier", "imbalance": "balanced"}
    spec, gateways = _house(tmp_path, train, [neighbours])
    mistakes = check_spec(spec, gateways)
    assert any("flight_delay.yaml: training.candidates.near: imbalance" in one for one in mistakes), mistakes


def test_costs_move_the_threshold(train: pd.DataFrame, tmp_path: Path) -> None:
    """Where a miss is dear the answer is yes earlier than where a false alarm is."""
    thresholds = []
    for wrong_yes, wrong_no in ((1.0, 10.0), (10.0, 1.0)):
        costs = {"false_positive": wrong_yes, "false_negative": wrong_no}
        spec, gateways = _house(tmp_path, train, [LOGISTIC], evaluation={"costs": costs})
        thresholds.append(fit_candidate(spec, AS_OF, "logistic", gateways).threshold or 0)
    assert thresholds[0] < thresholds[1]


def test_too_few_days_to_compare_are_refused(train: pd.DataFrame, tmp_path: Path) -> None:
    """Two days cannot say which of two candidates is better, and the message names the way out; alone, a candidate is fitted."""
    two = train[train[c.PARTITION] < "2013-01-07"]
    spec, gateways = _house(tmp_path, two, [LOGISTIC, LIGHTGBM])
    with pytest.raises(
        GateRefusedError, match=r"logistic cannot be compared: the training part's 2 days.*widen training.window"
    ):
        fit_candidate(spec, AS_OF, "logistic", gateways)
    spec, gateways = _house(tmp_path, two, [LOGISTIC])
    assert np.isnan(fit_candidate(spec, AS_OF, "logistic", gateways).value)


def test_a_run_for_each_candidate_once(train: pd.DataFrame, tmp_path: Path) -> None:
    """Each candidate has one finished run under its training's, with parameters, the metric of each trial, and the table and plot
    of its search; repeated, also after a kill in between, nothing is added (law 7), and what finished stays.
    """
    spec, gateways = _house(tmp_path, train, [SHALLOW, LOGISTIC], trials=4)
    notes = {name: fit_candidate(spec, AS_OF, name, gateways) for name in ("shallow", "logistic")}
    parent = gateways.registry.begin(spec.model, "training", name="train", tags={})
    killed = gateways.registry.begin(spec.model, "training/shallow", name="shallow", tags={})
    gateways.registry.log_series(killed, "trial.roc_auc", {0: 0.5})
    for _ in range(2):
        log_candidates(spec, AS_OF, parent, "training", gateways)
    client = MlflowClient(gateways.settings.tracking_uri)
    experiment = client.get_experiment_by_name(spec.model)
    runs = {one.info.run_name: one for one in client.search_runs([experiment.experiment_id])}
    assert set(runs) == {"train", "shallow", "logistic"}
    for name in ("shallow", "logistic"):
        assert runs[name].info.status == "FINISHED"
        assert runs[name].data.tags["mlflow.parentRunId"] == parent
        assert runs[name].data.metrics["folds.roc_auc"] == pytest.approx(notes[name].value)
    assert runs["shallow"].info.run_id == killed
    assert runs["shallow"].data.params["max_depth"] == str(notes["shallow"].params["max_depth"])
    complete = [one["number"] for one in _trials(spec, gateways) if one["value"] is not None]
    assert [one.step for one in client.get_metric_history(killed, "trial.roc_auc")] == complete
    files = {one.path for one in client.list_artifacts(killed)}
    assert {"plots", "trials.csv"} <= files
    table = pd.read_csv(client.download_artifacts(killed, "trials.csv", str(tmp_path)))
    assert list(table.columns) == ["trial", "state", "value", "max_depth"]
    assert len(table) == 4
    quiet = Gateways(gateways.settings, draws_pages=False)
    log_candidates(spec, AS_OF, parent, "of a replay", quiet)
    assert len(client.search_runs([experiment.experiment_id])) == 3


def test_a_run_is_not_left_running_by_what_fails(train: pd.DataFrame, tmp_path: Path) -> None:
    """A candidate whose note is gone fails its run, which the next attempt takes up again."""
    spec, gateways = _house(tmp_path, train, [LOGISTIC])
    parent = gateways.registry.begin(spec.model, "training", name="train", tags={})
    with pytest.raises(EvenkeelError, match="fitted_logistic"):
        log_candidates(spec, AS_OF, parent, "training", gateways)
    run = gateways.registry.begin(spec.model, "training/logistic", name="logistic", tags={})
    fit_candidate(spec, AS_OF, "logistic", gateways)
    log_candidates(spec, AS_OF, parent, "training", gateways)
    assert gateways.registry.finished(run)


def _spec(candidates: list[dict[str, Any]], trials: int = 20, **more: Any) -> ModelSpec:
    content: dict[str, Any] = yaml.safe_load((PROJECT / "config" / "models" / "flight_delay.yaml").read_text())
    content["evaluation"] = content.get("evaluation", {}) | more.pop("evaluation", {})
    content |= more
    content["training"] |= {"candidates": candidates, "tuning": {"trials": trials}}
    return ModelSpec.model_validate(content)


def _house(
    root: Path, train: pd.DataFrame, candidates: list[dict[str, Any]], trials: int = 20, **more: Any
) -> tuple[ModelSpec, Gateways]:
    settings = Settings(PROJECT, root, str(root / "lake"), str(root / "data"), f"sqlite:///{root / 'mlflow.db'}")
    spec, gateways = _spec(candidates, trials, **more), Gateways(settings, actor="test")
    _stage(spec, gateways, train)
    return spec, gateways


def _stage(spec: ModelSpec, gateways: Gateways, train: pd.DataFrame) -> None:
    gateways.staging.put(training_run(spec, AS_OF), "train", train)


def _trials(spec: ModelSpec, gateways: Gateways) -> Any:
    return gateways.staging.get_note(training_run(spec, AS_OF), "trials_shallow")["trials"]
