"""The registry against real MLflow backends: an SQLite file, and a server with accounts on loopback."""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import mlflow
import numpy as np
import pandas as pd
import pytest
import skops.io
from matplotlib.figure import Figure
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler
from tests.processes import at_once, processes

from evenkeel.gateways.mlflow_address import MlflowAddress
from evenkeel.gateways.model_file import dump_estimator, load_estimator
from evenkeel.gateways.registry import DIGEST, KEY, Registry, Version
from evenkeel.vocabulary.errors import EvenkeelError, ServiceError, TransientError

if TYPE_CHECKING:
    from collections.abc import Iterator

MODEL = "flight_delay"


class Stranger(TransformerMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn ships no types
    """A team's own transformer: a type that nobody has reviewed."""

    def fit(self, X: object, y: object = None) -> Stranger:  # noqa: N803 - scikit-learn's own name
        return self

    def transform(self, X: Any) -> Any:  # noqa: N803
        return X


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    rng = np.random.default_rng(7)
    carriers = pd.Series(rng.choice(["AA", "B6", "UA", "?"], 300)).replace("?", None)
    frame = pd.DataFrame({"hour": rng.integers(5, 23, 300), "wind": rng.normal(10, 4, 300), "carrier": carriers})
    frame.loc[::9, "wind"] = np.nan
    return frame


@pytest.fixture(scope="module")
def estimator(frame: pd.DataFrame) -> Pipeline:
    return _pipeline(HistGradientBoostingClassifier(max_iter=5), "ordinal").fit(frame, frame["hour"] > 15)


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> str:
    return f"sqlite:///{tmp_path_factory.mktemp('mlflow') / 'home' / 'mlflow.db'}"


@pytest.fixture
def registry(address: str) -> Registry:
    return Registry(address)


@pytest.fixture(scope="module")
def registered(address: str, frame: pd.DataFrame, estimator: Pipeline) -> Version:
    return _train(Registry(address), frame, estimator, "registered")


def test_one_run_per_key(registry: Registry) -> None:
    """A key names one run: a retry finds it whether it is running, failed or finished, and does not leave it running."""
    run = registry.begin(MODEL, "key-1", name="train", tags={"evenkeel.seed": "1"})
    assert registry.begin(MODEL, "key-1", name="train", tags={"evenkeel.seed": "1"}) == run
    registry.finish(run, failed=True)
    assert registry.begin(MODEL, "key-1", name="train", tags={"evenkeel.seed": "2"}) == run
    assert _run(registry, run).info.status == "RUNNING"
    assert _run(registry, run).data.tags["evenkeel.seed"] == "2"
    registry.finish(run)
    assert registry.begin(MODEL, "key-1", name="train", tags={}) == run
    assert _run(registry, run).info.status == "FINISHED"
    assert registry.begin(MODEL, "key-2", name="train", tags={}) != run
    assert _run(registry, run).data.tags[KEY] == "key-1"


def test_beginning_at_the_same_time(address: str) -> None:
    """Processes that begin one key at the same moment, before the experiment exists, have one run (law 7)."""
    begun = set(at_once(_begin, *[(address, "begun_together", "key")] * 6, prepare=_connect))
    assert [run.info.run_id for run in _runs(Registry(address), "begun_together")] == list(begun)


def test_ghost_run(registry: Registry) -> None:
    """A run that a process of a server made beside another's, and was killed before it took it back, goes at the next begin."""
    run = registry.begin("ghost", "key", name="train", tags={})
    experiment = _run(registry, run).info.experiment_id
    later = int(time.time() * 1000) + 60_000
    registry._client.create_run(experiment, start_time=later, tags={KEY: "key"})
    assert registry.begin("ghost", "key", name="train", tags={}) == run
    assert [one.info.run_id for one in _runs(registry, "ghost")] == [run]


def test_orphans(registry: Registry) -> None:
    """What was begun before an instant and still says RUNNING is ended as KILLED, and taken up again by its key."""
    names = ("orphan", "finished", "young")
    orphan, finished, young = (registry.begin("orphaned", key, name="train", tags={}) for key in names)
    registry.finish(finished)
    someone = registry._client.create_run(_run(registry, orphan).info.experiment_id)  # a team's own: not ours to end
    long_ago = (datetime.now(UTC) - timedelta(days=3)).isoformat()
    for run in (orphan, finished):
        registry.log(run, tags={"evenkeel.begun_at": long_ago})
    before = datetime.now(UTC) - timedelta(days=1)
    assert registry.close_orphans("orphaned", before) == [orphan]
    found = {run.info.run_id: run.info.status for run in _runs(registry, "orphaned")}
    assert found == {orphan: "KILLED", finished: "FINISHED", young: "RUNNING", someone.info.run_id: "RUNNING"}
    assert registry.begin("orphaned", "orphan", name="train", tags={}) == orphan
    assert _run(registry, orphan).info.status == "RUNNING"
    assert registry.close_orphans("orphaned", before) == []  # it was taken up just now
    registry.finish(orphan)
    assert _run(registry, orphan).info.status == "FINISHED"
    assert registry.close_orphans("nobody", before) == []


CALLS = (
    "create_experiment", "create_run", "log_batch", "create_logged_model", "half of log_model_artifacts",
    "log_model_artifacts", "log_outputs", "finalize_logged_model", "log_batch 2", "create_registered_model",
    "create_model_version", "set_terminated",
)  # fmt: skip


@pytest.mark.parametrize("call", CALLS)
def test_training_killed_between_any_two_calls(
    address: str, frame: pd.DataFrame, estimator: Pipeline, call: str
) -> None:
    """Killed right after any call that changes something, a training goes on as the same run, with one model and one version,
    and nothing left behind (laws 7 and 28).
    """
    model = f"killed_after_{call.replace(' ', '_')}"
    worker = processes().Process(target=_train_and_die, args=(address, frame, estimator, model, call))
    worker.start()
    worker.join()
    assert worker.exitcode == -signal.SIGKILL
    registry = Registry(address)
    left = [run.info.run_id for run in _runs(registry, model)]
    version = _train(registry, frame, estimator, "key", model)
    (run,) = _runs(registry, model)
    assert left in ([], [run.info.run_id])
    assert run.info.status == "FINISHED"
    (stored,) = registry._client.search_logged_models([run.info.experiment_id])
    assert stored.status == "READY"
    assert [output.model_id for output in run.outputs.model_outputs] == [stored.model_id]
    assert registry.versions(model) == [version]
    assert (version.number, version.run_id) == (1, run.info.run_id)
    assert np.array_equal(registry.load(model, 1).predict_proba(frame), estimator.predict_proba(frame))


def test_ghost_version(registry: Registry, frame: pd.DataFrame, estimator: Pipeline) -> None:
    """A version that a task made beside another's, and was killed before it took it back, goes at the next register."""
    version = _train(registry, frame, estimator, "key", "ghost_version")
    source = registry._client.get_model_version("ghost_version", "1").source
    registry._client.create_model_version("ghost_version", source, version.run_id, await_creation_for=0)
    assert registry.register("ghost_version", version.run_id, tags={}) == version
    assert registry.versions("ghost_version") == [version]


def test_params_metrics_and_tags(registry: Registry) -> None:
    """Parameters, metrics and tags are on the run, more than MLflow takes at once, and may be written again."""
    run = registry.begin(MODEL, "log", name="train", tags={})
    params = {f"p{number}": number for number in range(150)}
    for _ in range(2):
        registry.log(run, params=params, metrics={"roc_auc": 0.75}, tags={"suite": "abc"})
    data = _run(registry, run).data
    assert len(data.params) == 150
    assert data.params["p3"] == "3"
    assert data.metrics == {"roc_auc": 0.75}
    assert data.tags["suite"] == "abc"


def test_changed_parameter(registry: Registry) -> None:
    """A parameter given another value is refused, in our error."""
    run = registry.begin(MODEL, "changed", name="train", tags={})
    registry.log(run, params={"depth": 3})
    with pytest.raises(ServiceError, match=f"refused to write to run {run}.*depth"):
        registry.log(run, params={"depth": 4})


def test_plots_and_pages(registry: Registry) -> None:
    """Figures and pages are files of the run, beside the database and not in the working folder."""
    run = registry.begin(MODEL, "files", name="train", tags={})
    registry.log_figures(run, {"roc.png": Figure(), "calibration.png": Figure()})
    registry.log_page(run, "data_docs.html", "<p>fine</p>")
    client = registry._client
    assert [file.path for file in client.list_artifacts(run, "plots")] == ["plots/calibration.png", "plots/roc.png"]
    assert "data_docs.html" in [file.path for file in client.list_artifacts(run)]
    assert _run(registry, run).info.artifact_uri.startswith(
        MlflowAddress(registry._address.uri).artifacts(MODEL) or "?"
    )


def test_what_is_on_a_run(registry: Registry, registered: Version) -> None:
    """Texts are read back as they were written, in folders too; what is not there is None; a run tells its parameters."""
    run = registry.begin(MODEL, "texts", name="train", tags={"evenkeel.seed": "7"})
    registry.log(run, params={"C": 0.5}, metrics={"holdout.auc": 0.7})
    registry.log_text(run, "spec.json", "{}")
    registry.log_text(run, "card/card.md", "first")
    registry.log_text(run, "card/card.md", "# later ü")
    assert registry.artifact(run, "spec.json") == b"{}"
    assert registry.artifact(run, "card/card.md") == "# later ü".encode()
    assert registry.artifact(run, "card/card.html") is None
    assert registry.artifact(run, "nowhere/card.html") is None
    found = registry.run(run)
    assert (found.params, found.metrics["holdout.auc"], found.tags["evenkeel.seed"]) == ({"C": "0.5"}, 0.7, "7")
    assert not found.has_model
    assert registry.run(registered.run_id).has_model


def test_dataset(registry: Registry, frame: pd.DataFrame) -> None:
    """A dataset carries our digest, its source and its schema, and is there once."""
    run = registry.begin(MODEL, "dataset", name="train", tags={})
    labelled = frame.assign(late=True, at=pd.Timestamp("2013-01-01", tz="UTC"), kind=pd.Categorical(["a"] * len(frame)))
    for _ in range(2):
        registry.log_dataset(run, labelled, name=MODEL, source="lake/training_sets", digest="d" * 32, target="late")
    (found,) = _run(registry, run).inputs.dataset_inputs
    assert found.dataset.digest == "d" * 32
    assert json.loads(found.dataset.source)["path"] == "lake/training_sets"
    assert json.loads(found.dataset.profile)["num_rows"] == 300
    assert "carrier" in found.dataset.schema
    assert [tag.value for tag in found.tags] == ["training"]


def test_model_of_a_run(registry: Registry, registered: Version, frame: pd.DataFrame, estimator: Pipeline) -> None:
    """A model has signature, input example and pinned requirements, and a second call stores no second one."""
    client = registry._client
    again = registry.log_model(registered.run_id, estimator, example=frame.head(3))
    (stored,) = client.search_logged_models(
        [_run(registry, registered.run_id).info.experiment_id], f"source_run_id = '{registered.run_id}'"
    )
    assert stored.model_id == again
    assert stored.status == "READY"
    folder = Path(stored.artifact_location.removeprefix("file://"))
    described = mlflow.models.Model.load(str(folder))
    assert described.signature.inputs.input_names() == ["hour", "wind", "carrier"]
    assert described.signature.outputs.inputs[0].shape == (-1, 2)
    assert len(described.load_input_example(str(folder))) == 3
    assert described.flavors["sklearn"]["serialization_format"] == "skops"
    assert described.model_id == again
    assert any(line.startswith("scikit-learn==") for line in (folder / "requirements.txt").read_text().splitlines())


def test_interrupted_model(registry: Registry, frame: pd.DataFrame, estimator: Pipeline) -> None:
    """A model whose storing was cut short is completed by the retry, not joined by another."""
    run = registry.begin("interrupted", "cut", name="train", tags={})
    experiment = _run(registry, run).info.experiment_id
    begun = registry._client.create_logged_model(experiment, name="model", source_run_id=run)
    assert registry.log_model(run, estimator, example=frame.head(3)) == begun.model_id
    registry.register("interrupted", run, tags={})
    assert registry.load("interrupted", 1).predict(frame).shape == (300,)


def test_one_version_per_run(registry: Registry, registered: Version) -> None:
    """A run has one version, however often it is registered; versions are found by number."""
    again = registry.register(MODEL, registered.run_id, tags={"other": "tag"})
    assert again == registered
    assert registry.versions(MODEL) == [registered]
    assert registry.version(MODEL, registered.number) == registered
    assert registered.tags["evenkeel.seed"] == "0"
    assert registry.versions("nobody") == []


def test_registering_at_the_same_time(address: str, frame: pd.DataFrame, estimator: Pipeline) -> None:
    """Tasks that register one run at the same time end with one version."""
    registry = Registry(address)
    run = registry.begin("contended", "key", name="train", tags={})
    registry.log_model(run, estimator, example=frame.head(3))
    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(lambda _: Registry(address).register("contended", run, tags={}), range(4)))
    assert set(map(str, made)) == {str(made[0])}
    assert registry.versions("contended") == [made[0]]


