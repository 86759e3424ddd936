"""Needs: what a step of the past must wait for, so that a backfill in any order gives what day by day would have given.

Decisions are taken where the spec says: at each scheduled training, and at each drift check, which judges the shadow and whose
signals are answered. What
a step needs is that every decision before its as-of is on record, and the scores it looks at are published or refused. All
of it is read from the lake, so it is the same whoever runs the steps, and in whatever order they were started.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from evenkeel.vocabulary import columns as c
from evenkeel.vocabulary.partition import partitions_between
from evenkeel.vocabulary.tables import CHECKS, REFUSED, SCORES
from evenkeel.vocabulary.verdict import DriftOutcome
from evenkeel.workflows.check_window import window_of
from evenkeel.workflows.ledger import TRAINING, Entry, Kind, crownings
from evenkeel.workflows.retrain import signal_id
from evenkeel.workflows.rollback import decayed_champion, settled_id
from evenkeel.workflows.stale import stale_partitions
from evenkeel.workflows.train import training_id

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from evenkeel.vocabulary.partition import Partition
    from evenkeel.vocabulary.spec import ModelSpec
    from evenkeel.workflows.gateways import Gateways

FIRST_CHAMPION = "a first champion"
"""What a step waits for while nothing is decided."""

_MOMENT = timedelta(microseconds=1)
_DAYS_BEFORE = timedelta(days=2)
"""A partition begins at most so long before its scoring as-of, for what is scored the day it runs or the day after."""

_NAMED = 3
"""How many partitions a sentence names before it only counts."""


def scoring_needs(spec: ModelSpec, partition: Partition, gateways: Gateways) -> str | None:
    """What scoring a partition with the champion of its as-of has to wait for, in words; None where all is there."""
    entries = gateways.ledger.entries(spec.model)
    if not crownings(entries):
        return f"{FIRST_CHAMPION} (train {spec.model} as of {spec.scoring_as_of(partition).isoformat()} or earlier)"
    return _undecided(spec, spec.scoring_as_of(partition) + _MOMENT, entries, gateways)


def check_needs(spec: ModelSpec, partition: Partition, gateways: Gateways) -> str | None:
    """What a drift check has to wait for: the scores of its window, made by the champions of their days; and, where it judges a
    shadow, every decision before its as-of.
    """
    entries = gateways.ledger.entries(spec.model)
    begun = _begun(entries)
    if begun is None:
        return f"{FIRST_CHAMPION} (train {spec.model})"
    there = {*gateways.lake.partitions(spec.model, SCORES), *gateways.lake.partitions(spec.model, REFUSED)}
    wanted = [one for one in window_of(spec, partition) if spec.scoring_as_of(one) >= begun]
    missing = [one.key for one in wanted if one.key not in there]
    if missing:
        return f"the scores of {_some(missing)} ({spec.model}_score)"
    stale = stale_partitions(spec, gateways, [one.key for one in wanted])
    if stale:
        return f"the scores of {_some(stale)} to be made again by the champion of then ({spec.model}_score)"
    if spec.promotion.shadow is None:
        return None
    return _undecided(spec, spec.check_as_of(partition), entries, gateways)


def decision_needs(spec: ModelSpec, as_of: datetime, gateways: Gateways) -> str | None:
    """What the answer to a signal, as of an instant, has to wait for: every decision before it."""
    return _undecided(spec, as_of, gateways.ledger.entries(spec.model), gateways)


def training_needs(spec: ModelSpec, as_of: datetime, gateways: Gateways) -> str | None:
    """What a training of the past has to wait for: every decision before it, and a first champion. Of several trainings without
    one each would be judged as the first, and which of them is depends on who comes first.
    """
    begun = _begun(gateways.ledger.entries(spec.model))
    if begun is None or begun > as_of:
        return f"{FIRST_CHAMPION} (train {spec.model} as of {as_of.isoformat()} or earlier, by itself)"
    return decision_needs(spec, as_of, gateways)


def retraining_needs(spec: ModelSpec, as_of: datetime, now: datetime, gateways: Gateways) -> str | None:
    """What a training of today has to wait for: a retraining from before it that is under way, and what follows that one. Else it
    would be judged against the champion that the retraining replaces.

    One that was launched longer ago than a training may take has failed. A training that answers a signal itself waits for none:
    the answer has looked at those before it.
    """
    entries = gateways.ledger.entries(spec.model)
    limit = now - spec.longest_training
    answers = [one for one in entries if one.kind is Kind.RETRAIN]
    if any(one.effective_at == as_of for one in answers):
        return None
    launched = [one for one in answers if one.effective_at < as_of and one.recorded_at and one.recorded_at > limit]
    return _unended(spec, launched, entries, gateways)


def _undecided(spec: ModelSpec, until: datetime, entries: Sequence[Entry], gateways: Gateways) -> str | None:
    """The first kind of decision after the first champion and before an instant that is not on record yet, in words."""
    begun = _begun(entries)
    if begun is None:
        return None
    decided = _decided(entries)
    ticks = [one for one in spec.scheduled_trainings(begun, until) if one > begun]
    late = [f"{one:%Y-%m-%d}" for one in ticks if training_id(spec, one).partition("-")[0] not in decided]
    if late:
        return f"the training as of {_some(late)} ({spec.model}_train)"
    if spec.retraining.mode == "off" and spec.promotion.shadow is None:
        return None
    days = partitions_between(begun - _DAYS_BEFORE, until, spec.timezone)
    due = [one for one in days if spec.scoring_as_of(one) >= begun and begun < spec.check_as_of(one) < until]
    signalled = _signals(spec, gateways)
    unchecked = [one.key for one in due if one.key not in signalled]
    if unchecked:
        return f"the drift check of {_some(unchecked)} ({spec.model}_drift_check)"
    signals = {one: signalled[one.key] for one in due if signalled[one.key]}
    return None if spec.retraining.mode == "off" else _unanswered(spec, until, signals, entries, gateways)


def _unanswered(
    spec: ModelSpec,
    until: datetime,
    signals: Mapping[Partition, set[str]],
    entries: Sequence[Entry],
    gateways: Gateways,
) -> str | None:
    """The signals whose answer is not on record yet, or the retrainings that are not decided or not followed up, in words."""
    answers = {one.id: one for one in entries if one.kind in {Kind.RETRAIN, Kind.DECLINED}}
    unanswered = [one.key for one, ids in signals.items() if not ids & answers.keys()]
    if unanswered:
        return f"the answer to the signal of {_some(unanswered)} ({spec.model}_retrain)"
    launched = [one for one in answers.values() if one.kind is Kind.RETRAIN and one.effective_at < until]
    return _unended(spec, launched, entries, gateways)


def _unended(spec: ModelSpec, launched: Sequence[Entry], entries: Sequence[Entry], gateways: Gateways) -> str | None:
    """Those of some retrainings that are not decided or not followed up, in words."""
    decided = _decided(entries)
    undecided = [f"{one.effective_at:%Y-%m-%d}" for one in launched if _stamp(one) not in decided]
    if undecided:
        return f"the retraining as of {_some(undecided)} ({spec.model}_train)"
    unsettled = [f"{one.effective_at:%Y-%m-%d}" for one in launched if _unsettled(spec, one, entries, gateways)]
    return f"what follows the retraining as of {_some(unsettled)} ({spec.model}_retrain)" if unsettled else None


def _unsettled(spec: ModelSpec, retrain: Entry, entries: Sequence[Entry], gateways: Gateways) -> bool:
    """Whether a retraining kept a decayed champion, and what becomes of that one is not on record yet."""
    if any(one.id == settled_id(retrain) for one in entries):
        return False
    return decayed_champion(spec, retrain, list(entries), gateways) is not None


def _decided(entries: Sequence[Entry]) -> set[str]:
    """The as-of of each training that decided. A spec that changed since has another hash: what counts is the instant."""
    return {_stamp(one) for one in entries if one.id.startswith(TRAINING)}


def _stamp(entry: Entry) -> str:
    """The as-of in a training's name."""
    return str(entry.training).partition("-")[0]


def _begun(entries: Sequence[Entry]) -> datetime | None:
    crowned = crownings(list(entries))
    return crowned[0].effective_at if crowned else None


def _signals(spec: ModelSpec, gateways: Gateways) -> dict[str, set[str]]:
    """For each partition with a check on record, the ids its answer may have; none where it did not signal.

    It is answered as of the schedule it had, or as of the one it has now.
    """
    found = gateways.lake.read(spec.model, CHECKS, columns=[c.PARTITION, "as_of", "drift_outcome", "decay_outcome"])
    if found is None:
        return {}
    signals = (found[["drift_outcome", "decay_outcome"]] == str(DriftOutcome.DRIFT)).any(axis=1)
    keys = found[c.PARTITION].astype(str)
    return {
        key: {signal_id(one) for one in (as_of.to_pydatetime(), spec.check_as_of(spec.partition(key)))}
        if signalled
        else set()
        for key, as_of, signalled in zip(keys, found["as_of"], signals, strict=True)
    }


def _some(keys: Sequence[str]) -> str:
    shown = ", ".join(keys[:_NAMED])
    return shown if len(keys) <= _NAMED else f"{shown} and {len(keys) - _NAMED} more"
