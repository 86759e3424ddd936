"""Columns the evaluation is sliced by: they ride along from the rows to the training set, and no further."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from evenkeel.vocabulary.spec_training import Evaluation
from evenkeel.workflows import train
from evenkeel.workflows.pipelines import run_scoring
from evenkeel.workflows.replay_frames import frames_hash

if TYPE_CHECKING:
    from evenkeel.vocabulary.spec import ModelSpec
    from tests.workflows.conftest import House

DAY = "2013-02-05"


def sliced(spec: ModelSpec) -> ModelSpec:
    """The spec, sliced by a feature and by two columns of the rows that are none."""
    rows = spec.rows.model_copy(update={"columns": {**spec.rows.columns, "tailnum": "string", "charter": "bool"}})
    evaluation = Evaluation(slices=("origin", "charter"), sensitive=("tailnum", "charter"))
    return spec.model_copy(update={"rows": rows, "evaluation": evaluation})


def charters_landed(house: House, first: str) -> None:
    """The schedule gains a column of yes, no and unknown, from a day to the end of what was landed."""
    for day in pd.date_range(first, "2013-02-16").strftime("%Y-%m-%d"):
        house.change(
            "schedule",
            day,
            lambda rows: rows.assign(charter=pd.array([None, True, *[False] * (len(rows) - 2)], dtype="boolean")),
        )


def test_a_frame_carries_the_columns_it_is_sliced_by_as_they_are(trained: House) -> None:
    """Text stays as it is, yes and no become words, what is missing stays missing, and features are what they were."""
    charters_landed(trained, "2013-02-04")
    spec, partitions = sliced(trained.spec), [trained.spec.partition(DAY)]
    assert (spec.carried, spec.sliced) == (("charter", "tailnum"), ("origin", "charter", "tailnum"))
    frame = trained.gateways.frames.build(spec, partitions)
    landed = pd.read_parquet(trained.landed("schedule", DAY), partitioning=None).set_index("flight_id")
    there = landed.loc[frame["flight_id"]]
    assert landed["tailnum"].isna().any(), "the day shows nothing about missing values"
    assert frame["tailnum"].where(frame["tailnum"].notna(), None).tolist() == there["tailnum"].tolist()
    words = {True: "True", False: "False"}
    assert frame["charter"].dropna().tolist() == [words[one] for one in there["charter"].dropna()]
    assert frame["charter"].isna().sum() == 1
    plain = trained.gateways.frames.build(trained.spec, partitions)
    pd.testing.assert_frame_equal(frame[plain.columns], plain)


def test_what_is_only_measured_by_is_not_published(trained: House) -> None:
    """Scores and quarantined rows are the same with slices and without: a sensitive column is in neither."""
    charters_landed(trained, "2013-01-20")
    trained.change("schedule", DAY, lambda rows: rows.assign(distance=rows["distance"].where(rows.index != 5, -1.0)))
    found = []
    for spec in (trained.spec, sliced(trained.spec)):
        published = run_scoring(spec, spec.partition(DAY), trained.gateways)
        assert published.quarantined == 1
        aside = trained.gateways.lake.read(spec.model, "quarantine", partitions=[DAY])
        assert aside is not None
        found.append((trained.scores(DAY), aside))
    for before, after in zip(*found, strict=True):
        pd.testing.assert_frame_equal(before, after)


def test_both_parts_of_a_training_hold_them(house: House) -> None:
    """The rows a challenger learns from and is measured on can be told apart by the sliced columns."""
    charters_landed(house, "2013-01-01")
    spec, as_of = sliced(house.spec), house.at("2013-02-01")
    for step in (train.extract_window, train.validate_window, train.split_window):
        step(spec, as_of, house.gateways)
    for name in ("train", "holdout"):
        part = house.gateways.staging.get(train.training_run(spec, as_of), name)
        assert part["tailnum"].nunique() > 100
        assert set(part["charter"].dropna()) == {"True", "False"}


def test_kept_frames_are_told_apart_by_what_they_carry(house: House) -> None:
    """A replay whose policies are sliced by other columns does not share frames that lack them."""
    spec = sliced(house.spec)
    plain = spec.model_copy(update={"evaluation": Evaluation(slices=("origin",))})
    other = spec.model_copy(update={"evaluation": Evaluation(slices=("charter", "tailnum"))})
    assert frames_hash(spec) != frames_hash(plain)
    assert frames_hash(spec) == frames_hash(other)
