"""The drift measures and their page, by Evidently."""

from __future__ import annotations

import json
import math
import re
import socket
from typing import Any

import numpy as np
import pandas as pd
import pytest

from evenkeel.gateways.drift_report import DriftReport, DriftReporter
from evenkeel.vocabulary.errors import EvenkeelError, SourceError


def rows(seed: int, count: int = 400, *, shift: float = 0.0, carriers: str = "AAABBC") -> pd.DataFrame:
    random = np.random.default_rng(seed)
    return pd.DataFrame({"distance": random.normal(shift, 1, count), "carrier": random.choice(list(carriers), count)})


def compare(reference: pd.DataFrame, current: pd.DataFrame, **changes: Any) -> DriftReport:
    settings: dict[str, Any] = {
        "numeric": ["distance"],
        "categorical": ["carrier"],
        "numeric_method": "wasserstein",
        "categorical_method": "jensenshannon",
        "title": "flight_delay drift 2013-04-01",
    } | changes
    settings.setdefault("thresholds", dict.fromkeys([*settings["numeric"], *settings["categorical"]], 0.15))
    return DriftReporter().compare(reference, current, **settings)


@pytest.mark.parametrize(
    ("numeric_method", "categorical_method", "threshold"),
    [("wasserstein", "jensenshannon", 0.15), ("psi", "psi", 0.2), ("jensenshannon", "jensenshannon", 0.2)],
)
def test_every_method_tells_a_move_from_noise(numeric_method, categorical_method, threshold):
    """Each method calls a moved column drifted and a fresh sample not."""
    methods = {
        "numeric_method": numeric_method,
        "categorical_method": categorical_method,
        "thresholds": {"distance": threshold, "carrier": threshold},
    }
    same = compare(rows(1), rows(2), **methods)
    moved = compare(rows(1), rows(2, shift=1.0, carriers="ABBBCC"), **methods)
    assert [one.drifted for one in same.columns] == [False, False]
    assert [one.drifted for one in moved.columns] == [True, True]
    assert [one.method for one in moved.columns] == [numeric_method, categorical_method]


def test_scores_are_the_methods_own():
    """A score is the method's figure: a shift by two standard deviations is a Wasserstein distance of two."""
    still = rows(1)
    distance, carrier = compare(
        still, still.assign(distance=still["distance"] + 2 * still["distance"].std(ddof=0))
    ).columns
    assert distance.score == pytest.approx(2.0)
    assert (carrier.score, carrier.drifted, carrier.threshold) == (0.0, False, 0.15)


@pytest.mark.parametrize("size", [50, 999, 1001, 3000])
def test_the_method_does_not_follow_the_size(size):
    """The method that was asked for is used on few rows and many: the same frame is at distance 0, not p-value 1."""
    found = compare(rows(1, size), rows(1, size))
    assert [one.score for one in found.columns] == [0.0, 0.0]
    assert (found.rows_reference, found.rows_current) == (size, size)


@pytest.mark.parametrize("side", ["reference", "current"])
def test_a_column_without_values_on_one_side_drifted(side):
    """A column that holds nothing on one side has no score and counts as drifted; the others are measured as ever."""
    frames = {"reference": rows(1), "current": rows(2)}
    frames[side] = frames[side].assign(distance=[np.nan, np.inf] * 200, carrier=None)
    distance, carrier = compare(**frames).columns
    assert math.isnan(distance.score)
    assert math.isnan(carrier.score)
    assert (distance.drifted, carrier.drifted) == (True, True)
    assert (
        compare(**frames, numeric=[], categorical=["carrier"]).html.count(
            "carrier: not measured, because a side holds no value."
        )
        == 1
    )


def test_a_column_without_values_on_both_sides_did_not_drift():
    """A column that holds nothing on either side is not measured and did not drift."""
    nothing = {"distance": np.nan}
    distance, carrier = compare(rows(1).assign(**nothing), rows(2).assign(**nothing)).columns
    assert (math.isnan(distance.score), distance.drifted, carrier.drifted) == (True, False, False)


def test_no_rows_are_no_drift():
    """A side without rows is no crash and no drift: the report says how many rows there were."""
    found = compare(rows(1), rows(2).head(0))
    assert found.rows_current == 0
    assert [one.drifted for one in found.columns] == [False, False]


