"""Estimators: scikit-learn pipelines from a candidate of the spec, fitted and asked in one way for every task."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler

from evenkeel.vocabulary.errors import EvenkeelError, FeatureError, SpecError

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from evenkeel.vocabulary.metrics import Task
    from evenkeel.vocabulary.spec import Candidate, Features

_NAMED = 10
"""How many missing features a message names before it only counts."""


def build_estimator(candidate: Candidate, features: Features, seed: int) -> Pipeline:
    """The candidate's estimator behind the imputing and encoding its `encoding` asks for, seeded where it takes a seed.

    Raises SpecError where the import path or a parameter is wrong.
    """
    kind = estimator_class(candidate)
    estimator = _construct(kind, candidate, seed)
    numeric, categorical = list(features.numeric), list(features.categorical)
    if candidate.encoding == "ordinal":
        # Trees split on missing numbers and on category codes as they are.
        encode = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1, encoded_missing_value=-1)
        steps = [("numeric", "passthrough", numeric), ("categorical", encode, categorical)]
    else:
        encode = OneHotEncoder(handle_unknown="infrequent_if_exist", min_frequency=20, sparse_output=False)
        fill = make_pipeline(SimpleImputer(strategy="median", keep_empty_features=True), StandardScaler())
        steps = [("numeric", fill, numeric), ("categorical", encode, categorical)]
    return Pipeline([("columns", ColumnTransformer(steps)), ("estimator", estimator)])


def estimator_class(candidate: Candidate) -> type[Any]:
    """The class a candidate names. Raises SpecError where it cannot be imported or does not fit and predict."""
    module, _, name = candidate.estimator.rpartition(".")
    try:
        kind: type[Any] = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise SpecError([f"training.candidates.{candidate.name}: estimator {candidate.estimator}: {error}"]) from error
    if not (hasattr(kind, "fit") and hasattr(kind, "predict")):
        raise SpecError([f"training.candidates.{candidate.name}: {candidate.estimator} does not fit and predict"])
    return kind


def _construct(kind: type[Any], candidate: Candidate, seed: int) -> Any:
    try:
        estimator = kind(**candidate.params)
    except TypeError as error:
        valid = (
            ", ".join(sorted(kind._get_param_names())) if hasattr(kind, "_get_param_names") else "see its documentation"
        )
        raise SpecError(
            [f"training.candidates.{candidate.name}: params: {error}. Valid: {valid}"],
        ) from error
    if "random_state" in estimator.get_params(deep=False) and "random_state" not in candidate.params:
        estimator.set_params(random_state=seed)
    return estimator


def fit_estimator(estimator: Pipeline, frame: pd.DataFrame, features: Features, labels: pd.Series[Any]) -> Pipeline:
    """The estimator fitted on the frame's features. Raises EvenkeelError where it will not fit."""
    try:
        fitted: Pipeline = estimator.fit(frame[list(features.names)], labels.to_numpy())
    except ValueError as error:
        raise EvenkeelError(f"{estimator.steps[-1][1]!r} does not fit on {len(frame)} rows: {error}") from error
    return fitted


def predict(estimator: Pipeline, frame: pd.DataFrame, task: Task) -> NDArray[np.float64]:
    """Predictions for each row of the frame, from the columns the estimator was fitted on.

    Returns:
        binary: shape (n,), probability of the positive class; multiclass: (n, k) probabilities in the order of
        `classes_of`; regression: (n,) values in the label's unit.

    Raises FeatureError where the frame lacks one of those columns.
    """
    wanted = list(estimator.feature_names_in_)
    missing = [name for name in wanted if name not in frame]
    if missing:
        more = f" and {len(missing) - _NAMED} more" if len(missing) > _NAMED else ""
        raise FeatureError(
            f"the model was fitted on {', '.join(missing[:_NAMED])}{more}, which the rows do not have (any more)"
        )
    seen = frame[wanted]
    if task == "regression":
        return np.asarray(estimator.predict(seen), dtype=np.float64)
    probabilities = np.asarray(estimator.predict_proba(seen), dtype=np.float64)
    return probabilities[:, 1] if task == "binary" else probabilities


def classes_of(estimator: Pipeline) -> tuple[Any, ...]:
    """The classes of a fitted classifier, in the order of its probabilities; empty for a regressor."""
    return tuple(getattr(estimator, "classes_", ()))
