"""The drift check: did the inputs or the scores move, and does the champion still do what it promised?"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import pandas as pd

from evenkeel.vocabulary import columns as c
from evenkeel.vocabulary.errors import EvenkeelError
from evenkeel.vocabulary.tables import CHECK_COLUMNS, CHECKS, SCORES
from evenkeel.vocabulary.verdict import DriftOutcome
from evenkeel.workflows.check_window import check_run, window_of
from evenkeel.workflows.frame import add_labels
from evenkeel.workflows.reference import reference_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from evenkeel.vocabulary.partition import Partition
    from evenkeel.vocabulary.spec import ModelSpec
    from evenkeel.workflows.gateways import Gateways


@dataclass(frozen=True)
class Gathered:
    """What the check looks at: the champion's scores of a window, and what the champion learnt from."""

    partition: str
    champion: int
    rows: int
    reference_rows: int
    labels: int


@dataclass(frozen=True)
class Recorded:
    """Both answers, as they are on record."""

    partition: str
    champion: int
    drift: str
    decay: str
    reason: str
    signal: bool


def gather_window(spec: ModelSpec, partition: Partition, gateways: Gateways) -> Gathered:
    """Collect the scores that the champion of the day made in the windows that end with the partition, the labels that
    have matured by the check's as-of, and what that champion learnt from.

    Raises EvenkeelError where no champion was effective during the partition.
    """
    gateways.staging.sweep(spec.model)
    champion = gateways.ledger.champion(spec.model, spec.scoring_as_of(partition))
    if champion is None or champion.version is None:
        raise EvenkeelError(f"{spec.model} {partition}: no champion was effective then, so there is nothing to check")
    mine = _scored_by(spec, champion.version, [one.key for one in window_of(spec, partition)], gateways)
    as_of = spec.check_as_of(partition)
    labelled = mine if mine.empty else add_labels(spec, mine, as_of, gateways.sources)
    reference = reference_of(spec, champion.training, champion.version, gateways)
    run = check_run(spec, partition)
    gateways.staging.put(run, "scored", labelled)
    gateways.staging.put(run, "promised", reference.holdout)
    matured = int(labelled[c.LABEL].notna().sum()) if c.LABEL in labelled else 0
    result = Gathered(partition.key, champion.version, len(labelled), len(reference.sample), matured)
    promised = champion.numbers.get("challenger")
    gateways.staging.put_note(run, "gathered", asdict(result) | {"promised": promised, "training": champion.training})
    return result


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
        "causes": json.dumps([*drift["causes"], *decay["causes"]]),
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


def _scored_by(spec: ModelSpec, champion: int, keys: Sequence[str], gateways: Gateways) -> pd.DataFrame:
    """What a version scored in some partitions; where they hold more than `drift.daily_rows` a day, the same share of each."""
    there = gateways.lake.counts(spec.model, SCORES)
    present = [key for key in keys if key in there]
    rows = sum(there[key] for key in present)
    most = spec.drift.daily_rows * len(keys)
    parts = []
    for group in [present] if rows <= most else [[key] for key in present]:  # many rows are never all in memory
        scores = gateways.lake.read(spec.model, SCORES, partitions=group) if group else None
        if scores is not None:
            mine = scores[scores[c.MODEL_VERSION] == champion]
            parts.append(mine if rows <= most else mine.sample(frac=most / rows, random_state=spec.training.seed))
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()
