"""Signatures: what a model does not take is told by column, and what it takes passes however it is stored."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pytest

from evenkeel.gateways.signature import hold_to_signature
from evenkeel.vocabulary.errors import FeatureError

SIGNATURE = {"hour": "long", "wind": "double", "carrier": "string", "at": "datetime", "odd": "Any"}


def frame(**other: Any) -> pd.DataFrame:
    columns = {
        "hour": [1, 2, 3],
        "wind": [0.5, None, 2.0],
        "carrier": ["AA", None, "UA"],
        "at": pd.to_datetime(["2013-01-01", "2013-01-02", None], utc=True),
        "odd": [(), (), ()],
        "more": [1, 2, 3],
    }
    return pd.DataFrame(columns | other)


@pytest.mark.parametrize(
    "other",
    [
        {},
        {"hour": [1.0, np.nan, 3.0]},
        {"hour": pd.array([1, None, 3], dtype="Int64")},
        {"hour": [Decimal(1), None, Decimal(3)]},
        {"hour": [True, False, None]},
        {"wind": [1, 2, 3]},
        {"carrier": pd.array(["AA", None, "UA"], dtype="string")},
        {"carrier": pd.Categorical(["AA", None, "UA"])},
        {"carrier": [None, None, None]},
        {"carrier": [np.nan, np.nan, np.nan]},
        {"at": [pd.Timestamp("2013-01-01").date(), None, None]},
        {"odd": ["a", 1, None]},
    ],
    ids=str,
)
def test_what_a_column_is_stored_as_does_not_matter(other: dict[str, Any]) -> None:
    """A number is a number with nulls and without, a text also as a category, and a column of nulls is any of them."""
    hold_to_signature(frame(**other), SIGNATURE, "m version 1")


@pytest.mark.parametrize(
    ("other", "told"),
    [
        ({"hour": ["1", "2", "3"]}, r"hour should be number \(long\) and is text \(object\)"),
        ({"carrier": [1, 2, 3]}, r"carrier should be text \(string\) and is number \(int64\)"),
        ({"carrier": ["AA", 2, "UA"]}, r"carrier should be text \(string\) and is mixed-integer \(object\)"),
        ({"carrier": pd.Categorical([1, 2, 3])}, r"carrier should be text \(string\) and is number \(category\)"),
        ({"at": [1, 2, 3]}, r"at should be time \(datetime\) and is number \(int64\)"),
        ({"wind": pd.to_datetime(["2013-01-01"] * 3)}, r"wind should be number \(double\) and is time"),
    ],
    ids=str,
)
def test_a_column_of_another_kind_is_named_with_what_was_expected_and_found(other: dict[str, Any], told: str) -> None:
    """Nothing is scored that the model would take for something else."""
    with pytest.raises(FeatureError, match=told) as caught:
        hold_to_signature(frame(**other), SIGNATURE, "m version 1")
    assert str(caught.value).startswith("m version 1 cannot be asked")


def test_missing_columns_are_all_named_up_to_a_few() -> None:
    """One message for all of them, and no longer than one can read."""
    with pytest.raises(FeatureError, match=r"hour should be number \(long\) and is missing; wind should .* missing"):
        hold_to_signature(frame().drop(columns=["hour", "wind"]), SIGNATURE, "m version 1")
    many = {f"a_long_name_of_a_feature_{number}": "double" for number in range(400)}
    with pytest.raises(FeatureError, match="and 390 more") as caught:
        hold_to_signature(frame(), many, "m version 1")
    assert len(str(caught.value)) < 2_000
