"""What children do: prepare a house, run a pipeline on it (and perhaps die), resume it, and tell what is there.

All houses lie at the same path, one after the other, because MLflow keeps absolute paths of its files.
"""

from __future__ import annotations

import functools
import hashlib
import json
import pickle
import re
import shutil
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import yaml
from deltalake import DeltaTable
from mlflow import MlflowClient
from tests.kills.boundaries import Boundaries
from tests.kills.houses import PIPELINES, STATES

from evenkeel.gateways.lake import Lake
from evenkeel.gateways.model_file import load_estimator
from evenkeel.vocabulary import columns as c
from evenkeel.vocabulary.errors import GateRefusedError
from evenkeel.vocabulary.partition import parse_instant
from evenkeel.vocabulary.settings import Settings
from evenkeel.vocabulary.spec import ModelSpec
from evenkeel.vocabulary.spec_training import Shadow
from evenkeel.vocabulary.verdict import Outcome, Verdict
from evenkeel.workflows import (
    challenge,
    drift,
    drift_check,
    performance,
    promote,
    retrain,
    rollback,
    score,
    shadow,
    train,
)
from evenkeel.workflows.gateways import Gateways
from evenkeel.workflows.ledger import TERM, Entry, Kind
from evenkeel.workflows.pipelines import run_drift_check, run_retraining, run_scoring, run_training
from nyc_flights.landing import land

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

PROJECT = Path(__file__).parents[2]
MODEL = "flight_delay"
TRAINED, AGAIN = "2013-01-27", "2013-01-28"
DAYS = ("2013-01-27", "2013-01-28", "2013-01-29")
BROKEN = "2013-01-30"

STEPS = {
    train: ("extract_window", "validate_window", "split_window", "fit_candidate"),
    challenge: ("evaluate_challenger", "register_challenger", "gate_challenger"),
    promote: ("keep_champion", "promote_challenger", "promote_version", "roll_back", "repair_alias"),
    score: ("extract_partition", "validate_partition", "score_shard", "validate_scores", "publish_scores"),
    drift_check: ("gather_window", "record_check"),
    drift: ("measure_drift",),
    performance: ("measure_performance",),
    retrain: ("answer_signal", "report_answer"),
    rollback: ("settle_decay",),
    shadow: ("judge_shadow",),
}
"""The tasks of the DAGs."""


class Scratch:
    """Folders of one test session: the house, the states it starts from, what was landed, what finished tasks answered."""

    def __init__(self, root: str) -> None:
        self.root = Path(root)
        self.house = self.root / "house"
        self.done = self.root / "done"
        self.spec = _spec()

    def base(self, state: str) -> Path:
        """Where a state that pipelines start from is kept."""
        return self.root / "base" / state

    def gateways(self, data: str = "now") -> Gateways:
        """Doors as a run has them: a retry is the same run."""
        house = self.house
        settings = Settings(
            self.root / "project",
            house,
            str(house / "lake"),
            str(self.root / "landed" / data),
            f"sqlite:///{house / 'mlflow.db'}",
        )
        return Gateways(settings, actor="kills", run="scheduled__1")

    def at(self, text: str) -> datetime:
        """An instant in the model's time zone."""
        return parse_instant(text, self.spec.timezone)


def landing(root: str) -> None:
    """Land the data, as it was and as it is now."""
    scratch = Scratch(root)
    shutil.copytree(PROJECT / "config", scratch.root / "project" / "config")
    before, now = scratch.root / "landed" / "before", scratch.root / "landed" / "now"
    land(before, pd.Timestamp("2013-01-01").date(), pd.Timestamp("2013-02-01").date())
    shutil.copytree(before, now)
    _change(before, DAYS[1], lambda rows: rows.assign(distance=rows["distance"] + 1))
    _change(before, DAYS[2], lambda rows: rows.head(20))  # too few: refused
    _change(now, DAYS[1], lambda rows: rows.assign(dest=rows["dest"].where(rows.index > 2, "ZZZ")))  # set aside
    _change(now, BROKEN, lambda rows: rows.head(20))


