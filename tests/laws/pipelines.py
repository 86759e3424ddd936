"""Every pipeline as one thing that runs in a house, acts from an instant and leaves something: laws are about all of them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from mlflow import MlflowClient

from evenkeel.gateways.lake import content_hash
from evenkeel.vocabulary import columns as c
from evenkeel.vocabulary import tables
from evenkeel.workflows import maintain
from evenkeel.workflows.pipelines import run_drift_check, run_retraining, run_scoring, run_training
from evenkeel.workflows.promote import judge_version, promote_version, roll_back
from evenkeel.workflows.retrain import signal_id
from evenkeel.workflows.train import training_id, training_subject
from tests.laws.house import CHECKED, DAY, SCORED

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd

    from tests.workflows.conftest import House

TRAINED = "2013-02-06"
PROMOTED, ROLLED_BACK = "2013-02-06", "2013-02-07"
_NOW = datetime(2026, 1, 1, tzinfo=UTC)

_OF_ONE_RUN = {"evenkeel.begun_at", "evenkeel.model_id", "evenkeel.model_location", "evenkeel.model_sha256"}
"""Tags that name one attempt: ids, a clock, and a digest over a file that holds a clock."""

_OF_ONE_WRITING = {"recorded_at", "sequence", "digest"}
"""Of an entry, what says when it was written, and by which attempt its model file was."""


@dataclass(frozen=True)
class Pipeline:
    """A pipeline on a house: `as_of` is the last instant it may know of, `outcome` what it left, as plain values."""

    name: str
    run: Callable[[House], Any]
    as_of: Callable[[House], datetime]
    outcome: Callable[[House], Any]


def _train(house: House) -> Any:
    return run_training(house.spec, house.at(TRAINED), house.gateways)


def _score(house: House) -> Any:
    return run_scoring(house.spec, house.spec.partition(DAY), house.gateways)


def _check(house: House) -> Any:
    return run_drift_check(house.spec, house.spec.partition(SCORED[-1]), house.gateways)


def _retrain(house: House) -> Any:
    answer = run_retraining(house.spec, _signal(house), house.gateways)
    assert answer is not None, "the signal was declined"
    return answer


def _signal(house: House) -> datetime:
    return house.spec.check_as_of(house.spec.partition(CHECKED))


def _promote(house: House) -> Any:
    spec, gateways, instant = house.spec, house.gateways, house.at(PROMOTED)
    verdict = judge_version(spec, instant, 2, gateways)
    promote_version(spec, instant, 2, verdict, gateways, force=True, reason="a rehearsal")
    return roll_back(spec, house.at(ROLLED_BACK), gateways, reason="the rehearsal is over")


def _maintain(house: House) -> Any:
    for table in tables.TABLES:
        maintain.maintain_table(house.spec, table, house.gateways)
    return maintain.close_orphans(house.spec, _NOW, house.gateways), maintain.sweep_staging(house.spec, house.gateways)


def _of_training(house: House, instant: datetime) -> Any:
    sets = rows_of(house, tables.TRAINING_SETS)
    mine = sets[sets[c.PARTITION].str.startswith(training_id(house.spec, instant))]
    entries = [one for one in entries_of(house) if one["id"].startswith(training_subject(house.spec, instant))]
    assert len(mine)
    assert entries
    return content_hash(mine), entries, _versions(house)[-1]


def _of_partition(house: House, key: str, *names: str) -> Any:
    found = [house.gateways.lake.read(house.spec.model, name, partitions=[key]) for name in names]
    assert found[0] is not None
    assert len(found[0])
    return [None if one is None or one.empty else content_hash(one) for one in found]


def _of_signal(house: House) -> Any:
    instant = _signal(house)
    (answer,) = (one for one in entries_of(house) if one["id"] == signal_id(instant))
    return answer, _of_training(house, instant)


def _by_hand(house: House) -> Any:
    found = [one for one in entries_of(house) if one["id"].startswith(("promoted/", "rolled_back/"))]
    assert len(found) == 2
    return found


def _of_everything(house: House) -> Any:
    return contents(house)


TRAINING = Pipeline("training", _train, lambda house: house.at(TRAINED), lambda h: _of_training(h, h.at(TRAINED)))
SCORING = Pipeline(
    "scoring",
    _score,
    lambda house: house.spec.scoring_as_of(house.spec.partition(DAY)),
    lambda house: _of_partition(house, DAY, tables.SCORES, tables.QUARANTINE),
)
DRIFT_CHECK = Pipeline(
    "drift check",
    _check,
    lambda house: house.spec.check_as_of(house.spec.partition(SCORED[-1])),
    lambda house: _of_partition(house, SCORED[-1], tables.CHECKS, tables.CHECK_COLUMNS),
)
RETRAINING = Pipeline("retraining", _retrain, _signal, _of_signal)
PROMOTION = Pipeline("promotion by hand", _promote, lambda house: house.at(ROLLED_BACK), _by_hand)
MAINTENANCE = Pipeline("maintenance", _maintain, lambda _: _NOW, _of_everything)

ACTING = (TRAINING, SCORING, DRIFT_CHECK, RETRAINING, PROMOTION)
"""Those that act from an as-of."""


def over(*pipelines: Pipeline) -> pytest.MarkDecorator:
    """A test for each of these pipelines."""
    return pytest.mark.parametrize("pipeline", pipelines, ids=[one.name for one in pipelines])


def rows_of(house: House, table: str, **which: Any) -> pd.DataFrame:
    """A table that is there."""
    found = house.gateways.lake.read(house.spec.model, table, **which)
    assert found is not None, f"there is no table {table}"
    return found


def entries_of(house: House) -> list[dict[str, Any]]:
    """The ledger in the order its entries hold, without the clock, the order of writing and the digests of one attempt."""
    found = house.gateways.ledger.entries(house.spec.model)
    assert all(one.recorded_at is not None for one in found)
    return [{key: value for key, value in vars(one).items() if key not in _OF_ONE_WRITING} for one in found]


def contents(house: House) -> dict[str, Any]:
    """The content of every table, and the decisions on record."""
    found: dict[str, Any] = {"ledger": entries_of(house)}
    for table in tables.TABLES:
        rows = house.gateways.lake.read(house.spec.model, table)
        if rows is not None and table != tables.LEDGER:
            found[table] = content_hash(rows)
    return found


def everything(house: House) -> dict[str, Any]:
    """All that a house holds, but for `recorded_at` and the ids and digests that name one attempt."""
    there = [table for table in tables.TABLES if house.gateways.lake.read(house.spec.model, table) is not None]
    counted = {table: house.gateways.lake.version(house.spec.model, table) for table in there}
    alias = house.gateways.registry.champion_alias(house.spec.model)
    return {
        **contents(house),
        "table versions": counted,
        "versions": _versions(house),
        "runs": runs(house),
        "alias": alias,
    }


def _versions(house: House) -> list[dict[str, Any]]:
    found = house.gateways.registry.versions(house.spec.model)
    return [{"number": one.number, "tags": _plain(one.tags)} for one in found]


def runs(house: House) -> list[dict[str, Any]]:
    """The MLflow runs of the house's model, by key."""
    client = MlflowClient(house.gateways.settings.tracking_uri)
    experiment = client.get_experiment_by_name(house.spec.model)
    assert experiment is not None
    found = [
        {
            "key": one.data.tags["evenkeel.key"],
            "status": one.info.status,
            "params": one.data.params,
            "metrics": {name: len(client.get_metric_history(one.info.run_id, name)) for name in one.data.metrics},
            "values": one.data.metrics,
            "tags": _plain({key: value for key, value in one.data.tags.items() if not key.startswith("mlflow.")}),
            "models": len(one.outputs.model_outputs),
        }
        for one in client.search_runs([experiment.experiment_id])
    ]
    return sorted(found, key=lambda one: str(one["key"]))


def ended(house: House) -> tuple[int, ...]:
    """When each of the model's MLflow runs ended, in milliseconds."""
    client = MlflowClient(house.gateways.settings.tracking_uri)
    experiment = client.get_experiment_by_name(house.spec.model)
    assert experiment is not None
    return tuple(sorted(one.info.end_time for one in client.search_runs([experiment.experiment_id])))


def _plain(tags: Any) -> dict[str, str]:
    return {key: value for key, value in tags.items() if key not in _OF_ONE_RUN}
