"""Judging the shadow: at each drift check it is held against the champion on the labels that have matured since it began."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from evenkeel.decisions.promotion import guards_against
from evenkeel.decisions.sequential import ShadowOutcome, ShadowVerdict, judge_shadow_days
from evenkeel.vocabulary import columns as c
from evenkeel.vocabulary.errors import LedgerConflictError
from evenkeel.vocabulary.metrics import gain
from evenkeel.vocabulary.partition import partitions_between
from evenkeel.vocabulary.tables import SCORES, SHADOW_SCORES
from evenkeel.vocabulary.verdict import Outcome
from evenkeel.workflows.bar import refuse_barred, refuse_without_file
from evenkeel.workflows.check_window import measure_scores, published_predictions
from evenkeel.workflows.evaluation import compare_on
from evenkeel.workflows.frame import add_labels
from evenkeel.workflows.ledger import Entry, Kind, champion_met, digest_to_record, standing_shadow, term_end
from evenkeel.workflows.promote import follow

if TYPE_CHECKING:
    from datetime import datetime

    import pandas as pd

    from evenkeel.vocabulary.partition import Partition
    from evenkeel.vocabulary.spec import ModelSpec
    from evenkeel.workflows.gateways import Gateways

_DAYS_BEFORE = timedelta(days=2)
"""A partition begins at most so long before its scoring as-of, for what is scored the day it runs or the day after."""


@dataclass(frozen=True)
class ShadowJudged:
    """What a check's look at the shadow came to; the outcome is `none` where there was no shadow to look at."""

    partition: str
    outcome: str
    reason: str
    shadow: int | None = None
    days: int = 0
    gain: float | None = None
    e_value: float | None = None
    promoted: bool = False


@dataclass(frozen=True)
class _Compared:
    """The shadow and the champion on the rows whose labels have matured: the gain of each day, and both over all days."""

    gains: list[float]
    labels: int
    shadow: float
    champion: float
    known: pd.DataFrame | None = None


def judge_shadow(spec: ModelSpec, partition: Partition, gateways: Gateways) -> ShadowJudged:
    """Hold the shadow that a check finds against the champion, and put on record what is decided: promoted from the check's as-of
    on, or dropped because its term is over and its last labels have matured. Undecided it goes on, and nothing is written.

    Only whole days count whose labels have all had time to mature, of scores made after the as-of of the shadow's own training.
    Where the spec asks for a person's approval it is not promoted by itself: it stays, and the reason says how to promote it.

    Raises LedgerConflictError where the champion or the shadow became another while it was judged.
    """
    as_of = spec.check_as_of(partition)
    entries = gateways.ledger.entries(spec.model)
    shadow = _found(entries, as_of)
    if spec.promotion.shadow is None or shadow is None:
        return ShadowJudged(partition.key, "none", "there is no shadow")
    entry_id = f"shadow/{shadow.version}/{as_of.isoformat()}"
    made = next((one for one in entries if one.id == entry_id), None)
    if made is not None:  # decided before, and perhaps the alias has not followed yet
        return _told(partition, made, spec, gateways)
    champion = champion_met(entries, entry_id, as_of)
    if champion is None or champion.version is None or champion.effective_at == as_of:
        return ShadowJudged(
            partition.key, "none", f"the champion beside shadow {shadow.version} was replaced as of this check"
        )
    compared = _compare(spec, as_of, shadow, champion.version, gateways)
    verdict = _verdict(spec, as_of, shadow, champion.version, compared, gateways)
    if verdict.outcome is ShadowOutcome.CONTINUE:
        return ShadowJudged(
            partition.key,
            str(verdict.outcome),
            verdict.reason,
            shadow.version,
            verdict.days,
            verdict.gain,
            verdict.e_value,
        )
    entry = Entry(
        id=entry_id,
        model=spec.model,
        kind=Kind.PROMOTED if verdict.outcome is ShadowOutcome.PROMOTE else Kind.DROPPED,
        effective_at=as_of,
        reason=verdict.reason,
        version=shadow.version,
        previous_version=champion.version,
        training=shadow.training,
        verdict=str(Outcome.PASS if verdict.outcome is ShadowOutcome.PROMOTE else Outcome.INCONCLUSIVE),
        numbers=verdict.numbers,
    )
    return _told(partition, _record(entry, shadow, gateways), spec, gateways)


