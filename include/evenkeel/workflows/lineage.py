"""Lineage: what a version is made of, put on its run so that anyone can make it again (law 16)."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from evenkeel.vocabulary import columns as c
from evenkeel.vocabulary.errors import StagingMissingError
from evenkeel.vocabulary.partition import back
from evenkeel.workflows.evidence import code_version, environment_hash, environment_text, lock_hash
from evenkeel.workflows.train import training_run

if TYPE_CHECKING:
    from datetime import datetime

    import pandas as pd

    from evenkeel.vocabulary.spec import ModelSpec
    from evenkeel.vocabulary.spec_training import Candidate
    from evenkeel.workflows.gateways import Gateways

SPEC, CANDIDATE, TRAINING_SET, ENVIRONMENT = "spec.json", "candidate.json", "training_set.json", "environment.txt"
"""The run's files: the spec as the run saw it, the candidate with its chosen parameters, which rows, and what was installed."""

TAGS = (
    "training",
    "as_of",
    "window",
    "seed",
    "spec",
    "suite",
    "data",
    "data_table_version",
    "code",
    "lock",
    "environment",
)
"""Names of the tags, each after `evenkeel.`, on a run and on its version."""

_NOT_SHOWN, _HIDDEN = MASKS = "(not shown)", "***"
"""What stands in a run's copy of the spec for a database's address, and for the credentials of another address."""

_USERINFO = re.compile(r"(?<=://)[^/@\s]+(?=@)")


def lineage(
    spec: ModelSpec, as_of: datetime, training: str, data_version: str, table_version: int, gateways: Gateways
) -> dict[str, str]:
    """The tags: which training, of what data, by which code, in which environment, from which seed.

    `table_version` is that of the table of training sets that holds the rows.
    """
    validation = gateways.staging.get_note(training_run(spec, as_of), "validation")
    start = back(as_of, spec.training.window, spec.timezone)
    return {
        "evenkeel.training": training,
        "evenkeel.as_of": as_of.isoformat(),
        "evenkeel.window": f"{start.isoformat()}/{as_of.isoformat()}",
        "evenkeel.seed": str(spec.training.seed),
        "evenkeel.spec": spec.hash,
        "evenkeel.suite": validation["suite_hash"],
        "evenkeel.data": data_version,
        "evenkeel.data_table_version": str(table_version),
        "evenkeel.code": code_version(gateways.settings.project),
        "evenkeel.lock": lock_hash(gateways.settings.project),
        "evenkeel.environment": environment_hash(),
    }


def lineage_of(run_id: str, gateways: Gateways) -> dict[str, str]:
    """The tags as they are on a run: a version says what its run says, whoever registers it and when."""
    tags = gateways.registry.run(run_id).tags
    return {f"evenkeel.{name}": tags[f"evenkeel.{name}"] for name in TAGS if f"evenkeel.{name}" in tags}


def log_lineage(
    spec: ModelSpec, as_of: datetime, run_id: str, candidate: str, learnt: pd.DataFrame, gateways: Gateways
) -> None:
    """Keep, as files of the run, what its tags only name. A run whose model is stored keeps what it has.

    Args:
        spec: the spec as this run sees it.
        as_of: the instant it acts from.
        run_id: the run.
        candidate: name of the candidate that became the challenger.
        learnt: the training set as it was published, both parts.
        gateways: the doors.
    """
    if gateways.registry.run(run_id).has_model:
        return
    chosen = chosen_candidate(spec, as_of, candidate, gateways)
    rows = {
        "columns": [name for name in learnt if name != c.PARTITION],
        "quarantined": gateways.staging.get_note(training_run(spec, as_of), "validation").get("quarantined"),
    }
    files = {
        SPEC: _json(without_secrets(spec.model_dump(mode="json"))),
        CANDIDATE: _json({**chosen.model_dump(mode="json"), "search": {}}),
        TRAINING_SET: _json(rows),
        ENVIRONMENT: environment_text(),
    }
    for name, text in files.items():
        gateways.registry.log_text(run_id, name, text)


def chosen_candidate(spec: ModelSpec, as_of: datetime, name: str, gateways: Gateways) -> Candidate:
    """A candidate with the parameters that its search chose; those of the spec where it searched for none."""
    candidate = next(one for one in spec.training.candidates if one.name == name)
    try:
        note = gateways.staging.get_note(training_run(spec, as_of), f"fitted_{name}")
    except StagingMissingError:
        return candidate
    return candidate.model_copy(update={"params": dict(note.get("params") or candidate.params)})


def without_secrets(content: Any) -> Any:
    """A spec's plain values without a database's address and without what stands before the `@` of any other."""
    if isinstance(content, dict):
        return {
            key: _NOT_SHOWN if key == "url" and value is not None else without_secrets(value)
            for key, value in content.items()
        }
    if isinstance(content, list):
        return [without_secrets(one) for one in content]
    return _USERINFO.sub(_HIDDEN, content) if isinstance(content, str) else content


def _json(content: Any) -> str:
    return json.dumps(content, indent=2, default=str) + "\n"
