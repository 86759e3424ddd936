"""Version 1 of a trained house once more, as another version of a run of its own, whose files a test may change.

Houses are copied with their databases, and share the folders of the runs in them.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from evenkeel.gateways.registry import DIGEST
from evenkeel.workflows.evidence import environment_text
from evenkeel.workflows.lineage import CANDIDATE, ENVIRONMENT, SPEC, TRAINING_SET

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.workflows.conftest import House


def file_of_run(house: House, name: str) -> dict[str, Any]:
    """A JSON file of version 1's run."""
    registry = house.gateways.registry
    content = registry.artifact(registry.version(house.spec.model, 1).run_id, name)
    assert content is not None
    found: dict[str, Any] = json.loads(content)
    return found


def register_again(
    house: House, files: Mapping[str, dict[str, Any] | None], *, environment: str | None = "", key: str = "again"
) -> int:
    """The number of the new version; `files` are changed ones, or none where None, and so is `environment` where it is given."""
    registry, model = house.gateways.registry, house.spec.model
    first = registry.version(model, 1)
    run, estimator = registry.run(first.run_id), registry.load(model, 1)
    tags = {key: value for key, value in first.tags.items() if key != DIGEST}
    again = registry.begin(model, key, name=key, tags=tags)
    registry.log(again, params=run.params, metrics=run.metrics)
    for name in {SPEC, CANDIDATE, TRAINING_SET, *files}:
        content = files[name] if name in files else file_of_run(house, name)
        if content is not None:
            registry.log_text(again, name, json.dumps(content))
    if environment is not None:
        registry.log_text(again, ENVIRONMENT, environment or environment_text())
    rows = house.gateways.lake.read(model, "training_sets", partitions=[tags["evenkeel.training"]])
    assert rows is not None
    registry.log_model(again, estimator, example=rows[list(house.spec.features.names)].head(5))
    return registry.register(model, again, tags=tags).number
