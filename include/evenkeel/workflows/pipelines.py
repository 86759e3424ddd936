"""Whole pipelines in one process: the same steps as the DAGs, in the same order."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from evenkeel.vocabulary.errors import GateRefusedError
from evenkeel.workflows import (
    challenge,
    drift,
    drift_check,
    performance,
    promote,
    retrain,
    rollback,
    score,
    shadow,
    train,
)
from evenkeel.workflows.ledger import AS_OF_CHAMPION

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from evenkeel.vocabulary.partition import Partition
    from evenkeel.vocabulary.spec import ModelSpec
    from evenkeel.workflows.gateways import Gateways

    Watch = Callable[[str, Any], None]

Result = TypeVar("Result")


def silent(step: str, result: Any) -> None:
    """Watch nothing."""


def run_training(spec: ModelSpec, as_of: datetime, gateways: Gateways, watch: Watch = silent) -> promote.Decided:
    """Train as of an instant and promote the challenger if it earns it. `watch` hears of each step's result.

    Raises GateRefusedError where the spec asks for a person's approval and none is on record, which only Airflow can get; the
    challenger is registered and judged by then.
    """
    told = _teller(watch)
    told("extract", train.extract_window(spec, as_of, gateways))
    told("validate", train.validate_window(spec, as_of, gateways))
    told("split", train.split_window(spec, as_of, gateways))
    for candidate in spec.training.candidates:
        told(f"fit {candidate.name}", train.fit_candidate(spec, as_of, candidate.name, gateways))
    told("evaluate", challenge.evaluate_challenger(spec, as_of, gateways))
    registered = told("register", challenge.register_challenger(spec, as_of, gateways))
    verdict = told("gate", challenge.gate_challenger(spec, as_of, gateways))
    if not verdict.passed:
        return told("keep", promote.keep_champion(spec, as_of, gateways))
    if spec.promotion.mode == "approval" and promote.decided_already(spec, as_of, gateways) is None:
        raise GateRefusedError(
            f"{spec.model}: version {registered.version} passed the gate and waits for a person's approval; give it in Airflow "
            f"({spec.model}_train), or promote it: evenkeel promote {spec.model} {registered.version} --as-of {as_of.isoformat()}"
        )
    return told("promote", promote.promote_challenger(spec, as_of, gateways))


def run_scoring(
    spec: ModelSpec,
    partition: Partition,
    gateways: Gateways,
    watch: Watch = silent,
    *,
    champion: str = AS_OF_CHAMPION,
) -> score.Published:
    """Score one partition and publish it. Raises GateRefusedError where a gate says no."""
    told = _teller(watch)
    told("extract", score.extract_partition(spec, partition, gateways, champion))
    validated = told("validate", score.validate_partition(spec, partition, gateways))
    for shard in range(validated.shards):
        told(f"score shard {shard + 1} of {validated.shards}", score.score_shard(spec, partition, shard, gateways))
    told("validate scores", score.validate_scores(spec, partition, gateways))
    return told("publish", score.publish_scores(spec, partition, gateways))


def run_drift_check(
    spec: ModelSpec, partition: Partition, gateways: Gateways, watch: Watch = silent
) -> drift_check.Recorded:
    """Check one partition for drift and decay, judge the shadow where the spec has one, and put the answers on record."""
    told = _teller(watch)
    told("gather", drift_check.gather_window(spec, partition, gateways))
    told("drift", drift.measure_drift(spec, partition, gateways))
    told("performance", performance.measure_performance(spec, partition, gateways))
    if spec.promotion.shadow is not None:  # before the record: a check on record has decided
        told("shadow", shadow.judge_shadow(spec, partition, gateways))
    return told("record", drift_check.record_check(spec, partition, gateways))


def run_retraining(
    spec: ModelSpec, as_of: datetime, gateways: Gateways, watch: Watch = silent
) -> retrain.Answer | None:
    """Answer a signal: decide, train if the checks ask for it, roll back or call a person where that leaves a decayed champion,
    and report; None where the signal was declined.
    """
    told = _teller(watch)
    if not told("decide", retrain.answer_signal(spec, as_of, gateways)).passed:
        return None
    try:
        run_training(spec, as_of, gateways, watch)
    except GateRefusedError:
        told("settle", rollback.settle_decay(spec, as_of, gateways))
        raise
    told("settle", rollback.settle_decay(spec, as_of, gateways))
    return told("answer", retrain.report_answer(spec, as_of, gateways))


def _teller(watch: Watch) -> Callable[[str, Result], Result]:
    def told(step: str, result: Result) -> Result:
        watch(step, result)
        return result

    return told
