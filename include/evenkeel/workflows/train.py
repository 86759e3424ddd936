"""Training, first half: a window before the as-of is read, gated, split by time, and each candidate fitted on it."""

from __future__ import annotations

import functools
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from evenkeel.gateways.lake import content_hash
from evenkeel.gateways.model_file import digest_of, dump_estimator, load_estimator
from evenkeel.vocabulary import columns as c
from evenkeel.vocabulary.errors import EvenkeelError, GateRefusedError
from evenkeel.vocabulary.partition import Partition, back, partitions_between
from evenkeel.vocabulary.verdict import Outcome
from evenkeel.workflows.candidates import compare_candidate, fit_whole
from evenkeel.workflows.data_gate import gate_labels, gate_window
from evenkeel.workflows.frame import add_labels
from evenkeel.workflows.ledger import TRAINING, Entry, Kind, champion_met

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from sklearn.pipeline import Pipeline

    from evenkeel.vocabulary.spec import ModelSpec
    from evenkeel.vocabulary.spec_training import Candidate
    from evenkeel.workflows.gateways import Gateways

T = TypeVar("T")


@dataclass(frozen=True)
class Extracted:
    """What a training starts from."""

    training: str
    rows: int
    first_partition: str
    last_partition: str
    data_version: str


@dataclass(frozen=True)
class Validated:
    """What the data gate said of the window."""

    rows: int
    quarantined: int
    suite_hash: str
    page: str


@dataclass(frozen=True)
class Split:
    """Rows before the gap and after it."""

    train_rows: int
    holdout_rows: int
    holdout_from: str


@dataclass(frozen=True)
class Fitted:
    """One candidate, fitted; its metric on the folds of the training part decides which candidate becomes the challenger.

    `params` are those that were set or searched, `spread` the standard deviation over the folds, `threshold` that of a binary
    model. `limited` says that the time for trials ran out.
    """

    candidate: str
    metric: str
    value: float
    spread: float | None
    params: Mapping[str, Any]
    trials: int
    pruned: int
    limited: bool
    threshold: float | None


def training_id(spec: ModelSpec, as_of: datetime) -> str:
    """The name of the one training of a spec as of an instant; running it again is the same training."""
    return f"{as_of:%Y%m%dT%H%M%SZ}-{spec.hash[:8]}"


def training_subject(spec: ModelSpec, as_of: datetime) -> str:
    """What the ledger's decisions about that training are filed under."""
    return f"{TRAINING}{training_id(spec, as_of)}"


def training_run(spec: ModelSpec, as_of: datetime) -> str:
    """Where that training's steps leave what the next one needs."""
    return f"{spec.model}/train/{training_id(spec, as_of)}"


def data_docs_name(spec: ModelSpec, as_of: datetime) -> str:
    """Name of the page that shows what the data gate said of the window."""
    return f"{spec.model}/train/{training_id(spec, as_of)}/data_docs.html"


def labels_docs_name(spec: ModelSpec, as_of: datetime) -> str:
    """Name of the page that shows what the data gate said of the window's labels."""
    return f"{spec.model}/train/{training_id(spec, as_of)}/labels_data_docs.html"


def _refusals_on_record(
    step: Callable[[ModelSpec, datetime, Gateways], T],
) -> Callable[[ModelSpec, datetime, Gateways], T]:
    """A gate that refuses a training before there is a challenger to judge leaves an entry in the ledger.

    The same training, run again after its data was repaired, decides anew.
    """

    @functools.wraps(step)
    def call(spec: ModelSpec, as_of: datetime, gateways: Gateways) -> T:
        try:
            return step(spec, as_of, gateways)
        except GateRefusedError as error:
            _record_refusal(spec, as_of, str(error), gateways)
            raise

    return call


@_refusals_on_record
def extract_window(spec: ModelSpec, as_of: datetime, gateways: Gateways) -> Extracted:
    """Read the window before the as-of with the labels known by then, and build its features partition by partition.

    Raises GateRefusedError where the window holds no labelled row.
    """
    gateways.staging.sweep(spec.model, spec.longest_training)
    start = back(as_of, spec.training.window, spec.timezone)
    partitions = [one for one in partitions_between(start, as_of, spec.timezone) if spec.scoring_as_of(one) <= as_of]
    if not partitions:
        raise GateRefusedError(f"{spec.model} as of {as_of.isoformat()}: the window holds no whole partition")
    frame = add_labels(spec, gateways.frames.build(spec, partitions), as_of, gateways.sources)
    labelled = frame[frame[c.LABEL].notna()].reset_index(drop=True)
    if labelled.empty:
        raise GateRefusedError(
            f"{spec.model} as of {as_of.isoformat()}: no labelled row between {partitions[0]} and {partitions[-1]}; "
            f"{len(frame)} rows were found, check the label source and the as-of"
        )
    gateways.staging.put(training_run(spec, as_of), "extracted", labelled)
    return Extracted(
        training=training_id(spec, as_of),
        rows=len(labelled),
        first_partition=str(labelled[c.PARTITION].min()),
        last_partition=str(labelled[c.PARTITION].max()),
        data_version=content_hash(labelled)[:32],
    )


