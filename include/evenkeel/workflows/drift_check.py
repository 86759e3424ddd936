"""The drift check: did the inputs or the scores move, and does the champion still do what it promised?"""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from evenkeel.decisions.comparison import Predictions
from evenkeel.decisions.decay import judge_decay
from evenkeel.decisions.drift import judge_drift
from evenkeel.decisions.evaluation import evaluate
from evenkeel.vocabulary import columns as c
from evenkeel.vocabulary.errors import EvenkeelError
from evenkeel.vocabulary.tables import CHECK_COLUMNS, CHECKS, SCORES, TRAINING_SETS
from evenkeel.vocabulary.verdict import DriftOutcome
from evenkeel.workflows.challenge import PART
from evenkeel.workflows.frame import add_labels

if TYPE_CHECKING:
    from collections.abc import Iterable

    from evenkeel.vocabulary.partition import Partition
    from evenkeel.vocabulary.spec import ModelSpec
    from evenkeel.workflows.gateways import Gateways
    from evenkeel.workflows.ledger import Entry


@dataclass(frozen=True)
class Gathered:
    """What the check looks at: the champion's scores of a window, and what the champion learnt from."""

    partition: str
    champion: int
    rows: int
    reference_rows: int
    labels: int


@dataclass(frozen=True)
class Measured:
    """One of the check's two answers."""

    outcome: str
    reason: str
    numbers: dict[str, float | int | None]
    page: str | None = None


@dataclass(frozen=True)
class Recorded:
    """Both answers, as they are on record."""

    partition: str
    champion: int
    drift: str
    decay: str
    reason: str
    signal: bool


def check_run(spec: ModelSpec, partition: Partition) -> str:
    """Where that run's steps leave what the next one needs."""
    return f"{spec.model}/drift_check/{partition.key}"


def window_of(spec: ModelSpec, partition: Partition) -> list[Partition]:
    """The partitions a check looks at, in order: the longer of its two windows, ending with its own."""
    days = max(_days(spec.drift.window), _days(spec.drift.decay.window))
    return [partition.shift(-back) for back in reversed(range(days))]


def gather_window(spec: ModelSpec, partition: Partition, gateways: Gateways) -> Gathered:
    """Collect the scores that the champion of the day made in the windows that end with the partition, the labels that
    have matured by the check's as-of, and what that champion learnt from.

    Raises EvenkeelError where no champion was effective during the partition.
    """
    gateways.staging.sweep(spec.model)
    champion = gateways.ledger.champion(spec.model, spec.scoring_as_of(partition))
    if champion is None or champion.version is None:
        raise EvenkeelError(f"{spec.model} {partition}: no champion was effective then, so there is nothing to check")
    keys = [one.key for one in window_of(spec, partition)]
    scores = gateways.lake.read(spec.model, SCORES, partitions=keys)
    mine = _of_champion(scores, champion.version)
    as_of = spec.check_as_of(partition)
    labelled = mine if mine.empty else add_labels(spec, mine, as_of, gateways.sources)
    reference = _reference(spec, champion, gateways)
    run = check_run(spec, partition)
    gateways.staging.put(run, "scored", labelled)
    gateways.staging.put(run, "reference", _sample(reference, spec))
    matured = int(labelled[c.LABEL].notna().sum()) if c.LABEL in labelled else 0
    result = Gathered(partition.key, champion.version, len(labelled), len(reference), matured)
    promised = champion.numbers.get("challenger")
    gateways.staging.put_note(run, "gathered", asdict(result) | {"promised": promised})
    return result


def measure_drift(spec: ModelSpec, partition: Partition, gateways: Gateways) -> Measured:
    """Compare the window's inputs and scores with the champion's reference, by the spec's fixed methods.

    The scores of a multiclass model are its probabilities, class by class. A feature that the spec gained or lost since the
    champion was trained is in only one of them and is left out.
    """
    run = check_run(spec, partition)
    reference = gateways.staging.get(run, "reference")
    current = _last(gateways.staging.get(run, "scored"), partition, spec.drift.window)
    if len(current) < spec.drift.min_rows:
        verdict = judge_drift({}, rows=len(current), min_rows=spec.drift.min_rows, share=spec.drift.share)
        return _note(run, "drift", Measured(str(verdict.outcome), verdict.reason, dict(verdict.numbers)), gateways)
    scores = _probabilities(current.columns) if spec.task == "multiclass" else [c.PREDICTION]
    there = [one for one in (*spec.features.names, *scores) if one in reference and one in current]
    numeric = [*spec.features.numeric, *scores]
    report = gateways.drift.compare(
        _sample(reference[there], spec),
        _sample(current[there], spec),
        numeric=[one for one in numeric if one in there],
        categorical=[one for one in spec.features.categorical if one in there],
        numeric_method=spec.drift.numeric_method,
        categorical_method=spec.drift.categorical_method,
        numeric_threshold=spec.drift.numeric_threshold,
        categorical_threshold=spec.drift.categorical_threshold,
        title=f"{spec.model}: {_days(spec.drift.window)} days to {partition} against what the champion learnt from",
        page=gateways.draws_pages,
    )
    moved = {one.column: one.drifted for one in report.columns}
    verdict = judge_drift(moved, rows=len(current), min_rows=spec.drift.min_rows, share=spec.drift.share)
    page = f"{spec.model}/drift_check/{partition.key}/drift.html" if gateways.draws_pages else None
    if page is not None:
        gateways.pages.put(page, report.html)
    gateways.staging.put(run, "columns", pd.DataFrame([asdict(one) for one in report.columns]))
    return _note(run, "drift", Measured(str(verdict.outcome), verdict.reason, dict(verdict.numbers), page), gateways)


