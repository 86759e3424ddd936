"""The laws of publishing, 6 to 10, against every pipeline they concern and both models. Kills are in tests/kills (law 6)."""

from __future__ import annotations

import itertools
import shutil
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

from evenkeel.gateways.lake import Lake, content_hash
from evenkeel.vocabulary import columns as c
from evenkeel.vocabulary.errors import GateRefusedError
from evenkeel.vocabulary.tables import QUARANTINE, SCORES, TRAINING_SETS
from evenkeel.workflows import challenge, drift, drift_check, maintain, performance, promote, score, train
from tests.laws.house import DAY, SCORED, as_run, each
from tests.laws.pipelines import (
    ACTING,
    DRIFT_CHECK,
    MAINTENANCE,
    SCORING,
    TRAINED,
    TRAINING,
    Pipeline,
    contents,
    ended,
    everything,
    over,
    rows_of,
    runs,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.workflows.conftest import House


def pages_of(rows: int, value: float) -> pd.DataFrame:
    return pd.DataFrame({"flight_id": [f"f{number}" for number in range(rows)], "score": value})


def is_whole(found: pd.DataFrame) -> bool:
    """One of two results: a hundred rows of 1, or fifty of 2."""
    return (len(found), *found["score"].unique()) in {(100, 1.0), (50, 2.0)}


def test_law_06_a_reader_meanwhile_sees_whole_partitions_only(tmp_path: Path) -> None:
    """Whoever reads while a partition is published again and again, compacted and cleaned, sees one of its results, whole; and
    so is every version of the table that is kept (law 6).
    """
    lake, reader = Lake(str(tmp_path)), Lake(str(tmp_path))
    lake.publish("m", SCORES, DAY, pages_of(100, 1.0), {})
    seen, done = [], threading.Event()

    def look() -> None:
        while not done.is_set():
            found = reader.read("m", SCORES, partitions=[DAY])
            seen.append(found is not None and is_whole(found))

    watcher = threading.Thread(target=look)
    watcher.start()
    try:
        for number in range(12):
            lake.publish("m", SCORES, DAY, pages_of(50, 2.0) if number % 2 == 0 else pages_of(100, 1.0), {})
            lake.publish("m", SCORES, SCORED[0], pages_of(10, float(number)), {})
            if number % 4 == 3:
                lake.maintain("m", SCORES, pd.Timedelta(days=7).to_pytimedelta())
    finally:
        done.set()
        watcher.join()
    assert seen
    assert all(seen)
    for version in range(lake.version("m", SCORES) + 1):
        found = lake.read("m", SCORES, partitions=[DAY], version=version)
        assert found is not None
        assert is_whole(found), f"version {version} holds {len(found)} rows"


def test_law_06_scoring_again_replaces_a_partition_in_one_commit(lived: House) -> None:
    """After a repair of its rows a partition is the old one up to one commit and the new one from it on (law 6)."""
    SCORING.run(lived)
    before, version = lived.scores(DAY), rows_version(lived)
    lived.change("schedule", DAY, lambda rows: rows.iloc[20:])
    SCORING.run(lived)
    assert rows_version(lived) == version + 1
    then = rows_of(lived, SCORES, partitions=[DAY], version=version)
    assert (content_hash(then), len(lived.scores(DAY))) == (content_hash(before), len(before) - 20)
    others = [one for one in lived.gateways.lake.partitions(lived.spec.model, SCORES) if one != DAY]
    assert others == list(SCORED)


def rows_version(house: House) -> int:
    return house.gateways.lake.version(house.spec.model, SCORES)


@over(*ACTING, MAINTENANCE)
def test_law_07_run_again_changes_nothing(lived: House, pipeline: Pipeline) -> None:
    """Cleared and run again, and again as another run: the same content, table versions, entries, model versions and MLflow
    runs, and what a run hands on is the same (law 7).
    """
    first = pipeline.run(lived)
    before = everything(lived)
    assert pipeline.run(lived) == first or pipeline is MAINTENANCE
    assert everything(lived) == before
    pipeline.run(as_run(lived, "manual__2"))
    assert everything(lived) == before


@over(*ACTING)
def test_law_07_maintenance_does_not_make_a_pipeline_run_twice(lived: House, pipeline: Pipeline) -> None:
    """After its tables were compacted and its log was cut, a pipeline that runs again still finds that it is done (law 7)."""
    pipeline.run(lived)
    before = contents(lived)
    MAINTENANCE.run(lived)
    counted = everything(lived)
    pipeline.run(lived)
    assert everything(lived) == counted
    assert contents(lived) == before


def test_law_07_a_training_has_one_run_and_one_version(lived: House) -> None:
    """Three times the same training: one MLflow run that ended once, one version, no metric twice (law 7)."""
    ends = set()
    for _ in range(3):
        TRAINING.run(lived)
        ends.add(ended(lived))
    mine = [one for one in runs(lived) if one["key"].startswith(train.training_id(lived.spec, lived.at(TRAINED)))]
    assert [(one["status"], one["models"]) for one in mine] == [("FINISHED", 1)]
    assert set(mine[0]["metrics"].values()) == {1}
    assert [one.number for one in lived.gateways.registry.versions(lived.spec.model)] == [1, 2, 3]
    assert len(ends) == 1


@pytest.fixture
def other_data(lived: House, tmp_path: Path) -> Path:
    """The same landed days, of which each has fewer flights, and longer ones."""
    shutil.copytree(lived.root / "data", tmp_path / "other")
    flights = tmp_path / "other" / "flights"
    each(
        flights / "schedule",
        lambda rows: rows.iloc[30:].assign(distance=lambda found: found["distance"] + 1),
        "2013-01-25",
    )
    each(flights / "labels", _with_late_ones, "2013-01-25")
    return tmp_path / "other"


def _with_late_ones(rows: pd.DataFrame) -> pd.DataFrame:
    late = rows["arrived_late"].where(np.arange(len(rows)) > 40, 1)
    return rows.assign(air_time=rows["air_time"] + 1, arrived_late=late)


def scoring_steps(house: House) -> Iterator[Any]:
    spec, partition, gateways = house.spec, house.spec.partition(DAY), house.gateways
    yield score.extract_partition(spec, partition, gateways)
    yield score.validate_partition(spec, partition, gateways)
    yield score.score_shard(spec, partition, 0, gateways)
    yield score.validate_scores(spec, partition, gateways)
    yield score.publish_scores(spec, partition, gateways)


def check_steps(house: House) -> Iterator[Any]:
    spec, partition, gateways = house.spec, house.spec.partition(SCORED[-1]), house.gateways
    yield drift_check.gather_window(spec, partition, gateways)
    yield drift.measure_drift(spec, partition, gateways)
    yield performance.measure_performance(spec, partition, gateways)
    yield drift_check.record_check(spec, partition, gateways)


def training_steps(house: House) -> Iterator[Any]:
    spec, instant, gateways = house.spec, house.at(TRAINED), house.gateways
    yield train.extract_window(spec, instant, gateways)
    yield train.validate_window(spec, instant, gateways)
    yield train.split_window(spec, instant, gateways)
    for candidate in spec.training.candidates:
        yield train.fit_candidate(spec, instant, candidate.name, gateways)
    yield challenge.evaluate_challenger(spec, instant, gateways)
    yield challenge.register_challenger(spec, instant, gateways)
    verdict = challenge.gate_challenger(spec, instant, gateways)
    yield verdict
    yield (promote.promote_challenger if verdict.passed else promote.keep_champion)(spec, instant, gateways)


STEPS: dict[str, Callable[[House], Iterator[Any]]] = {
    SCORING.name: scoring_steps,
    DRIFT_CHECK.name: check_steps,
    TRAINING.name: training_steps,
}


@over(SCORING, DRIFT_CHECK, TRAINING)
def test_law_08_two_runs_in_step_end_in_one_of_the_two_results(
    lived: House, twin: House, other_data: Path, pipeline: Pipeline
) -> None:
    """Two runs about one partition, with different data, take turns step by step: none sees what the other staged, and what is
    there in the end is what one of them would have left alone, whole (law 8).
    """
    second = as_run(twin, "manual__2", data=other_data)
    pipeline.run(second)
    alone = [pipeline.outcome(twin)]
    steps = STEPS[pipeline.name]
    for _ in itertools.zip_longest(steps(as_run(lived, "manual__2", data=other_data)), steps(lived)):
        pass
    found = pipeline.outcome(lived)
    pipeline.run(twin)  # the house as it was landed
    alone.append(pipeline.outcome(twin))
    assert alone[0] != alone[1]
    if pipeline is TRAINING:  # other data is another training: both are there, each whole
        assert found == alone[1]
        sets = lived.gateways.lake.partitions(lived.spec.model, TRAINING_SETS)
        assert sets == twin.gateways.lake.partitions(lived.spec.model, TRAINING_SETS)
        return
    assert found in alone


def test_law_08_two_publishes_at_the_same_time_end_in_one_of_the_two_results(lived: House, other_data: Path) -> None:
    """Two runs of different data publish one partition at the same moment: its rows are all of one of them, and the commit says
    of which (law 8).
    """
    houses = {"scheduled__1": lived, "manual__2": as_run(lived, "manual__2", data=other_data)}
    for house in houses.values():
        for _ in itertools.islice(scoring_steps(house), 4):
            pass
    together, published = threading.Barrier(2), {}

    def go(name: str) -> None:
        together.wait()
        spec = houses[name].spec
        published[name] = score.publish_scores(spec, spec.partition(DAY), houses[name].gateways)

    threads = [threading.Thread(target=go, args=(name,)) for name in houses]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    last, rows = lived.gateways.lake.commits(lived.spec.model, SCORES, DAY)[0], lived.scores(DAY)
    assert len(published) == 2
    assert len(rows) == last.rows == published[last.metadata["run"]].rows
    (file,) = Path(houses[last.metadata["run"]].gateways.settings.data).glob(f"flights/schedule/date={DAY}/*.parquet")
    landed = pd.read_parquet(file, partitioning=None).sort_values("flight_id")
    assert rows["flight_id"].tolist() == landed["flight_id"].tolist()
    assert rows["distance"].tolist() == landed["distance"].tolist()


def test_law_08_shards_of_two_champions_are_not_published(lived: House) -> None:
    """A shard that another version scored meanwhile is refused: a partition is of one champion (law 8)."""
    partition, gateways = lived.spec.partition(DAY), lived.gateways
    steps = scoring_steps(lived)
    for _ in range(3):
        next(steps)
    run = score.scoring_run(lived.spec, partition)
    shard = gateways.staging.get(run, "scored_0")
    gateways.staging.put(run, "scored_0", shard.assign(_model_version=np.arange(len(shard)) % 2 + 1))
    with pytest.raises(GateRefusedError, match=r"scored by versions \[1, 2\], the run's champion is 1"):
        next(steps)
    assert DAY not in gateways.lake.partitions(lived.spec.model, SCORES)


def small_shards(house: House) -> House:
    scoring = house.spec.scoring.model_copy(update={"shard_rows": 100})
    return type(house)(house.spec.model_copy(update={"scoring": scoring}), house.gateways, house.root)


def damage_some(rows: pd.DataFrame) -> pd.DataFrame:
    """An unknown carrier in two rows, no distance to speak of in one of them and another, no time in one."""
    when = rows["scheduled_departure"].where(np.arange(len(rows)) != 7, pd.NaT)
    carrier = rows["carrier"].where(np.arange(len(rows)) > 1, "ZZ")
    distance = rows["distance"].where(~np.isin(np.arange(len(rows)), [1, 5]), np.inf)
    return rows.assign(scheduled_departure=when, carrier=carrier, distance=distance)


@pytest.mark.parametrize("sharded", [False, True], ids=["one piece", "shards"])
def test_law_09_rows_in_are_rows_scored_and_rows_quarantined(lived: House, sharded: bool) -> None:
    """By key: each landed row has one score, or is set aside with all its reasons, also a row of no time at all (law 9)."""
    house = small_shards(lived) if sharded else lived
    house.change("schedule", DAY, damage_some)
    landed = pd.read_parquet(house.landed("schedule", DAY), partitioning=None)["flight_id"].tolist()
    published = SCORING.run(house)
    scored = house.scores(DAY)["flight_id"].tolist()
    aside = rows_of(house, QUARANTINE, partitions=[DAY]).set_index("flight_id")
    assert sorted([*scored, *aside.index]) == sorted(landed)
    assert (published.rows, published.quarantined) == (len(landed) - 4, 4)
    reasons = [aside.loc[landed[place], c.REASONS] for place in (0, 1, 5, 7)]
    for place, columns in enumerate(
        (["carrier"], ["carrier", "distance"], ["distance"], ["scheduled_departure is missing"])
    ):
        assert all(column in reasons[place] for column in columns), reasons[place]
    assert "distance" not in reasons[0]


def test_law_09_repaired_rows_leave_the_quarantine(lived: House) -> None:
    """Scored again after a repair, the partition has all its rows and the quarantine none of them (law 9)."""
    original = pd.read_parquet(lived.landed("schedule", DAY), partitioning=None)
    lived.change("schedule", DAY, damage_some)
    assert SCORING.run(lived).quarantined == 4
    lived.change("schedule", DAY, lambda _: original)
    assert SCORING.run(lived).quarantined == 0
    assert rows_of(lived, QUARANTINE, partitions=[DAY]).empty
    assert sorted(lived.scores(DAY)["flight_id"]) == sorted(original["flight_id"])


def test_law_09_a_training_learns_from_all_rows_but_those_set_aside(lived: House) -> None:
    """Extracted rows are the training's and the quarantined ones, by key; what is set aside is counted on the version's
    evidence and not learnt from (law 9).
    """
    spec, gateways, instant = lived.spec, lived.gateways, lived.at(TRAINED)
    lived.change("schedule", "2013-01-29", lambda rows: rows.assign(carrier=["ZZ", "ZZ", *rows["carrier"][2:]]))
    train.extract_window(spec, instant, gateways)
    validated = train.validate_window(spec, instant, gateways)
    run = train.training_run(spec, instant)
    before, after = (set(gateways.staging.get(run, part)["flight_id"]) for part in ("extracted", "validated"))
    bad = set(pd.read_parquet(lived.landed("schedule", "2013-01-29"), partitioning=None)["flight_id"][:2])
    assert before - after == bad & before
    assert validated.quarantined == len(before - after) > 0
    assert validated.rows == len(after)


def test_law_09_shards_give_what_one_piece_gives(lived: House, twin: House) -> None:
    """However many shards a partition is scored in, its rows and their scores are the same (law 9)."""
    SCORING.run(lived)
    sharded = small_shards(twin)
    partition = sharded.spec.partition(DAY)
    score.extract_partition(sharded.spec, partition, sharded.gateways)
    assert score.validate_partition(sharded.spec, partition, sharded.gateways).shards > 5
    SCORING.run(sharded)
    pd.testing.assert_frame_equal(lived.scores(DAY), sharded.scores(DAY))


BAD_SCORES = {
    "NaN": (lambda rows: rows.assign(_prediction=np.nan), "expect_column_values_to_not_be_null on _prediction"),
    "one NaN": (
        lambda rows: rows.assign(_prediction=rows["_prediction"].where(np.arange(len(rows)) > 0)),
        "expect_column_values_to_not_be_null on _prediction: 1 row",
    ),
    "constant": (
        lambda rows: rows.assign(_prediction=rows["_prediction"].iloc[0]),
        "expect_column_stdev_to_be_between on _prediction",
    ),
    "too large": (lambda rows: rows.assign(_prediction=rows["_prediction"] + 2000), "to_be_between on _prediction"),
    "negative": (lambda rows: rows.assign(_prediction=-rows["_prediction"]), "to_be_between on _prediction"),
    "infinite": (lambda rows: rows.assign(_prediction=np.inf), "_prediction"),
    "fewer than the rows": (lambda rows: rows.iloc[1:], r"\d+ scores for \d+ rows"),
    "more than the rows": (lambda rows: pd.concat([rows, rows.head(1)]), r"\d+ scores for \d+ rows"),
    "none": (lambda rows: rows.iloc[:0], r"0 scores for \d+ rows"),
}


@pytest.mark.parametrize("damage", BAD_SCORES)
def test_law_10_bad_scores_are_not_published(lived: House, damage: str) -> None:
    """Scores that are missing, constant, no numbers, out of range, or not as many as the rows: refused, and the table does not
    know the day (law 10).
    """
    change, sentence = BAD_SCORES[damage]
    steps = scoring_steps(lived)
    for _ in range(3):
        next(steps)
    run = score.scoring_run(lived.spec, lived.spec.partition(DAY))
    lived.gateways.staging.put(run, "scored_0", change(lived.gateways.staging.get(run, "scored_0")))
    before = contents(lived)
    with pytest.raises(GateRefusedError, match=sentence):
        next(steps)
    assert DAY not in lived.gateways.lake.partitions(lived.spec.model, SCORES)
    assert {key: one for key, one in contents(lived).items() if key != "refused"} == before


def test_law_07_a_killed_trainings_run_is_the_same_run_again(lived: House) -> None:
    """Maintenance that ended a dead training's run does not make the next attempt another one (law 7)."""
    TRAINING.run(lived)
    before = everything(lived)
    maintain.close_orphans(lived.spec, lived.at("2030-01-01"), lived.gateways)
    TRAINING.run(lived)
    assert everything(lived) == before
