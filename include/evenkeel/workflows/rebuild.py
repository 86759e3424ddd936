"""Rebuilding a version from what it has on record: the same rows, the same candidate, the same seed, fitted again."""

from __future__ import annotations

import contextlib
import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd

from evenkeel.decisions.reproduction import Apart, Difference, compare_packages, compare_predictions
from evenkeel.gateways.canonical_file import canonical
from evenkeel.gateways.estimators import predict
from evenkeel.gateways.lake import content_hash
from evenkeel.gateways.model_file import dump_estimator
from evenkeel.gateways.registry import DIGEST
from evenkeel.vocabulary import columns as c
from evenkeel.vocabulary.errors import EvenkeelError, SourceError, TransientError
from evenkeel.vocabulary.spec import ModelSpec
from evenkeel.vocabulary.spec_file import find_spec
from evenkeel.vocabulary.spec_training import Candidate
from evenkeel.vocabulary.tables import TRAINING_SETS
from evenkeel.workflows.candidates import fit_whole
from evenkeel.workflows.evidence import code_version, environment_hash, environment_text, lock_hash
from evenkeel.workflows.ledger import digest_of
from evenkeel.workflows.lineage import CANDIDATE, ENVIRONMENT, MASKS, SPEC, TRAINING_SET, without_secrets
from evenkeel.workflows.reference import PART

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from evenkeel.gateways.registry import Run, Version
    from evenkeel.workflows.gateways import Gateways

_ROW_PARTITION = "_row_partition"
"""In a training set, the partition a row came from; the table itself is partitioned by training."""


@dataclass(frozen=True)
class Recorded:
    """What a version has on record about how it was made; `contradictions` are places where the record disagrees with itself."""

    version: Version
    spec: ModelSpec
    candidate: Candidate
    seed: int
    columns: tuple[str, ...] | None
    environment: tuple[str, ...] | None
    contradictions: tuple[Difference, ...]

    def tag(self, name: str) -> str:
        """A tag of the lineage; empty where the version is older than the tag."""
        return self.version.tags.get(f"evenkeel.{name}", "")


@dataclass(frozen=True)
class Rebuilt:
    """A version made again, how it compares, and what is not as it was when it was made.

    `file` is the model's own; `predictions` those of the holdout rows, of the rebuilt and of the registered model.
    """

    rows: int
    holdout_rows: int
    digest: str
    same_file: bool
    apart: Apart | None
    data_as_recorded: bool
    differences: tuple[Difference, ...]
    file: bytes
    predictions: pd.DataFrame


def read_record(model: str, number: int, gateways: Gateways) -> Recorded:
    """What is on record about a version.

    A version of before there were files of lineage is read from its tags, its parameters and the project's spec.

    Raises EvenkeelError where it has no training on record, or its candidate is unknown.
    """
    version = gateways.registry.version(model, number)
    for name in ("training", "data", "seed"):
        if not version.tags.get(f"evenkeel.{name}"):
            raise EvenkeelError(
                f"{model} version {number} has no tag evenkeel.{name}: it was not registered by evenkeel, and nobody can "
                "say what it was made of"
            )
    run = gateways.registry.run(version.run_id)
    seen = _json_of(run, SPEC, gateways)
    stored = None if seen is None else ModelSpec.model_validate_json(json.dumps(seen))
    made_by = stored or find_spec(gateways.settings.models, model)
    candidate = _candidate(made_by, run, gateways)
    columns = _json_of(run, TRAINING_SET, gateways)
    environment = gateways.registry.artifact(run.id, ENVIRONMENT)
    return Recorded(
        version=version,
        spec=made_by,
        candidate=candidate,
        seed=int(version.tags["evenkeel.seed"]),
        columns=None if columns is None else tuple(columns["columns"]),
        environment=None if environment is None else tuple(environment.decode().splitlines()),
        contradictions=tuple(_contradictions(made_by, candidate, version, run)),
    )


