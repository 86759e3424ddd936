"""A check's figures over time: one MLflow run a model, in which a day is a step."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from evenkeel.vocabulary.partition import Partition
    from evenkeel.vocabulary.spec import ModelSpec
    from evenkeel.workflows.gateways import Gateways

    Numbers = Mapping[str, float | int | None]

MONITORING = "monitoring"
"""Key and name of the run."""


def begin_monitoring(spec: ModelSpec, gateways: Gateways) -> str:
    """The id of the model's run. A training makes it, before there is a version to check: the first checks come several at a
    time, and where two make a run of one key the later is taken back, with what was written to it.
    """
    run_id = gateways.registry.begin(spec.model, MONITORING, name=MONITORING, tags={})
    gateways.registry.finish(run_id)
    return run_id


def log_check(spec: ModelSpec, partition: Partition, answers: Mapping[str, Numbers], gateways: Gateways) -> None:
    """Write the numbers of a check's answers as metrics `answer.number` of its day; a check that is repeated adds nothing.

    The step is the day's number in the calendar, as `date.toordinal` counts, so that checks may come in any order.

    Args:
        spec: the model.
        partition: the check's.
        answers: by name (`drift`, `decay`), its numbers; those that are not finite are left out.
        gateways: the doors.
    """
    run_id = begin_monitoring(spec, gateways)
    figures = {f"{name}.{key}": one for name, numbers in answers.items() for key, one in numbers.items()}
    finite = {name: float(one) for name, one in figures.items() if one is not None and math.isfinite(one)}
    gateways.registry.log_step(run_id, partition.day.toordinal(), {"checked": 1.0} | finite)
