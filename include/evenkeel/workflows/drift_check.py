"""The drift check: did the inputs or the scores move, and does the champion still do what it promised?"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import pandas as pd

from evenkeel.gateways.account_section import add_account
from evenkeel.vocabulary import columns as c
from evenkeel.vocabulary.errors import EvenkeelError
from evenkeel.vocabulary.tables import CHECK_COLUMNS, CHECKS, PERFORMANCE_DAYS
from evenkeel.vocabulary.verdict import DriftOutcome
from evenkeel.workflows.account import account_of
from evenkeel.workflows.account_words import account_in_words
from evenkeel.workflows.check_window import check_run, scored_by, window_of
from evenkeel.workflows.frame import add_labels
from evenkeel.workflows.monitoring import log_check
from evenkeel.workflows.promise import promised_rows
from evenkeel.workflows.reference import reference_of

if TYPE_CHECKING:
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
    gateways.staging.sweep(spec.model, spec.longest_training)
    champion = gateways.ledger.champion(spec.model, spec.scoring_as_of(partition))
    if champion is None or champion.version is None:
        raise EvenkeelError(f"{spec.model} {partition}: no champion was effective then, so there is nothing to check")
    mine = scored_by(spec, champion.version, [one.key for one in window_of(spec, partition)], gateways)
    as_of = spec.check_as_of(partition)
    labelled = mine if mine.empty else add_labels(spec, mine, as_of, gateways.sources)
    reference = reference_of(spec, champion.training, champion.version, gateways)
    run = check_run(spec, partition)
    gateways.staging.put(run, "scored", labelled)
    gateways.staging.put(run, "promised", promised_rows(spec, champion, reference.holdout, gateways))
    matured = int(labelled[c.LABEL].notna().sum()) if c.LABEL in labelled else 0
    result = Gathered(partition.key, champion.version, len(labelled), len(reference.sample), matured)
    gateways.staging.put_note(run, "gathered", asdict(result) | {"training": champion.training})
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
        "account": "",
    }
    signal = DriftOutcome.DRIFT in {drift["outcome"], decay["outcome"]}
    if signal:
        row["account"] = account = account_of(spec, partition, note["champion"], gateways)
        if drift["page"]:
            shown = add_account(gateways.pages.get(drift["page"]).decode(), account_in_words(account))
            gateways.pages.put(drift["page"], shown)
    metadata = {"spec": spec.hash, "run": gateways.run}
    if drift["outcome"] != DriftOutcome.INSUFFICIENT_DATA:
        columns = gateways.staging.get(run, "columns")
        gateways.lake.publish(spec.model, CHECK_COLUMNS, partition.key, columns, metadata)
    if note["rows"]:
        days = gateways.staging.get(run, "days")
        gateways.lake.publish(spec.model, PERFORMANCE_DAYS, partition.key, days, metadata)
    gateways.lake.publish(spec.model, CHECKS, partition.key, pd.DataFrame([row]), metadata)
    if gateways.draws_pages:
        log_check(spec, partition, {"drift": drift["numbers"], "decay": decay["numbers"]}, gateways)
    reason = f"drift: {drift['reason']}; performance: {decay['reason']}"
    return Recorded(partition.key, note["champion"], drift["outcome"], decay["outcome"], reason, signal)
