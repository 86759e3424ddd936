"""Maintenance: tables of few files and a kept history, no MLflow run that says RUNNING for ever, no version and no staged file
that nobody needs.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from evenkeel.vocabulary.errors import EvenkeelError
from evenkeel.vocabulary.tables import TABLES
from evenkeel.workflows.ledger import Kind

if TYPE_CHECKING:
    from datetime import datetime

    from evenkeel.gateways.lake import Maintained
    from evenkeel.gateways.registry import Version
    from evenkeel.vocabulary.spec import ModelSpec
    from evenkeel.workflows.gateways import Gateways
    from evenkeel.workflows.ledger import Entry

_LONGEST = timedelta(days=1)
"""No run of a pipeline takes longer, but for the time a person has to approve."""

_SHOWN = 20

_TURNED_DOWN = {Kind.KEPT, Kind.REFUSED}
"""What the ledger says of a version that was judged, and never scored in front of anybody."""


@dataclass(frozen=True)
class Closed:
    """MLflow runs that were ended because whoever made them died: how many, and the ids of the first ones."""

    runs: int
    ids: tuple[str, ...]


@dataclass(frozen=True)
class Retired:
    """How many versions were deleted, as nothing was ever decided about them, of how many the model file went, and the first
    numbers of both.
    """

    deleted: int
    files_dropped: int
    versions: tuple[int, ...]


@dataclass(frozen=True)
class Swept:
    """Runs whose staged files went."""

    runs: int


def maintain_table(spec: ModelSpec, table: str, gateways: Gateways) -> Maintained | None:
    """Make one table's files few, and drop what was replaced longer ago than the model's `history`; no row changes.

    None where the model has no such table yet. Raises EvenkeelError for a table that evenkeel does not write.
    """
    if table not in TABLES:
        raise EvenkeelError(f"{spec.model}: {table!r} is none of its tables; choose one of {', '.join(TABLES)}")
    return gateways.lake.maintain(spec.model, table, spec.history)


def close_orphans(spec: ModelSpec, now: datetime, gateways: Gateways) -> Closed:
    """End the model's MLflow runs that still say RUNNING though no training can be under way any more.

    A training that is started again afterwards takes its run up again.
    """
    found = gateways.registry.close_orphans(spec.model, now - _LONGEST - spec.promotion.approval_timeout)
    return Closed(len(found), tuple(found[:_SHOWN]))


def retire_versions(spec: ModelSpec, now: datetime, gateways: Gateways) -> Retired:
    """Delete the versions that no entry of the ledger names and that are older than the model's `history`: their training died
    before anything was decided. Drop the model file of versions that were turned down longer ago than `training.keep_versions`.

    A version that the ledger names is never deleted, and one that was ever champion or shadow keeps its file too.
    """
    registry, model = gateways.registry, spec.model
    # In this order: a version that is decided about meanwhile is named by then.
    versions, entries = registry.versions(model), gateways.ledger.entries(model)
    deleted = _unnamed(versions, entries, now - spec.history - _LONGEST - spec.promotion.approval_timeout)
    for number in deleted:
        registry.delete_version(model, number)
    keep = spec.training.keep_versions
    dropped = []
    if keep is not None:
        for number in _turned_down(versions, entries, now - keep):
            # Asked again for each: somebody may promote one by hand while the others go.
            if number in _turned_down(versions, gateways.ledger.entries(model), now - keep):
                registry.drop_file(model, number)
                dropped.append(number)
    return Retired(len(deleted), len(dropped), tuple([*deleted, *dropped][:_SHOWN]))


def _unnamed(versions: list[Version], entries: list[Entry], before: datetime) -> list[int]:
    """The versions that were registered before an instant and that no entry names; none that somebody else registered, which has
    no digest of ours.
    """
    named = {number for one in entries for number in (one.version, one.previous_version)}
    return [one.number for one in versions if one.number not in named and one.digest and one.created_at < before]


def _turned_down(versions: list[Version], entries: list[Entry], before: datetime) -> list[int]:
    """The versions with a file that were turned down, last before an instant, and were never anything else."""
    served = {one.version for one in entries if one.kind not in _TURNED_DOWN} | {
        one.previous_version for one in entries
    }
    recent = {one.version for one in entries if one.recorded_at is None or one.recorded_at >= before}
    named = {one.version for one in entries}
    idle = named - served - recent
    return [one.number for one in versions if one.number in idle and one.dropped_at is None]


def sweep_staging(spec: ModelSpec, gateways: Gateways) -> Swept:
    """Drop what runs staged so long ago that nobody clears one of their tasks any more."""
    return Swept(gateways.staging.sweep(spec.model, spec.longest_training))
