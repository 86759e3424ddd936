"""Maintenance: tables of few files and a kept history, no MLflow run that says RUNNING for ever, no staged file nobody needs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from evenkeel.vocabulary.errors import EvenkeelError
from evenkeel.vocabulary.tables import TABLES

if TYPE_CHECKING:
    from datetime import datetime

    from evenkeel.gateways.lake import Maintained
    from evenkeel.vocabulary.spec import ModelSpec
    from evenkeel.workflows.gateways import Gateways

_LONGEST = timedelta(days=1)
"""No run of a pipeline takes longer, but for the time a person has to approve."""

_SHOWN = 20


@dataclass(frozen=True)
class Closed:
    """MLflow runs that were ended because whoever made them died: how many, and the ids of the first ones."""

    runs: int
    ids: tuple[str, ...]


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


def sweep_staging(spec: ModelSpec, gateways: Gateways) -> Swept:
    """Drop what runs staged so long ago that nobody clears one of their tasks any more."""
    return Swept(gateways.staging.sweep(spec.model))