def test_registering_without_a_model(registry: Registry) -> None:
    """A run without a model cannot be registered, and the error says what is missing."""
    run = registry.begin(MODEL, "empty", name="train", tags={})
    with pytest.raises(EvenkeelError, match=f"run {run} of {MODEL} has no model"):
        registry.register(MODEL, run, tags={})


def test_missing_version(registry: Registry, registered: Version) -> None:
    """Asking for a version that is not there names those that are."""
    with pytest.raises(ServiceError, match=rf"{MODEL} has no version 99 .* there are: {registered.number}$"):
        registry.version(MODEL, 99)
    with pytest.raises(ServiceError, match="there are: none"):
        registry.load("nobody", 1)


def test_tagging(registry: Registry, registered: Version) -> None:
    """Tags are added to a version without losing the others."""
    registry.tag_version(MODEL, registered.number, {"evenkeel.verdict": "pass"})
    assert registry.version(MODEL, registered.number).tags == {**registered.tags, "evenkeel.verdict": "pass"}
    registry._client.delete_model_version_tag(MODEL, str(registered.number), "evenkeel.verdict")


def test_champion_alias(registry: Registry, frame: pd.DataFrame, estimator: Pipeline) -> None:
    """The alias is where it was pointed last, and None before."""
    assert registry.champion_alias("aliased") is None
    first, second = (_train(registry, frame, estimator, key, model="aliased") for key in ("one", "two"))
    assert registry.champion_alias("aliased") is None
    for number in (first.number, second.number, first.number):
        registry.point_champion("aliased", number)
        assert registry.champion_alias("aliased") == number


