"""Estimators from candidates: weighed, calibrated, of scikit-learn or of anyone who keeps its contract."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

from evenkeel.decisions.evaluation import evaluate
from evenkeel.gateways.estimators import (
    build_estimator,
    calibrate,
    classes_of,
    default_params,
    fit_estimator,
    predict,
)
from evenkeel.gateways.model_file import dump_estimator, load_estimator
from evenkeel.vocabulary.errors import EvenkeelError, SpecError
from evenkeel.vocabulary.spec_tables import Features
from evenkeel.vocabulary.spec_training import Candidate

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline

FEATURES = Features(numeric=("hour", "wind"), categorical=("carrier",))
TREES = "sklearn.ensemble.RandomForestClassifier"
LIGHTGBM = {
    "estimator": "lightgbm.LGBMClassifier",
    "params": {"n_estimators": 20, "verbose": -1, "n_jobs": 1, "deterministic": True},
}


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    """A rare class that depends on both numbers, with missing values among them."""
    rng = np.random.default_rng(7)
    hour, wind = rng.normal(size=4_000), rng.normal(size=4_000)
    late = rng.random(4_000) < 1 / (1 + np.exp(3 - 1.5 * hour - wind))
    wind[::9] = np.nan
    carrier = pd.Series(rng.choice(["AA", "B6", "UA", "?"], 4_000)).replace("?", None)
    return pd.DataFrame({"hour": hour, "wind": wind, "carrier": carrier, "_label": late.astype(float)})


def _candidate(**content: Any) -> Candidate:
    return Candidate.model_validate({"name": "one", **content})


def _fit(frame: pd.DataFrame, **content: Any) -> Pipeline:
    candidate = _candidate(**content)
    estimator = build_estimator(candidate, FEATURES, 0)
    return fit_estimator(estimator, frame, FEATURES, frame["_label"], balanced=candidate.imbalance == "balanced")


@pytest.mark.parametrize(
    "content", [LIGHTGBM, {"preset": "logistic"}, {"preset": "boosted_trees", "params": {"max_iter": 20}}]
)
def test_balanced_rows_find_the_rare_class(content: dict[str, Any], frame: pd.DataFrame) -> None:
    """Weighed by class, a model of a class of one in ten predicts about half on average, and far less as the rows come."""
    rate = frame["_label"].mean()
    assert rate < 0.15
    plain = predict(_fit(frame, **content), frame, "binary")
    balanced = predict(_fit(frame, **content, imbalance="balanced"), frame, "binary")
    assert plain.mean() == pytest.approx(rate, abs=0.02)
    assert 0.25 < balanced.mean() < 0.6


def test_what_cannot_be_weighed_or_calibrated_is_a_mistake_of_the_spec() -> None:
    """An estimator that takes no weights, or gives nothing to calibrate, is named with the way out, as is a parameter that
    it does not have.
    """
    neighbours = "sklearn.neighbors.KNeighborsClassifier"
    with pytest.raises(
        SpecError, match=r"one: imbalance: .*KNeighborsClassifier takes no sample_weight.*leave `imbalance` out"
    ):
        build_estimator(_candidate(estimator=neighbours, imbalance="balanced"), FEATURES, 0)
    with pytest.raises(
        SpecError, match=r"one: calibration: .*Lasso has neither predict_proba.*leave `calibration` out"
    ):
        build_estimator(_candidate(estimator="sklearn.linear_model.Lasso", calibration="sigmoid"), FEATURES, 0)
    with pytest.raises(SpecError, match=r"one: search: .*'depth'. Valid: .*max_depth"):
        build_estimator(_candidate(estimator=TREES, search={"depth": {"low": 1, "high": 3}}), FEATURES, 0)


def test_defaults_of_what_is_searched() -> None:
    """What an estimator takes by itself is known of the searched parameters, of scikit-learn's and of LightGBM's."""
    trees = _candidate(preset="boosted_trees", params={"max_iter": 20})
    assert default_params(trees)["learning_rate"] == 0.1
    assert default_params(_candidate(**LIGHTGBM, search={"num_leaves": {"low": 4, "high": 64}})) == {"num_leaves": 31}


@pytest.mark.parametrize("method", ["sigmoid", "isotonic"])
@pytest.mark.parametrize(
    "content", [{"estimator": TREES, "imbalance": "balanced"}, {**LIGHTGBM, "imbalance": "balanced"}]
)
def test_calibration_corrects_probabilities(method: str, content: dict[str, Any], frame: pd.DataFrame) -> None:
    """A model whose weights have pushed its probabilities up is brought back to the rows as they come: its Brier score falls
    and its mean is the rate, in rows neither has seen; names and classes are still known, and its file holds reviewed types.
    """
    if content["estimator"] == TREES:
        content = {**content, "params": {"n_estimators": 30, "min_samples_leaf": 20}}
    early, late, unseen = frame[:2000], frame[2000:3000], frame[3000:]
    fitted = _fit(early, **content)
    corrected = calibrate(fitted, late, late["_label"], method)
    before, after = (predict(one, unseen, "binary") for one in (fitted, corrected))
    labels = unseen["_label"].to_numpy()
    assert evaluate("binary", labels, after)["brier"] < 0.8 * evaluate("binary", labels, before)["brier"]
    assert after.mean() == pytest.approx(labels.mean(), abs=0.03)
    assert classes_of(corrected) == classes_of(fitted)
    assert list(corrected.feature_names_in_) == list(FEATURES.names)
    again = load_estimator(dump_estimator(corrected))
    assert np.array_equal(predict(again, unseen, "binary"), after)


def test_a_calibration_without_a_class_is_refused(frame: pd.DataFrame) -> None:
    """Later rows with too few of a class say so by count, instead of giving it no probability."""
    fitted = _fit(frame[:2000], preset="logistic")
    late = frame[2000:2500]
    with pytest.raises(EvenkeelError, match=r"10 rows of each class .* 0 of class 1\.0; widen"):
        calibrate(fitted, late[late["_label"] == 0], late.loc[late["_label"] == 0, "_label"], "sigmoid")


@pytest.mark.parametrize("kind", ["LGBMClassifier", "LGBMRegressor"])
@pytest.mark.parametrize("storage", ["skops", "pickle"])
@pytest.mark.filterwarnings("error")
def test_lightgbm_comes_back_from_its_file(kind: str, storage: Any, frame: pd.DataFrame) -> None:
    """LightGBM needs no code of ours: fitted, stored either way, and loaded, it predicts what it did, without a warning."""
    task: Any = "binary" if kind == "LGBMClassifier" else "regression"
    fitted = _fit(frame, **LIGHTGBM | {"estimator": f"lightgbm.{kind}"})
    content = dump_estimator(fitted, storage)
    digest = hashlib.sha256(content).hexdigest()
    again = load_estimator(content, storage=storage, digest=digest)
    assert np.array_equal(predict(again, frame, task), predict(fitted, frame, task))
