"""Maintenance of a model's tables, its MLflow runs and its staged files."""

from __future__ import annotations

import os
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest
from mlflow import MlflowClient

from evenkeel.gateways.staging import KEEP
from evenkeel.vocabulary import tables
from evenkeel.vocabulary.errors import EvenkeelError
from evenkeel.vocabulary.tables import LEDGER, SCORES, TABLES
from evenkeel.vocabulary.verdict import Outcome, Verdict
from evenkeel.workflows.maintain import close_orphans, maintain_table, retire_versions, sweep_staging
from evenkeel.workflows.pipelines import run_scoring, run_training
from evenkeel.workflows.promote import promote_version

if TYPE_CHECKING:
    from evenkeel.gateways.registry import Registry
    from evenkeel.vocabulary.spec import ModelSpec
    from evenkeel.workflows.gateways import Gateways
    from tests.workflows.conftest import House

DAY = "2013-02-03"


def test_every_table_is_maintained() -> None:
    """A table that is named in the vocabulary is one of those that are maintained."""
    named = {value for name, value in vars(tables).items() if name.isupper() and isinstance(value, str)}
    assert set(TABLES) == named


def test_maintenance_changes_no_row_and_keeps_what_is_done(trained: House) -> None:
    """Every table reads as before, the champion is the same, and scoring the day again is still no commit (law 7)."""
    spec, gateways = trained.spec, trained.gateways
    done = run_scoring(spec, spec.partition(DAY), gateways)
    champion = gateways.ledger.champion(spec.model, trained.at("2013-02-03"))
    before = {table: gateways.lake.read(spec.model, table) for table in TABLES}
    maintained = {table: maintain_table(spec, table, gateways) for table in TABLES}
    for table, found in before.items():
        assert (maintained[table] is None) == (found is None)
        if found is not None:
            again = gateways.lake.read(spec.model, table)
            assert again is not None
            pd.testing.assert_frame_equal(again, found)
    assert gateways.ledger.champion(spec.model, trained.at("2013-02-03")) == champion
    scores, ledger = maintained[SCORES], maintained[LEDGER]
    assert scores is not None
    assert ledger is not None
    assert ledger.files_after == 1
    assert run_scoring(spec, spec.partition(DAY), gateways).table_version == scores.version >= done.table_version


def test_the_history_of_the_spec_is_that_of_the_tables(trained: House) -> None:
    """What a publish replaces stays readable for as long as the model says."""
    spec = trained.spec.model_copy(update={"history": timedelta(days=90)})
    run_scoring(spec, spec.partition(DAY), trained.gateways)
    maintain_table(spec, SCORES, trained.gateways)
    log = (trained.root / "lake" / spec.model / SCORES / "_delta_log").glob("*.json")
    assert any('"delta.deletedFileRetentionDuration":"interval 2160 hours"' in file.read_text() for file in log)


def test_a_table_of_another_name_is_refused(house: House) -> None:
    """The error names the tables there are; those that are not written yet have nothing to maintain."""
    with pytest.raises(EvenkeelError, match="'scorse' is none of its tables; choose one of scores, "):
        maintain_table(house.spec, "scorse", house.gateways)
    assert [maintain_table(house.spec, table, house.gateways) for table in TABLES] == [None] * len(TABLES)


def test_a_run_of_a_killed_training_is_closed_once_no_training_can_be_under_way(house: House) -> None:
    """A run that says RUNNING is ended when a day and the time for approval have passed, and not before (law 28)."""
    registry, now = house.gateways.registry, datetime.now(UTC)
    run = registry.begin(house.spec.model, "killed", name="train", tags={})
    wait = timedelta(days=1) + house.spec.promotion.approval_timeout
    assert close_orphans(house.spec, now + wait - timedelta(minutes=5), house.gateways).runs == 0
    closed = close_orphans(house.spec, now + wait + timedelta(minutes=5), house.gateways)
    assert (closed.runs, closed.ids) == (1, (run,))


def test_old_staged_files_are_swept(house: House) -> None:
    """What was staged longer ago than a week and a training goes, later where a person may take weeks to approve; a model that
    staged nothing has nothing to sweep.
    """
    assert sweep_staging(house.spec, house.gateways).runs == 0
    house.gateways.staging.put_note(f"{house.spec.model}/score/{DAY}", "plan", {})
    (note,) = (house.root / "lake" / "_staging").rglob("plan.json")
    asks = with_promotion(house, mode="approval", approval_timeout=timedelta(days=20))
    long_ago = time.time() - (KEEP + house.spec.longest_training).total_seconds() - 60
    os.utime(note, (long_ago, long_ago))
    assert sweep_staging(asks, house.gateways).runs == 0
    assert sweep_staging(house.spec, house.gateways).runs == 1


def file_of(gateways: Gateways, model: str, version: int) -> Path:
    client = MlflowClient(gateways.settings.tracking_uri, registry_uri=gateways.settings.tracking_uri)
    return Path(client.get_model_version(model, str(version)).source.removeprefix("file://")) / "model.skops"


class DiedError(Exception):
    """What becomes of the training under test."""


