"""The window's labelled rows weighed so that their inputs are those of the champion's holdout."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from evenkeel.decisions.reweighting import density_ratio, sobered
from evenkeel.gateways.estimators import build_estimator, fit_estimator, predict
from evenkeel.vocabulary import columns as c
from evenkeel.vocabulary.spec_tables import Features
from evenkeel.vocabulary.spec_training import Candidate
from evenkeel.workflows.check_window import sample_of
from evenkeel.workflows.promise import folds_of_days
from evenkeel.workflows.reference import ROW_DAY

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from evenkeel.vocabulary.spec import ModelSpec

_WHICH = Candidate(
    name="which_side",
    estimator="sklearn.ensemble.HistGradientBoostingClassifier",
    params={"max_iter": 50, "max_leaf_nodes": 8, "min_samples_leaf": 50, "l2_regularization": 10.0},
)
"""What tells the window's rows from the holdout's: shallow and few trees, for chances that are not extreme by overfitting."""


def weights_to_inputs_of(spec: ModelSpec, promised: pd.DataFrame, known: pd.DataFrame) -> NDArray[np.float64]:
    """Weights of the labelled rows (`decisions.reweighting.density_ratio`) by a classifier that had not seen their days.

    Fitted on at most `drift.sample` rows of each side.

    Args:
        spec: the model.
        promised: the champion's holdout.
        known: labelled rows of the window.
    """
    features = _shared(spec.features, promised, known)
    rows = pd.concat([promised[list(features.names)], known[list(features.names)]], ignore_index=True)
    is_window = np.repeat([False, True], [len(promised), len(known)])
    folds = np.concatenate([folds_of_days(promised[ROW_DAY]), folds_of_days(known[c.PARTITION])])
    chance = np.empty(len(rows))
    for fold in np.unique(folds):
        others = [rows[(folds != fold) & (is_window == side)] for side in (False, True)]
        seen = [sample_of(one, spec.drift.sample, spec.training.seed) for one in others]
        sides = pd.Series(np.repeat([0.0, 1.0], [len(one) for one in seen]))
        estimator = build_estimator(_WHICH, features, spec.training.seed)
        fitted = fit_estimator(estimator, pd.concat(seen, ignore_index=True), features, sides)
        chance[folds == fold] = predict(fitted, rows[folds == fold], "binary")
    earned = sobered(chance, is_window)[is_window]
    return density_ratio(earned, reference_rows=len(promised), window_rows=len(known))


def _shared(features: Features, promised: pd.DataFrame, known: pd.DataFrame) -> Features:
    """The features that both sides have values of."""
    there = {one for one in features.names if one in promised and one in known}
    there = {one for one in there if promised[one].notna().any() and known[one].notna().any()}
    return Features(
        numeric=tuple(one for one in features.numeric if one in there),
        categorical=tuple(one for one in features.categorical if one in there),
    )
