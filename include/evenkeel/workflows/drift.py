"""Did the inputs, the scores or the labels move, against what the champion learnt from?"""

from __future__ import annotations

import math
from dataclasses import asdict, replace
from typing import TYPE_CHECKING

import pandas as pd

from evenkeel.decisions.calibrated import LEAST_DAYS, Reference, measure_window, threshold_together
from evenkeel.decisions.drift import TOGETHER, Moved, judge_drift
from evenkeel.vocabulary import columns as c
from evenkeel.vocabulary.tables import SCORES
from evenkeel.vocabulary.verdict import DriftOutcome
from evenkeel.workflows.check_window import Measured, check_run, days_of, last_days, leave_note, sample_of
from evenkeel.workflows.counting import count_reference, count_window
from evenkeel.workflows.reference import ROW_DAY, StoredReference, is_numeric, reference_of, score_columns

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from evenkeel.decisions.profile import Counted
    from evenkeel.vocabulary.partition import Partition
    from evenkeel.vocabulary.spec import ModelSpec
    from evenkeel.workflows.gateways import Gateways

_OF_TOGETHER = 0.2
"""The share of `drift.alpha` that the features together may take; the single measures take the rest."""

_NAMED = 3
"""How many columns a sentence names before it only counts."""


def measure_drift(spec: ModelSpec, partition: Partition, gateways: Gateways) -> Measured:
    """Hold the window's features, scores and matured labels against the champion's reference.

    Each column is measured for itself (distribution, nulls, unseen values), all features also together. A feature that the spec
    gained or lost since the champion was trained is in only one of them and is left out.
    """
    run = check_run(spec, partition)
    note = gateways.staging.get_note(run, "gathered")
    window = last_days(gateways.staging.get(run, "scored"), partition, spec.drift.window)
    if len(window) < spec.drift.min_rows:
        verdict = judge_drift([], rows=len(window), min_rows=spec.drift.min_rows)
        return leave_note(run, "drift", Measured(str(verdict.outcome), verdict.reason, dict(verdict.numbers)), gateways)
    reference = reference_of(spec, note["training"], note["champion"], gateways)
    measures = _single(spec, reference.columns, window)
    importance: Mapping[str, float] = {}
    together = _together(spec, reference, window, gateways)
    if together is not None:
        found, importance = together
        measures.append(found)
    seasonal = _seasonal(spec, partition, measures, reference.columns, window, gateways)
    measures = [one for one in measures if one.cause not in seasonal]
    verdict = judge_drift(measures, rows=len(window), min_rows=spec.drift.min_rows)
    reason = verdict.reason + _too_short(reference.columns)
    if seasonal:
        reason += (
            f"; as it was {days_of(spec.drift.season or spec.drift.window)} days before: {', '.join(sorted(seasonal))}"
        )
    _keep_columns(run, measures, importance, gateways)
    page = (
        _draw(spec, partition, reference.sample, window, measures, reason, gateways) if gateways.draws_pages else None
    )
    causes = tuple(sorted(one.cause for one in measures if one.verdict is DriftOutcome.DRIFT))
    measured = Measured(str(verdict.outcome), reason, dict(verdict.numbers), page, causes)
    return leave_note(run, "drift", measured, gateways)


def _single(spec: ModelSpec, columns: Mapping[str, Reference], window: pd.DataFrame) -> list[Moved]:
    asked = [*spec.features.names, *score_columns(spec, window.columns), c.LABEL]
    held = [columns[name] for name in asked if name in columns and name in window]
    held = [one for one in held if len(one.counted.nulls) >= LEAST_DAYS]
    counted = {one.cells.column: _counted(window, one) for one in held}
    held = [one for one in held if len(counted[one.cells.column].nulls)]
    found = measure_window(held, counted, alpha=(1 - _OF_TOGETHER) * spec.drift.alpha, seed=spec.training.seed)
    return [
        Moved(
            one.column,
            one.measure,
            one.method,
            one.value,
            one.threshold,
            _effect(spec, one.column) if one.measure == "distribution" else spec.drift.rate_effect,
        )
        for one in found
        if not (one.column == c.LABEL and one.measure == "nulls")  # those have not matured
    ]


def _too_short(columns: Mapping[str, Reference]) -> str:
    """What is not measured because its reference has too few days, in words; the scores, after a short holdout."""
    short = [name for name, one in columns.items() if len(one.counted.nulls) < LEAST_DAYS]
    if not short:
        return ""
    more = f" and {len(short) - _NAMED} more" if len(short) > _NAMED else ""
    return f"; not measured, for a reference of fewer than {LEAST_DAYS} days: {', '.join(short[:_NAMED])}{more}"


