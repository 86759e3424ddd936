"""Performance and the account of causes, on made rows whose law is known: staged as the step before leaves them."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

from evenkeel.decisions.drift import Moved
from evenkeel.vocabulary import columns as c
from evenkeel.vocabulary.settings import Settings
from evenkeel.vocabulary.spec_file import load_spec
from evenkeel.workflows.account import account_of
from evenkeel.workflows.account_words import account_in_words
from evenkeel.workflows.check_window import Measured, check_run
from evenkeel.workflows.gateways import Gateways
from evenkeel.workflows.performance import measure_performance
from evenkeel.workflows.reference import ROW_DAY
from tests.workflows.conftest import PROJECT

if TYPE_CHECKING:
    from pathlib import Path

    from evenkeel.vocabulary.spec import ModelSpec

LAST = "2013-05-14"
"""The check's partition; the window is the fortnight up to it, the holdout the one before."""


@pytest.fixture
def spec() -> ModelSpec:
    found = load_spec(PROJECT / "config" / "models" / "flight_delay.yaml")
    tolerated = found.drift.decay.model_copy(update={"tolerance": 0.02})
    return found.model_copy(update={"drift": found.drift.model_copy(update={"decay": tolerated})})


@pytest.fixture
def gateways(tmp_path: Path) -> Gateways:
    return Gateways(Settings(PROJECT, tmp_path, str(tmp_path / "lake"), str(tmp_path), f"sqlite:///{tmp_path}/m.db"))


def rows(
    spec: ModelSpec, seed: int, last: str, *, foggy: float = 0.2, flipped: str = "", since: str = ""
) -> pd.DataFrame:
    """A fortnight. The model is calibrated and knows little in fog (`visibility` below zero), which is so often there as
    `foggy` says; labels of the origin `flipped` are turned round since a day.
    """
    rng = np.random.default_rng(seed)
    keys = [one.strftime("%Y-%m-%d") for one in pd.date_range(end=last, periods=14)]
    days = np.repeat(keys, 150)
    fog = rng.random(len(days)) < foggy
    odds = rng.normal(size=len(days)) * np.where(fog, 0.2, 2.0)
    frame = pd.DataFrame({name: rng.normal(size=len(days)) for name in spec.features.numeric})
    frame["visibility"] = np.abs(frame["visibility"]) * np.where(fog, -1, 1)
    for name in spec.features.categorical:
        frame[name] = rng.choice(["JFK", "EWR", "LGA"], len(days))
    frame[c.PREDICTION] = 1 / (1 + np.exp(-odds))
    frame[c.LABEL] = (rng.random(len(days)) < frame[c.PREDICTION]).astype(float)
    turned = (frame["origin"] == flipped) & (days >= since)
    frame[c.LABEL] = frame[c.LABEL].mask(turned, 1 - frame[c.LABEL])
    return frame.assign(**{c.PARTITION: days, c.MODEL_VERSION: 1})


def staged(spec: ModelSpec, gateways: Gateways, window: pd.DataFrame, promised: pd.DataFrame) -> Measured:
    run = check_run(spec, spec.partition(LAST))
    gateways.staging.put(run, "scored", window)
    gateways.staging.put(run, "promised", promised.rename(columns={c.PARTITION: ROW_DAY}))
    return measure_performance(spec, spec.partition(LAST), gateways)


def promise(spec: ModelSpec) -> pd.DataFrame:
    return rows(spec, 1, "2013-04-30")


def test_a_window_of_the_holdouts_law_has_not_fallen(spec: ModelSpec, gateways: Gateways) -> None:
    """Nothing changed: no decay, no cause, and an estimate that the truth bears out."""
    measured = staged(spec, gateways, rows(spec, 2, LAST), promise(spec))
    assert (measured.outcome, measured.causes) == ("none", ())
    assert "was off" not in measured.reason
    assert "weighed_fall" not in measured.numbers


def test_a_fall_that_the_inputs_explain_is_told_as_that(spec: ModelSpec, gateways: Gateways) -> None:
    """More fog, in which the model always knew little: it fell, its inputs explain it, and the estimate saw it."""
    measured = staged(spec, gateways, rows(spec, 3, LAST, foggy=0.7), promise(spec))
    assert (measured.outcome, measured.causes) == ("drift", ("decay",))
    assert "the inputs explain it" in measured.reason
    assert "was off" not in measured.reason
    assert abs(measured.numbers["weighed_fall"]) < measured.numbers["fall"] / 3


def test_a_fall_on_the_same_inputs_is_told_as_concept_drift(spec: ModelSpec, gateways: Gateways) -> None:
    """Labels that turned round at an airport: the fall stays, and the estimate, which cannot see it, says it was off."""
    measured = staged(spec, gateways, rows(spec, 4, LAST, flipped="JFK"), promise(spec))
    assert measured.outcome == "drift"
    assert "concept drift" in measured.reason
    assert "the estimate without labels was off" in measured.reason
    assert measured.numbers["weighed_fall_low"] > 0


def test_rows_without_labels_are_estimated_and_not_judged(spec: ModelSpec, gateways: Gateways) -> None:
    """Before any label is there, decay is `insufficient_data` and the metric has an estimate with its interval (law 21)."""
    window = rows(spec, 5, LAST, foggy=0.7)
    measured = staged(spec, gateways, window.assign(**{c.LABEL: np.nan}), promise(spec))
    assert measured.outcome == "insufficient_data"
    assert "is estimated on 2100 rows without labels yet" in measured.reason
    later = staged(spec, gateways, window, promise(spec))
    assert measured.numbers["estimated"] == later.numbers["checked"]
    assert later.numbers["checked_low"] < later.numbers["checked_truth"] < later.numbers["checked_high"]


