"""The instant and the partition a run acts from: its parameters first, then its partition, then its logical date."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from evenkeel.vocabulary.errors import AsOfMissingError
from evenkeel.vocabulary.partition import Partition, parse_instant

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from evenkeel.vocabulary.spec import ModelSpec


def as_of_of_run(spec: ModelSpec, context: Mapping[str, Any]) -> datetime:
    """The instant a training, a retraining or a promotion acts from: `as_of`, or else the start of its partition.

    Raises AsOfMissingError, saying what to pass, where the run has neither.
    """
    given = context["params"].get("as_of")
    if given:
        return parse_instant(given, spec.timezone)
    return partition_of_run(spec, context, wanted="as_of, an instant such as 2013-03-01").start


def partition_of_run(
    spec: ModelSpec, context: Mapping[str, Any], wanted: str = "partition, a day such as 2013-04-01"
) -> Partition:
    """The partition a run is about: parameter `partition`, the run's partition key, or the day of its logical date.

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
    logical_date = context["dag_run"].logical_date
    if logical_date is not None:
        return Partition.containing(logical_date, spec.timezone)
    raise AsOfMissingError(
        f"run {context['run_id']} has no partition, no logical date and no parameter to act from; the clock is never used. "
        f"Pass {wanted}, in the run's conf"
    )