def test_round_trip(registry: Registry, registered: Version, frame: pd.DataFrame, estimator: Pipeline) -> None:
    """A version predicts exactly what was registered, through us and through MLflow's own pyfunc."""
    expected = estimator.predict_proba(frame)
    assert np.array_equal(registry.load(MODEL, registered.number).predict_proba(frame), expected)
    source = registry._client.get_model_version_download_uri(MODEL, str(registered.number))
    assert np.array_equal(mlflow.pyfunc.load_model(source).predict(frame), expected)


@pytest.mark.parametrize("encoding", ["ordinal", "one_hot"])
@pytest.mark.parametrize(
    "final",
    [
        HistGradientBoostingClassifier(max_iter=3, early_stopping=True, random_state=0),
        HistGradientBoostingRegressor(max_iter=3, loss="quantile", quantile=0.9, categorical_features=[2]),
        RandomForestClassifier(n_estimators=3, random_state=0),
        RandomForestRegressor(n_estimators=3, random_state=0),
        LogisticRegression(),
        Ridge(),
    ],
    ids=lambda final: type(final).__name__,
)
def test_model_files(final: BaseEstimator, encoding: str, frame: pd.DataFrame) -> None:
    """Each estimator we offer, behind each encoding, comes back from its file with equal predictions."""
    seen = frame if encoding == "one_hot" else frame.fillna({"wind": 0.0})
    fitted = _pipeline(final, encoding).fit(seen, frame["hour"] > 15)
    assert np.array_equal(load_estimator(dump_estimator(fitted)).predict(seen), fitted.predict(seen))


