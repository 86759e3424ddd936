"""The registry: MLflow's experiments, runs and model versions. A key names one run, a run one version."""

from __future__ import annotations

import fcntl
import functools
import os
import shutil
import tempfile
import time
import warnings
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import packages_distributions
from importlib.metadata import version as installed
from pathlib import Path
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar

from requests import RequestException
from sqlalchemy.exc import SQLAlchemyError

from evenkeel.gateways.mlflow_address import MlflowAddress
from evenkeel.gateways.mlflow_errors import translated
from evenkeel.gateways.model_file import FILE_OF_STORAGE, TRUSTED_TYPES, digest_of, dump_estimator, load_estimator
from evenkeel.vocabulary.errors import EvenkeelError, ServiceError
from evenkeel.vocabulary.settings import environment

# MLflow reads these while it is imported (telemetry starts a thread then) or at each call; what is set already stays.
# Its own seven retries with growing pauses would hold a task for minutes, where Airflow can retry it.
for _name, _value in {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_LOGGING_LEVEL": "ERROR",  # it warns where pip is not installed; what is wrong is raised
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "60",
}.items():
    os.environ.setdefault(_name, _value)

import mlflow.artifacts  # noqa: E402
import mlflow.sklearn  # noqa: E402
from mlflow import MlflowClient  # noqa: E402
from mlflow.data.delta_dataset_source import DeltaDatasetSource  # noqa: E402
from mlflow.data.pandas_dataset import PandasDataset  # noqa: E402
from mlflow.entities import (  # noqa: E402
    DatasetInput,
    InputTag,
    LoggedModelOutput,
    Metric,
    Param,
    RunTag,
)
from mlflow.exceptions import MlflowException  # noqa: E402
from mlflow.models import Model, infer_signature  # noqa: E402
from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    import pandas as pd
    from matplotlib.figure import Figure
    from sklearn.pipeline import Pipeline

    from evenkeel.gateways.model_file import Storage

CHAMPION = "champion"
"""Alias of the champion's version; it follows the ledger and is never read to decide."""

KEY = "evenkeel.key"
"""Tag of a run: what it is the one run of."""

DIGEST = "evenkeel.model_sha256"
"""Tag of a run and of its version: SHA-256 of the model file, compared before the file is loaded."""

STORAGE = "evenkeel.storage"
"""Tag of a run and of its version: how the model file is stored, `skops` or `pickle`."""

PARENT = "mlflow.parentRunId"
"""Tag of a run: the run it is shown under."""

DROPPED = "evenkeel.file_dropped_at"
"""Tag of a version whose model file is not kept any more."""

_BEGUN = "evenkeel.begun_at"
_MODEL = "evenkeel.model_id"
_LOCATION = "evenkeel.model_location"
_BATCH = 100

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True)
class Version:
    """A registered version of a model."""

    model: str
    number: int
    run_id: str
    tags: Mapping[str, str]
    created_at: datetime

    @property
    def digest(self) -> str | None:
        """SHA-256 of its model file, as its tag has it; whoever may write to MLflow may change both."""
        return self.tags.get(DIGEST)

    @property
    def dropped_at(self) -> str | None:
        """When its model file was dropped, in ISO 8601, where it was."""
        return self.tags.get(DROPPED)


@dataclass(frozen=True)
class Run:
    """A training's run, as it is on record."""

    id: str
    params: Mapping[str, str]
    metrics: Mapping[str, float]
    tags: Mapping[str, str]

    @property
    def has_model(self) -> bool:
        """Whether its model is stored, whole; what the run says of itself stays from then on."""
        return DIGEST in self.tags


def _asks(what: str) -> Callable[[Callable[Concatenate[Registry, P], T]], Callable[Concatenate[Registry, P], T]]:
    """Translate what MLflow and its transports raise while a method does `what`."""

    def decorate(method: Callable[Concatenate[Registry, P], T]) -> Callable[Concatenate[Registry, P], T]:
        @functools.wraps(method)
        def call(self: Registry, /, *args: P.args, **kwargs: P.kwargs) -> T:
            try:
                return method(self, *args, **kwargs)
            except (MlflowException, RequestException, SQLAlchemyError) as error:
                subject = next(iter((*args, *kwargs.values())), "")
                raise translated(error, f"{what} {subject}".strip(), self._address) from error

        return call

    return decorate


