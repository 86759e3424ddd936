"""The instant and the partition a run acts from, derived in this one place: never from the clock.

A run's parameters come first, then its partition, then its logical date, then its data interval.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from evenkeel.vocabulary.errors import AsOfMissingError
from evenkeel.vocabulary.partition import Partition, parse_instant

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from evenkeel.vocabulary.spec import ModelSpec

_INSTANT = "as_of, an instant such as 2013-03-01"


def as_of_of_run(spec: ModelSpec, context: Mapping[str, Any]) -> datetime:
    """The instant a training or a promotion acts from: `as_of`, or else when its schedule came to its partition.

    Raises AsOfMissingError, saying what to pass, where the run has neither.
    """
    given = context["params"].get("as_of")
    if given:
        return parse_instant(given, spec.timezone)
    return spec.training_as_of(partition_of_run(spec, context, wanted=_INSTANT))


def as_of_of_signal(spec: ModelSpec, context: Mapping[str, Any]) -> datetime:
    """The instant a retraining acts from: `as_of`, or else that of the check of the partition that signalled.

    Raises AsOfMissingError, saying what to pass, where the run has neither.
    """
    given = context["params"].get("as_of")
    if given:
        return parse_instant(given, spec.timezone)
    return spec.check_as_of(partition_of_run(spec, context, wanted=_INSTANT))


def partition_of_run(
    spec: ModelSpec, context: Mapping[str, Any], wanted: str = "partition, a day such as 2013-04-01"
) -> Partition:
    """The partition a run is about: parameter `partition`, the run's partition key, or the day its logical date or data
    interval begins.

    Raises AsOfMissingError, saying what to pass, where the run has none of them, or two that differ.
    """
    given, own = context["params"].get("partition"), context.get("partition_key")
    if given and own and given != own:
        raise AsOfMissingError(
            f"run {context['run_id']} is about partition {own}, its conf says {given}: leave `partition` out of the conf"
        )
    key = given or own
    if key:
        return spec.partition(str(key))
    run = context["dag_run"]
    instant = run.logical_date or run.data_interval_start
    if instant is not None:
        return Partition.containing(instant, spec.timezone)
    raise AsOfMissingError(
        f"run {context['run_id']} has no partition, logical date, data interval or parameter to act from; the clock is never "
        f"used. Pass {wanted}, in the run's conf"
    )
