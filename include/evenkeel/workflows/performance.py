"""Does the champion still do what it promised? Judged on labels that have matured, estimated where they have not."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from evenkeel.decisions.day_statistics import Terms, metric_of_days
from evenkeel.decisions.decay import Fall, Sample, judge_decay, measure_fall
from evenkeel.decisions.retraining import DECAY
from evenkeel.decisions.reweighting import effective_rows, explain_fall
from evenkeel.decisions.uncertainty import rolling_mean_of_days
from evenkeel.vocabulary import columns as c
from evenkeel.vocabulary.verdict import DriftOutcome
from evenkeel.workflows.check_window import (
    Measured,
    check_run,
    labelled,
    last_days,
    leave_note,
    published_predictions,
)
from evenkeel.workflows.label_free import LabelFree, learn_label_free
from evenkeel.workflows.promise import promised_sample
from evenkeel.workflows.reference import ROW_DAY
from evenkeel.workflows.same_inputs import weights_to_inputs_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from evenkeel.vocabulary.partition import Partition
    from evenkeel.vocabulary.spec import ModelSpec
    from evenkeel.workflows.gateways import Gateways

Numbers = dict[str, float | int | None]


def measure_performance(spec: ModelSpec, partition: Partition, gateways: Gateways) -> Measured:
    """Compare the champion's metric on the window's matured labels with what it did on its own holdout.

    Where it is worse by more than the spec tolerates, say whether the inputs explain it. Estimate the metric of the rows whose
    labels are not there yet, and beside the truth that of those whose labels are.
    """
    run = check_run(spec, partition)
    window = last_days(gateways.staging.get(run, "scored"), partition, spec.drift.decay.window)
    promised = gateways.staging.get(run, "promised")
    known = labelled(window)
    found = None
    if len(known) and len(promised):
        found = _fall(spec, promised, known)
    verdict = judge_decay(
        metric=spec.promotion.metric,
        found=found,
        labels=len(known),
        days=0 if known.empty else int(known[c.PARTITION].nunique()),
        holdout_days=0 if promised.empty else int(promised[ROW_DAY].nunique()),
        min_labels=spec.drift.decay.min_labels,
        tolerance=spec.drift.decay.tolerance,
    )
    numbers, reasons = dict(verdict.numbers), [verdict.reason]
    if found is not None and verdict.outcome in {DriftOutcome.WATCH, DriftOutcome.DRIFT}:
        sentence, told = _why(spec, promised, known, found)
        reasons.append(sentence)
        numbers |= told
    label_free = learn_label_free(spec, promised)
    if label_free is not None:
        for part in (label_free.ahead(window), label_free.beside_the_truth(window)):
            reasons += part.sentences
            numbers |= part.numbers
    if len(window):
        gateways.staging.put(run, "days", _days(spec, window, label_free))
    causes = (DECAY,) if verdict.outcome is DriftOutcome.DRIFT else ()
    answer = Measured(str(verdict.outcome), "; ".join(reasons), numbers, causes=causes)
    return leave_note(run, "decay", answer, gateways)


def _fall(spec: ModelSpec, promised: pd.DataFrame, known: pd.DataFrame, own: NDArray[np.float64] | None = None) -> Fall:
    now = Sample(known[c.LABEL].to_numpy(), published_predictions(spec, known), known[c.PARTITION].to_numpy(), own)
    return measure_fall(
        spec.task,
        spec.promotion.metric,
        promised_sample(spec, promised),
        now,
        alpha=spec.drift.alpha,
        seed=spec.training.seed,
        terms=Terms(quantile=spec.evaluation.quantile),
    )


def _why(spec: ModelSpec, promised: pd.DataFrame, known: pd.DataFrame, found: Fall) -> tuple[str, Numbers]:
    """Whether the fall is of the concept or of the inputs: a sentence and its numbers."""
    weights = weights_to_inputs_of(spec, promised, known)
    weighed = _fall(spec, promised, known, weights)
    assert found.fall is not None
    explained = explain_fall(found.fall, weighed.fall, weights)
    numbers: Numbers = {"effective_rows": round(effective_rows(weights), 1), "mean_weight": float(weights.mean())}
    if weighed.fall is not None:
        fall = weighed.fall
        numbers |= {"weighed_fall": fall.value, "weighed_fall_low": fall.low, "weighed_fall_high": fall.high}
    return explained.sentence, numbers


def _days(spec: ModelSpec, window: pd.DataFrame, label_free: LabelFree | None) -> pd.DataFrame:
    """The metric of each day of the window on its matured labels and as estimated, and its mean over the week up to the day."""
    keys, places = np.unique(window[c.PARTITION], return_inverse=True)
    known = window[c.LABEL].notna().to_numpy() if c.LABEL in window else np.zeros(len(window), dtype=bool)
    value = np.full(len(keys), math.nan)
    if known.any():
        rows = window[known]
        said = published_predictions(spec, rows)
        measure = metric_of_days(
            spec.task,
            spec.promotion.metric,
            rows[c.LABEL].to_numpy(),
            said.values,
            places[known],
            said.classes,
            count=len(keys),
            terms=Terms(quantile=spec.evaluation.quantile),
        )
        value = measure(np.eye(len(keys)))
    mean, low, high = rolling_mean_of_days(value, level=1 - 2 * spec.drift.alpha, seed=spec.training.seed)
    return pd.DataFrame(
        {
            "day": keys,
            "rows": np.bincount(places),
            "labels": np.bincount(places, weights=known).astype(np.int64),
            "metric": spec.promotion.metric,
            "value": value,
            "estimate": np.full(len(keys), math.nan) if label_free is None else label_free.by_day(window),
            "mean": mean,
            "low": low,
            "high": high,
        }
    )
