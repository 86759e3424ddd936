"""What happened to a model that people must know: what its checks found, what was decided about it, what a gate refused.

Read from the check table, the ledger and the refused partitions. It holds no value of any row: what a data gate said of rows is
left where it is.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from functools import reduce
from typing import TYPE_CHECKING, Any

import pandas as pd

from evenkeel.decisions.alerting import Event
from evenkeel.decisions.retraining import DECAY
from evenkeel.vocabulary import columns as c
from evenkeel.vocabulary.partition import Partition
from evenkeel.vocabulary.tables import CHECKS, REFUSED
from evenkeel.vocabulary.verdict import DriftOutcome
from evenkeel.workflows.account_words import account_in_words
from evenkeel.workflows.ledger import Entry, Kind

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from evenkeel.vocabulary.spec import ModelSpec
    from evenkeel.workflows.gateways import Gateways

TOLD_OF = {Kind.ROLLED_BACK: "rolled_back", Kind.REFUSED: "refused", Kind.ESCALATED: "needs_person"}
"""The kinds of decision that people are told of, and under which name."""

_GATE = "a gate refused it; why stands in the ledger and on the run's Data Docs page, which may quote rows"


@dataclass(frozen=True)
class Failure:
    """Tasks of a run that failed: its pipeline, their names, and the instant the run acts from."""

    pipeline: str
    tasks: tuple[str, ...]
    at: datetime


@dataclass(frozen=True)
class Happening:
    """An event with what there is to say of it; `run` is what noticed it, `page` the name of the report it was found in."""

    event: Event
    day: str
    reason: str
    numbers: Mapping[str, float | int | None] = field(default_factory=dict)
    account: str = ""
    page: str = ""
    run: str = ""


def happenings(spec: ModelSpec, gateways: Gateways, failure: Failure | None) -> list[Happening]:
    """All that is on record; `failure` is a run that failed, unless it was a gate that stopped it."""
    checked, entries = _checked(spec, gateways), gateways.ledger.entries(spec.model)
    quoting = [one.reason for one in entries if one.kind is Kind.REFUSED and one.version is None and one.reason]
    decided = [_decided(spec, one, checked, quoting) for one in entries if one.kind in TOLD_OF]
    found = [*checked, *decided, *_refused_partitions(spec, gateways)]
    if failure is not None and not any(one.event.what == "refused" and one.run == gateways.run for one in found):
        found.append(_failed(spec, failure, gateways))
    return found


def last_instant(spec: ModelSpec, gateways: Gateways) -> datetime | None:
    """The latest instant of a check or a decision about the model; None where there is neither."""
    checks = gateways.lake.read(spec.model, CHECKS, columns=["as_of"])
    checked = [] if checks is None else [_instant(row) for row in checks.to_dict("records")]
    return max([*checked, *(one.effective_at for one in gateways.ledger.entries(spec.model))], default=None)


def day_of(spec: ModelSpec, instant: datetime) -> str:
    """The day on which an instant lies, in the model's time zone."""
    return Partition.containing(instant, spec.timezone).key


def _checked(spec: ModelSpec, gateways: Gateways) -> list[Happening]:
    """What the checks found: decay and drift, each its own event."""
    frame = gateways.lake.read(spec.model, CHECKS)
    if frame is None:
        return []
    rows = [{str(key): value for key, value in row.items()} for row in frame.to_dict("records")]
    runs = {one.partition: one.metadata.get("run", "") for one in reversed(gateways.lake.commits(spec.model, CHECKS))}
    return [
        _checked_for(what, row, runs.get(row[c.PARTITION], ""))
        for row in rows
        for what in ("decay", "drift")
        if row[f"{what}_outcome"] == DriftOutcome.DRIFT
    ]


def _checked_for(what: str, row: Mapping[str, Any], run: str) -> Happening:
    named = json.loads(_text(row, "causes") or "[]")
    causes = {DECAY} if what == "decay" else {one for one in named if one != DECAY} or {what}
    # A check that is made again may name other causes: that is another event.
    named_by = hashlib.sha256(json.dumps(sorted(causes)).encode()).hexdigest()[:8]
    event_id = f"{what}/{row['champion']}/{row[c.PARTITION]}/{named_by}"
    return Happening(
        Event(event_id, what, int(row["champion"]), frozenset(causes), _instant(row)),
        day=row[c.PARTITION],
        reason=row[f"{what}_reason"],
        numbers=json.loads(_text(row, f"{what}_numbers") or "{}"),
        account=" ".join(account_in_words(_text(row, "account"))),
        page=_text(row, "page"),
        run=run,
    )


def _decided(spec: ModelSpec, entry: Entry, checked: Sequence[Happening], quoting: Sequence[str]) -> Happening:
    """A decision; one about champions with the account and the report of the last check of theirs that signalled before it.

    `quoting` are reasons that quote rows: what a data gate said. Another decision may quote them in its turn.
    """
    what, is_refusal = TOLD_OF[entry.kind], entry.kind is Kind.REFUSED
    theirs = [
        one
        for one in checked
        if one.event.at <= entry.effective_at and one.event.champion in {entry.version, entry.previous_version}
    ]
    led = None if is_refusal else max(theirs, key=lambda one: one.event.at, default=None)
    # A training is refused for the same cause as the one before it; each rollback is another.
    alike = {Kind.REFUSED: "promotion" if entry.version else "training", Kind.ROLLED_BACK: entry.id}
    champion = entry.previous_version if is_refusal or entry.version is None else entry.version
    return Happening(
        Event(f"{what}/{entry.id}", what, champion, frozenset({alike.get(entry.kind, what)}), entry.effective_at),
        day=day_of(spec, entry.effective_at),
        reason=reduce(lambda said, quoted: said.replace(quoted, _GATE), quoting, entry.reason),
        numbers=entry.numbers,
        account="" if led is None else led.account,
        page="" if led is None else led.page,
        run=entry.run,
    )


def _refused_partitions(spec: ModelSpec, gateways: Gateways) -> list[Happening]:
    frame = gateways.lake.read(spec.model, REFUSED)
    if frame is None or frame.empty:
        return []
    runs = {one.partition: one.metadata.get("run", "") for one in reversed(gateways.lake.commits(spec.model, REFUSED))}
    return [
        Happening(
            Event(f"refused/score/{row[c.PARTITION]}", "refused", None, frozenset({"score"}), _instant(row)),
            day=row[c.PARTITION],
            reason=f"scoring of {row[c.PARTITION]}: {_GATE}",
            run=runs.get(row[c.PARTITION], ""),
        )
        for row in frame.to_dict("records")
    ]


def _failed(spec: ModelSpec, failure: Failure, gateways: Gateways) -> Happening:
    champion = gateways.ledger.champion(spec.model, failure.at)
    number = None if champion is None else champion.version
    event_id = f"failed/{failure.pipeline}/{failure.at.isoformat()}"
    tasks = ", ".join(failure.tasks)
    return Happening(
        Event(event_id, "failed", number, frozenset({failure.pipeline}), failure.at),
        day=day_of(spec, failure.at),
        reason=f"{failure.pipeline}: {tasks} failed; its log says why",
        run=gateways.run,
    )


def _instant(row: Mapping[Any, Any]) -> datetime:
    return pd.Timestamp(row["as_of"]).to_pydatetime()


def _text(row: Mapping[str, Any], name: str) -> str:
    """A text column that older tables may lack."""
    found = row.get(name)
    return found if isinstance(found, str) else ""
