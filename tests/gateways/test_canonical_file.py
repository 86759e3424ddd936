"""Model files: equal models make equal bytes."""

from __future__ import annotations

import io
import zipfile

import numpy as np
import pandas as pd
import pytest
import skops.io
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from evenkeel.gateways.canonical_file import canonical
from evenkeel.gateways.model_file import dump_estimator, load_estimator

RNG = np.random.default_rng(3)
FRAME = pd.DataFrame({"hour": RNG.normal(size=400), "carrier": RNG.choice(["AA", "B6", "UA"], 400)})
LABELS = (FRAME["hour"] + RNG.normal(size=400) > 0).to_numpy()


@pytest.fixture(params=["trees", "linear"])
def fitted(request: pytest.FixtureRequest) -> list[Pipeline]:
    """The same model, fitted twice."""
    if request.param == "trees":
        kind = HistGradientBoostingClassifier(max_iter=8, max_features=0.5, random_state=7)
    else:
        kind = LogisticRegression()
    columns = ColumnTransformer(
        [
            ("numeric", StandardScaler(), ["hour"]),
            ("categorical", OneHotEncoder(sparse_output=False), ["carrier"]),
        ]
    )
    return [clone(make_pipeline(columns, kind)).fit(FRAME, LABELS) for _ in range(2)]


def test_equal_models_make_equal_bytes(fitted: list[Pipeline]) -> None:
    """Fitted twice, or stored, loaded and stored again, a model has one file; skops alone would write memory addresses."""
    first, second = (dump_estimator(one) for one in fitted)
    assert first == second
    assert dump_estimator(load_estimator(first)) == first
    assert skops.io.dumps(fitted[0]) != skops.io.dumps(fitted[1])


def test_another_model_makes_other_bytes(fitted: list[Pipeline]) -> None:
    """A model of other rows has another file."""
    other = fitted[1].fit(FRAME.iloc[1:], LABELS[1:])
    assert dump_estimator(fitted[0]) != dump_estimator(other)


def test_what_is_loaded_is_the_same(fitted: list[Pipeline]) -> None:
    """A canonical file loads as the estimator that was stored, with objects shared where they were shared."""
    loaded = load_estimator(canonical(skops.io.dumps(fitted[0])))
    np.testing.assert_array_equal(loaded.predict_proba(FRAME), fitted[0].predict_proba(FRAME))
    shared = np.arange(3.0)
    one, other = skops.io.loads(canonical(skops.io.dumps([shared, shared])))
    assert one is other


def test_other_files_stay_as_they_are() -> None:
    """What is no skops file is handed back byte for byte."""
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w") as archive:
        archive.writestr("notes.txt", "not a model")
    for content in (b"", b"a pickle, say", sink.getvalue()):
        assert canonical(content) == content
