"""Does the champion still do what it promised? Judged on labels that have matured."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evenkeel.decisions.decay import judge_decay
from evenkeel.decisions.retraining import DECAY
from evenkeel.vocabulary import columns as c
from evenkeel.vocabulary.verdict import DriftOutcome
from evenkeel.workflows.check_window import Measured, check_run, last_days, leave_note, measure_scores

if TYPE_CHECKING:
    from evenkeel.vocabulary.partition import Partition
    from evenkeel.vocabulary.spec import ModelSpec
    from evenkeel.workflows.gateways import Gateways


def measure_performance(spec: ModelSpec, partition: Partition, gateways: Gateways) -> Measured:
    """Compare the champion's metric on the window's matured labels with what it promised when it was promoted."""
    run = check_run(spec, partition)
    note = gateways.staging.get_note(run, "gathered")
    window = last_days(gateways.staging.get(run, "scored"), partition, spec.drift.decay.window)
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
    causes = (DECAY,) if verdict.outcome is DriftOutcome.DRIFT else ()
    answer = Measured(str(verdict.outcome), verdict.reason, dict(verdict.numbers), causes=causes)
    return leave_note(run, "decay", answer, gateways)
