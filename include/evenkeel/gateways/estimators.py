"""Estimators: scikit-learn pipelines from a candidate of the spec, fitted and asked in one way for every task."""

from __future__ import annotations

import importlib
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer
from sklearn.frozen import FrozenEstimator
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler
from sklearn.utils.class_weight import compute_sample_weight
from sklearn.utils.validation import has_fit_parameter

from evenkeel.vocabulary.errors import EvenkeelError, FeatureError, SpecError
from evenkeel.vocabulary.spec_training import Range

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd
    from numpy.typing import NDArray

    from evenkeel.vocabulary.metrics import Task
    from evenkeel.vocabulary.spec_tables import Features
    from evenkeel.vocabulary.spec_training import Candidate

_NAMED = 10
"""How many missing features a message names before it only counts."""

_STEP = "estimator"
"""Name of the pipeline's last step."""

_LEAST_OF_A_CLASS = 10
"""Rows of each class that a calibration needs; fewer say nothing about a probability."""


def build_estimator(
    candidate: Candidate, features: Features, seed: int, params: Mapping[str, Any] | None = None
) -> Pipeline:
    """The candidate's estimator behind the imputing and encoding its `encoding` asks for, seeded where it takes a seed.

    Args:
        candidate: which estimator, with the parameters that are set.
        features: the columns it will see.
        seed: for an estimator that takes one and is given none.
        params: those a search has found, beside the ones that are set.

    Raises SpecError where the import path or a parameter is wrong, or the estimator cannot do what the candidate asks for.
    """
    kind = estimator_class(candidate)
    _can_do(kind, candidate)
    estimator = _construct(kind, candidate, seed, params or {})
    numeric, categorical = list(features.numeric), list(features.categorical)
    if candidate.encoding == "ordinal":
        # Trees split on missing numbers and on category codes as they are.
        encode = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1, encoded_missing_value=-1)
        steps = [("numeric", "passthrough", numeric), ("categorical", encode, categorical)]
    else:
        encode = OneHotEncoder(handle_unknown="infrequent_if_exist", min_frequency=20, sparse_output=False)
        fill = make_pipeline(SimpleImputer(strategy="median", keep_empty_features=True), StandardScaler())
        steps = [("numeric", fill, numeric), ("categorical", encode, categorical)]
    return Pipeline([("columns", ColumnTransformer(steps)), (_STEP, estimator)])


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


def default_params(candidate: Candidate) -> dict[str, Any]:
    """What the estimator takes for the parameters that are searched when nobody sets them, as far as it tells."""
    known = _construct(estimator_class(candidate), candidate, 0, {}).get_params(deep=False)
    return {name: known[name] for name in candidate.search if name in known}


def _can_do(kind: type[Any], candidate: Candidate) -> None:
    here, what = f"training.candidates.{candidate.name}", candidate.estimator
    mistakes = []
    if candidate.imbalance == "balanced" and not has_fit_parameter(kind, "sample_weight"):
        mistakes.append(
            f"{here}: imbalance: {what} takes no sample_weight when it is fitted, so its rows cannot be weighed; "
            "leave `imbalance` out, or take an estimator that does"
        )
    if candidate.calibration != "none" and not (hasattr(kind, "predict_proba") or hasattr(kind, "decision_function")):
        mistakes.append(
            f"{here}: calibration: {what} has neither predict_proba nor decision_function, so there is nothing to calibrate; "
            "leave `calibration` out, or take a classifier that has"
        )
    if mistakes:
        raise SpecError(mistakes)
    if candidate.search:
        tried = {name: one.low if isinstance(one, Range) else one.choices[0] for name, one in candidate.search.items()}
        _construct(kind, candidate, 0, tried, key="search")


def _construct(
    kind: type[Any], candidate: Candidate, seed: int, params: Mapping[str, Any], *, key: str = "params"
) -> Any:
    try:
        estimator = kind(**candidate.params, **params)
    except TypeError as error:
        valid = (
            ", ".join(sorted(kind._get_param_names())) if hasattr(kind, "_get_param_names") else "see its documentation"
        )
        raise SpecError(
            [f"training.candidates.{candidate.name}: {key}: {error}. Valid: {valid}"],
        ) from error
    if "random_state" in estimator.get_params(deep=False) and "random_state" not in candidate.params:
        estimator.set_params(random_state=seed)
    return estimator


def fit_estimator(
    estimator: Pipeline, frame: pd.DataFrame, features: Features, labels: pd.Series[Any], *, balanced: bool = False
) -> Pipeline:
    """The estimator fitted on the frame's features. Raises EvenkeelError where it will not fit.

    Where `balanced`, a row weighs n / (k n_c), with n rows, k classes and n_c rows of its class: every class weighs the same
    (scikit-learn's compute_sample_weight; G. King and L. Zeng, "Logistic regression in rare events data", 2001).
    """
    answers = labels.to_numpy()
    weighed = {f"{_STEP}__sample_weight": compute_sample_weight("balanced", answers)} if balanced else {}
    try:
        fitted: Pipeline = estimator.fit(frame[list(features.names)], answers, **weighed)
    except ValueError as error:
        raise EvenkeelError(f"{estimator.steps[-1][1]!r} does not fit on {len(frame)} rows: {error}") from error
    return fitted


def calibrate(fitted: Pipeline, frame: pd.DataFrame, labels: pd.Series[Any], method: str) -> Pipeline:
    """A fitted pipeline whose probabilities are corrected by what came true in rows it has not learnt from.

    Sources: J. Platt, "Probabilistic outputs for support vector machines" (1999) for `sigmoid`; B. Zadrozny and C. Elkan,
    "Transforming classifier scores into accurate multiclass probability estimates" (KDD 2002) for `isotonic`.

    Args:
        fitted: what is corrected; it stays as it is.
        frame: later rows, with the columns the pipeline was fitted on.
        labels: shape (n,), theirs.
        method: `sigmoid` or `isotonic`.

    Raises EvenkeelError where those rows hold too few of a class.
    """
    answers = labels.to_numpy()
    counted = {one: int(np.sum(answers == one)) for one in classes_of(fitted)}
    rare = {one: count for one, count in counted.items() if count < _LEAST_OF_A_CLASS}
    if rare:
        shown = ", ".join(f"{count} of class {one}" for one, count in rare.items())
        raise EvenkeelError(
            f"calibration needs {_LEAST_OF_A_CLASS} rows of each class among the {len(frame)} later rows, there are {shown}; "
            "widen training.window, or leave `calibration` out"
        )
    columns, final = fitted[:-1], fitted[-1]
    known = np.isin(answers, list(counted))  # what the estimator has never met, it gives no probability to correct
    seen = columns.transform(frame.loc[known, list(fitted.feature_names_in_)])
    corrected = CalibratedClassifierCV(FrozenEstimator(final), method=method).fit(seen, answers[known])
    return Pipeline([*columns.steps, (_STEP, corrected)])


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
    with warnings.catch_warnings():
        # LightGBM numbers the columns it was fitted on, and scikit-learn then misses those names in an array.
        warnings.filterwarnings("ignore", "X does not have valid feature names", UserWarning)
        answers = estimator.predict(seen) if task == "regression" else estimator.predict_proba(seen)
    if task == "regression":
        return np.asarray(answers, dtype=np.float64)
    probabilities = np.asarray(answers, dtype=np.float64)
    return probabilities[:, 1] if task == "binary" else probabilities


def classes_of(estimator: Pipeline) -> tuple[Any, ...]:
    """The classes of a fitted classifier, in the order of its probabilities; empty for a regressor."""
    return tuple(getattr(estimator, "classes_", ()))