def die_registered(step: str, result: object) -> None:
    if step == "register":
        raise DiedError


def with_promotion(house: House, **words: Any) -> ModelSpec:
    return house.spec.model_copy(update={"promotion": house.spec.promotion.model_copy(update=words)})


def test_a_version_that_nothing_was_decided_about_is_deleted_once_it_is_old(trained: House) -> None:
    """The version of a training that died before its decision goes after `history`, with its file and its run; the champion's
    stays, and the training, run again, makes its version anew.
    """
    gateways, now = trained.gateways, datetime.now(UTC)
    asks = with_promotion(trained, mode="approval")
    with pytest.raises(DiedError):
        run_training(asks, trained.at("2013-02-03"), gateways, die_registered)
    assert [one.number for one in gateways.registry.versions(asks.model)] == [1, 2]
    file = file_of(gateways, asks.model, 2)
    assert file.exists()
    old = asks.history + timedelta(days=1) + asks.promotion.approval_timeout
    assert retire_versions(asks, now + old - timedelta(minutes=5), gateways).deleted == 0
    retired = retire_versions(asks, now + old + timedelta(minutes=5), gateways)
    assert (retired.deleted, retired.files_dropped, retired.versions) == (1, 0, (2,))
    assert [one.number for one in gateways.registry.versions(asks.model)] == [1]
    assert not file.exists()
    assert retire_versions(asks, now + 10 * old, gateways).deleted == 0
    with pytest.raises(DiedError):
        run_training(asks, trained.at("2013-02-03"), gateways, die_registered)
    again = gateways.registry.versions(asks.model)[-1]
    assert again.number != 1
    assert gateways.registry.load(asks.model, again.number) is not None


def test_a_version_that_is_promoted_while_others_files_go_keeps_its_own(
    trained: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two were turned down long ago; while the first one's file goes, a person promotes the second."""
    gateways, model = trained.gateways, trained.spec.model
    for day in ("2013-02-03", "2013-02-04"):
        run_training(with_promotion(trained, margin=0.9), trained.at(day), gateways)
    training = trained.spec.training.model_copy(update={"keep_versions": timedelta(days=90)})
    spec, drop = trained.spec.model_copy(update={"training": training}), type(gateways.registry).drop_file

    def slowly(registry: Registry, name: str, number: int) -> None:
        drop(registry, name, number)
        verdict = Verdict(Outcome.PASS, "", {"against": 1})
        promote_version(spec, trained.at("2013-02-05"), 3, verdict, gateways, force=True, reason="it was better")

    monkeypatch.setattr(type(gateways.registry), "drop_file", slowly)
    assert retire_versions(spec, datetime.now(UTC) + timedelta(days=91), gateways).versions == (2,)
    assert file_of(gateways, model, 3).exists()


def test_a_version_that_somebody_registered_by_hand_is_left_alone(trained: House) -> None:
    """Whatever its source is: it is not ours to delete."""
    gateways, model = trained.gateways, trained.spec.model
    client = MlflowClient(gateways.settings.tracking_uri, registry_uri=gateways.settings.tracking_uri)
    (trained.root / "theirs").mkdir()
    client.create_model_version(model, str(trained.root / "theirs"))
    later = datetime.now(UTC) + 10 * trained.spec.history
    assert retire_versions(trained.spec, later, gateways).deleted == 0
    assert [one.number for one in gateways.registry.versions(model)] == [1, 2]
    assert (trained.root / "theirs").exists()


def test_the_file_of_a_version_that_was_turned_down_goes_where_the_spec_says_so(trained: House) -> None:
    """`training.keep_versions` lets the model file go, never the version, its tags or what the ledger says; champions of any time
    keep theirs. What has no file cannot become champion.
    """
    gateways, registry, model = trained.gateways, trained.gateways.registry, trained.spec.model
    run_training(with_promotion(trained, margin=0.9), trained.at("2013-02-03"), gateways)
    spec = trained.spec.model_copy(
        update={"training": trained.spec.training.model_copy(update={"keep_versions": timedelta(days=90)})}
    )
    assert spec.hash == trained.spec.hash
    later = datetime.now(UTC) + timedelta(days=91)
    assert retire_versions(trained.spec, later, gateways).files_dropped == 0
    assert retire_versions(spec, later - timedelta(days=2), gateways).files_dropped == 0
    tags, file = registry.version(model, 2).tags, file_of(gateways, model, 2)
    assert file.exists()
    for expected in (1, 0):
        assert retire_versions(spec, later, gateways).files_dropped == expected
    left = registry.version(model, 2)
    assert tags.items() <= left.tags.items()
    assert not file.exists()
    with pytest.raises(EvenkeelError, match=r"version 2: its model file was dropped on .* `training.keep_versions`"):
        registry.load(model, 2)
    with pytest.raises(EvenkeelError, match="cannot become champion"):
        promote_version(
            spec, trained.at("2013-02-04"), 2, Verdict(Outcome.PASS, ""), gateways, force=True, reason="rehearsal"
        )
    assert [one.version for one in gateways.ledger.entries(model)] == [1, 2]
    assert registry.load(model, 1) is not None
