"""The data gate beside what was published before, and what it does with rows whatever is wrong with them."""

from __future__ import annotations

import tempfile
from datetime import timedelta
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evenkeel.vocabulary.errors import EvenkeelError, GateRefusedError
from evenkeel.vocabulary.settings import Settings
from evenkeel.workflows import data_gate, score, train
from evenkeel.workflows.check import check_spec
from evenkeel.workflows.gateways import Gateways
from evenkeel.workflows.pipelines import run_scoring
from tests.workflows.conftest import PROJECT, _house

if TYPE_CHECKING:
    from evenkeel.vocabulary.spec import ModelSpec
    from tests.workflows.conftest import House

DAY = "2013-02-05"
BEFORE = ("2013-02-02", "2013-02-03", "2013-02-04")


@pytest.fixture
def draws_pages() -> bool:
    return True


def score_day(house: House, day: str) -> score.Published:
    return run_scoring(house.spec, house.spec.partition(day), house.gateways)


def page(house: House, day: str) -> str:
    name = score.data_docs_name(house.spec, house.spec.partition(day))
    return house.gateways.pages.get(name).decode()


def with_recent(house: House, days: int) -> ModelSpec:
    gate = house.spec.data_gate.model_copy(update={"recent": timedelta(days=days)})
    return house.spec.model_copy(update={"data_gate": gate})


def test_without_a_past_the_volume_is_not_judged_and_the_page_says_so(trained: House) -> None:
    """With fewer than three days before it nobody knows how many rows are usual; with more, a jump is refused (law 14)."""
    spec = with_recent(trained, 2)
    trained.change("schedule", DAY, lambda rows: rows.iloc[::3])
    run_scoring(spec, spec.partition(DAY), trained.gateways)
    assert "recent_rows has no value, too few partitions came before" in page(trained, DAY)
    with pytest.raises(GateRefusedError, match=r"row_count_to_be_between: observed \d+, expected min_value=4"):
        score_day(trained, DAY)


def test_only_days_before_count_whatever_was_published_since(trained: House) -> None:
    """A day that is scored late sees what a daily run would have seen: the days after it are not its past, and whether those
    before it were published yet makes no difference (law 2).
    """
    for day in (*BEFORE, DAY):
        score_day(trained, day)
    later = _as_of_day(trained, "2013-02-02", DAY).head(5)
    trained.change("schedule", "2013-02-02", lambda rows: pd.concat([rows, later]))
    assert score_day(trained, "2013-02-02").quarantined == 0


def test_a_day_before_that_cannot_be_read_is_left_out(trained: House) -> None:
    """A damaged file stopped its own day; a later one is held against the others."""
    file = trained.landed("schedule", "2013-02-02")
    file.write_bytes(file.read_bytes()[:1000])
    assert score_day(trained, DAY).quarantined == 0
    assert "recent_rows" not in page(trained, DAY)


def _as_of_day(house: House, day: str, other: str) -> pd.DataFrame:
    """The flights of another day, at the same hours of `day`, under the keys they have there."""
    rows = pd.read_parquet(house.landed("schedule", other), partitioning=None)
    moved = pd.Timestamp(day) - pd.Timestamp(other)
    return rows.assign(scheduled_departure=rows["scheduled_departure"] + moved)


def test_days_longer_ago_than_recent_are_forgotten(trained: House) -> None:
    """`data_gate.recent` is how far back the gate looks, for how many rows are usual and for keys."""
    spec = with_recent(trained, 2)
    trained.change("schedule", DAY, lambda rows: pd.concat([rows, _as_of_day(trained, DAY, "2013-02-02").head(5)]))
    assert run_scoring(spec, spec.partition(DAY), trained.gateways).quarantined == 0
    assert "recent_rows has no value" in page(trained, DAY)
    assert score_day(trained, DAY).quarantined == 5


def test_what_the_gate_adds_stays_at_the_gate(trained: House) -> None:
    """Published rows have no column of the gate's own, and a quarantined row says in its reasons where its key is."""
    score_day(trained, "2013-02-04")
    trained.change("schedule", DAY, lambda rows: pd.concat([rows, _as_of_day(trained, DAY, "2013-02-04").head(1)]))
    score_day(trained, DAY)
    quarantined = trained.gateways.lake.read("flight_delay", "quarantine", partitions=[DAY])
    assert quarantined is not None
    assert quarantined["_reasons"].str.endswith("the key is in 2013-02-04").all()
    assert not {"_also_in", "_local_hour"} & {*trained.scores(DAY).columns, *quarantined.columns}


def test_both_suites_of_a_training_are_on_record(trained: House) -> None:
    """The version carries the hashes of what its rows and its labels were held against, and both pages are kept (law 16)."""
    gate, instant = trained.spec.data_gate, trained.at("2013-02-01")
    hashes = [trained.gateways.expectations.suite_hash(str(name)) for name in (gate.rows, gate.labels)]
    tags = trained.gateways.registry.version("flight_delay", 1).tags
    assert tags["evenkeel.suite"] == "+".join(hashes)
    for name in (train.data_docs_name(trained.spec, instant), train.labels_docs_name(trained.spec, instant)):
        assert b"passed" in trained.gateways.pages.get(name)