def prepare(root: str, state: str) -> None:
    """Make a state that pipelines start from, out of the one that STATES names."""
    scratch = Scratch(root)
    shutil.rmtree(scratch.house, ignore_errors=True)
    before = STATES[state]
    if before is None:
        scratch.house.mkdir()
    else:
        shutil.copytree(scratch.base(before), scratch.house)
    spec, gateways = scratch.spec, scratch.gateways("before")
    if state == "empty":
        gateways.registry.ping()  # MLflow makes its tables
    elif state == "trained":
        run_training(spec, scratch.at(TRAINED), gateways)
    elif state == "trained twice":
        rules = {
            "margin": -1e6,
            "slices": {},
            "calibration_tolerance": None,
        }  # two days of another fit are no gain for sure
        promoting = spec.model_copy(update={"promotion": spec.promotion.model_copy(update=rules)})
        assert run_training(promoting, scratch.at(AGAIN), gateways).champion == 2
    elif state == "alias moved":
        gateways.registry.point_champion(MODEL, 1)
    elif state == "shadowed":
        verdict = Verdict(Outcome.INCONCLUSIVE, "it is as good as the first")
        promote.promote_version(
            spec, scratch.at(AGAIN), 2, verdict, gateways, force=True, reason="the first is to be seen"
        )
        begin, term = scratch.at("2013-01-28T06:00"), 86_400.0
        made = Entry("training/again/x/2", MODEL, Kind.SHADOWED, begin, "", 1, 2, numbers={TERM: term})
        gateways.ledger.record(MODEL, made.id, lambda _: made)
    elif state == "scored before":
        for day in DAYS:
            with suppress(GateRefusedError):
                run_scoring(spec, spec.partition(day), gateways)
        assert gateways.lake.partitions(MODEL, "scores") == list(DAYS[:2])
        assert gateways.lake.partitions(MODEL, "refused") == [DAYS[2]]
    elif state == "scored now":
        for day in DAYS[:2]:
            run_scoring(spec, spec.partition(day), scratch.gateways())
    shutil.copytree(scratch.house, scratch.base(state))


def _run(scratch: Scratch, pipeline: str) -> None:
    spec, gateways = scratch.spec, scratch.gateways()
    if pipeline == "begin":  # the first there ever is: MLflow makes its tables
        gateways.registry.begin(MODEL, "first", name="first", tags={})
    elif pipeline == "train":
        run_training(spec, scratch.at(TRAINED), gateways)
    elif pipeline == "score":
        for day in (*DAYS[1:], BROKEN):  # other rows than before; no longer refused; refused now
            with suppress(GateRefusedError):
                run_scoring(spec, spec.partition(day), gateways)
    elif pipeline == "retrain":
        day = spec.partition(DAYS[1])
        run_drift_check(spec, day, gateways)
        assert run_retraining(spec, spec.check_as_of(day), gateways) is not None
    elif pipeline == "decide":
        verdict = Verdict(Outcome.INCONCLUSIVE, "too few labels")
        promote.promote_version(
            spec, scratch.at("2013-01-29"), 1, verdict, gateways, force=True, reason="seen in the shadow"
        )
        promote.roll_back(spec, scratch.at("2013-01-30"), gateways, reason="complaints")
    elif (
        pipeline == "shadow"
    ):  # it scores one day beside the champion, with a canary, and is dropped at the end of its term
        promotion = spec.promotion.model_copy(update={"shadow": Shadow(term=timedelta(days=1), canary=0.2)})
        spec = spec.model_copy(update={"promotion": promotion})
        run_scoring(spec, spec.partition(DAYS[2]), gateways)
        assert shadow.judge_shadow(spec, spec.partition(BROKEN), gateways).outcome == "drop"
    else:
        promote._POINTED_WITHIN = timedelta(0)  # long after the promotion, whose alias somebody moved
        promote.repair_alias(spec, gateways)


def restore(root: str, pipeline: str) -> None:
    """Put the house back to where the pipeline starts."""
    scratch = Scratch(root)
    for folder in (scratch.house, scratch.done):
        shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(scratch.base(PIPELINES[pipeline]), scratch.house)
    scratch.done.mkdir()


def count(root: str, pipeline: str) -> list[str]:
    """Run a pipeline undisturbed and tell the write boundaries it met."""
    scratch = Scratch(root)
    boundaries = Boundaries(scratch.house)
    boundaries.watch()
    _run(scratch, pipeline)
    return boundaries.met