def rebuild(recorded: Recorded, gateways: Gateways) -> Rebuilt:
    """Fit the recorded candidate again on the recorded rows, and hold it against the registered version.

    Where that one's file is gone, or is not the one that was registered, its predictions on record stand for it.

    Raises EvenkeelError where the lake holds the training set no longer.
    """
    learnt, data = _training_set(recorded, gateways)
    parts = {name: learnt[learnt[PART] == name].reset_index(drop=True) for name in ("train", "holdout")}
    # In the order in which a candidate is fitted.
    train = parts["train"].sort_values(recorded.spec.rows.event_time, kind="stable")
    fitted = fit_whole(_seeded(recorded), recorded.candidate, train)
    content = dump_estimator(fitted, recorded.candidate.storage)
    digest = hashlib.sha256(content).hexdigest()
    differences = list(_differences(recorded, data, gateways))
    predicted = {"rebuilt": predict(fitted, parts["holdout"], recorded.spec.task)}
    same = digest == recorded.version.tags.get(DIGEST)
    if same:
        predicted["registered"] = predicted["rebuilt"]
    else:
        try:
            predicted["registered"], stored = _registered(recorded, parts["holdout"], gateways)
            same = canonical(stored) == content  # of before files were written without addresses
        except EvenkeelError as error:
            if isinstance(error, TransientError):
                raise
            differences.append(Difference("model file", str(recorded.version.tags.get(DIGEST)), str(error)))
            predicted = _as_recorded(parts["holdout"], predicted["rebuilt"])
    return Rebuilt(
        rows=len(train),
        holdout_rows=len(parts["holdout"]),
        digest=digest,
        same_file=same,
        apart=compare_predictions(**predicted, probabilities=recorded.spec.task != "regression"),
        data_as_recorded=data == recorded.tag("data"),
        differences=tuple(differences),
        file=content,
        predictions=_side_by_side(parts["holdout"], recorded.spec, predicted),
    )


def _registered(recorded: Recorded, holdout: pd.DataFrame, gateways: Gateways) -> tuple[NDArray[np.float64], bytes]:
    """What the registered model predicts, and its file."""
    model, number = recorded.version.model, recorded.version.number
    known = digest_of(gateways.ledger.entries(model), number)
    estimator = gateways.registry.load(model, number, digest=known)  # which compares the file with its digest first
    return predict(estimator, holdout, recorded.spec.task), gateways.registry.model_file(model, number)


