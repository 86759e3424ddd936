"""What a step hands on."""

from __future__ import annotations

import json
import math

from evenkeel.airflow.operators.step import as_json


def test_a_metric_that_is_undefined_goes_as_null() -> None:
    """NaN, at whatever depth, is no JSON and would fail the task; everything else arrives as it is."""
    result = {"metrics": {"precision": math.nan, "recall": 0.5}, "gains": (math.inf, 1), "version": 2, "page": None}
    told = as_json(result)
    assert told == {"metrics": {"precision": None, "recall": 0.5}, "gains": [None, 1], "version": 2, "page": None}
    json.dumps(told, allow_nan=False)