def run(root: str, pipeline: str, kill_at: int | None = None, *, retry: bool = False) -> None:
    """Run a pipeline; die at a boundary where one is given, and leave its name in the file `killed_at`.

    With `retry` only the task that died and those after it run, as Airflow's retries do; without it the whole run is cleared.
    """
    scratch = Scratch(root)
    for module, names in STEPS.items():
        for name in names:
            setattr(module, name, _task(getattr(module, name), scratch, skip=retry))
    if kill_at is not None:
        Boundaries(scratch.house, kill_at, scratch.root / "killed_at").watch()
    _run(scratch, pipeline)


def _task(step: Callable[..., Any], scratch: Scratch, *, skip: bool) -> Callable[..., Any]:
    """A step whose answer is kept when it has finished, as Airflow keeps that of a task."""

    @functools.wraps(step)
    def call(*args: Any, **kwargs: Any) -> Any:
        told = ",".join(str(one) for one in args if not isinstance(one, (ModelSpec, Gateways)))
        kept = scratch.done / hashlib.sha256(f"{step.__name__}({told})".encode()).hexdigest()[:16]
        if skip and kept.exists():
            return pickle.loads(kept.read_bytes())
        answer = step(*args, **kwargs)
        draft = kept.with_suffix(".draft")
        draft.write_bytes(pickle.dumps(answer))
        draft.rename(kept)
        return answer

    return call


def look(root: str) -> dict[str, Any]:
    """All that readers of the house can see, without what differs between two undisturbed runs: ids, clocks, file names."""
    scratch = Scratch(root)
    found = {"tables": _tables(scratch), "ledger": _ledger(scratch), "pages": _pages(scratch)}
    return json.loads(json.dumps({**found, **_registry(scratch)}, default=str))


def _tables(scratch: Scratch) -> dict[str, Any]:
    lake, found = Lake(str(scratch.house / "lake")), {}
    folder = scratch.house / "lake" / MODEL
    for table in sorted(one.name for one in folder.iterdir()) if folder.exists() else []:
        rows = lake.read(MODEL, table)
        if rows is None:
            continue
        rows = rows.drop(columns=["recorded_at", "digest"], errors="ignore")
        parts = rows.groupby(c.PARTITION) if c.PARTITION in rows else [("all", rows)]
        present = DeltaTable(str(folder / table))
        found[table] = {
            "version": present.version(),
            "live files": len(present.file_uris()),
            "partitions": {str(key): {"rows": len(part), "content": _content(part)} for key, part in parts},
            "rows twice": int(rows.astype(str).duplicated().sum()),
            "keys twice": int(rows.duplicated([c.PARTITION, "flight_id"]).sum()) if "flight_id" in rows else 0,
            "commits": [
                [one.version, one.partition, one.rows, one.content, dict(one.metadata)]
                for one in lake.commits(MODEL, table)
            ],
        }
    return found


def _content(rows: pd.DataFrame) -> str:
    lines = sorted("|".join(row) for row in rows.astype(str).to_numpy())
    return hashlib.sha256("\n".join([*rows.columns, *lines]).encode()).hexdigest()[:16]


def _ledger(scratch: Scratch) -> list[dict[str, Any]]:
    entries = sorted(scratch.gateways().ledger.entries(MODEL), key=lambda one: one.sequence)
    assert all(one.recorded_at is not None for one in entries)
    return [{key: value for key, value in vars(one).items() if key not in {"recorded_at", "digest"}} for one in entries]


def _pages(scratch: Scratch) -> dict[str, bool]:
    """Every page, and whether it can be opened."""
    folder, pages = scratch.house / "lake" / "_pages", scratch.gateways().pages
    names = [str(one.relative_to(folder)).removesuffix(".gz") for one in folder.rglob("*.gz")]
    return {name: pages.get(name).endswith(b">") or b"</html>" in pages.get(name)[-100:] for name in sorted(names)}