def _as_recorded(holdout: pd.DataFrame, rebuilt: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
    """Predictions beside those that the training set keeps of its holdout rows: of several classes, that of the likeliest."""
    return {
        "rebuilt": rebuilt if rebuilt.ndim == 1 else rebuilt.max(axis=1),
        "registered": holdout[c.PREDICTION].to_numpy(dtype=float),
    }


def _seeded(recorded: Recorded) -> ModelSpec:
    spec = recorded.spec
    return spec.model_copy(update={"training": spec.training.model_copy(update={"seed": recorded.seed})})


def _training_set(recorded: Recorded, gateways: Gateways) -> tuple[pd.DataFrame, str]:
    """The rows a version was made from, and the hash of their content.

    Where neither the table nor the version of it on record holds the rows of the recorded hash, it is the latest rows, with
    the hash they have.
    """
    wanted = recorded.tag("data")
    latest = _read(recorded, gateways, None)
    found = [] if latest is None else [latest]
    table_version = recorded.tag("data_table_version")
    if table_version and (latest is None or _hash(latest) != wanted):
        with contextlib.suppress(SourceError):  # its files are gone: they are kept for the model's `history`
            past = _read(recorded, gateways, int(table_version))
            found += [] if past is None else [past]
    if not found:
        model, number = recorded.version.model, recorded.version.number
        raise EvenkeelError(
            f"{model} version {number}: its training set {recorded.tag('training')} is not in "
            f"{gateways.lake.table_uri(model, TRAINING_SETS)} (any more), so it cannot be made again; restore the table, or set "
            "EVENKEEL_LAKE to the lake it was trained in"
        )
    rows = next((one for one in found if _hash(one) == wanted), found[0])
    return rows.rename(columns={_ROW_PARTITION: c.PARTITION}), _hash(rows)


def _read(recorded: Recorded, gateways: Gateways, version: int | None) -> pd.DataFrame | None:
    partitions = [recorded.tag("training")]
    found = gateways.lake.read(recorded.version.model, TRAINING_SETS, partitions=partitions, version=version)
    if found is None or found.empty:
        return None
    # Trainings of other specs have given the table columns that this one never had.
    names = recorded.columns or tuple(
        str(name) for name in found if name != c.PARTITION and not found[name].isna().all()
    )
    return found[[name for name in names if name in found]]


def _hash(learnt: pd.DataFrame) -> str:
    return content_hash(learnt)[:32]


def _side_by_side(holdout: pd.DataFrame, spec: ModelSpec, predicted: Mapping[str, Any]) -> pd.DataFrame:
    """The keys of the holdout rows and what either model predicts: a column each, or one for each class."""
    found = {name: holdout[name].to_numpy() for name in spec.rows.key}
    for name, values in predicted.items():
        if values.ndim == 1:
            found[name] = values
        else:
            found |= {f"{name}_{place}": values[:, place] for place in range(values.shape[1])}
    return pd.DataFrame(found)


def _json_of(run: Run, name: str, gateways: Gateways) -> Any:
    content = gateways.registry.artifact(run.id, name)
    return None if content is None else json.loads(content)


def _candidate(spec: ModelSpec, run: Run, gateways: Gateways) -> Candidate:
    chosen = _json_of(run, CANDIDATE, gateways)
    if chosen is not None:
        return Candidate.model_validate_json(json.dumps(chosen))
    name = run.params.get("candidate")
    for candidate in spec.training.candidates:
        if candidate.name == name:
            return candidate
    known = ", ".join(candidate.name for candidate in spec.training.candidates)
    raise EvenkeelError(
        f"{spec.model}: run {run.id} was of candidate {name!r}, which the spec does not know (it has {known}), and the run has "
        f"no file {CANDIDATE}; put the candidate back into the spec"
    )


def _contradictions(spec: ModelSpec, candidate: Candidate, version: Version, run: Run) -> list[Difference]:
    """Where tags, files and parameters of one run say different things: one of them was changed since."""
    tags = version.tags
    found = []
    if tags["evenkeel.seed"] != str(spec.training.seed):
        found.append(Difference("seed", f"{spec.training.seed} (spec)", f"{tags['evenkeel.seed']} (tag)"))
    public = json.dumps(without_secrets(spec.model_dump(mode="json")))
    if tags.get("evenkeel.spec") != spec.hash and not any(mark in public for mark in MASKS):
        found.append(Difference("spec", tags.get("evenkeel.spec", "none"), spec.hash))
    if run.params.get("estimator", candidate.estimator) != candidate.estimator:
        found.append(Difference("estimator", run.params["estimator"], candidate.estimator))
    for name, value in candidate.params.items():
        if run.params.get(name, str(value)) != str(value):
            found.append(Difference(f"parameter {name}", run.params[name], str(value)))
    return found


def _differences(recorded: Recorded, data: str, gateways: Gateways) -> Iterator[Difference]:
    """What is not as it was when the version was made: rows, record, code, lock, packages, interpreter and machine."""
    if data != recorded.tag("data"):
        yield Difference("data", recorded.tag("data"), data)
    yield from recorded.contradictions
    project = gateways.settings.project
    for name, now in (("code", code_version(project)), ("lock", lock_hash(project))):
        if recorded.tag(name) not in {"", now}:
            yield Difference(name, recorded.tag(name), now)
    here = environment_text().splitlines()
    if recorded.environment is None:
        if recorded.tag("environment") != environment_hash():
            yield Difference("environment", recorded.tag("environment"), environment_hash())
        return
    packages = compare_packages(recorded.environment, here)
    if packages is not None:
        yield packages
    before, now = _machine(recorded.environment), _machine(here)
    if before != now:
        yield Difference("machine", before, now)


def _machine(environment: Sequence[str]) -> str:
    """The lines of an environment that are no package."""
    return "; ".join(line.removeprefix("# ") for line in environment if line.startswith("#"))
