"""Scoring in one process: exactly the rows, by the champion of the day, or nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

from evenkeel.vocabulary.errors import EvenkeelError, FeatureError, GateRefusedError, SourceError
from evenkeel.workflows import score
from evenkeel.workflows.pipelines import run_scoring

if TYPE_CHECKING:
    from tests.workflows.conftest import House

DAY = "2013-02-05"


def run(house: House, day: str = DAY) -> score.Published:
    return run_scoring(house.spec, house.spec.partition(day), house.gateways)


@pytest.mark.parametrize("model", ["flight_delay", "flight_duration"])
def test_every_row_of_the_day_has_one_score(trained: House) -> None:
    """Rows in are rows scored, by key, in one commit, with the features they were made from (law 9)."""
    published = run(trained)
    scores = trained.scores(DAY)
    landed = pd.read_parquet(trained.landed("schedule", DAY), partitioning=None)
    assert sorted(scores["flight_id"]) == sorted(landed["flight_id"])
    assert published.rows == len(landed)
    assert set(trained.spec.features.names) <= set(scores.columns)
    assert (scores["_model_version"] == 1).all()
    assert (scores["_as_of"] == trained.spec.partition(DAY).start).all()


def test_scoring_again_changes_nothing(trained: House) -> None:
    """The same partition again: equal content and no second commit (laws 1 and 7)."""
    first = run(trained)
    before = trained.scores(DAY)
    assert run(trained) == first
    pd.testing.assert_frame_equal(before, trained.scores(DAY))


def test_what_was_not_known_at_midnight_changes_no_score(trained: House) -> None:
    """Outcomes of the day itself, those of last night still in the air, and later weather are not there (law 2)."""
    run(trained)
    before = trained.scores(DAY)
    midnight = trained.spec.partition(DAY).start
    for day in ("2013-02-04", DAY):
        trained.change(
            "outcomes",
            day,
            lambda rows: rows.assign(arrived_late=np.where(rows["known_at"] > midnight, 1, rows["arrived_late"])),
        )
    trained.change(
        "weather", DAY, lambda rows: rows.assign(visib=np.where(rows["known_at"] > midnight, 0.0, rows["visib"]))
    )
    run(trained)
    pd.testing.assert_frame_equal(before, trained.scores(DAY))


def test_shards_give_what_one_piece_gives(trained: House) -> None:
    """A partition scored in many shards is the same table as in one (law 8)."""
    run(trained)
    whole = trained.scores(DAY)
    scoring = trained.spec.scoring.model_copy(update={"shard_rows": 100})
    spec = trained.spec.model_copy(update={"scoring": scoring})
    partition = spec.partition(DAY)
    score.extract_partition(spec, partition, trained.gateways)
    assert score.validate_partition(spec, partition, trained.gateways).shards > 5
    run_scoring(spec, partition, trained.gateways)
    pd.testing.assert_frame_equal(whole, trained.scores(DAY))


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda rows: rows.iloc[:0], "the partition is empty"),
        (lambda rows: rows.head(20), "expect_table_row_count_to_be_between"),
        (lambda rows: pd.concat([rows, rows.head(1)]), "expect_compound_columns_to_be_unique on flight_id"),
        (lambda rows: rows.assign(carrier=None), "expect_column_values_to_not_be_null on carrier"),
        (lambda rows: rows.assign(origin="LHR"), "expect_column_values_to_be_in_set on origin"),
    ],
    ids=["empty", "too few rows", "a key twice", "an all-null column", "an unknown airport"],
)
def test_a_critical_finding_publishes_nothing(trained: House, change: object, sentence: str) -> None:
    """Each damaged day is refused by name, and the table does not know the day (laws 11 and 14)."""
    trained.change("schedule", DAY, change)
    with pytest.raises(GateRefusedError, match=sentence):
        run(trained)
    assert DAY not in trained.gateways.lake.partitions("flight_delay", "scores")


def test_a_warning_sets_rows_aside_with_their_reasons(trained: House) -> None:
    """Rows of an unknown carrier go to quarantine; with the scored ones they are all rows, by key (laws 9 and 12)."""

    def repaint(rows: pd.DataFrame) -> pd.DataFrame:
        return rows.assign(carrier=np.where(np.arange(len(rows)) < 3, "ZZ", rows["carrier"]))

    trained.change("schedule", DAY, repaint)
    published = run(trained)
    quarantined = trained.gateways.lake.read("flight_delay", "quarantine", partitions=[DAY])
    assert quarantined is not None
    assert (published.quarantined, len(quarantined)) == (3, 3)
    assert quarantined["_reasons"].str.contains("carrier").all()
    landed = pd.read_parquet(trained.landed("schedule", DAY), partitioning=None)
    both = [*trained.scores(DAY)["flight_id"], *quarantined["flight_id"]]
    assert sorted(both) == sorted(landed["flight_id"])


def test_repaired_rows_leave_the_quarantine(trained: House) -> None:
    """Scoring a repaired day again empties its quarantine."""
    original = pd.read_parquet(trained.landed("schedule", DAY), partitioning=None)
    trained.change("schedule", DAY, lambda rows: rows.assign(carrier=["ZZ", *rows["carrier"][1:]]))
    run(trained)
    trained.change("schedule", DAY, lambda _: original)
    assert run(trained).quarantined == 0
    left = trained.gateways.lake.read("flight_delay", "quarantine", partitions=[DAY])
    assert left is not None
    assert left.empty


def test_over_the_budget_a_warning_refuses(trained: House) -> None:
    """More bad rows than the budget refuse the partition, with the share and the findings (law 12)."""
    trained.change(
        "schedule", DAY, lambda rows: rows.assign(carrier=np.where(rows["carrier"] == "UA", "ZZ", rows["carrier"]))
    )
    with pytest.raises(GateRefusedError, match=r"would be quarantined, the budget is 2\.0%"):
        run(trained)


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        (lambda rows: rows.assign(_prediction=np.nan), "expect_column_values_to_not_be_null on _prediction"),
        (lambda rows: rows.assign(_prediction=0.5), "_prediction"),
        (lambda rows: rows.assign(_prediction=1.5), "expect_column_values_to_be_between on _prediction"),
        (lambda rows: rows.head(10), "10 scores for"),
    ],
    ids=["NaN", "constant", "out of range", "fewer than the rows"],
)
def test_bad_scores_are_not_published(trained: House, damage: object, sentence: str) -> None:
    """NaN, constant, out-of-range or missing scores fail the score gate (law 10)."""
    partition = trained.spec.partition(DAY)
    score.extract_partition(trained.spec, partition, trained.gateways)
    score.validate_partition(trained.spec, partition, trained.gateways)
    score.score_shard(trained.spec, partition, 0, trained.gateways)
    name = score.scoring_run(trained.spec, partition)
    trained.gateways.staging.put(name, "scored_0", damage(trained.gateways.staging.get(name, "scored_0")))
    with pytest.raises(GateRefusedError, match=sentence):
        score.validate_scores(trained.spec, partition, trained.gateways)


def test_without_a_champion_of_the_day_nothing_is_scored(trained: House) -> None:
    """A day before the first promotion has no champion; the message says how to get one (law 3)."""
    with pytest.raises(EvenkeelError, match=r"no champion was effective at 2013-01-31.*flight_delay_train"):
        run(trained, "2013-01-31")


def test_a_truncated_file_is_told_and_nothing_is_published(trained: House) -> None:
    """Half a file is one message with its path."""
    file = trained.landed("schedule", DAY)
    file.write_bytes(file.read_bytes()[:1000])
    with pytest.raises(SourceError, match="a file is damaged"):
        run(trained)


@pytest.mark.parametrize(
    ("function", "sentence"),
    [
        ("fewer_rows", "returned 10 rows with another index"),
        ("missing_column", "did not return hour"),
        ("words", "feature hour is listed as numeric, but"),
        ("broken", "raised ZeroDivisionError"),
        ("nowhere", "cannot be imported"),
    ],
)
def test_a_feature_function_that_breaks_its_contract_is_named(trained: House, function: str, sentence: str) -> None:
    """The message says whose function, on which partition, and what it did."""
    features = trained.spec.features.model_copy(update={"function": f"tests.workflows.bad_features:{function}"})
    spec = trained.spec.model_copy(update={"features": features})
    with pytest.raises(FeatureError, match=sentence):
        run_scoring(spec, spec.partition(DAY), trained.gateways)