def _found(entries: list[Entry], as_of: datetime) -> Entry | None:
    """The shadow a check judges: the one there was before it, so that a check that is repeated finds whom it decided about."""
    return standing_shadow([one for one in entries if one.effective_at < as_of])


def _verdict(
    spec: ModelSpec, as_of: datetime, shadow: Entry, champion: int, compared: _Compared, gateways: Gateways
) -> ShadowVerdict:
    ended = as_of >= _last_label(spec, shadow)
    verdict = judge_shadow_days(
        compared.gains,
        metric=spec.promotion.metric,
        margin=spec.promotion.margin,
        alpha=spec.promotion.alpha,
        labels=compared.labels,
        min_days=spec.promotion.min_days,
        min_labels=spec.promotion.min_labels,
        ended=ended,
    )
    reason = f"shadow {shadow.version} beside champion {champion}: {verdict.reason}"
    outcome = verdict.outcome
    if outcome is ShadowOutcome.PROMOTE and compared.known is not None:
        against = _against(spec, compared.known, gateways)
        if against:
            outcome = ShadowOutcome.DROP if ended else ShadowOutcome.CONTINUE
            reason += f"; but {against}"
    if outcome is ShadowOutcome.PROMOTE and spec.promotion.mode == "approval":
        outcome = ShadowOutcome.DROP if ended else ShadowOutcome.CONTINUE
        command = f"evenkeel promote {spec.model} {shadow.version} --as-of {as_of.isoformat()}"
        reason += "; nobody promoted it within its term" if ended else f"; a person may promote it: {command}"
    # What the shadow did beside the champion is what it promises as one.
    both = {"challenger": compared.shadow, "opponent": compared.champion}
    finite = {name: one if math.isfinite(one) else None for name, one in both.items()}
    return replace(verdict, outcome=outcome, reason=reason, numbers={**verdict.numbers, **finite, "against": champion})


def _compare(spec: ModelSpec, as_of: datetime, shadow: Entry, champion: int, gateways: Gateways) -> _Compared:
    keys = [one.key for one in _scored(spec, shadow) if one.end + spec.label.maturation <= as_of]
    scores = gateways.lake.read(spec.model, SHADOW_SCORES, partitions=keys) if keys else None
    if scores is None:
        return _Compared([], 0, math.nan, math.nan)
    mine = scores[(scores[c.MODEL_VERSION] == shadow.version) & (scores[c.CHAMPION_VERSION] == champion)]
    labelled = add_labels(spec, mine.reset_index(drop=True), as_of, gateways.sources)
    known = labelled[labelled[c.LABEL].notna()]
    if known.empty:
        return _Compared([], 0, math.nan, math.nan)
    gains = [
        gain(spec.promotion.metric, *_measured(spec, day)) for _, day in known.groupby(known[c.PARTITION].astype(str))
    ]
    finite = [one for one in gains if math.isfinite(one)]
    return _Compared(finite, len(known), *_measured(spec, known), known)


