"""Quarantined rows: what the data gate set aside, and sending it through the same gate again once it was repaired."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pandas as pd

from evenkeel.vocabulary import columns as c
from evenkeel.vocabulary.errors import EvenkeelError, GateRefusedError
from evenkeel.vocabulary.tables import QUARANTINE, SCORES
from evenkeel.workflows.ledger import AS_OF_CHAMPION
from evenkeel.workflows.pipelines import run_scoring, silent

if TYPE_CHECKING:
    from collections.abc import Sequence

    from evenkeel.vocabulary.partition import Partition
    from evenkeel.vocabulary.spec import ModelSpec
    from evenkeel.workflows.gateways import Gateways
    from evenkeel.workflows.pipelines import Watch

_EVER = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True)
class Released:
    """A partition that went through the gate again: rows in quarantine before and after, rows scored now, and why some stay."""

    partition: str
    before: int
    after: int
    scored: int
    said: str


def quarantined(spec: ModelSpec, gateways: Gateways, partition: Partition | None = None) -> pd.DataFrame:
    """The rows in quarantine, of one partition or all: partition, key, reasons, then the rest of each row."""
    first = [c.PARTITION, *spec.rows.key, c.REASONS]
    keys = None if partition is None else [partition.key]
    found = gateways.lake.read(spec.model, QUARANTINE, partitions=keys)
    if found is None:
        return pd.DataFrame(columns=first)
    rest = [name for name in found.columns if name not in first]
    return found[[*first, *rest]].sort_values([c.PARTITION, *spec.rows.key], ignore_index=True)


def release(
    spec: ModelSpec, gateways: Gateways, partitions: Sequence[Partition] | None = None, watch: Watch = silent
) -> list[Released]:
    """Score quarantined partitions again, so that rows repaired at their source meet the same gate and are published.

    A partition is scored whole, as of the same instant and by the same choice of champion, and published in one commit;
    what is still bad stays in quarantine with its reasons. Without `partitions`, all that have rows there, in order.

    Raises EvenkeelError for a partition that has none.
    """
    held = {key: rows for key, rows in sorted(gateways.lake.counts(spec.model, QUARANTINE).items()) if rows}
    wanted = [spec.partition(key) for key in held] if partitions is None else list(partitions)
    idle = [one.key for one in wanted if one.key not in held]
    if idle:
        raise EvenkeelError(
            f"{spec.model}: nothing of {', '.join(idle)} is in quarantine; there are {', '.join(held) or 'no rows'}"
        )
    return [_release(spec, partition, held[partition.key], gateways, watch) for partition in wanted]


def _release(spec: ModelSpec, partition: Partition, before: int, gateways: Gateways, watch: Watch) -> Released:
    scored = gateways.lake.read(spec.model, SCORES, partitions=[partition.key], columns=[c.CHOICE])
    choice = AS_OF_CHAMPION if scored is None or scored.empty else str(scored[c.CHOICE].iloc[0])
    try:
        published = run_scoring(spec, partition, gateways, watch, champion=choice)
    except GateRefusedError as error:
        said = f"refused, so that what was published before stays as it is: {error}"
        return Released(partition.key, before, before, 0 if scored is None else len(scored), said)
    after = published.quarantined
    return Released(partition.key, before, after, published.rows, _left(spec, partition, after, gateways))


def _left(spec: ModelSpec, partition: Partition, after: int, gateways: Gateways) -> str:
    """Why rows are still in quarantine, in a sentence."""
    if not after:
        return "no row is left in quarantine"
    late = 0 if spec.rows.ingested_at is None else _repaired_late(spec, partition, str(spec.rows.ingested_at), gateways)
    if not late:
        return f"{_rows(after)} stay as bad at the source as before; repair them there and release again"
    return (
        f"{_rows(after)} stay, {late} of them because their repair landed after the partition's as-of, "
        f"{spec.scoring_as_of(partition).isoformat()}, and does not exist for it; to have a repair count, land it with a "
        f"{spec.rows.ingested_at} up to that instant and release again, or let the rows stay on record here"
    )


def _repaired_late(spec: ModelSpec, partition: Partition, ingested_at: str, gateways: Gateways) -> int:
    """How many quarantined keys have a row that landed only after the partition's as-of."""
    key = list(spec.rows.key)
    rows = gateways.sources.read(spec.rows, partition.start, partition.end, _EVER, spec.timezone)
    late = rows.loc[rows[ingested_at] > spec.scoring_as_of(partition), key]
    return len(quarantined(spec, gateways, partition)[key].drop_duplicates().merge(late.drop_duplicates(), on=key))


def _rows(number: int) -> str:
    return f"{number} row{'' if number == 1 else 's'}"
