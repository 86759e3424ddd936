"""Stale scores: made by another version than the champion of their as-of, or beside another shadow than that of then.

Light, for the health page asks it too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from evenkeel.vocabulary import columns as c
from evenkeel.vocabulary.tables import SCORES, SHADOW_REFUSED, SHADOW_SCORES
from evenkeel.workflows.ledger import AS_OF_CHAMPION, champion_of, shadow_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from evenkeel.vocabulary.spec import ModelSpec
    from evenkeel.workflows.gateways import Gateways
    from evenkeel.workflows.ledger import Entry


def stale_partitions(spec: ModelSpec, gateways: Gateways, partitions: Sequence[str] | None = None) -> list[str]:
    """Partitions whose scores were made by another version than the champion of their as-of, or beside another shadow than that
    of their as-of, because a decision about that time was put on record later. Those for which another version was asked are
    left out, and a table of before evenkeel kept that apart has none.
    """
    there = set(gateways.lake.columns(spec.model, SCORES))
    columns = [c.PARTITION, c.MODEL_VERSION, c.CHOICE]
    if not set(columns) <= there:
        return []
    columns += [c.ROLE] if c.ROLE in there else []
    found = gateways.lake.read(spec.model, SCORES, partitions=partitions, columns=columns)
    if found is None:
        return []
    entries = gateways.ledger.entries(spec.model)
    asked = found[found[c.CHOICE] == AS_OF_CHAMPION]
    # What a canary's rows were scored by is the shadow.
    champions = asked[asked[c.ROLE] != c.CANARY_ROLE] if c.ROLE in asked else asked
    by = champions.drop_duplicates([c.PARTITION, c.MODEL_VERSION])
    stale = _beside_another(spec, gateways, sorted(set(asked[c.PARTITION].astype(str))), entries)
    for key, version in zip(by[c.PARTITION].astype(str), by[c.MODEL_VERSION], strict=True):
        champion = champion_of(entries, spec.scoring_as_of(spec.partition(key)))
        if champion is not None and champion.version != int(version):
            stale.append(key)
    return sorted(set(stale))


def _beside_another(spec: ModelSpec, gateways: Gateways, keys: Sequence[str], entries: list[Entry]) -> list[str]:
    """Partitions that another shadow scored than that of their as-of, or none. One that scored and was refused did score."""
    if spec.promotion.shadow is None or not keys:
        return []
    scored: dict[str, set[int]] = {key: set() for key in keys}
    for table, column in ((SHADOW_SCORES, c.MODEL_VERSION), (SHADOW_REFUSED, "version")):
        found = gateways.lake.read(spec.model, table, partitions=keys, columns=[c.PARTITION, column])
        if found is not None:
            for key, version in found.drop_duplicates().itertuples(index=False, name=None):
                scored[str(key)].add(int(version))
    wanted = {key: shadow_of(entries, spec.scoring_as_of(spec.partition(key))) for key in keys}
    return [key for key, one in wanted.items() if scored[key] != (set() if one is None else {one.version})]
