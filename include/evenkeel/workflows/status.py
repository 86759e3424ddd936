"""How each model is: its champion, its last training, scores and check.

Reads the lake only, so it answers when MLflow does not.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from evenkeel.vocabulary import columns as c
from evenkeel.vocabulary.tables import CHECKS, SCORES
from evenkeel.workflows.ledger import JUDGED, Entry, Kind, champion_of, standing_shadow
from evenkeel.workflows.stale import stale_partitions

if TYPE_CHECKING:
    from collections.abc import Collection

    from evenkeel.vocabulary.spec import ModelSpec
    from evenkeel.workflows.gateways import Gateways


_RECENT = 60
"""Partitions that are looked at for stale scores."""


@dataclass(frozen=True)
class Decision:
    """One ledger entry, in short."""

    kind: str
    version: int | None
    effective_at: str
    recorded_at: str
    reason: str


@dataclass(frozen=True)
class Status:
    """One model's health. `stale_partitions` counts scores that a later decision about their time has made out of date;
    `shadow` is the version that is tried beside the champion.
    """

    model: str
    task: str
    champion: int | None
    champion_since: str | None
    promised: float | None
    metric: str
    last_training: Decision | None
    last_scored: str | None
    last_scored_rows: int | None
    last_check: str | None
    drift: str | None
    drift_reason: str | None
    decay: str | None
    decay_reason: str | None
    last_page: str | None
    last_answer: Decision | None
    stale_partitions: int
    shadow: Decision | None


def model_status(spec: ModelSpec, gateways: Gateways) -> Status:
    """The status of one model, as its tables and its ledger have it now."""
    entries = gateways.ledger.entries(spec.model)
    champion = champion_of(entries)
    scored = _last_partition(spec, SCORES, gateways)
    check = _last_check(spec, gateways)
    recent = gateways.lake.partitions(spec.model, SCORES)[-_RECENT:]
    promised = None if champion is None else champion.numbers.get("challenger")
    return Status(
        model=spec.model,
        task=spec.task,
        champion=None if champion is None else champion.version,
        champion_since=None if champion is None else champion.effective_at.isoformat(),
        promised=promised,
        metric=spec.promotion.metric,
        last_training=_short(_latest(entries, JUDGED)),
        last_scored=scored,
        last_scored_rows=None if scored is None else _rows(spec, SCORES, scored, gateways),
        last_check=check.get(c.PARTITION),
        drift=check.get("drift_outcome"),
        drift_reason=check.get("drift_reason"),
        decay=check.get("decay_outcome"),
        decay_reason=check.get("decay_reason"),
        last_page=check.get("page") or None,
        last_answer=_short(_latest(entries, {Kind.RETRAIN, Kind.DECLINED, Kind.ROLLED_BACK, Kind.ESCALATED})),
        stale_partitions=len(stale_partitions(spec, gateways, recent)),
        shadow=None if spec.promotion.shadow is None else _short(standing_shadow(entries)),
    )


def _latest(entries: list[Entry], kinds: Collection[Kind]) -> Entry | None:
    found = [one for one in entries if one.kind in kinds]
    return found[-1] if found else None


def _short(entry: Entry | None) -> Decision | None:
    if entry is None or entry.recorded_at is None:
        return None
    return Decision(
        str(entry.kind), entry.version, entry.effective_at.isoformat(), entry.recorded_at.isoformat(), entry.reason
    )


def _last_partition(spec: ModelSpec, table: str, gateways: Gateways) -> str | None:
    return max(gateways.lake.partitions(spec.model, table), default=None)


def _rows(spec: ModelSpec, table: str, partition: str, gateways: Gateways) -> int:
    found = gateways.lake.read(spec.model, table, partitions=[partition], columns=[c.PARTITION])
    return 0 if found is None else len(found)


def _last_check(spec: ModelSpec, gateways: Gateways) -> dict[str, Any]:
    last = _last_partition(spec, CHECKS, gateways)
    if last is None:
        return {}
    found = gateways.lake.read(spec.model, CHECKS, partitions=[last])
    return {} if found is None or found.empty else {str(key): one for key, one in found.iloc[0].items()}