@pytest.mark.parametrize("side", ["reference", "current"])
def test_a_missing_column_is_an_error(side):
    """A column that one side lacks is named, with the side and what it has."""
    frames = {"reference": rows(1), "current": rows(2)}
    frames[side] = frames[side].drop(columns="carrier")
    with pytest.raises(SourceError, match=f"column carrier is missing from the {side} rows, which have distance"):
        compare(**frames)


def test_text_in_a_numeric_column_is_an_error():
    """A column that is listed as numeric and holds text is named with its side."""
    with pytest.raises(SourceError, match="column carrier is listed as numeric, the reference rows hold object"):
        compare(rows(1), rows(2), numeric=["carrier"], categorical=[])


def test_a_method_that_does_not_suit_is_an_error():
    """A method for another kind of column is an error, never a quiet default."""
    with pytest.raises(EvenkeelError, match="drift of carrier could not be measured: StatTestInvalidFeatureTypeError"):
        compare(rows(1), rows(2), numeric=[], categorical_method="ks")


@pytest.mark.parametrize("method", ["jensenshannon", "psi"])
def test_one_and_the_same_category_did_not_drift(method):
    """A column with one category, the same on both sides, did not drift and has a score."""
    same = {"carrier": "AA"}
    _, carrier = compare(rows(1).assign(**same), rows(2).assign(**same), categorical_method=method).columns
    assert not carrier.drifted
    assert not math.isnan(carrier.score)


@pytest.mark.parametrize("kind", ["category", "string", "bool", "Int64"])
def test_types_of_pandas_are_all_the_same(kind):
    """Categories, strings, booleans and nullable numbers with nulls among them are measured like any other."""
    values = {"bool": [True, False], "Int64": [1, pd.NA, 2]}.get(kind, ["a", "b", None])
    frame = pd.DataFrame({"distance": 1.0, "carrier": pd.Series(values * 30, dtype=kind)})
    assert [one.score for one in compare(frame, frame).columns] == [0.0, 0.0]
    if kind in {"bool", "Int64"}:
        assert [one.score for one in compare(frame, frame, numeric=["carrier"], categorical=[]).columns] == [0.0]


def test_columns_keep_their_order_whatever_their_names():
    """A column called target or prediction is a column like any other, and the order is the caller's."""
    frame = rows(1).rename(columns={"distance": "prediction", "carrier": "target"}).assign(id=1.0)
    found = compare(frame, frame, numeric=["prediction", "id"], categorical=["target"])
    assert [one.column for one in found.columns] == ["prediction", "id", "target"]


def test_the_page_holds_everything():
    """The page needs nothing from anywhere, and names its title, what decided, and how what it draws is to be read."""
    page = compare(rows(1), rows(2), title="<drift>", notes=["1 of 4 measures drifted: carrier <A>"]).html
    assert "<h1>&lt;drift&gt;</h1>" in page
    assert "<p>1 of 4 measures drifted: carrier &lt;A&gt;</p>" in page
    assert "a sample of 400 rows against 400 of the reference" in page
    assert not re.search(r"<(script|link|img)[^>]+(src|href)=", page.partition("<script>")[0] + page[-100_000:])
    assert "drawDashboard" in page


def test_a_category_cannot_end_the_pages_script():
    """Text of the data stays text on the page."""
    frame = rows(1).assign(carrier="</script><script>alert(1)</script>")
    page = compare(rows(2), frame).html
    assert "<script>alert(1)" not in page
    assert "\\u003c/script>" in page
    graphs = page.partition("window.drawDashboard(")[2].partition(", new Map(")[0]
    assert json.loads(graphs)["widgets"]


def test_it_calls_nobody_and_changes_nothing(monkeypatch):
    """A report opens no connection and leaves both frames as they were."""

    def refuse(*_: object) -> None:
        raise AssertionError("a connection was opened")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    reference, current = rows(1), rows(2)
    before = reference.copy(deep=True), current.copy(deep=True)
    compare(reference, current)
    pd.testing.assert_frame_equal(reference, before[0])
    pd.testing.assert_frame_equal(current, before[1])
