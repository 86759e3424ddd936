"""Did the inputs or the scores move, against what the champion learnt from?"""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import pandas as pd

from evenkeel.decisions.drift import judge_drift
from evenkeel.vocabulary import columns as c
from evenkeel.vocabulary.verdict import DriftOutcome
from evenkeel.workflows.check_window import (
    Measured,
    check_run,
    days_of,
    last_days,
    leave_note,
    probability_columns,
    sample_of,
)

if TYPE_CHECKING:
    from evenkeel.vocabulary.partition import Partition
    from evenkeel.vocabulary.spec import ModelSpec
    from evenkeel.workflows.gateways import Gateways


def measure_drift(spec: ModelSpec, partition: Partition, gateways: Gateways) -> Measured:
    """Compare the window's inputs and scores with the champion's reference, by the spec's fixed methods.

    The scores of a multiclass model are its probabilities, class by class. A feature that the spec gained or lost since the
    champion was trained is in only one of them and is left out.
    """
    run = check_run(spec, partition)
    reference = gateways.staging.get(run, "reference")
    current = last_days(gateways.staging.get(run, "scored"), partition, spec.drift.window)
    if len(current) < spec.drift.min_rows:
        verdict = judge_drift({}, rows=len(current), min_rows=spec.drift.min_rows, share=spec.drift.share)
        return leave_note(run, "drift", Measured(str(verdict.outcome), verdict.reason, dict(verdict.numbers)), gateways)
    scores = probability_columns(current.columns) if spec.task == "multiclass" else [c.PREDICTION]
    there = [one for one in (*spec.features.names, *scores) if one in reference and one in current]
    numeric = [*spec.features.numeric, *scores]
    report = gateways.drift.compare(
        sample_of(reference[there], spec),
        sample_of(current[there], spec),
        numeric=[one for one in numeric if one in there],
        categorical=[one for one in spec.features.categorical if one in there],
        numeric_method=spec.drift.numeric_method,
        categorical_method=spec.drift.categorical_method,
        numeric_threshold=spec.drift.numeric_threshold,
        categorical_threshold=spec.drift.categorical_threshold,
        title=f"{spec.model}: {days_of(spec.drift.window)} days to {partition} against what the champion learnt from",
        page=gateways.draws_pages,
    )
    moved = {one.column: one.drifted for one in report.columns}
    verdict = judge_drift(moved, rows=len(current), min_rows=spec.drift.min_rows, share=spec.drift.share)
    page = f"{spec.model}/drift_check/{partition.key}/drift.html" if gateways.draws_pages else None
    if page is not None:
        gateways.pages.put(page, report.html)
    gateways.staging.put(run, "columns", pd.DataFrame([asdict(one) for one in report.columns]))
    causes = (
        tuple(sorted(one for one, is_moved in moved.items() if is_moved))
        if verdict.outcome is DriftOutcome.DRIFT
        else ()
    )
    measured = Measured(str(verdict.outcome), verdict.reason, dict(verdict.numbers), page, causes)
    return leave_note(run, "drift", measured, gateways)
