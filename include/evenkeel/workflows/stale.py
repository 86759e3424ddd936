"""Stale scores: made by another version than the champion of their as-of. Light, for the health page asks it too."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evenkeel.vocabulary import columns as c
from evenkeel.vocabulary.tables import SCORES
from evenkeel.workflows.ledger import AS_OF_CHAMPION, champion_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from evenkeel.vocabulary.spec import ModelSpec
    from evenkeel.workflows.gateways import Gateways


def stale_partitions(spec: ModelSpec, gateways: Gateways, partitions: Sequence[str] | None = None) -> list[str]:
    """Partitions whose scores were made by another version than the champion of their as-of, because a decision about that
    time was put on record later. Those for which another version was asked are left out, and a table of before evenkeel kept
    that apart has none.
    """
    columns = [c.PARTITION, c.MODEL_VERSION, c.CHOICE]
    if not set(columns) <= set(gateways.lake.columns(spec.model, SCORES)):
        return []
    found = gateways.lake.read(spec.model, SCORES, partitions=partitions, columns=columns)
    if found is None:
        return []
    entries = gateways.ledger.entries(spec.model)
    by = found[found[c.CHOICE] == AS_OF_CHAMPION].drop_duplicates([c.PARTITION, c.MODEL_VERSION])
    stale = []
    for key, version in zip(by[c.PARTITION].astype(str), by[c.MODEL_VERSION], strict=True):
        champion = champion_of(entries, spec.scoring_as_of(spec.partition(key)))
        if champion is not None and champion.version != int(version):
            stale.append(key)
    return sorted(set(stale))
