"""A model of several classes: flights that are on time, late or cancelled, through every pipeline."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

from evenkeel.gateways.card_page import card_html, card_markdown
from evenkeel.workflows.challenge import PART
from evenkeel.workflows.model_card import model_card
from evenkeel.workflows.pipelines import run_drift_check, run_scoring

if TYPE_CHECKING:
    from tests.workflows.conftest import House

CLASSES = ("cancelled", "late", "on_time")
TOLD = [f"_probability_{name}" for name in CLASSES]
DAYS = ("2013-02-04", "2013-02-05")


@pytest.fixture
def model() -> str:
    return "flight_status"


def scored(house: House) -> House:
    for day in DAYS:
        run_scoring(house.spec, house.spec.partition(day), house.gateways)
    return house


def test_each_row_has_a_probability_of_each_class(trained: House) -> None:
    """They add up to one, and the prediction is the class with the greatest; what only the gate looks at is not published."""
    scores = scored(trained).scores(DAYS[-1])
    assert np.allclose(scores[TOLD].sum(axis=1), 1.0)
    greatest = scores[TOLD].to_numpy().argmax(axis=1)
    assert scores["_prediction"].tolist() == [CLASSES[one] for one in greatest]
    assert {name for name in scores if "probabilit" in name} == set(TOLD)


def test_the_check_measures_the_metric_that_was_promised(trained: House) -> None:
    """Decay is reckoned in macro F1, on the labels that matured."""
    recorded = run_drift_check(scored(trained).spec, trained.spec.partition(DAYS[-1]), trained.gateways)
    assert recorded.decay in {"none", "watch", "drift"}
    checks = trained.gateways.lake.read(trained.spec.model, "drift_checks")
    assert checks is not None
    assert "f1_macro" in checks["decay_reason"].iloc[0]


def test_the_check_sees_probabilities_that_moved(trained: House) -> None:
    """Every class is a column of the drift check beside the features; one whose probabilities moved far away drifts."""
    spec, lake = scored(trained).spec, trained.gateways.lake
    (training,) = lake.partitions(spec.model, "training_sets")
    learnt = lake.read(spec.model, "training_sets", partitions=[training])
    assert learnt is not None
    random = np.random.default_rng(0)
    today = trained.scores(DAYS[-1])
    told = {name: random.choice(today[name], len(learnt)) for name in TOLD[1:]} | {TOLD[0]: np.full(len(learnt), 0.9)}
    holdout = learnt[PART] == "holdout"
    moved = learnt.assign(**{name: np.where(holdout, values, np.nan) for name, values in told.items()})
    lake.publish(spec.model, "training_sets", training, moved.drop(columns="_partition"), {})
    run_drift_check(spec, spec.partition(DAYS[-1]), trained.gateways)
    columns = lake.read(spec.model, "drift_columns")
    assert columns is not None
    found = columns.set_index("column")["drifted"]
    assert set(found.index) == {*spec.features.names, *TOLD}
    assert found[TOLD].tolist() == [True, False, False]


def test_its_labels_are_those_of_the_flights(trained: House) -> None:
    """What was learnt from is what became of the flights: a cancelled one has no air time, a late one was late."""
    learnt = trained.gateways.lake.read(trained.spec.model, "training_sets")
    assert learnt is not None
    outcomes = pd.read_parquet(trained.root / "data" / "flights" / "outcomes").set_index("flight_id")
    there = outcomes.loc[learnt["flight_id"]]
    assert set(learnt["_label"]) == set(CLASSES)
    assert (learnt["_label"].to_numpy() == "cancelled").tolist() == there["cancelled"].tolist()
    late = there["arrived_late"].astype(bool) & ~there["cancelled"]
    assert (learnt["_label"].to_numpy() == "late").tolist() == late.tolist()


def test_its_card_tells_the_classes_apart(trained: House) -> None:
    """Precision, recall and F1 of each class are on the card; one that is never the answer is among the limits."""
    card = model_card(trained.spec.model, 1, trained.gateways)
    assert [one.name for one in card.classes] == list(CLASSES)
    told = {one.name: one for one in card.classes}
    assert all(one.labels > 0 and one.recall is not None for one in card.classes)
    assert told["cancelled"].precision is None
    assert any("never answered cancelled" in one for one in card.limits)
    f1 = told["on_time"].f1
    assert f1 is not None
    assert f"{f1.value:.4f}" in card_html(card)
    assert f"| on\\_time | {told['on_time'].labels:,} |" in card_markdown(card)
