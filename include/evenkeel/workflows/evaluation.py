"""Evaluation: what a challenger and whom it met are worth on the same rows, with how sure that is."""

from __future__ import annotations

import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from evenkeel.decisions.comparison import Comparison, Predictions, SliceMeasured, compare
from evenkeel.decisions.day_statistics import Terms
from evenkeel.decisions.evaluation import baseline
from evenkeel.gateways.estimators import predict
from evenkeel.vocabulary import columns as c
from evenkeel.vocabulary.estimate import Estimate
from evenkeel.workflows.candidates import fit_whole
from evenkeel.workflows.predict import predictions_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd
    from sklearn.pipeline import Pipeline

    from evenkeel.vocabulary.spec import ModelSpec

_TIMED_ROWS = 5_000
_TIMES = 3


def baseline_predictions(
    spec: ModelSpec, train: pd.DataFrame, rows: pd.DataFrame, classes: Sequence[object]
) -> Predictions:
    """What a first champion has to beat: predicting without looking, or the spec's simple candidate, fitted on the same rows."""
    simple = spec.promotion.baseline
    if simple == "prior":
        return Predictions(baseline(spec.task, train[c.LABEL].to_numpy(), len(rows), classes), classes)
    return predictions_of(spec, fit_whole(spec, simple, train), rows)


def baseline_name(spec: ModelSpec) -> str:
    """The baseline in words."""
    simple = spec.promotion.baseline
    return "the baseline" if simple == "prior" else f"the baseline ({simple.name})"


def compare_on(
    spec: ModelSpec,
    rows: pd.DataFrame,
    challenger: Predictions,
    opponent: Predictions,
    threshold: float | None = None,
) -> Comparison:
    """Both on the same labelled rows, with the spec's metric, slices, costs, level and seed.

    `threshold` is the challenger's, of a binary model; both are asked for their answers at it.
    """
    return compare(
        spec.task,
        spec.promotion.metric,
        rows[c.LABEL].to_numpy(),
        rows[c.PARTITION].to_numpy(),
        challenger,
        opponent,
        alpha=spec.promotion.alpha,
        seed=spec.training.seed,
        terms=Terms(threshold, None if threshold is None else spec.evaluation.costs, spec.evaluation.quantile),
        slices={name: rows[name].to_numpy() for name in spec.sliced if name in rows},
    )


def measure_latency(spec: ModelSpec, estimator: Pipeline, rows: pd.DataFrame) -> float:
    """Milliseconds that scoring a thousand rows with an estimator takes, here and now; the fastest of a few times counts."""
    some = rows.head(_TIMED_ROWS)
    taken = []
    for _ in range(_TIMES):
        began = time.perf_counter()
        predict(estimator, some, spec.task)
        taken.append(time.perf_counter() - began)
    return min(taken) * 1e3 / (len(some) / 1e3)


def evaluation_record(compared: Comparison, opponent: str) -> dict[str, Any]:
    """A comparison as it is kept beside the model, in plain values."""
    return {
        "metrics": {"challenger": _plain(compared.challenger), "opponent": _plain(compared.opponent)},
        "gain": _plain(compared.gain),
        "opponent": opponent,
        "labels": compared.labels,
        "days": compared.days,
        "confidence": compared.level,
        "slices": [asdict(one) for one in compared.slices],
    }


def comparison_of(record: Mapping[str, Any]) -> Comparison:
    """The comparison that was kept as plain values."""
    slices = [
        SliceMeasured(**{**one, "challenger": _estimate(one["challenger"]), "gain": _estimate(one["gain"])})
        for one in record["slices"]
    ]
    return Comparison(
        labels=record["labels"],
        days=record["days"],
        level=record["confidence"],
        challenger=_estimates(record["metrics"]["challenger"]),
        opponent=_estimates(record["metrics"]["opponent"]),
        gain=_estimates(record["gain"]),
        slices=tuple(slices),
    )


def values(measured: Mapping[str, Estimate | None]) -> dict[str, float]:
    """The values without their intervals; NaN where a metric is undefined."""
    return {name: float("nan") if one is None else one.value for name, one in measured.items()}


def _plain(measured: Mapping[str, Estimate | None]) -> dict[str, Any]:
    return {name: None if one is None else asdict(one) for name, one in measured.items()}


def _estimates(plain: Mapping[str, Any]) -> dict[str, Estimate | None]:
    return {name: _estimate(one) for name, one in plain.items()}


def _estimate(plain: Any) -> Estimate | None:
    return None if plain is None else Estimate(**plain)