def _against(spec: ModelSpec, known: pd.DataFrame, gateways: Gateways) -> str:
    """What the gate's guards say of the rows. Slices by a column that is no feature, and so not published, are read again."""
    rules = spec.promotion
    if not rules.slices and rules.calibration_tolerance is None:
        return ""
    columns = [one for one in rules.slices if one in spec.features.names]
    keys = sorted(known[c.PARTITION].astype(str).unique())
    there = gateways.lake.read(spec.model, SCORES, partitions=keys, columns=[*spec.rows.key, *columns, c.PARTITION])
    rows = known if there is None else known.merge(there, on=[*spec.rows.key, c.PARTITION], how="left")
    unpublished = [one for one in rules.slices if one not in spec.features.names]
    if unpublished:
        key = list(spec.rows.key)
        built = gateways.frames.build(spec, [spec.partition(one) for one in keys])
        rows = rows.drop(columns=unpublished, errors="ignore").merge(built[[*key, *unpublished]], on=key, how="left")
    compared = compare_on(spec, rows, published_predictions(spec, rows), published_predictions(spec, _champions(rows)))
    return guards_against(compared, rules)


def _measured(spec: ModelSpec, known: pd.DataFrame) -> tuple[float, float]:
    """The spec's metric of the shadow and of the champion on the same rows."""
    metric = spec.promotion.metric
    return measure_scores(spec, known)[metric], measure_scores(spec, _champions(known))[metric]


def _champions(known: pd.DataFrame) -> pd.DataFrame:
    """The rows with the champion's scores in place of the shadow's."""
    prefix = c.PROBABILITY_PREFIX
    theirs = known.drop(columns=[name for name in known if name == c.PREDICTION or str(name).startswith(prefix)])
    renamed = {
        name: str(name).replace(c.CHAMPION_PROBABILITY_PREFIX, prefix, 1)
        for name in theirs
        if str(name).startswith(c.CHAMPION_PROBABILITY_PREFIX)
    }
    return theirs.rename(columns=renamed | {c.CHAMPION_PREDICTION: c.PREDICTION})


def _scored(spec: ModelSpec, shadow: Entry) -> list[Partition]:
    """The partitions that a shadow scores, in order. What it was trained as of the same instant as is not among them."""
    end = term_end(shadow)
    around = partitions_between(shadow.effective_at - _DAYS_BEFORE, end + _DAYS_BEFORE, spec.timezone)
    return [one for one in around if shadow.effective_at < spec.scoring_as_of(one) < end]


def _last_label(spec: ModelSpec, shadow: Entry) -> datetime:
    """When nothing more will be known of a shadow."""
    scored = _scored(spec, shadow)
    return scored[-1].end + spec.label.maturation if scored else term_end(shadow)


def _record(entry: Entry, shadow: Entry, gateways: Gateways) -> Entry:
    def decide(entries: list[Entry]) -> Entry:
        champion, found = champion_met(entries, entry.id, entry.effective_at), _found(entries, entry.effective_at)
        present = None if champion is None else champion.version
        if present != entry.previous_version or found is None or found.id != shadow.id:
            raise LedgerConflictError(
                f"{entry.model}: shadow {entry.version} was judged beside champion {entry.previous_version}; as of "
                f"{entry.effective_at.isoformat()} the champion is {present} and the shadow "
                f"{None if found is None else found.version} by now; clear the task to judge it again"
            )
        known = gateways.registry.version(entry.model, int(entry.version or 0))
        if entry.kind is Kind.PROMOTED:
            refuse_without_file(known)
            refuse_barred(entry.effective_at, known, entries)
        return replace(entry, digest=digest_to_record(known, entries))

    return gateways.ledger.record(entry.model, entry.id, decide)


def _told(partition: Partition, entry: Entry, spec: ModelSpec, gateways: Gateways) -> ShadowJudged:
    promoted = entry.kind is Kind.PROMOTED
    if promoted:
        follow(spec, entry, gateways)
    return ShadowJudged(
        partition=partition.key,
        outcome=str(ShadowOutcome.PROMOTE if promoted else ShadowOutcome.DROP),
        reason=entry.reason,
        shadow=entry.version,
        days=int(entry.numbers.get("days") or 0),
        gain=entry.numbers.get("gain"),
        e_value=entry.numbers.get("e_value"),
        promoted=promoted,
    )