@_refusals_on_record
def validate_window(spec: ModelSpec, as_of: datetime, gateways: Gateways) -> Validated:
    """Hold the window against the spec's suites, of rows and of labels; what they quarantine is not learnt from.

    Raises GateRefusedError.
    """
    run = training_run(spec, as_of)
    frame = gateways.staging.get(run, "extracted")
    what = f"{spec.model} train as of {as_of:%Y-%m-%d %H:%M}Z"
    gated = gate_window(spec, as_of, frame, what=what, page=data_docs_name(spec, as_of), gateways=gateways)
    accepted, suites = gated.accepted, gated.suite_hash
    later = accepted[spec.rows.event_time] >= _holdout_from(spec, as_of)
    if spec.data_gate.labels is not None and later.any() and not later.all():  # an empty part is refused at the split
        page = labels_docs_name(spec, as_of)
        labels = gate_labels(spec, accepted[~later], accepted[later], what=what, page=page, gateways=gateways)
        accepted, suites = labels.accepted, f"{suites}+{labels.suite_hash}"
    quarantined = len(frame) - len(accepted)
    gateways.staging.put(run, "validated", accepted)
    gateways.staging.put_note(run, "validation", {"suite_hash": suites, "quarantined": quarantined})
    return Validated(len(accepted), quarantined, suites, gated.page)


@_refusals_on_record
def split_window(spec: ModelSpec, as_of: datetime, gateways: Gateways) -> Split:
    """Split by time: training rows, a gap of at least the label's maturation, the holdout.

    Raises GateRefusedError where either part is empty.
    """
    frame = gateways.staging.get(training_run(spec, as_of), "validated")
    holdout_from = _holdout_from(spec, as_of)
    # The gap counts calendar days, and one of 23 hours is shorter than a maturation of a day.
    gap_from = back(holdout_from, spec.training.gap, spec.timezone)
    train_until = min(gap_from, holdout_from - spec.label.maturation)
    event_time = frame[spec.rows.event_time]
    parts = {"train": frame[event_time < train_until], "holdout": frame[event_time >= holdout_from]}
    for name, part in parts.items():
        if part.empty:
            raise GateRefusedError(
                f"{spec.model} as of {as_of.isoformat()}: the {name} part is empty; training rows end {train_until.isoformat()}, "
                f"the holdout begins {holdout_from.isoformat()}, data lies between {event_time.min()} and {event_time.max()}"
            )
        gateways.staging.put(training_run(spec, as_of), name, part.reset_index(drop=True))
    return Split(len(parts["train"]), len(parts["holdout"]), Partition.containing(holdout_from, spec.timezone).key)


def fit_candidate(spec: ModelSpec, as_of: datetime, name: str, gateways: Gateways) -> Fitted:
    """Measure one candidate on later days of the training part, tune it if it has a search, and fit it on the whole of it."""
    candidate = _candidate(spec, name)
    run = training_run(spec, as_of)
    frame = gateways.staging.get(run, "train").sort_values(spec.rows.event_time, kind="stable")
    compared = compare_candidate(spec, candidate, frame)
    content = dump_estimator(fit_whole(spec, candidate, frame, compared.params), candidate.storage)
    fitted = Fitted(
        candidate=name,
        metric=spec.promotion.metric,
        value=compared.value,
        spread=compared.spread,
        params=compared.params,
        trials=len(compared.trials),
        pruned=sum(one["state"] == "pruned" for one in compared.trials),
        limited=compared.limited,
        threshold=compared.threshold,
    )
    gateways.staging.put_bytes(run, _model_file(candidate), content)
    gateways.staging.put_note(run, f"trials_{name}", {"trials": compared.trials})
    gateways.staging.put_note(run, f"fitted_{name}", asdict(fitted) | {"digest": digest_of(content)})
    return fitted


def staged_candidate(spec: ModelSpec, as_of: datetime, name: str, gateways: Gateways) -> tuple[Pipeline, int]:
    """A fitted candidate of this training, and the size of its file in bytes.

    Raises EvenkeelError where its file is not the one that was staged.
    """
    candidate, run = _candidate(spec, name), training_run(spec, as_of)
    content = gateways.staging.get_bytes(run, _model_file(candidate))
    digest = gateways.staging.get_note(run, f"fitted_{name}")["digest"]
    what = f"{run}/{_model_file(candidate)}"
    return load_estimator(content, what, storage=candidate.storage, digest=digest), len(content)


def _model_file(candidate: Candidate) -> str:
    return f"candidate_{candidate.name}.{candidate.storage}"


def _holdout_from(spec: ModelSpec, as_of: datetime) -> datetime:
    return back(as_of, spec.training.holdout, spec.timezone)


def _record_refusal(spec: ModelSpec, as_of: datetime, reason: str, gateways: Gateways) -> None:
    subject = training_subject(spec, as_of)
    entry_id = f"{subject}/refused"

    def decide(entries: list[Entry]) -> Entry:
        champion = champion_met(entries, subject, as_of)
        return Entry(
            id=entry_id,
            model=spec.model,
            kind=Kind.REFUSED,
            effective_at=as_of,
            reason=reason,
            previous_version=None if champion is None else champion.version,
            training=training_id(spec, as_of),
            verdict=str(Outcome.REFUSE),
        )

    gateways.ledger.record(spec.model, entry_id, decide)


def _candidate(spec: ModelSpec, name: str) -> Candidate:
    for candidate in spec.training.candidates:
        if candidate.name == name:
            return candidate
    known = ", ".join(candidate.name for candidate in spec.training.candidates)
    raise EvenkeelError(f"{spec.model}: there is no candidate {name!r}; the spec has {known}")