def test_unreviewed_type(registry: Registry, frame: pd.DataFrame) -> None:
    """A pipeline with a type nobody reviewed is refused when it is stored, by name, and nothing is registered."""
    strange = Pipeline([("own", Stranger()), ("estimator", HistGradientBoostingRegressor(max_iter=2))])
    numbers = frame[["hour", "wind"]]
    strange.fit(numbers, frame["hour"])
    run = registry.begin("strange", "stored", name="train", tags={})
    with pytest.raises(EvenkeelError, match=r"HistGradientBoostingRegressor holds .*Stranger.*TRUSTED_TYPES"):
        registry.log_model(run, strange, example=numbers.head(3))
    assert registry._client.search_logged_models([_run(registry, run).info.experiment_id]) == []


def test_forged_model_file(registry: Registry, frame: pd.DataFrame, estimator: Pipeline) -> None:
    """A version whose own description trusts a strange type is not loaded: neither by digest nor, re-tagged, by type."""
    version = _train(registry, frame, estimator, "forged", model="forged")
    source = registry._client.get_model_version_download_uri("forged", "1")
    file = Path(source.removeprefix("file://")) / "model.skops"
    skops.io.dump(Pipeline([("own", Stranger())]), file)
    with pytest.raises(EvenkeelError, match=f"forged version 1: .*{DIGEST}.*not the one evenkeel registered"):
        registry.load("forged", version.number)
    registry.tag_version("forged", 1, {DIGEST: hashlib.sha256(file.read_bytes()).hexdigest()})
    with pytest.raises(EvenkeelError, match=r"forged version 1 holds .*Stranger"):
        registry.load("forged", version.number)


