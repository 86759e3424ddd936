"""Scoring: one partition through the data gate, the champion of its day, the score gate, and out in one commit.

Where there is a shadow, it scores the same rows beside the champion; its scores are published apart, before.
"""

from __future__ import annotations

import functools
import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar

import pandas as pd

from evenkeel.vocabulary import columns as c
from evenkeel.vocabulary.errors import EvenkeelError, GateRefusedError
from evenkeel.vocabulary.tables import QUARANTINE, REFUSED, SCORES
from evenkeel.workflows.check_window import published_columns
from evenkeel.workflows.data_gate import gate_partition, refuse_critical
from evenkeel.workflows.ledger import AS_OF_CHAMPION, CURRENT_CHAMPION, champion_of
from evenkeel.workflows.predict import predict_version
from evenkeel.workflows.shadow_scores import gate_shadow, pinned_shadow, publish_shadow, score_beside, with_extremes

if TYPE_CHECKING:
    from collections.abc import Callable

    from evenkeel.vocabulary.partition import Partition
    from evenkeel.vocabulary.spec import ModelSpec
    from evenkeel.workflows.gateways import Gateways

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True)
class Extracted:
    """What a scoring run starts from; the champion is looked up once and kept for the whole run."""

    partition: str
    as_of: str
    rows: int
    champion: int
    choice: str
    shadow: int | None = None


@dataclass(frozen=True)
class Validated:
    """What the data gate said of the partition, and how many shards there are to score."""

    rows: int
    quarantined: int
    shards: int
    page: str


@dataclass(frozen=True)
class ShardScored:
    """One shard, scored."""

    shard: int
    rows: int


@dataclass(frozen=True)
class ScoresValidated:
    """What the score gate saw."""

    rows: int
    mean: float
    page: str
    shadow_refused: str | None = None


@dataclass(frozen=True)
class Published:
    """The partition as readers see it now."""

    partition: str
    rows: int
    quarantined: int
    champion: int
    table_version: int
    shadow: int | None = None
    canary: int = 0


def scoring_run(spec: ModelSpec, partition: Partition) -> str:
    """Where that run's steps leave what the next one needs."""
    return f"{spec.model}/score/{partition.key}"


def data_docs_name(spec: ModelSpec, partition: Partition) -> str:
    """Name of the page that shows what the data gate said of the partition."""
    return f"{spec.model}/score/{partition.key}/data_docs.html"


def scores_docs_name(spec: ModelSpec, partition: Partition) -> str:
    """Name of the page that shows what the score gate said."""
    return f"{spec.model}/score/{partition.key}/scores_data_docs.html"


