"""Signatures: the columns a model takes and the kind of each; a frame is held against them before it is scored.

An encoder takes a number where it learnt a text for a value it has never seen, and scores it without a word.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
from pandas.api import types

from evenkeel.vocabulary.errors import FeatureError

if TYPE_CHECKING:
    from collections.abc import Mapping

_NAMED = 10
"""How many columns a message names before it only counts."""

_KINDS = {
    **dict.fromkeys(("boolean", "integer", "long", "float", "double"), "number"),
    "string": "text",
    "datetime": "time",
}
"""The kind of each of MLflow's types. Which of the numbers it is says no more than whether five rows had a null."""

_INFERRED = {
    **dict.fromkeys(("boolean", "integer", "floating", "mixed-integer-float", "decimal"), "number"),
    "string": "text",
    **dict.fromkeys(("date", "datetime", "datetime64"), "time"),
}


def hold_to_signature(frame: pd.DataFrame, signature: Mapping[str, str], what: str) -> None:
    """See that a frame has every column a model takes, each of the kind it learnt; other columns do not matter.

    Args:
        frame: the rows to score.
        signature: column to MLflow's name of its type; a type that is none of ours holds nothing.
        what: the model, for the message.

    Raises FeatureError with each column that is not so, what was expected and what was found.
    """
    found = {name: _told(frame, name, expected) for name, expected in signature.items()}
    wrong = [
        f"{name} should be {_KINDS.get(signature[name], 'there')} ({signature[name]}) and is {told}"
        for name, told in found.items()
        if told is not None
    ]
    if wrong:
        more = f"; and {len(wrong) - _NAMED} more" if len(wrong) > _NAMED else ""
        raise FeatureError(
            f"{what} cannot be asked about these rows, which break its signature: {'; '.join(wrong[:_NAMED])}{more}. Give the "
            "features back the columns and types it learnt from, or train again"
        )


def _told(frame: pd.DataFrame, name: str, expected: str) -> str | None:
    """What is wrong with a column, if anything is."""
    if name not in frame:
        return "missing"
    wanted, column = _KINDS.get(expected), frame[name]
    if wanted is None or _kind(column) == wanted or bool(column.isna().all()):
        return None
    return f"{_kind(column)} ({column.dtype})"


def _kind(column: pd.Series | pd.Index) -> str:
    dtype = column.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        return _kind(dtype.categories)
    if types.is_numeric_dtype(dtype) or types.is_bool_dtype(dtype):
        return "number"
    if types.is_datetime64_any_dtype(dtype):
        return "time"
    inferred = types.infer_dtype(column, skipna=True)
    return _INFERRED.get(inferred, inferred)