def test_damaged_model_file() -> None:
    """A damaged file is named, in our error."""
    with pytest.raises(EvenkeelError, match="flight_delay version 3 cannot be loaded"):
        load_estimator(b"PK nothing", "flight_delay version 3")


def test_silent_server() -> None:
    """A server that does not answer is said so within seconds, without the password of its address."""
    silent = Registry(f"http://user:hunter2@127.0.0.1:{_free_port()}")
    started = time.monotonic()
    with pytest.raises(TransientError, match="did not answer") as caught:
        silent.ping()
    assert time.monotonic() - started < 60  # MLflow by itself would try for many minutes
    assert "hunter2" not in str(caught.value)
    with pytest.raises(TransientError, match="begin a run of flight_delay"):
        silent.begin(MODEL, "key", name="train", tags={})
    assert time.monotonic() - started < 120


def test_nothing_global(registry: Registry) -> None:
    """Using a registry changes no address of the process's own MLflow, and contacts nothing when it is made."""
    before = mlflow.get_tracking_uri(), os.environ.get("MLFLOW_TRACKING_URI")
    Registry("http://127.0.0.1:9").version_page(MODEL, 1)
    registry.ping()
    assert (mlflow.get_tracking_uri(), os.environ.get("MLFLOW_TRACKING_URI")) == before
    assert os.environ["MLFLOW_HTTP_REQUEST_MAX_RETRIES"] == "2"