def _refusals_on_record(
    step: Callable[Concatenate[ModelSpec, Partition, Gateways, P], T],
) -> Callable[Concatenate[ModelSpec, Partition, Gateways, P], T]:
    """A partition that a gate refuses to score is put on record with the gate's words, until it is published."""

    @functools.wraps(step)
    def call(spec: ModelSpec, partition: Partition, gateways: Gateways, /, *args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return step(spec, partition, gateways, *args, **kwargs)
        except GateRefusedError as error:
            row = {"as_of": spec.scoring_as_of(partition), "reason": str(error)}
            gateways.lake.publish(spec.model, REFUSED, partition.key, pd.DataFrame([row]), {"run": gateways.run})
            raise

    return call


@_refusals_on_record
def extract_partition(
    spec: ModelSpec, partition: Partition, gateways: Gateways, champion: str = AS_OF_CHAMPION
) -> Extracted:
    """Read the partition's rows, build their features from what was known at its as-of, and pin the champion and the shadow.

    Args:
        spec: the model.
        partition: which partition.
        gateways: the doors.
        champion: `as_of` for the champion of the partition's as-of, `current` for the one that holds last, or a version.

    Raises:
        EvenkeelError: where there was no such champion.
        GateRefusedError: where the partition is empty.
    """
    gateways.staging.sweep(spec.model, spec.longest_training)
    as_of = spec.scoring_as_of(partition)
    version = _chosen(spec, partition, champion, gateways)
    frame = gateways.frames.build(spec, [partition])
    if frame.empty:
        raise GateRefusedError(
            f"{spec.model} {partition}: the partition is empty: {gateways.sources.describe(spec.rows)} has no row with "
            f"{spec.rows.event_time} in [{partition.start.isoformat()}, {partition.end.isoformat()})"
        )
    run = scoring_run(spec, partition)
    gateways.staging.put(run, "extracted", frame)
    shadow = pinned_shadow(spec, as_of, champion, gateways)
    result = Extracted(partition.key, as_of.isoformat(), len(frame), version, champion, shadow)
    gateways.staging.put_note(run, "extracted", asdict(result))
    return result


@_refusals_on_record
def validate_partition(spec: ModelSpec, partition: Partition, gateways: Gateways) -> Validated:
    """Hold the rows against the spec's suite and the days before, set the bad ones aside, and cut the rest into shards.

    Raises GateRefusedError for a critical finding or too many bad rows.
    """
    run = scoring_run(spec, partition)
    frame = gateways.staging.get(run, "extracted")
    page = data_docs_name(spec, partition)
    what = f"{spec.model} score {partition}"
    gated = gate_partition(spec, partition, frame, what=what, page=page, gateways=gateways)
    shards = max(1, math.ceil(len(gated.accepted) / spec.scoring.shard_rows))
    for number in range(shards):
        first = number * spec.scoring.shard_rows
        gateways.staging.put(run, f"shard_{number}", gated.accepted.iloc[first : first + spec.scoring.shard_rows])
    gateways.staging.put(run, "quarantined", gated.quarantined)
    result = Validated(len(gated.accepted), len(gated.quarantined), shards, page)
    gateways.staging.put_note(run, "validated", asdict(result))
    return result


def score_shard(spec: ModelSpec, partition: Partition, shard: int, gateways: Gateways) -> ShardScored:
    """Score one shard with the champion of the run, and with its shadow where it has one."""
    run = scoring_run(spec, partition)
    start = gateways.staging.get_note(run, "extracted")
    champion = int(start["champion"])
    frame = gateways.staging.get(run, f"shard_{shard}")
    scores = _scores(spec, champion, frame, gateways)
    said = {c.ROLE: c.CHAMPION_ROLE, c.MODEL_VERSION: champion, c.CHOICE: start["choice"]}
    gateways.staging.put(run, f"scored_{shard}", frame.assign(**scores, **said))
    if (shadow := start.get("shadow")) is not None:
        score_beside(run, shard, shadow, lambda: _scores(spec, shadow, frame, gateways), gateways)
    return ShardScored(shard, len(frame))


@_refusals_on_record
def validate_scores(spec: ModelSpec, partition: Partition, gateways: Gateways) -> ScoresValidated:
    """Hold all shards' scores together against the score suite, and their number against the rows'.

    Raises GateRefusedError for NaN, constant, out-of-range or missing scores: nothing of them is published.
    """
    run = scoring_run(spec, partition)
    expected = gateways.staging.get_note(run, "validated")
    scored = _collect(run, expected["shards"], gateways)
    what = f"{spec.model} scores {partition}"
    if len(scored) != expected["rows"]:
        raise GateRefusedError(
            f"{what}: {len(scored)} scores for {expected['rows']} rows; clear the score task and run again"
        )
    champion, by = gateways.staging.get_note(run, "extracted")["champion"], sorted(set(scored[c.MODEL_VERSION]))
    if by not in ([champion], []):
        raise GateRefusedError(
            f"{what}: shards were scored by versions {by}, the run's champion is {champion}: two runs of the partition met; "
            "clear one of them"
        )
    validation = gateways.expectations.validate(
        with_extremes(scored), spec.data_gate.scores, run_name=what, key=spec.rows.key, draw=gateways.draws_pages
    )
    page = scores_docs_name(spec, partition)
    if gateways.draws_pages:
        gateways.pages.put(page, validation.html)
    refuse_critical(validation, what)
    numbers = pd.to_numeric(scored[c.PREDICTION], errors="coerce")
    refused = None
    if (shadow := gateways.staging.get_note(run, "extracted").get("shadow")) is not None:
        refused = gate_shadow(spec, partition, run, shadow, scored, expected["shards"], gateways) or None
    return ScoresValidated(len(scored), float(numbers.mean()) if numbers.notna().any() else 0.0, page, refused)


def publish_scores(spec: ModelSpec, partition: Partition, gateways: Gateways) -> Published:
    """Replace the partition in the scores table in one commit; quarantined rows and a shadow's scores go to theirs first.

    Columns that are there for the evaluation's slices only (`spec.carried`) stay behind: sensitive ones are among them.
    The commit's metadata says what it is made of: rows, quarantined rows, champion and how it was chosen, as-of, spec, run.
    """
    run = scoring_run(spec, partition)
    start, gate = gateways.staging.get_note(run, "extracted"), gateways.staging.get_note(run, "validated")
    quarantined = gateways.staging.get(run, "quarantined")
    metadata = {
        "champion": str(start["champion"]),
        "choice": start["choice"],
        "as_of": start["as_of"],
        "spec": spec.hash,
        "run": gateways.run,
        "quarantined": str(len(quarantined)),
    }
    quarantined = quarantined.drop(columns=list(spec.carried), errors="ignore")
    _publish_quarantine(spec, partition, quarantined, metadata, gateways)
    scored, shadow = _collect(run, gate["shards"], gateways), start.get("shadow")
    if spec.promotion.shadow is not None and start["choice"] == AS_OF_CHAMPION:
        scored = publish_shadow(spec, partition, run, shadow, scored, gate["shards"], metadata, gateways)
    scored = scored.sort_values(list(spec.rows.key), kind="stable", ignore_index=True)
    scored = scored.drop(columns=list(spec.carried))
    version = gateways.lake.publish(spec.model, SCORES, partition.key, scored, metadata)
    _settle_quarantine(spec, partition, quarantined, metadata, gateways)
    if partition.key in gateways.lake.partitions(spec.model, REFUSED):
        gateways.lake.publish(spec.model, REFUSED, partition.key, pd.DataFrame(), {"run": gateways.run})
    canary = int((scored[c.ROLE] == c.CANARY_ROLE).sum())
    return Published(partition.key, len(scored), len(quarantined), start["champion"], version, shadow, canary)


def _chosen(spec: ModelSpec, partition: Partition, choice: str, gateways: Gateways) -> int:
    as_of = spec.scoring_as_of(partition)
    if choice.isdigit():
        return gateways.registry.version(spec.model, int(choice)).number
    if choice not in {AS_OF_CHAMPION, CURRENT_CHAMPION}:
        raise EvenkeelError(f"champion {choice!r} is neither `as_of`, `current`, nor a version's number")
    entries = gateways.ledger.entries(spec.model)
    champion = champion_of(entries, as_of if choice == AS_OF_CHAMPION else None)
    if champion is None or champion.version is None:
        raise EvenkeelError(
            f"{spec.model} {partition}: no champion was effective at {as_of.isoformat()}; train one as of then or earlier: "
            f"trigger {spec.model}_train, or run `evenkeel train {spec.model} --as-of DATE`"
        )
    return champion.version


def _settle_quarantine(
    spec: ModelSpec, partition: Partition, rows: pd.DataFrame, metadata: dict[str, str], gateways: Gateways
) -> None:
    """Where another run of the partition published its quarantined rows between those of this run and its scores, and this run's
    scores are what stands: put this run's back, so that the two tables are of one run.
    """
    key = list(spec.rows.key)
    there = gateways.lake.read(spec.model, QUARANTINE, partitions=[partition.key], columns=key)
    if there is None or _keys(there, key) == (_keys(rows, key) if len(rows) else set()):
        return
    if gateways.lake.commits(spec.model, SCORES, partition.key)[0].metadata["run"] == gateways.run:
        _publish_quarantine(spec, partition, rows, metadata, gateways)


def _keys(rows: pd.DataFrame, key: list[str]) -> set[tuple[Any, ...]]:
    return set(rows[key].itertuples(index=False, name=None))


def _publish_quarantine(
    spec: ModelSpec, partition: Partition, rows: pd.DataFrame, metadata: dict[str, str], gateways: Gateways
) -> None:
    before = gateways.lake.read(spec.model, QUARANTINE, partitions=[partition.key], columns=[c.REASONS])
    if len(rows) or (before is not None and len(before)):
        gateways.lake.publish(spec.model, QUARANTINE, partition.key, rows, metadata)


def _collect(run: str, shards: int, gateways: Gateways) -> pd.DataFrame:
    return pd.concat([gateways.staging.get(run, f"scored_{number}") for number in range(shards)], ignore_index=True)


def _scores(spec: ModelSpec, version: int, frame: pd.DataFrame, gateways: Gateways) -> dict[str, Any]:
    if frame.empty:
        return {}
    found = predict_version(spec, version, frame, gateways)
    return published_columns(spec, found)