def measure_performance(spec: ModelSpec, partition: Partition, gateways: Gateways) -> Measured:
    """Compare the champion's metric on the window's matured labels with what it promised when it was promoted."""
    run = check_run(spec, partition)
    note = gateways.staging.get_note(run, "gathered")
    window = _last(gateways.staging.get(run, "scored"), partition, spec.drift.decay.window)
    known = window[window[c.LABEL].notna()] if c.LABEL in window else window.iloc[:0]
    measured = measure_scores(spec, known)[spec.promotion.metric] if len(known) else None
    verdict = judge_decay(
        metric=spec.promotion.metric,
        promised=note["promised"],
        measured=measured,
        labels=len(known),
        min_labels=spec.drift.decay.min_labels,
        tolerance=spec.drift.decay.tolerance,
    )
    return _note(run, "decay", Measured(str(verdict.outcome), verdict.reason, dict(verdict.numbers)), gateways)


def record_check(spec: ModelSpec, partition: Partition, gateways: Gateways) -> Recorded:
    """Put both answers on record, replacing an earlier check of the same partition."""
    run = check_run(spec, partition)
    note = gateways.staging.get_note(run, "gathered")
    drift, decay = gateways.staging.get_note(run, "drift"), gateways.staging.get_note(run, "decay")
    row = {
        "as_of": spec.check_as_of(partition),
        "champion": note["champion"],
        "rows": note["rows"],
        "labels": note["labels"],
        **{
            f"{name}_{key}": answer[key]
            for name, answer in (("drift", drift), ("decay", decay))
            for key in ("outcome", "reason")
        },
        "drift_numbers": json.dumps(drift["numbers"]),
        "decay_numbers": json.dumps(decay["numbers"]),
        "page": drift["page"] or "",
    }
    metadata = {"spec": spec.hash, "run": gateways.run}
    if drift["outcome"] != DriftOutcome.INSUFFICIENT_DATA:
        columns = gateways.staging.get(run, "columns")
        gateways.lake.publish(spec.model, CHECK_COLUMNS, partition.key, columns, metadata)
    gateways.lake.publish(spec.model, CHECKS, partition.key, pd.DataFrame([row]), metadata)
    signal = DriftOutcome.DRIFT in {drift["outcome"], decay["outcome"]}
    reason = f"drift: {drift['reason']}; performance: {decay['reason']}"
    return Recorded(partition.key, note["champion"], drift["outcome"], decay["outcome"], reason, signal)


def _of_champion(scores: pd.DataFrame | None, champion: int) -> pd.DataFrame:
    if scores is None:
        return pd.DataFrame()
    mine: pd.DataFrame = scores[scores[c.MODEL_VERSION] == champion].reset_index(drop=True)
    return mine


def _reference(spec: ModelSpec, champion: Entry, gateways: Gateways) -> pd.DataFrame:
    """What the champion learnt from; its scores are those of the holdout, which it had not seen."""
    found = gateways.lake.read(spec.model, TRAINING_SETS, partitions=[champion.training or ""])
    if found is None or found.empty:
        raise EvenkeelError(
            f"{spec.model}: the training set {champion.training} of champion {champion.version} is not in the lake"
        )
    return found.drop(columns=[c.PARTITION, PART])


def _last(frame: pd.DataFrame, partition: Partition, window: timedelta) -> pd.DataFrame:
    if frame.empty:
        return frame
    first = partition.shift(1 - _days(window)).key
    return frame[frame[c.PARTITION] >= first].reset_index(drop=True)


def _days(window: timedelta) -> int:
    return max(1, math.ceil(window / timedelta(days=1)))


def _sample(frame: pd.DataFrame, spec: ModelSpec) -> pd.DataFrame:
    if len(frame) <= spec.drift.sample:
        return frame
    return frame.sample(spec.drift.sample, random_state=spec.training.seed).reset_index(drop=True)


def measure_scores(spec: ModelSpec, known: pd.DataFrame) -> dict[str, float]:
    """Every metric of published scores on their labels; all of them are known."""
    published = published_predictions(spec, known)
    return evaluate(spec.task, known[c.LABEL].to_numpy(), published.values, published.classes)


def published_predictions(spec: ModelSpec, scores: pd.DataFrame) -> Predictions:
    """Published scores as predictions; a class that a row has no probability of has probability zero."""
    if spec.task != "multiclass":
        return Predictions(scores[c.PREDICTION].to_numpy(dtype=float))
    told = _probabilities(scores.columns)
    classes = [name.removeprefix(c.PROBABILITY_PREFIX) for name in told]
    return Predictions(np.nan_to_num(scores[told].to_numpy(dtype=float)), classes)


def _probabilities(columns: Iterable[str]) -> list[str]:
    return [name for name in columns if name.startswith(c.PROBABILITY_PREFIX)]


def _note(run: str, name: str, measured: Measured, gateways: Gateways) -> Measured:
    gateways.staging.put_note(run, name, asdict(measured))
    return measured
