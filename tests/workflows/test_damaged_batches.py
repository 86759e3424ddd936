"""Every damaged batch of the catalogue through a real house: its verdict, its words, and what is published."""

from __future__ import annotations

import re
import shutil
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

from evenkeel.gateways.lake import content_hash
from evenkeel.vocabulary.errors import EvenkeelError, GateRefusedError
from evenkeel.workflows import score, train
from evenkeel.workflows.pipelines import run_scoring
from tests.workflows.conftest import House, _house
from tests.workflows.damaged_batches import AS_OF, CATALOGUE, DAY, Damage

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

TABLES = ("scores", "quarantine", "training_sets")
DAYS_BEFORE = ("2013-02-02", "2013-02-03", "2013-02-04")


@pytest.fixture(scope="session")
def scored_lakes(tmp_path_factory: pytest.TempPathFactory, trained_lakes: dict[str, Path]) -> Callable[[str], Path]:
    """Each trained model with the days before the damage scored, so that it is known how many rows are usual."""
    made: dict[str, Path] = {}

    def make(model: str) -> Path:
        if model not in made:
            made[model] = tmp_path_factory.mktemp(f"{model}_scored") / "house"
            shutil.copytree(trained_lakes[model], made[model])
            house = _house(made[model], model, draws_pages=False)
            for day in DAYS_BEFORE:
                run_scoring(house.spec, house.spec.partition(day), house.gateways)
        return made[model]

    return make


@pytest.fixture
def damaged(tmp_path: Path, scored_lakes: Callable[[str], Path], damage: Damage) -> House:
    """A house of the damage's model, with the damage done to its landed files."""
    shutil.copytree(scored_lakes(damage.model), tmp_path, dirs_exist_ok=True)
    house = _house(
        tmp_path, damage.model, draws_pages=damage.verdict in {"quarantined", "harmless"}
    )  # whose page is read
    if damage.where != "scores":
        for day in damage.days:
            damage.change(house.landed(damage.where, day))
    return house


def published(house: House) -> dict[str, Any]:
    """Version and content of every table that holds rows, and who is champion from when."""
    found: dict[str, Any] = {}
    for table in TABLES:
        rows = house.gateways.lake.read(house.spec.model, table)
        if rows is not None:
            found[table] = (house.gateways.lake.version(house.spec.model, table), content_hash(rows))
    found["versions"] = [one.number for one in house.gateways.registry.versions(house.spec.model)]
    champion = house.gateways.ledger.champion(house.spec.model, house.at("2013-03-01"))
    return found | {"champion": None if champion is None else champion.version}


def run(house: House, damage: Damage) -> None:
    """The pipeline up to where the damage must be found, or further."""
    spec, gateways = house.spec, house.gateways
    if damage.step == "train":
        train.extract_window(spec, house.at(AS_OF), gateways)
        train.validate_window(spec, house.at(AS_OF), gateways)
        train.split_window(spec, house.at(AS_OF), gateways)
        return
    partition = spec.partition(DAY)
    if damage.where != "scores":
        run_scoring(spec, partition, gateways)
        return
    score.extract_partition(spec, partition, gateways)
    score.validate_partition(spec, partition, gateways)
    score.score_shard(spec, partition, 0, gateways)
    name = score.scoring_run(spec, partition)
    gateways.staging.put(name, "scored_0", damage.change(gateways.staging.get(name, "scored_0")))
    score.validate_scores(spec, partition, gateways)
    score.publish_scores(spec, partition, gateways)


def of(*verdicts: str) -> Any:
    """A test for each damage of these verdicts."""
    cases = [one for one in CATALOGUE if one.verdict in verdicts]
    return pytest.mark.parametrize("damage", cases, ids=[f"{one.where}: {one.name}" for one in cases])


@of("refused", "failed")
def test_nothing_of_a_refused_batch_is_published(damaged: House, damage: Damage) -> None:
    """It is told by name, by a gate or as broken data, and every table, version and champion stays (laws 10, 11, 13, 14)."""
    before = published(damaged)
    with pytest.raises(EvenkeelError) as told:
        run(damaged, damage)
    assert isinstance(told.value, GateRefusedError) == (damage.verdict == "refused"), told.value
    assert re.search(damage.says, str(told.value)), told.value
    assert published(damaged) == before


@of("quarantined", "harmless")
def test_rows_in_are_rows_out(damaged: House, damage: Damage) -> None:
    """Each row is scored, or set aside with its reasons; what is said about the others is on the page (laws 9 and 12)."""
    run(damaged, damage)
    if damage.step == "train":
        aside, said = trained_on(damaged)
    else:
        aside, said = scored_from(damaged)
    assert aside == damage.rows
    assert re.search(damage.says, said), said


def scored_from(house: House) -> tuple[int, str]:
    """How many rows of the day are in quarantine and why, or what the page says; no row is lost or there twice."""
    scores = house.scores(DAY)
    quarantined = house.gateways.lake.read(house.spec.model, "quarantine", partitions=[DAY])
    aside = [] if quarantined is None else quarantined["flight_id"].tolist()
    landed = pd.read_parquet(house.landed("schedule", DAY), partitioning=None)
    assert sorted([*scores["flight_id"], *aside]) == sorted(landed["flight_id"])
    if quarantined is None or quarantined.empty:
        return 0, page(house, score.data_docs_name(house.spec, house.spec.partition(DAY)))
    assert quarantined["_reasons"].str.len().min() > 0
    return len(aside), " | ".join(quarantined["_reasons"].unique())


def trained_on(house: House) -> tuple[int, str]:
    """How many rows of the window are not learnt from, and what the pages say."""
    instant, staging = house.at(AS_OF), house.gateways.staging
    name = train.training_run(house.spec, instant)
    extracted, validated = (len(staging.get(name, part)) for part in ("extracted", "validated"))
    assert extracted - validated == staging.get_note(name, "validation")["quarantined"]
    names = (train.data_docs_name(house.spec, instant), train.labels_docs_name(house.spec, instant))
    return extracted - validated, " ".join(page(house, one) for one in names)


def page(house: House, name: str) -> str:
    """A page's text, without its looks and its markup."""
    return re.sub(r"<style>.*?</style>|<[^>]+>", "", house.gateways.pages.get(name).decode(), flags=re.DOTALL)


def test_the_catalogue_is_large_and_says_itself_once() -> None:
    """At least 45 damages, each of a name of its own, for every verdict and everywhere a batch comes from."""
    assert len(CATALOGUE) >= 45
    assert len({(one.where, one.name) for one in CATALOGUE}) == len(CATALOGUE)
    assert {one.verdict for one in CATALOGUE} == {"refused", "quarantined", "failed", "harmless"}
    assert {one.where for one in CATALOGUE} == {"schedule", "outcomes", "weather", "scores"}
    assert all((one.rows > 0) == (one.verdict == "quarantined") for one in CATALOGUE)
