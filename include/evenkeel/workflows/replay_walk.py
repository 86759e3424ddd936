"""The walk of one policy through a period: the pipelines as they would have run, event after event, each on record once."""

from __future__ import annotations

import contextlib
import fcntl
import json
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from evenkeel.vocabulary.errors import (
    EvenkeelError,
    LedgerConflictError,
    ServiceError,
    SpecError,
    StagingMissingError,
    TransientError,
)
from evenkeel.vocabulary.verdict import Verdict
from evenkeel.workflows import pipelines
from evenkeel.workflows.ledger import Kind
from evenkeel.workflows.promote import promote_version
from evenkeel.workflows.replay_timeline import timeline

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime
    from pathlib import Path

    from evenkeel.workflows.gateways import Gateways
    from evenkeel.workflows.replay_policy import Policy
    from evenkeel.workflows.replay_timeline import Event, Span

_BROKEN = (LedgerConflictError, ServiceError, SpecError, StagingMissingError, TransientError)
"""Errors that say nothing about the period: the walk stops at them, and goes on there when it is run again."""

JOURNAL = "journal.jsonl"


@dataclass(frozen=True)
class Step:
    """One event on record: the rows it published, whether it signalled, and why it was refused, where it was.

    `decisions` counts the ledger's entries so far.
    """

    event: str
    rows: int = 0
    quarantined: int = 0
    signal: bool = False
    decisions: int = 0
    refused: str = ""
    retraining_refused: str = ""


class Journal:
    """What a walk did, a line an event. A line that a kill cut short is dropped: its event is done again, to the same effect.

    Args:
        folder: the policy's.
    """

    def __init__(self, folder: Path) -> None:
        self._file = folder / JOURNAL

    def steps(self) -> list[Step]:
        """The events on record, in the order they were done."""
        if not self._file.exists():
            return []
        whole, _, _ = self._file.read_text().rpartition("\n")
        return [Step(**json.loads(line)) for line in whole.splitlines()]

    def mend(self) -> None:
        """Drop a last line that was cut short."""
        if self._file.exists():
            content = self._file.read_bytes()
            with self._file.open("r+b") as stream:
                stream.truncate(content.rfind(b"\n") + 1)

    def append(self, step: Step) -> None:
        """Put an event on record."""
        with self._file.open("a") as stream:
            stream.write(json.dumps(asdict(step)) + "\n")


def walk(policy: Policy, span: Span, folder: Path, gateways: Gateways) -> None:
    """Walk a policy through a period; what is on record already is not done again.

    A gate that refuses and a day whose data is damaged are events like others, and the walk goes on. It stops at what says
    nothing about the period, a service that does not answer, say: run again, it goes on there.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with _alone(folder):
        journal = Journal(folder)
        journal.mend()
        steps = journal.steps()
        done, decisions = {one.event for one in steps}, steps[-1].decisions if steps else 0
        for event in timeline(policy, span):
            if event.key in done:
                continue
            step = _happen(policy, event, gateways)
            if event.kind != "score":
                decisions = len(gateways.ledger.entries(policy.spec.model))
            journal.append(replace(step, decisions=decisions))
            gateways.staging.clear(policy.spec.model)  # done with; a year of it would be most of what lies on disk


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """One walk at a time in a folder; the kernel drops the lock with the process, so a kill leaves none behind."""
    with (folder / "walk.lock").open("a") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield


def _happen(policy: Policy, event: Event, gateways: Gateways) -> Step:
    step = Step(event.key)
    with _refusals() as reasons:
        match event.kind:
            case "train":
                _train(policy, event.instant, gateways)
            case "score":
                published = pipelines.run_scoring(policy.spec, event.partition, gateways)
                step = Step(event.key, rows=published.rows, quarantined=published.quarantined)
            case "check":
                step = _check(policy, event, gateways)
    return replace(step, refused=reasons[0]) if reasons else step


@contextlib.contextmanager
def _refusals() -> Iterator[list[str]]:
    """What a gate or a damaged day says is kept, and the walk goes on."""
    said: list[str] = []
    try:
        yield said
    except EvenkeelError as error:
        if isinstance(error, _BROKEN):
            raise
        said.append(str(error))


def _check(policy: Policy, event: Event, gateways: Gateways) -> Step:
    recorded = pipelines.run_drift_check(policy.spec, event.partition, gateways)
    step = Step(event.key, signal=recorded.signal)
    if not (recorded.signal and policy.answers):
        return step
    with _refusals() as reasons:
        pipelines.run_retraining(policy.spec, policy.spec.check_as_of(event.partition), gateways)
    return replace(step, retraining_refused=reasons[0]) if reasons else step


def _train(policy: Policy, as_of: datetime, gateways: Gateways) -> None:
    spec = policy.spec
    if policy.every is None:
        pipelines.run_training(spec, as_of, gateways)
        return
    # Forced, the challenger is champion as of its own training: trained again, it would meet itself.
    entries = gateways.ledger.entries(spec.model)
    if any(one.kind is Kind.PROMOTED and one.effective_at == as_of for one in entries):
        return
    verdicts: list[Verdict] = []

    def watch(_step: str, result: Any) -> None:
        if isinstance(result, Verdict):
            verdicts.append(result)

    decided = pipelines.run_training(spec, as_of, gateways, watch)
    if decided.kind != Kind.PROMOTED and decided.version is not None:
        reason = f"{policy.name}, whatever the gate says"
        promote_version(spec, as_of, decided.version, verdicts[-1], gateways, force=True, reason=reason)