class Registry:
    """Experiments, runs and versions of one MLflow; nothing is contacted before the first call.

    Every method raises TransientError where MLflow does not answer and ServiceError where it refuses.

    Args:
        tracking_uri: `http(s)://…` of a server (credentials from MLFLOW_TRACKING_USERNAME and _PASSWORD), or
            `sqlite:///…`, whose files are then kept in `mlartifacts` beside it.
    """

    def __init__(self, tracking_uri: str) -> None:
        self._address = MlflowAddress(tracking_uri)

    @_asks("begin a run of")
    def begin(self, model: str, key: str, *, name: str, tags: Mapping[str, str]) -> str:
        """Id of the one run of this key in the model's experiment; the same run when called again.

        A run that failed is taken up again; one that is finished stays so, and may be written to.
        """
        client = self._client
        experiment = self._experiment(model)
        now = {_BEGUN: datetime.now(UTC).isoformat(timespec="milliseconds")}
        with self._one_at_a_time():
            found = self._runs_of_key(experiment, key)
            made = None
            if not found:
                labels = {**tags, **now, KEY: key, "mlflow.source.name": "evenkeel", "mlflow.source.type": "JOB"}
                made = client.create_run(experiment, tags=labels, run_name=name).info.run_id
                found = self._runs_of_key(experiment, key)
            run, *ghosts = found
            # A server lets two processes make a run of one key at the same moment, and may be left by one that was killed
            # before it took its own back: the earliest stays.
            for ghost in ghosts:
                if DIGEST not in ghost.data.tags:
                    client.delete_run(ghost.info.run_id)
        run_id = str(run.info.run_id)
        if run_id == made or run.info.status == "FINISHED":
            return run_id
        if run.info.status != "RUNNING":
            client.update_run(run_id, "RUNNING")
        # Until there is a model, the run tells of its last attempt.
        self.log(run_id, tags=now if DIGEST in run.data.tags else {**tags, **now})
        return run_id

    @_asks("end the orphan runs of")
    def close_orphans(self, model: str, before: datetime) -> list[str]:
        """End, as KILLED, the model's runs that were begun before an instant and are still RUNNING; return their ids.

        Such a run belongs to a process that died. `begin` takes it up again by its key, as the same run.
        """
        client = self._client
        experiment = client.get_experiment_by_name(model)
        if experiment is None:
            return []
        running: list[Any] = []
        token: str | None = ""
        while token is not None:
            condition = f"attributes.status = 'RUNNING' and tags.`{KEY}` LIKE '%'"
            page = client.search_runs([experiment.experiment_id], condition, page_token=token or None)
            running += page
            token = page.token or None
        orphans = [str(run.info.run_id) for run in running if _begun(run) < before]
        for run_id in orphans:
            client.set_terminated(run_id, "KILLED")
        return orphans

    @_asks("write to run")
    def log(
        self,
        run_id: str,
        *,
        params: Mapping[str, object] | None = None,
        metrics: Mapping[str, float] | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> None:
        """Write parameters, metrics and tags; a parameter may be repeated with its value and not with another.

        A metric that shows the value already is not written again: MLflow would keep it twice in the metric's history.
        """
        now = int(time.time() * 1000)
        shown = self._client.get_run(run_id).data.metrics if metrics else {}
        entries: list[Param | Metric | RunTag] = [Param(key, str(value)) for key, value in (params or {}).items()]
        entries += [
            Metric(key, float(value), now, 0)
            for key, value in (metrics or {}).items()
            if shown.get(key) != float(value)
        ]
        entries += [RunTag(key, str(value)) for key, value in (tags or {}).items()]
        for start in range(0, len(entries), _BATCH):
            part = entries[start : start + _BATCH]
            self._client.log_batch(
                run_id,
                metrics=[one for one in part if isinstance(one, Metric)],
                params=[one for one in part if isinstance(one, Param)],
                tags=[one for one in part if isinstance(one, RunTag)],
            )

    @_asks("write plots to run")
    def log_figures(self, run_id: str, figures: Mapping[str, Figure]) -> None:
        """Keep figures, file name to figure, in the run's `plots` folder."""
        with tempfile.TemporaryDirectory() as folder:
            for name, figure in figures.items():
                figure.savefig(Path(folder) / name)
            self._client.log_artifacts(run_id, folder, "plots")

    @_asks("write a series to run")
    def log_series(self, run_id: str, name: str, values: Mapping[int, float]) -> None:
        """Write a metric's values by step; a step that has its value already is not written again."""
        written = {one.step for one in self._client.get_metric_history(run_id, name)}
        now = int(time.time() * 1000)
        missing = [Metric(name, float(one), now, step) for step, one in values.items() if step not in written]
        for start in range(0, len(missing), _BATCH):
            self._client.log_batch(run_id, metrics=missing[start : start + _BATCH])

    @_asks("write a step to run")
    def log_step(self, run_id: str, step: int, metrics: Mapping[str, float]) -> None:
        """Write the metrics of one step together; a step whose first metric has a value already is not written again."""
        first = next(iter(metrics))
        if step not in {one.step for one in self._client.get_metric_history(run_id, first)}:
            now = int(time.time() * 1000)
            self._client.log_batch(run_id, [Metric(name, float(one), now, step) for name, one in metrics.items()])

    @_asks("write a table to run")
    def log_table(self, run_id: str, name: str, frame: pd.DataFrame) -> None:
        """Keep a table as a CSV file under its name among the run's files."""
        self._client.log_text(run_id, frame.to_csv(index=False), name)

    @_asks("write a page to run")
    def log_page(self, run_id: str, name: str, html: str) -> None:
        """Keep an HTML page under its name among the run's files."""
        self._client.log_text(run_id, html, name)

    @_asks("write a file to run")
    def log_text(self, run_id: str, name: str, text: str) -> None:
        """Keep a text under its name among the run's files, in place of an earlier one."""
        self._client.log_text(run_id, text, name)

    @_asks("read a file of run")
    def artifact(self, run_id: str, name: str) -> bytes | None:
        """One of the run's files by its name, or None where it has none of that name."""
        folder = name.rpartition("/")[0]
        if name not in {one.path for one in self._client.list_artifacts(run_id, folder or None)}:
            return None
        with tempfile.TemporaryDirectory() as place:
            file = mlflow.artifacts.download_artifacts(
                run_id=run_id, artifact_path=name, dst_path=place, tracking_uri=self._address.uri
            )
            return Path(file).read_bytes()

    @_asks("read run")
    def run(self, run_id: str) -> Run:
        """What is on a run: parameters, metrics and tags."""
        data = self._client.get_run(run_id).data
        return Run(run_id, dict(data.params), dict(data.metrics), dict(data.tags))

    @_asks("write a dataset to run")
    def log_dataset(
        self,
        run_id: str,
        frame: pd.DataFrame,
        *,
        name: str,
        source: str,
        digest: str,
        target: str | None,
        context: str = "training",
    ) -> None:
        """Put a dataset on the run: its schema and size from the frame, no row of it.

        Args:
            run_id: the run.
            frame: the rows the run used.
            name: what the dataset is called.
            source: URI of the Delta table that holds the rows.
            digest: hash over all the rows, 36 characters at most.
            target: the label's column.
            context: what the run used it for.
        """
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # integer columns cannot hold nulls: our suites say what may
            dataset = PandasDataset(frame, DeltaDatasetSource(path=source), targets=target, name=name, digest=digest)
            entity = dataset._to_mlflow_entity()
        self._client.log_inputs(run_id, [DatasetInput(entity, [InputTag("mlflow.data.context", context)])])

    @_asks("store the model of run")
    def log_model(self, run_id: str, estimator: Pipeline, *, example: pd.DataFrame, storage: Storage = "skops") -> str:
        """Store the run's model with signature and input example; return its id. A second call stores nothing.

        The example's rows are stored as they are: pass none of a column marked `pii`.
        Raises EvenkeelError where the estimator holds a type that has not been reviewed.
        """
        client = self._client
        run = client.get_run(run_id)
        if DIGEST in run.data.tags:
            return str(run.data.tags[_MODEL])
        with tempfile.TemporaryDirectory() as folder:
            description = Model(run_id=run_id)
            content = _save(estimator, example, description, Path(folder) / "model", storage)
            stored = self._blank_model(run_id, run.info.experiment_id)
            description.model_id = description.model_uuid = stored.model_id
            description.artifact_path = stored.artifact_location
            description.save(str(Path(folder) / "model" / "MLmodel"))
            client.log_model_artifacts(stored.model_id, str(Path(folder) / "model"))
        if all(output.model_id != stored.model_id for output in run.outputs.model_outputs):
            client.log_outputs(run_id, [LoggedModelOutput(stored.model_id, step=0)])
        client.finalize_logged_model(stored.model_id, "READY")
        # The tags come last: they say that the model is there, whole.
        tags = {_MODEL: stored.model_id, _LOCATION: stored.artifact_location, STORAGE: storage}
        self.log(run_id, tags=tags | {DIGEST: digest_of(content)})
        return str(stored.model_id)

    @_asks("end run")
    def finish(self, run_id: str, *, failed: bool = False) -> None:
        """Mark the run as finished, or failed. One that finished before keeps its end: repeating a training changes nothing."""
        if self._client.get_run(run_id).info.status == "FINISHED":
            return
        self._client.set_terminated(run_id, "FAILED" if failed else "FINISHED")

    @_asks("look at run")
    def finished(self, run_id: str) -> bool:
        """Whether the run has finished; what it says then stays."""
        return bool(self._client.get_run(run_id).info.status == "FINISHED")

    @_asks("register a version of")
    def register(self, model: str, run_id: str, *, tags: Mapping[str, str], description: str = "") -> Version:
        """The one version of a run: found, or made from the model stored with it.

        Raises EvenkeelError where no model is stored with the run.
        """
        client = self._client
        present = self._versions_of_run(model, run_id)
        if not present:
            self._make_version(model, run_id, tags, description)
            present = self._versions_of_run(model, run_id)
        # MLflow lets two tasks make a version of one run at the same time: the lowest number stays.
        first, *ghosts = present
        for ghost in ghosts:
            with _unless("RESOURCE_DOES_NOT_EXIST"):  # the other task took it back already
                client.delete_model_version(model, str(ghost.number))
        return first

    def version(self, model: str, number: int) -> Version:
        """A version by its number. Raises ServiceError naming those there are where it is not one of them."""
        return self._known(model, number)[0]

    @_asks("list the versions of")
    def versions(self, model: str) -> list[Version]:
        """All versions of a model, oldest first; none where the model is not registered yet."""
        return self._search(f"name = '{model}'")

    @_asks("tag a version of")
    def tag_version(self, model: str, number: int, tags: Mapping[str, str]) -> None:
        """Set tags on a version; its other tags stay."""
        for key, value in tags.items():
            self._client.set_model_version_tag(model, str(number), key, str(value))

    @_asks("load a version of")
    def load(self, model: str, number: int, *, digest: str | None = None) -> Pipeline:
        """The estimator of a version.

        Args:
            model: whose.
            number: which version.
            digest: SHA-256 that the ledger, or the training that made it, knows the file by. A pickle is not loaded without:
                the tag on the version is no proof, as whoever can write the file can write the tag.

        Raises EvenkeelError where the file is not the one that was registered or asked for, or holds a type that is not
        trusted; nothing of it has run by then.
        """
        known, storage, content = self._file(model, number)
        expected, found = known.tags.get(DIGEST), digest_of(content)
        if expected != found:
            raise EvenkeelError(
                f"{model} version {number}: its model file has SHA-256 {found[:12]}…, its tag {DIGEST} says "
                f"{expected[:12] + '…' if expected else 'nothing'}; the file is not the one evenkeel registered, "
                "so it is not loaded. Restore the file, or train again"
            )
        if digest is not None and digest != found:
            raise EvenkeelError(
                f"{model} version {number}: its model file and its tag {DIGEST} both have SHA-256 {found[:12]}…, the ledger says "
                f"{digest[:12]}…: both were changed after the decision about it, so the file is not loaded. Restore both, or "
                "train again"
            )
        what = f"{model} version {number}"
        if storage == "pickle":
            what = f"{what} ({FILE_OF_STORAGE[storage]})"
        return load_estimator(content, what, storage=storage, digest=digest)

    @_asks("read the model file of")
    def model_file(self, model: str, number: int) -> bytes:
        """The file of a version as it is stored, unread: `load` compares it with its digest first."""
        return self._file(model, number)[2]

    def _file(self, model: str, number: int) -> tuple[Version, Storage, bytes]:
        known, source = self._known(model, number)
        if known.dropped_at is not None:
            raise EvenkeelError(
                f"{model} version {number}: its model file was dropped on {known.dropped_at[:10]}, `training.keep_versions` "
                f"after it was turned down; make it again: evenkeel reproduce {model} {number} --keep FOLDER"
            )
        storage: Storage = "pickle" if known.tags.get(STORAGE) == "pickle" else "skops"
        with tempfile.TemporaryDirectory() as folder:
            file = mlflow.artifacts.download_artifacts(
                f"{source}/{FILE_OF_STORAGE[storage]}", dst_path=folder, tracking_uri=self._address.uri
            )
            return known, storage, Path(file).read_bytes()

    @_asks("read the signature of a version of")
    def signature(self, model: str, number: int) -> dict[str, str]:
        """The columns a version takes, and MLflow's name of each one's type.

        Raises EvenkeelError where it was stored without a signature or an input example.
        """
        _, source = self._known(model, number)
        with tempfile.TemporaryDirectory() as folder:
            file = mlflow.artifacts.download_artifacts(
                f"{source}/MLmodel", dst_path=folder, tracking_uri=self._address.uri
            )
            described = Model.load(file)
        lacking = [
            name
            for name, there in (
                ("a signature", described.signature and described.signature.inputs),
                ("an input example", described.saved_input_example_info),
            )
            if not there
        ]
        if lacking:
            raise EvenkeelError(
                f"{model} version {number} was stored without {' and '.join(lacking)}, so nobody knows what it takes; train again"
            )
        inputs = described.signature.inputs
        return {one.name: getattr(one.type, "name", str(one.type)) for one in inputs}

    @_asks("drop the model file of a version of")
    def drop_file(self, model: str, number: int) -> None:
        """Delete the model file of a version. The version stays, with its tags and its run, and says when its file went."""
        known, source = self._known(model, number)
        if known.dropped_at is None:
            get_artifact_repository(source, tracking_uri=self._address.uri).delete_artifacts()
            self.tag_version(model, number, {DROPPED: datetime.now(UTC).isoformat(timespec="seconds")})

    @_asks("delete a version of")
    def delete_version(self, model: str, number: int) -> None:
        """Delete a version with its model file and its run, so that the same training, run again, begins anew.

        One that is gone already is fine.
        """
        client = self._client
        with _unless("RESOURCE_DOES_NOT_EXIST"):
            found = client.get_model_version(model, str(number))
            run = client.get_run(found.run_id)
            if run.info.lifecycle_stage == "active":  # a kill may have come between these calls before
                client.delete_run(found.run_id)
            get_artifact_repository(found.source, tracking_uri=self._address.uri).delete_artifacts()
            client.delete_model_version(model, str(number))
            client.delete_logged_model(run.data.tags[_MODEL])

    @_asks("point the champion alias of")
    def point_champion(self, model: str, number: int) -> None:
        """Let the alias `@champion` show the ledger's champion."""
        self._client.set_registered_model_alias(model, CHAMPION, str(number))

    @_asks("read the champion alias of")
    def champion_alias(self, model: str) -> int | None:
        """The version `@champion` shows, or None."""
        with _unless("RESOURCE_DOES_NOT_EXIST"):
            aliases: Mapping[str, str] = self._client.get_registered_model(model).aliases
            return int(aliases[CHAMPION]) if CHAMPION in aliases else None
        return None

    @_asks("find the page of run")
    def run_page(self, run_id: str) -> str | None:
        """URL of the run in MLflow's UI, or None where no UI is served."""
        if self._address.run_page("", run_id) is None:
            return None
        return self._address.run_page(self._client.get_run(run_id).info.experiment_id, run_id)

    def version_page(self, model: str, number: int) -> str | None:
        """URL of the version in MLflow's UI, or None where no UI is served."""
        return self._address.version_page(model, number)

    def ping(self) -> None:
        """Do nothing, in seconds, if MLflow answers. Raises TransientError if it does not."""
        with environment({"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0", "MLFLOW_HTTP_REQUEST_TIMEOUT": "5"}):
            self._ask_anything()

    @_asks("answer")
    def _ask_anything(self) -> None:
        self._client.search_experiments(max_results=1)

    @functools.cached_property
    def _client(self) -> MlflowClient:
        uri, file = self._address.uri, self._address.database_file
        if file is None:
            return MlflowClient(uri, registry_uri=uri)
        # The first client makes the tables; two processes at once would both try.
        with self._one_at_a_time(), warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # of SQLAlchemy, about MLflow's own mapping
            if not file.exists():
                _make_database(uri, file)
            return MlflowClient(uri, registry_uri=uri)

    @contextmanager
    def _one_at_a_time(self) -> Iterator[None]:
        """Where MLflow is a file, the processes that use it take turns; those of a server have no such means. Not reentrant."""
        file = self._address.database_file
        if file is None:
            yield
            return
        file.parent.mkdir(parents=True, exist_ok=True)
        with (file.parent / f".{file.name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _experiment(self, model: str) -> str:
        found = self._client.get_experiment_by_name(model)
        if found is not None:
            return str(found.experiment_id)
        if not self._address.is_server and self._address.artifacts(model) is None:
            raise ServiceError(
                f"MLflow at {self._address.shown} is a database that does not say where files go; "
                "start an MLflow server on it and set MLFLOW_TRACKING_URI to the server's address"
            )
        with _unless("RESOURCE_ALREADY_EXISTS"):
            return str(self._client.create_experiment(model, artifact_location=self._address.artifacts(model)))
        return str(self._client.get_experiment_by_name(model).experiment_id)

    def _runs_of_key(self, experiment: str, key: str) -> list[Any]:
        found = self._client.search_runs([experiment], f"tags.`{KEY}` = '{key}'")
        return sorted(found, key=lambda run: (run.info.start_time, run.info.run_id))

    def _blank_model(self, run_id: str, experiment: str) -> Any:
        # A call that was killed has left a model without its tags on the run: fill that one.
        with self._one_at_a_time():
            if not self._models_of_run(run_id, experiment):
                self._client.create_logged_model(experiment, name="model", source_run_id=run_id)
            first, *ghosts = self._models_of_run(run_id, experiment)
            for ghost in ghosts:
                with _unless("RESOURCE_DOES_NOT_EXIST"):
                    self._client.delete_logged_model(ghost.model_id)
        return first

    def _models_of_run(self, run_id: str, experiment: str) -> list[Any]:
        found = self._client.search_logged_models([experiment], f"source_run_id = '{run_id}'")
        return sorted(found, key=lambda model: (model.creation_timestamp, model.model_id))

    def _make_version(self, model: str, run_id: str, tags: Mapping[str, str], description: str) -> None:
        client = self._client
        stored = client.get_run(run_id).data.tags
        if DIGEST not in stored:
            raise EvenkeelError(
                f"run {run_id} of {model} has no model to register; log_model must come before register"
            )
        with _unless("RESOURCE_ALREADY_EXISTS"):
            client.create_registered_model(model)
        client.create_model_version(
            model,
            stored[_LOCATION],
            run_id,
            tags={**tags, DIGEST: stored[DIGEST], STORAGE: stored.get(STORAGE, "skops")},
            description=description,
            await_creation_for=0,
            model_id=stored[_MODEL],
        )

    def _versions_of_run(self, model: str, run_id: str) -> list[Version]:
        return [one for one in self._search(f"name = '{model}' and run_id = '{run_id}'") if one.run_id == run_id]

    def _search(self, condition: str) -> list[Version]:
        found: list[Version] = []
        token: str | None = ""
        while token is not None:
            page = self._client.search_model_versions(condition, max_results=1000, page_token=token or None)
            found += [_version(one) for one in page]
            token = page.token or None
        return sorted(found, key=lambda one: one.number)

    @_asks("find a version of")
    def _known(self, model: str, number: int) -> tuple[Version, str]:
        with _unless("RESOURCE_DOES_NOT_EXIST"):
            found = self._client.get_model_version(model, str(number))
            return _version(found), str(found.source)
        there = ", ".join(str(one.number) for one in self.versions(model)) or "none"
        raise ServiceError(f"{model} has no version {number} in MLflow at {self._address.shown}; there are: {there}")


def _make_database(uri: str, file: Path) -> None:
    """Let MLflow make its tables, whole or not at all: it does so in many commits, and cannot go on after a kill between two."""
    folder = file.parent / f".{file.name}.draft"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    place, _, name = uri.partition("?")[0].rpartition("/")
    MlflowClient(f"{place}/.{name}.draft/{name}")
    (folder / file.name).rename(file)
    folder.rmdir()


def _begun(run: Any) -> datetime:
    """When a run was begun, or taken up again."""
    if _BEGUN in run.data.tags:
        return datetime.fromisoformat(run.data.tags[_BEGUN])
    return datetime.fromtimestamp(run.info.start_time / 1000, UTC)


def _version(found: Any) -> Version:
    made = datetime.fromtimestamp(found.creation_timestamp / 1000, UTC)
    return Version(found.name, int(found.version), found.run_id or "", dict(found.tags), made)


def _save(estimator: Pipeline, example: pd.DataFrame, description: Model, path: Path, storage: Storage) -> bytes:
    """Write the model in MLflow's layout, without MLflow importing it elsewhere to guess requirements."""
    predicts = "predict_proba" if hasattr(estimator, "predict_proba") else "predict"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            mlflow.sklearn.save_model(
                estimator,
                str(path),
                mlflow_model=description,
                serialization_format="skops" if storage == "skops" else "cloudpickle",
                skops_trusted_types=list(TRUSTED_TYPES) if storage == "skops" else None,
                signature=infer_signature(example, getattr(estimator, predicts)(example)),
                input_example=example,
                pip_requirements=_requirements(estimator, storage),
                pyfunc_predict_fn=predicts,
            )
    except MlflowException:
        dump_estimator(estimator, storage)  # says which type is in the way, if that is why
        raise
    content = dump_estimator(estimator, storage)
    (path / FILE_OF_STORAGE[storage]).write_bytes(content)
    return content


def _requirements(estimator: Pipeline, storage: Storage) -> list[str]:
    names = ["mlflow", "numpy", "pandas", "scikit-learn", "skops" if storage == "skops" else "cloudpickle"]
    package = type(_innermost(estimator[-1])).__module__.partition(".")[0]
    if package != "sklearn":
        names += [one for one in packages_distributions().get(package, []) if one not in names]
    return [f"{name}=={installed(name)}" for name in names]


def _innermost(estimator: Any) -> Any:
    """What a calibrated classifier, or any estimator around another one, was made of."""
    while getattr(estimator, "estimator", None) is not None:
        estimator = estimator.estimator
    return estimator


@contextmanager
def _unless(code: str) -> Iterator[None]:
    """Go on after an MLflow error of this code."""
    try:
        yield
    except MlflowException as error:
        if error.error_code != code:
            raise