def _registry(scratch: Scratch) -> dict[str, Any]:
    uri = f"sqlite:///{scratch.house / 'mlflow.db'}"
    if not (scratch.house / "mlflow.db").exists():
        return {"experiments": [], "runs": {}, "versions": [], "aliases": {}, "logged models": [], "artifacts": []}
    client = MlflowClient(uri, registry_uri=uri)
    experiments = [one for one in client.search_experiments() if one.name != "Default"]
    ids = [one.experiment_id for one in experiments]
    runs = client.search_runs(ids, max_results=1000) if ids else []
    models = client.search_logged_models(ids, max_results=100) if ids else []
    named = client.search_registered_models()
    keys = {one.info.run_id: one.data.tags["evenkeel.key"] for one in runs}
    names = keys | {one.model_id: f"model of {keys[one.source_run_id]}" for one in models}
    learnt = {one.model_id: _model(scratch.house, one) for one in models if str(one.status) == "READY"}
    names |= {digest: f"digest of {names[model]}" for model, (digest, *_) in learnt.items()}
    return {
        "experiments": [one.name for one in experiments],
        "runs": [_run_of(client, one, names) for one in sorted(runs, key=lambda one: keys[one.info.run_id])],
        "versions": [
            {
                "number": one.version,
                "run": keys.get(one.run_id),
                "tags": _plain(one.tags, names),
                "description": one.description,
                "source": _plain(one.source, names),
                "status": one.status,
            }
            for one in client.search_model_versions(f"name = '{MODEL}'")
        ],
        "aliases": {one.name: one.aliases for one in named},
        "logged models": sorted(
            [names[one.model_id], one.name, str(one.status), learnt.get(one.model_id, [])[1:]] for one in models
        ),
        "artifacts": sorted(
            _plain(str(one.relative_to(scratch.house)), names)
            for one in (scratch.house / "mlartifacts").rglob("*")
            if one.is_file()
        ),
    }


def _run_of(client: MlflowClient, run: Any, names: dict[str, str]) -> dict[str, Any]:
    run_id = run.info.run_id
    return {
        "key": names[run_id],
        "name": run.info.run_name,
        "status": run.info.status,
        "ended": run.info.end_time is not None,
        "params": run.data.params,
        "metrics": {
            name: [(one.value, one.step) for one in client.get_metric_history(run_id, name)]
            for name in sorted(run.data.metrics)
        },
        "tags": _plain(run.data.tags, names),
        "inputs": [
            [one.dataset.name, one.dataset.digest, [(tag.key, tag.value) for tag in one.tags]]
            for one in run.inputs.dataset_inputs
        ],
        "outputs": [names.get(one.model_id, "a model that is not there") for one in run.outputs.model_outputs],
    }


def _model(house: Path, model: Any) -> list[Any]:
    """A model's file: its digest, and what it has learnt."""
    file = Path(model.artifact_location.removeprefix("file://")) / "model.skops"
    assert file.is_relative_to(house)
    content = file.read_bytes()
    estimator = load_estimator(content)[-1]
    return [hashlib.sha256(content).hexdigest(), estimator.coef_.tolist(), estimator.intercept_.tolist()]


def _plain(found: Any, names: dict[str, str]) -> Any:
    """With what ids stand for in their place, and without clocks."""
    if isinstance(found, dict):
        return {key: _plain(value, names) for key, value in sorted(found.items()) if key != "evenkeel.begun_at"}
    for one, name in names.items():
        found = str(found).replace(one, f"<{name}>")
    return re.sub(r"uploading\.\w+", "uploading.", str(found))


def _change(data: Path, day: str, change: Callable[[pd.DataFrame], pd.DataFrame]) -> None:
    (file,) = (data / "flights" / "schedule" / f"date={day}").glob("*.parquet")
    change(pd.read_parquet(file, partitioning=None)).to_parquet(file, index=False)


def _spec() -> ModelSpec:
    """A model that trains in a moment, and whose every check signals."""
    content: dict[str, Any] = yaml.safe_load((PROJECT / "config" / "models" / f"{MODEL}.yaml").read_text())
    content["training"] |= {"window": "10d", "holdout": "3d"}
    content["training"]["candidates"] = content["training"]["candidates"][1:]
    content["promotion"] |= {"min_days": 2}
    content["drift"] |= {"window": "2d", "min_rows": 500, "numeric_effect": 0.0, "sample": 500}
    content["drift"]["decay"] |= {"window": "2d", "min_labels": 500}
    content["retraining"] = {"needed": 1, "of": 1, "cooldown": "1h"}
    return ModelSpec.model_validate(content)