def test_database_has_no_pages(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    """A database has no pages to link to, unless someone says where they are."""
    run = registry.begin(MODEL, "pages", name="train", tags={})
    assert registry.run_page(run) is None
    assert registry.version_page(MODEL, 1) is None
    monkeypatch.setenv("EVENKEEL_MLFLOW_UI", "https://mlflow.example/")
    assert registry.version_page(MODEL, 3) == "https://mlflow.example/#/models/flight_delay/versions/3"
    assert (registry.run_page(run) or "").endswith(f"/runs/{run}")


def test_bare_database() -> None:
    """A database other than SQLite cannot say where files go: the error asks for a server."""
    address = MlflowAddress("postgresql+psycopg2://mlflow:hunter2@db.example/mlflow")
    assert address.artifacts(MODEL) is None
    assert address.shown == "postgresql+psycopg2://db.example/mlflow"
    assert address.without_secrets("for mlflow:hunter2@db.example") == "for db.example"


def test_server(server: str, frame: pd.DataFrame, estimator: Pipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    """All of it holds on a server with accounts, and a wrong password is refused with the way out."""
    registry = Registry(server)
    registry.ping()
    version = _train(registry, frame, estimator, "key")
    registry.log_figures(version.run_id, {"roc.png": Figure()})
    registry.log_text(version.run_id, "card/card.md", "# a card")
    assert registry.artifact(version.run_id, "card/card.md") == b"# a card"
    assert registry.artifact(version.run_id, "card/none.md") is None
    assert hashlib.sha256(registry.model_file(MODEL, version.number)).hexdigest() == version.tags[DIGEST]
    registry.log_dataset(version.run_id, frame, name=MODEL, source="lake", digest="abc", target="hour")
    assert _train(registry, frame, estimator, "key") == version
    assert np.array_equal(registry.load(MODEL, version.number).predict_proba(frame), estimator.predict_proba(frame))
    registry.point_champion(MODEL, version.number)
    assert registry.champion_alias(MODEL) == version.number
    experiment = _run(registry, version.run_id).info.experiment_id
    assert registry.run_page(version.run_id) == f"{server}/#/experiments/{experiment}/runs/{version.run_id}"
    with pytest.raises(ServiceError, match="there are: 1"):
        registry.version(MODEL, 9)
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "wrong")
    with pytest.raises(ServiceError, match=r"refused to.*MLFLOW_TRACKING_PASSWORD"):
        registry.versions(MODEL)


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """An MLflow server with accounts, ended with its whole process group."""
    password, port = secrets.token_urlsafe(16), _free_port()
    accounts = tmp_path / "accounts.ini"
    accounts.write_text(
        "[mlflow]\ndefault_permission = READ\nadmin_username = admin\n"
        f"database_uri = sqlite:///{tmp_path / 'accounts.db'}\n"
        "authorization_function = mlflow.server.auth:authenticate_request_basic_auth\n"
        "auth_cache_ttl_seconds = 60\n"  # without it each request hashes the password anew
    )
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "admin")
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", password)
    log = (tmp_path / "server.log").open("wb")
    store = [
        "--backend-store-uri",
        f"sqlite:///{tmp_path / 'mlflow.db'}",
        "--artifacts-destination",
        str(tmp_path / "files"),
    ]
    place = ["--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    process = subprocess.Popen(
        [sys.executable, "-m", "mlflow", "server", "--app-name", "basic-auth", *place, *store],
        env=os.environ
        | {
            "MLFLOW_AUTH_CONFIG_PATH": str(accounts),
            "MLFLOW_AUTH_ADMIN_PASSWORD": password,
            "MLFLOW_FLASK_SERVER_SECRET_KEY": secrets.token_hex(16),
            "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        },
        cwd=tmp_path,
        stdout=log,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        _wait_for(f"http://127.0.0.1:{port}/health", tmp_path / "server.log")
        yield f"http://127.0.0.1:{port}"
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        log.close()


def _wait_for(url: str, log: Path) -> None:
    until = time.monotonic() + 240
    while time.monotonic() < until:
        try:
            if httpx.get(url, timeout=10).status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.2)
    raise AssertionError(log.read_text()[-2000:])


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _train(registry: Registry, frame: pd.DataFrame, estimator: Pipeline, key: str, model: str = MODEL) -> Version:
    run = registry.begin(model, key, name="train", tags={"evenkeel.seed": "0"})
    registry.log(run, params={"depth": 3}, metrics={"roc_auc": 0.7})
    registry.log_model(run, estimator, example=frame.head(3))
    version = registry.register(model, run, tags={"evenkeel.seed": "0"}, description="late or not")
    registry.finish(run)
    return version


def _connect(address: str, *_: str) -> None:
    Registry(address).versions("nobody")


def _begin(address: str, model: str, key: str) -> str:
    return Registry(address).begin(model, key, name="train", tags={})


def _train_and_die(address: str, frame: pd.DataFrame, estimator: Pipeline, model: str, call: str) -> None:
    """Train, and be killed right after a call of MLflow's client, or in the middle of an upload."""
    registry = Registry(address)
    client = registry._client
    half, name, turn = call.startswith("half of "), *(f"{call.removeprefix('half of ')} 1".split()[:2])
    original, calls = getattr(client, name), [int(turn)]

    def call_and_die(*args: Any, **kwargs: Any) -> Any:
        if half:
            for file in sorted(Path(args[1]).iterdir())[1:]:
                file.unlink()
        answer = original(*args, **kwargs)
        calls[0] -= 1
        if calls[0] == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return answer

    setattr(client, name, call_and_die)
    _train(registry, frame, estimator, "key", model)


def _runs(registry: Registry, model: str) -> list[Any]:
    experiment = registry._client.get_experiment_by_name(model)
    return [] if experiment is None else list(registry._client.search_runs([experiment.experiment_id]))


def _run(registry: Registry, run_id: str) -> Any:
    return registry._client.get_run(run_id)


def _pipeline(final: BaseEstimator, encoding: str) -> Pipeline:
    if encoding == "ordinal":
        encode = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1, encoded_missing_value=-1)
        steps = [("numeric", "passthrough", ["hour", "wind"]), ("categorical", encode, ["carrier"])]
    else:
        encode = OneHotEncoder(handle_unknown="infrequent_if_exist", min_frequency=20, sparse_output=False)
        fill = make_pipeline(SimpleImputer(strategy="median"), StandardScaler())
        steps = [("numeric", fill, ["hour", "wind"]), ("categorical", encode, ["carrier"])]
    return Pipeline([("columns", ColumnTransformer(steps)), ("estimator", final)])