def test_without_a_holdout_nothing_was_promised(spec: ModelSpec, gateways: Gateways) -> None:
    """No row of a holdout: `insufficient_data` by its own words, and no estimate."""
    measured = staged(spec, gateways, rows(spec, 6, LAST), promise(spec).iloc[:0])
    assert (measured.outcome, "nothing was promised" in measured.reason) == ("insufficient_data", True)
    assert "estimated" not in measured.numbers


def test_each_day_has_its_metric_beside_its_estimate(spec: ModelSpec, gateways: Gateways) -> None:
    """A row a day: labels, the metric on them, the estimate without them, and the mean over the week with its interval."""
    window = rows(spec, 7, LAST)
    window.loc[window[c.PARTITION] == LAST, c.LABEL] = np.nan
    staged(spec, gateways, window, promise(spec))
    days = gateways.staging.get(check_run(spec, spec.partition(LAST)), "days").set_index("day")
    assert (len(days), days["labels"].sum(), days["rows"].sum()) == (14, 13 * 150, 14 * 150)
    assert days["value"].isna().tolist() == [False] * 13 + [True]
    assert days["estimate"].notna().all()
    assert abs(days["value"] - days["estimate"]).mean() < 0.06
    assert (days["low"] < days["mean"]).loc["2013-05-10"]
    assert (days["mean"] < days["high"]).loc["2013-05-10"]


def signalled(spec: ModelSpec, gateways: Gateways, window: pd.DataFrame) -> str:
    """The account of a check in which visibility drifted most."""
    run = check_run(spec, spec.partition(LAST))
    staged(spec, gateways, window, promise(spec))
    drifted = {"hour": 0.25, "humidity": 0.3, "visibility": 0.6}
    columns = [asdict(Moved(name, "distribution", "wasserstein", score, 0.2, 0.3)) for name, score in drifted.items()]
    gateways.staging.put(run, "columns", pd.DataFrame(columns))
    gateways.staging.put_note(run, "drift", {"outcome": "drift"})
    return account_of(spec, spec.partition(LAST), 1, gateways)


def test_an_account_names_the_column_whose_shift_explains_the_loss(spec: ModelSpec, gateways: Gateways) -> None:
    """More fog: visibility moved most, and its shift alone explains most of what the loss rose by."""
    account = signalled(spec, gateways, rows(spec, 8, LAST, foggy=0.7))
    told = json.loads(account)
    assert [one["cause"] for one in told["columns"]] == ["visibility", "humidity"]
    assert told["losses"][0]["column"] == "visibility"
    assert told["losses"][0]["shift"] > 0.7 * (told["loss"]["now"] - told["loss"]["before"])
    assert account_in_words(account)[0] == (
        "Moved most: visibility (3 times what is chance), humidity (1.5 times what is chance)."
    )


def test_an_account_names_the_slice_and_the_first_day(spec: ModelSpec, gateways: Gateways) -> None:
    """Labels turned round at JFK since 8 May: that is where the loss rose, and since when."""
    told = json.loads(signalled(spec, gateways, rows(spec, 9, LAST, flipped="JFK", since="2013-05-08")))
    assert (told["slices"][0]["column"], told["slices"][0]["value"]) == ("origin", "JFK")
    assert told["slices"][0]["low"] > 0
    assert told["since"][0]["what"] == "log_loss"
    assert told["since"][0]["day"] == "2013-05-08"


def test_an_account_counts_what_the_data_gate_found_without_its_examples(spec: ModelSpec, gateways: Gateways) -> None:
    """Rows set aside by reason and refused days, none of the rows' own values; days outside the window do not count."""
    reasons = pd.DataFrame({c.REASONS: ["hour is null; key twice", "hour is null"]})
    for day in ("2013-05-10", "2013-05-11", "2013-03-01"):
        gateways.lake.publish(spec.model, "quarantine", day, reasons, {})
    refused = pd.DataFrame(
        {
            "reason": [
                "flight_delay 2013-05-09: refused by suite rows: expect_column_values_to_not_be_null on hour: 3 rows, such as "
                "name=Doe; John; expect_table_row_count_to_be_between: observed ['Alice']"
            ]
        }
    )
    gateways.lake.publish(spec.model, "refused", "2013-05-09", refused, {})
    account = signalled(spec, gateways, rows(spec, 10, LAST))
    assert "Alice" not in account
    assert "John" not in account
    assert account_in_words(account)[-4:] == [
        "The data gate refused 1 partition in these days: expect_column_values_to_not_be_null on hour: 3 rows.",
        "The data gate refused 1 partition in these days: expect_table_row_count_to_be_between: is not met.",
        "The data gate set aside 4 rows in these days: hour is null.",
        "The data gate set aside 2 rows in these days: key twice.",
    ]


def test_an_account_is_small_whatever_the_names(spec: ModelSpec, gateways: Gateways) -> None:
    """With every part full and values and reasons of any length it stays under 4 KB."""
    window = rows(spec, 11, LAST, foggy=0.8, flipped="JFK", since="2013-05-08")
    window["origin"] = window["origin"] + "x" * 500
    for number in range(8):
        reasons = pd.DataFrame({c.REASONS: [f"{number}" + "y" * 500]})
        gateways.lake.publish(spec.model, "quarantine", f"2013-05-0{number + 1}", reasons, {})
    assert len(signalled(spec, gateways, window)) < 4096


def test_no_account_has_no_words() -> None:
    """A check that did not signal, or was written before there were accounts."""
    assert account_in_words("") == []