def test_without_pages_the_gate_finds_the_same(trained: House) -> None:
    """A run that draws no page refuses and accepts the same rows."""
    quiet = Gateways(trained.gateways.settings, actor="test", draws_pages=False)
    partition = trained.spec.partition(DAY)
    trained.change("schedule", DAY, lambda rows: rows.assign(carrier=["ZZ", *rows["carrier"][1:]]))
    score.extract_partition(trained.spec, partition, quiet)
    assert score.validate_partition(trained.spec, partition, quiet).quarantined == 1
    with pytest.raises(EvenkeelError, match="there is no page"):
        quiet.pages.get(score.data_docs_name(trained.spec, partition))


def test_a_wrong_suite_of_labels_is_told_by_check(trained: House) -> None:
    """`evenkeel check` looks at the suite of labels as at the others."""
    gate = trained.spec.data_gate.model_copy(update={"labels": "delay_lables"})
    spec = trained.spec.model_copy(update={"data_gate": gate})
    (told,) = check_spec(spec, trained.gateways)
    assert "data_gate.labels: " in told
    assert "Did you mean 'delay_labels'?" in told


DAMAGES: dict[str, Any] = {
    "carrier": ["ZZ", " AA", "aa"],
    "distance": [np.inf, -np.inf, 0.0, 1e12],
    "hour": [-np.inf, np.inf],
}
SUITE = {
    "name": "flight_delay_rows",
    "expectations": [
        {"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "flight_id"}},
        {
            "type": "expect_column_values_to_be_in_set",
            "kwargs": {"column": "carrier", "value_set": ["AA", "UA"]},
            "severity": "warning",
        },
        {
            "type": "expect_column_values_to_be_between",
            "kwargs": {"column": "distance", "min_value": 1, "max_value": 5000},
            "severity": "warning",
        },
        {"type": "expect_column_values_to_be_null", "kwargs": {"column": "_also_in"}, "severity": "warning"},
    ],
}


@cache
def small_house() -> House:
    """A house of a small suite and no data at all."""
    root = Path(tempfile.mkdtemp())
    (root / "config" / "expectations").mkdir(parents=True)
    (root / "config" / "expectations" / "flight_delay_rows.yaml").write_text(yaml.safe_dump(SUITE))
    (root / "data" / "flights" / "schedule").mkdir(parents=True)
    house = _house(root, "flight_delay")
    features = house.spec.features.model_copy(
        update={"function": None, "numeric": ("distance", "hour"), "categorical": ("carrier",)}
    )
    gate = house.spec.data_gate.model_copy(update={"quarantine_budget": 0.5})
    spec = house.spec.model_copy(update={"features": features, "data_gate": gate})
    places = Settings(root, root, str(root / "lake"), str(root / "data"), house.gateways.settings.tracking_uri)
    return type(house)(spec, Gateways(places, actor="test"), root)


def small_frame(rows: int) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "flight_id": [f"f{number}" for number in range(rows)],
            "scheduled_departure": pd.Timestamp(f"{DAY}T12:00", tz="America/New_York").tz_convert("UTC"),
            "carrier": np.resize(["AA", "UA"], rows).astype(object),
            "distance": 500.0,
            "hour": 12.0,
            "_partition": DAY,
        }
    )


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    rows=st.integers(1, 30),
    damages=st.lists(
        st.tuples(st.integers(0, 29), st.sampled_from(["carrier", "distance", "hour"]), st.integers(0, 3))
    ),
)
def test_rows_in_are_accepted_or_quarantined_whatever_is_damaged(
    rows: int, damages: list[tuple[int, str, int]]
) -> None:
    """Each key comes out once, bad rows with reasons and good ones as they were; over the budget nothing comes out (law 9)."""
    frame, bad = small_frame(rows), set()
    for place, column, choice in damages:
        values = DAMAGES[column]
        frame.loc[place % rows, column] = values[choice % len(values)]
        bad.add(f"f{place % rows}")
    house = small_house()
    gate = partial(data_gate.gate_partition, house.spec, house.spec.partition(DAY), frame, gateways=house.gateways)
    if len(bad) > rows / 2:
        with pytest.raises(GateRefusedError, match="would be quarantined"):
            gate(what="a day", page="a/b/c/d.html")
        return
    gated = gate(what="a day", page="a/b/c/d.html")
    assert sorted(gated.accepted["flight_id"]) == sorted(set(frame["flight_id"]) - bad)
    assert sorted(gated.quarantined["flight_id"]) == sorted(bad)
    assert gated.quarantined["_reasons"].str.contains("expect_column_values").all()
    good = frame[~frame["flight_id"].isin(bad)].reset_index(drop=True)
    pd.testing.assert_frame_equal(gated.accepted, good)


def test_the_small_suite_lives_beside_the_projects(trained: House) -> None:
    """The property above holds for a suite of its own, not by chance for the project's."""
    own = small_house().gateways.expectations.suite_hash("flight_delay_rows")
    assert own != trained.gateways.expectations.suite_hash("flight_delay_rows")
    assert trained.gateways.settings.suites == PROJECT / "config" / "expectations"
