"""The shadow's scores: gated like the champion's, published apart, and in front only for the keys of the canary.

They do not count: whatever is wrong with a shadow is put on record, and the champion's scores are published as without it.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import pandas as pd

from evenkeel.decisions.canary import in_canary
from evenkeel.vocabulary import columns as c
from evenkeel.vocabulary.errors import EvenkeelError
from evenkeel.vocabulary.tables import SHADOW_REFUSED, SHADOW_SCORES
from evenkeel.workflows.data_gate import refuse_critical
from evenkeel.workflows.ledger import AS_OF_CHAMPION, shadow_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from evenkeel.vocabulary.partition import Partition
    from evenkeel.vocabulary.spec import ModelSpec
    from evenkeel.workflows.gateways import Gateways

log = logging.getLogger(__name__)


def pinned_shadow(spec: ModelSpec, as_of: datetime, choice: str, gateways: Gateways) -> int | None:
    """The version that scores beside the champion of an as-of; none where another version was asked for."""
    if spec.promotion.shadow is None or choice != AS_OF_CHAMPION:
        return None
    found = shadow_of(gateways.ledger.entries(spec.model), as_of)
    return None if found is None else found.version


def score_beside(
    run: str, shard: int, version: int, predict: Callable[[], dict[str, object]], gateways: Gateways
) -> None:
    """Stage what a shadow says of a shard, or why it cannot; it raises nothing."""
    failed = ""
    try:
        gateways.staging.put(run, f"shadow_{shard}", pd.DataFrame(predict()))
    except Exception as error:  # an estimator may raise anything, and must not keep the champion's scores back
        log.warning("%s: shadow %s could not score shard %s", run, version, shard, exc_info=error)
        told = (
            str(error) if isinstance(error, EvenkeelError) else f"it raised {type(error).__name__}, see the task's log"
        )
        failed = f"version {version} could not score shard {shard}: {told}"
    gateways.staging.put_note(run, f"shadow_{shard}", {"failed": failed})


def gate_shadow(
    spec: ModelSpec, partition: Partition, run: str, version: int, scored: pd.DataFrame, shards: int, gateways: Gateways
) -> str:
    """Hold a shadow's scores against the score suite, and stage why they are not published, or that they are.

    Args:
        spec: the model.
        partition: what was scored.
        run: where its steps stage.
        version: the shadow.
        scored: the champion's scores, in the order of the shards.
        shards: how many there are.
        gateways: the doors.

    Returns:
        The reason, or nothing.
    """
    what = f"{spec.model} scores {partition} of shadow {version}"
    notes = [gateways.staging.get_note(run, f"shadow_{number}")["failed"] for number in range(shards)]
    refused = next(filter(None, notes), "")
    try:
        if not refused:
            theirs = _said(run, shards, gateways)
            if len(theirs) != len(scored):
                raise EvenkeelError(f"{what}: {len(theirs)} scores for {len(scored)} rows")
            frame = with_extremes(_in_its_words(scored, theirs))
            suite = spec.data_gate.scores
            refuse_critical(
                gateways.expectations.validate(frame, suite, run_name=what, key=spec.rows.key, draw=False), what
            )
    except EvenkeelError as error:
        log.warning("%s: not published: %s", what, error)
        refused = str(error)
    gateways.staging.put_note(run, "shadow", {"refused": refused})
    return refused


def with_extremes(scored: pd.DataFrame) -> pd.DataFrame:
    """Scores as a suite sees them that cannot know the classes: what a row's probabilities add up to, and the extremes."""
    told = scored.filter(regex=f"^{c.PROBABILITY_PREFIX}")
    if told.empty:
        return scored
    found = {c.SUM: told.sum(axis=1, skipna=False), c.LEAST: told.min(axis=1, skipna=False)}
    return scored.assign(**found, **{c.GREATEST: told.max(axis=1, skipna=False)})


def publish_shadow(
    spec: ModelSpec,
    partition: Partition,
    run: str,
    version: int | None,
    scored: pd.DataFrame,
    shards: int,
    metadata: dict[str, str],
    gateways: Gateways,
) -> pd.DataFrame:
    """Publish a shadow's scores apart, or put on record why not; what an earlier run left there of the partition goes.

    Returns the scores to publish: the champion's, and where the spec has a canary the shadow's for its keys.
    """
    compared, reason = pd.DataFrame(), ""
    published = scored
    if version is not None:
        reason = gateways.staging.get_note(run, "shadow")["refused"]
        if not reason:
            theirs = _said(run, shards, gateways)
            compared = pd.DataFrame() if scored.empty else _compared(spec, scored, theirs, version)
            published = _with_canary(spec, scored, theirs, version)
    refused = pd.DataFrame([{"version": version, "reason": reason}]) if reason else pd.DataFrame()
    for table, frame in ((SHADOW_REFUSED, refused), (SHADOW_SCORES, compared)):
        if len(frame) or partition.key in gateways.lake.partitions(spec.model, table):
            gateways.lake.publish(spec.model, table, partition.key, frame, metadata)
    return published


def _said(run: str, shards: int, gateways: Gateways) -> pd.DataFrame:
    parts = [gateways.staging.get(run, f"shadow_{number}") for number in range(shards)]
    return pd.concat(parts, ignore_index=True)


def _in_its_words(scored: pd.DataFrame, theirs: pd.DataFrame) -> pd.DataFrame:
    """The rows with the shadow's scores in the place of the champion's."""
    return scored.drop(columns=_score_columns(scored)).assign(**_columns(theirs))


def _compared(spec: ModelSpec, scored: pd.DataFrame, theirs: pd.DataFrame, version: int) -> pd.DataFrame:
    """Key, event time, and what either said; the champion's columns under names of their own."""
    renamed = {c.PREDICTION: c.CHAMPION_PREDICTION} | {
        name: c.CHAMPION_PROBABILITY_PREFIX + name.removeprefix(c.PROBABILITY_PREFIX)
        for name in _score_columns(scored)
        if name != c.PREDICTION
    }
    both = scored[[*spec.rows.key, spec.rows.event_time, *renamed, c.MODEL_VERSION]]
    both = both.rename(columns=renamed | {c.MODEL_VERSION: c.CHAMPION_VERSION})
    compared = both.assign(**_columns(theirs), **{c.MODEL_VERSION: version})
    return compared.sort_values(list(spec.rows.key), kind="stable", ignore_index=True)


def _with_canary(spec: ModelSpec, scored: pd.DataFrame, theirs: pd.DataFrame, version: int) -> pd.DataFrame:
    share = 0.0 if spec.promotion.shadow is None else spec.promotion.shadow.canary
    if not share or scored.empty:
        return scored
    chosen = in_canary(scored[list(spec.rows.key)].itertuples(index=False, name=None), share)
    marks: dict[str, Any] = {c.ROLE: c.CANARY_ROLE, c.MODEL_VERSION: version}
    marked = scored.assign(**marks)
    parts = [scored[~chosen], _in_its_words(marked, theirs)[chosen]]
    # Classes that only one of the two knows are null for the other, and the columns stay in the champion's order.
    return pd.concat([part for part in parts if len(part)]).sort_index()


def _columns(theirs: pd.DataFrame) -> dict[str, Any]:
    return {str(name): theirs[name] for name in theirs}


def _score_columns(scored: pd.DataFrame) -> list[str]:
    return [str(name) for name in scored if name == c.PREDICTION or str(name).startswith(c.PROBABILITY_PREFIX)]
