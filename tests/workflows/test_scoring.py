"""Scoring in one process: exactly the rows, by the champion of the day, or nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
import pytest

from evenkeel.vocabulary.errors import FeatureError, SourceError
from evenkeel.workflows.pipelines import run_scoring

if TYPE_CHECKING:
    from evenkeel.workflows import score
    from tests.workflows.conftest import House

DAY = "2013-02-05"


def run(house: House, day: str = DAY) -> score.Published:
    return run_scoring(house.spec, house.spec.partition(day), house.gateways)


@pytest.mark.parametrize("model", ["flight_delay", "flight_duration", "flight_status"])
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
