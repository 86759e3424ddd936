"""Which features predictions hang on: what is known must be found, and what cannot be explained must not stop a training."""

from __future__ import annotations

import subprocess
import sys
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.calibration import CalibratedClassifierCV
from sklearn.frozen import FrozenEstimator
from sklearn.metrics import roc_auc_score

from evenkeel.gateways.estimators import build_estimator, fit_estimator, predict
from evenkeel.gateways.explanations import explain_by_permutation, explain_by_shap
from evenkeel.vocabulary.spec_tables import Features
from evenkeel.vocabulary.spec_training import Candidate

FEATURES = Features(numeric=("x", "noise"), categorical=("kind", "kind_x"))


@cache
def rows() -> pd.DataFrame:
    """`x` says most, `kind` something, the others nothing; some values are missing, some kinds are rare."""
    random = np.random.default_rng(0)
    count = 3_000
    frame = pd.DataFrame({"x": random.normal(size=count), "noise": random.normal(size=count)})
    frame["kind"] = random.choice(["a", "b", "x_c", "rare", "rarer"], count, p=[0.5, 0.3, 0.195, 0.0025, 0.0025])
    frame["kind_x"] = random.choice(["c", "d"], count)
    score = 2 * frame["x"] + 2.5 * (frame["kind"] == "a") + random.logistic(size=count)
    frame["binary"] = (score > 0).astype(float)
    frame["regression"] = score
    frame["multiclass"] = pd.cut(score, [-np.inf, -1, 1, np.inf], labels=["low", "mid", "high"]).astype(str)
    frame["chance"] = random.integers(0, 2, count)
    frame.loc[::50, "x"] = np.nan
    return frame.assign(kind=frame["kind"].astype(object).where(frame.index % 40 != 0, None))


@cache
def fitted(estimator: str, encoding: Any, task: str, **params: Any) -> Any:
    candidate = Candidate(name="one", estimator=estimator, encoding=encoding, params=dict(params))
    learnt = rows().head(2_000)
    return fit_estimator(build_estimator(candidate, FEATURES, 0), learnt, FEATURES, learnt[task])


BOOSTED, REGRESSOR = (f"sklearn.ensemble.HistGradientBoosting{kind}" for kind in ("Classifier", "Regressor"))
LOGISTIC, RIDGE = "sklearn.linear_model.LogisticRegression", "sklearn.linear_model.Ridge"
FOREST = "sklearn.ensemble.RandomForestClassifier"


@pytest.mark.parametrize(
    ("estimator", "encoding", "task"),
    [
        (BOOSTED, "ordinal", "binary"),
        (BOOSTED, "ordinal", "multiclass"),
        (BOOSTED, "one_hot", "binary"),
        (REGRESSOR, "ordinal", "regression"),
        (LOGISTIC, "one_hot", "binary"),
        (LOGISTIC, "one_hot", "multiclass"),
        (RIDGE, "one_hot", "regression"),
        ("lightgbm.LGBMClassifier", "one_hot", "binary"),
    ],
)
def test_shap_finds_what_a_model_looks_at(estimator: str, encoding: str, task: str) -> None:
    """Of trees and of linear models, of every task and encoding, a feature a feature, however many columns it became."""
    found = explain_by_shap(fitted(estimator, encoding, task), rows(), rows=300, seed=0)
    assert found.reason is None
    assert (found.method, found.rows) == ("shap", 300)
    assert [one.feature for one in found.importances][:2] == ["x", "kind"]
    assert {one.feature for one in found.importances} == set(FEATURES.names)
    assert all(one.value >= 0 and one.spread >= 0 for one in found.importances)
    assert found == explain_by_shap(fitted(estimator, encoding, task), rows(), rows=300, seed=0)


def test_a_linear_models_values_are_its_coefficients() -> None:
    """Ridge: the mean |Shapley value| of a number is |coefficient x distance from the mean|, on average."""
    estimator = fitted(RIDGE, "one_hot", "regression")
    found = explain_by_shap(estimator, rows(), rows=len(rows()), seed=0)
    encoded = estimator[:-1].transform(rows())[:, 0]
    by_hand = np.abs(estimator[-1].coef_[0] * (encoded - encoded.mean())).mean()
    (x,) = (one for one in found.importances if one.feature == "x")
    assert x.value == pytest.approx(by_hand, rel=0.05)
    assert 0 < x.spread < 0.05 * x.value


def test_below_a_calibration_the_estimator_is_explained() -> None:
    """A calibrated pipeline and a pipeline that ends in a calibrated estimator hang on the same features."""
    inner = fitted(BOOSTED, "ordinal", "binary")
    plain = explain_by_shap(inner, rows(), rows=100, seed=0)
    outer = CalibratedClassifierCV(FrozenEstimator(inner)).fit(rows()[list(FEATURES.names)], rows()["binary"])
    assert explain_by_shap(outer, rows(), rows=100, seed=0) == plain


def test_what_shap_does_not_know_is_a_reason() -> None:
    """A neural network is not explained, and neither is a forest whose trees would take minutes; both say why."""
    network = fitted("sklearn.neural_network.MLPClassifier", "one_hot", "binary", max_iter=3)
    found = explain_by_shap(network, rows(), rows=100, seed=0)
    assert found.importances == ()
    assert found.reason is not None
    assert found.reason.startswith("MLPClassifier is not explained:")
    forest = fitted(FOREST, "ordinal", "chance", n_estimators=300)
    deep = explain_by_shap(forest, rows(), rows=1_000, seed=0)
    assert "trees are too many and too deep" in str(deep.reason)


def test_fewer_rows_are_explained_where_trees_take_long() -> None:
    """A forest of deep trees is explained on as many rows as there are steps for, whatever the machine."""
    found = explain_by_shap(fitted(FOREST, "ordinal", "binary", n_estimators=40), rows(), rows=3_000, seed=0)
    assert 50 <= found.rows < 3_000
    assert found.importances[0].feature == "x"


def test_permutation_finds_what_a_model_needs() -> None:
    """Without `x` the ranking is lost, without noise nothing is; in the measure's own unit, the same again for the same seed."""
    estimator = fitted(BOOSTED, "ordinal", "binary")

    def measure(frame: pd.DataFrame) -> float:
        return float(roc_auc_score(frame["binary"], predict(estimator, frame, "binary")))

    unseen = rows().tail(1_000)
    found = explain_by_permutation(unseen, FEATURES.names, measure, rows=800, seed=1)
    assert (found.rows, found.reason) == (800, None)
    assert [one.feature for one in found.importances][:2] == ["x", "kind"]
    by_name = {one.feature: one for one in found.importances}
    assert by_name["x"].value > 0.15
    assert abs(by_name["noise"].value) < 0.02
    assert by_name["x"].spread > 0
    assert found == explain_by_permutation(unseen, FEATURES.names, measure, rows=800, seed=1)


def test_shap_is_imported_only_where_it_is_asked_for() -> None:
    """The module itself, which every training imports, leaves SHAP and its compiler alone."""
    program = "import sys, evenkeel.gateways.explanations; print({'shap', 'numba'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