def _counted(window: pd.DataFrame, reference: Reference) -> Counted:
    """Count a column; of the label only days and rows on which it has matured."""
    column = reference.cells.column
    rows = window[window[column].notna()] if column == c.LABEL else window
    return count_window(rows[column], rows[c.PARTITION], sorted(rows[c.PARTITION].unique()), reference.cells)


def _effect(spec: ModelSpec, column: str) -> float:
    return spec.drift.numeric_effect if is_numeric(spec, column) else spec.drift.categorical_effect


def _together(
    spec: ModelSpec, reference: StoredReference, window: pd.DataFrame, gateways: Gateways
) -> tuple[Moved, Mapping[str, float]] | None:
    """All features at once, with how much each tells; None where the reference is too short to know what chance gives."""
    chance = reference.together
    if chance is None or not all(one in reference.sample and one in window for one in spec.features.names):
        return None
    rows = sample_of(window, spec.drift.sample // 2, spec.training.seed).rename(columns={c.PARTITION: ROW_DAY})
    sample = sample_of(reference.sample, spec.drift.sample // 2, spec.training.seed)
    told = gateways.domain(spec).tell(sample, rows, ROW_DAY)
    threshold = threshold_together(
        chance,
        alpha=_OF_TOGETHER * spec.drift.alpha,
        reference_days=reference.sample[ROW_DAY].nunique(),
        window_days=days_of(spec.drift.window),
        reference_rows=len(sample),
        window_rows=len(rows),
    )
    found = Moved(TOGETHER, "together", "roc_auc", told.auc, threshold, spec.drift.together_effect)
    if found.verdict is DriftOutcome.NONE:
        return found, {}
    return found, gateways.domain(spec).tell(sample, rows, ROW_DAY, importance=True).importance


def _seasonal(
    spec: ModelSpec,
    partition: Partition,
    measures: Sequence[Moved],
    columns: Mapping[str, Reference],
    window: pd.DataFrame,
    gateways: Gateways,
) -> set[str]:
    """The causes that are as they were a season ago: the window does not differ from the days around its own of then.

    Nothing is, where the lake holds less than half of those days.
    """
    drifted = [one for one in measures if one.verdict is DriftOutcome.DRIFT and one.column in spec.features.names]
    if spec.drift.season is None or not drifted:
        return set()
    length, ago = days_of(spec.drift.window), days_of(spec.drift.season)
    keys = [partition.shift(-ago - back).key for back in reversed(range(-length, 2 * length))]
    names = sorted({one.column for one in drifted})
    published = gateways.lake.counts(spec.model, SCORES)
    there = [key for key in keys if key in published]
    if len(there) < max(LEAST_DAYS, len(keys) // 2):
        return set()
    past = gateways.lake.read(spec.model, SCORES, partitions=there, columns=[*names, c.PARTITION])
    assert past is not None
    then = [
        replace(columns[name], counted=count_reference(past[name], past[c.PARTITION], there, columns[name].cells))
        for name in names
    ]
    counted = {one.cells.column: _counted(window, one) for one in then}
    moved = {
        (one.column, one.measure)
        for one in measure_window(then, counted, alpha=spec.drift.alpha, seed=spec.training.seed)
        if one.excess > 1
    }
    return {one.cause for one in drifted if (one.column, one.kind) not in moved}


def _keep_columns(run: str, measures: Sequence[Moved], importance: Mapping[str, float], gateways: Gateways) -> None:
    told = [
        asdict(one)
        | {
            "excess": one.excess,
            "verdict": str(one.verdict),
            "drifted": one.verdict is DriftOutcome.DRIFT,
            "importance": importance.get(one.column, math.nan) if one.kind == "distribution" else math.nan,
        }
        for one in measures
    ]
    gateways.staging.put(run, "columns", pd.DataFrame(told))


def _draw(
    spec: ModelSpec,
    partition: Partition,
    reference: pd.DataFrame,
    window: pd.DataFrame,
    measures: Sequence[Moved],
    reason: str,
    gateways: Gateways,
) -> str:
    """Draw Evidently's page of a sample, with the thresholds that decide. A column without values on a side is only told of."""
    shown = [one for one in measures if one.kind == "distribution" and one.column != c.LABEL]
    report = gateways.drift.compare(
        reference,
        sample_of(window, spec.drift.sample, spec.training.seed),
        numeric=[one.column for one in shown if is_numeric(spec, one.column)],
        categorical=[one.column for one in shown if not is_numeric(spec, one.column)],
        numeric_method=spec.drift.numeric_method,
        categorical_method=spec.drift.categorical_method,
        thresholds={one.column: max(one.threshold, one.effect) for one in shown},
        title=f"{spec.model}: {days_of(spec.drift.window)} days to {partition} against what the champion learnt from",
        notes=[reason],
    )
    page = f"{spec.model}/drift_check/{partition.key}/drift.html"
    gateways.pages.put(page, report.html)
    return page
