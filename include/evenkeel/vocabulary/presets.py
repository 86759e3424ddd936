"""Presets: the usual estimators with settings and search spaces that suit tables of a few thousand to a few million rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

_TREES = {
    "learning_rate": {"low": 0.01, "high": 0.3, "log": True},
    "max_leaf_nodes": {"low": 4, "high": 64, "log": True},
    "min_samples_leaf": {"low": 20, "high": 1000, "log": True},
    "l2_regularization": {"low": 0.01, "high": 100.0, "log": True},
}
_FOREST = {
    "min_samples_leaf": {"low": 1, "high": 200, "log": True},
    "max_features": {"choices": ["sqrt", 0.3, 0.6, 1.0]},
}

PRESETS: Mapping[str, Mapping[str, Any]] = {
    "boosted_trees": {"estimator": "sklearn.ensemble.HistGradientBoostingClassifier", "search": _TREES},
    "boosted_trees_regressor": {"estimator": "sklearn.ensemble.HistGradientBoostingRegressor", "search": _TREES},
    "random_forest": {
        "estimator": "sklearn.ensemble.RandomForestClassifier",
        "params": {"n_estimators": 200},
        "search": _FOREST,
    },
    "random_forest_regressor": {
        "estimator": "sklearn.ensemble.RandomForestRegressor",
        "params": {"n_estimators": 200},
        "search": _FOREST,
    },
    "logistic": {
        "estimator": "sklearn.linear_model.LogisticRegression",
        "params": {"max_iter": 500},
        "encoding": "one_hot",
        "search": {"C": {"low": 0.001, "high": 100.0, "log": True}},
    },
    "ridge": {
        "estimator": "sklearn.linear_model.Ridge",
        "encoding": "one_hot",
        "search": {"alpha": {"low": 0.01, "high": 1000.0, "log": True}},
    },
}
"""By name: what a candidate says that names the preset and nothing else."""


def fill_preset(content: Mapping[str, Any]) -> dict[str, Any]:
    """A candidate's keys with those of its preset where it does not give them itself.

    A parameter that the candidate sets is not searched for any more. Raises ValueError for a preset that does not exist.
    """
    name = content.get("preset")
    if name is None:
        return dict(content)
    if name not in PRESETS:
        raise ValueError(f"preset {name!r} does not exist. Valid: {', '.join(PRESETS)}")
    preset = PRESETS[name]
    params = {**preset.get("params", {}), **content.get("params", {})}
    search = {key: one for key, one in preset["search"].items() if key not in params}
    return {**preset, "search": search, **content, "params": params}
