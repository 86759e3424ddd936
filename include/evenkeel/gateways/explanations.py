"""Explanations: which features a model's predictions hang on, by permutation and by SHAP. The only door to SHAP.

SHAP brings a compiler with it and takes seconds to import, so it is imported where it is asked for and nowhere else.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.inspection import permutation_importance
from sklearn.pipeline import Pipeline
from threadpoolctl import threadpool_limits

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import pandas as pd
    from numpy.typing import NDArray

    Measure = Callable[[pd.DataFrame], float]

REPEATS = 5
"""How often each feature is shuffled."""

_LEAST = 50
"""Rows below which a mean of Shapley values says little."""

_WORK = 10_000_000_000
"""Steps that trees may be walked for Shapley values: about half a minute of one core, and the same on every machine."""


@dataclass(frozen=True)
class Importance:
    """How much hangs on a feature, and how far that may be from what more rows or shuffles would say."""

    feature: str
    value: float
    spread: float


@dataclass(frozen=True)
class Explained:
    """The features, the most important first, and on how many rows that was found; or why nothing was."""

    method: str
    rows: int
    importances: tuple[Importance, ...] = ()
    reason: str | None = None


def explain_by_permutation(
    frame: pd.DataFrame, features: Sequence[str], measure: Measure, *, rows: int, seed: int, repeats: int = REPEATS
) -> Explained:
    """How much worse a model gets when a feature's values are dealt out to other rows.

    Two features that say the same stand in for each other, and both look unimportant.

    Source: L. Breiman, "Random forests" (Machine Learning 2001), as scikit-learn's `permutation_importance` has it.

    Args:
        frame: rows that the model has not learnt from, with their labels and whatever `measure` looks at.
        features: the columns that are shuffled, one at a time.
        measure: how good the model is on a frame; greater is better, in a unit of the caller's.
        rows: no more than so many are looked at, drawn from the frame.
        seed: of the draw and the shuffling.
        repeats: how often each feature is shuffled.

    Returns:
        By feature the mean loss in the measure's unit, and its standard deviation over the repeats.
    """
    seen = _drawn(frame, rows, seed)
    rest = [name for name in seen.columns if name not in features]
    kept = seen[rest]

    def score(_: object, shuffled: pd.DataFrame, __: object = None) -> float:
        return measure(shuffled.assign(**{name: kept[name].to_numpy() for name in rest}))

    with threadpool_limits(1):  # for so few rows at a time, threads wait for each other longer than they work
        found = permutation_importance(
            _Fitted(), seen[list(features)], None, scoring=score, n_repeats=repeats, random_state=seed
        )
    pairs = zip(features, found.importances_mean, found.importances_std, strict=True)
    return Explained("permutation", len(seen), _ordered(Importance(name, float(a), float(b)) for name, a, b in pairs))


def explain_by_shap(estimator: Any, frame: pd.DataFrame, *, rows: int, seed: int) -> Explained:
    """How far each feature moves the model's output away from its mean, on average over rows: mean |Shapley value|.

    Trees and linear models are explained; of calibrated ones what is below the calibration. Values are in the unit of the
    estimator's own output: log-odds for boosted trees and logistic regression, probability for forests, the label's unit for
    numbers. Those of a feature's encoded columns are added up before the mean, those of several classes averaged after it.

    Sources: S. Lundberg and S.-I. Lee, "A unified approach to interpreting model predictions" (NeurIPS 2017); S. Lundberg et
    al., "From local explanations to global understanding with explainable AI for trees" (Nature Machine Intelligence 2020).

    Args:
        estimator: a fitted pipeline, or something around one.
        frame: rows with the columns it was fitted on.
        rows: no more than so many are looked at, drawn from the frame; fewer where many deep trees would take long.
        seed: of the draw.

    Returns:
        By feature the mean, and its standard error. An estimator that is not supported, and whatever SHAP
        fails at, is a reason and never an error.
    """
    try:
        seen = _drawn(frame, rows, seed)
        columns, model = _unwrapped(estimator)
        encoded = np.asarray(columns.transform(seen[list(columns.feature_names_in_)]), dtype=np.float64)
        owners = _owners(columns[0])
        values = _shapley(model, encoded)
        # (rows, encoded columns, outputs) to (features, rows, outputs): a feature's columns are added up.
        names = list(dict.fromkeys(owners))
        mine = np.stack([values[:, [one == name for one in owners], :].sum(axis=1) for name in names])
    except Exception as error:  # whatever SHAP and the compiler below it raise: an explanation is not worth a training
        said = str(error).strip().split("\n")[0] or "no reason given"
        return Explained("shap", 0, reason=f"{_name(estimator)} is not explained: {said[:300]}")
    sizes = np.abs(mine).mean(axis=2)
    errors = sizes.std(axis=1) / np.sqrt(sizes.shape[1])
    pairs = zip(names, sizes.mean(axis=1), errors, strict=True)
    return Explained("shap", mine.shape[1], _ordered(Importance(name, float(a), float(b)) for name, a, b in pairs))


class _Fitted:
    """What scikit-learn asks for and the measure has already."""

    def fit(self) -> None:
        """Nothing."""


def _drawn(frame: pd.DataFrame, rows: int, seed: int) -> pd.DataFrame:
    return frame.sample(min(rows, len(frame)), random_state=seed).reset_index(drop=True)


def _ordered(importances: Any) -> tuple[Importance, ...]:
    return tuple(sorted(importances, key=lambda one: (-one.value, one.feature)))


def _unwrapped(estimator: Any) -> tuple[Pipeline, Any]:
    """The steps that encode, and the estimator behind them without its calibration."""
    found = _uncalibrated(estimator)
    if not isinstance(found, Pipeline):
        raise TypeError("it is no pipeline of encoding and estimator")
    return found[:-1], _uncalibrated(found[-1])


def _uncalibrated(estimator: Any) -> Any:
    while True:
        if len(getattr(estimator, "calibrated_classifiers_", ())) == 1:
            estimator = estimator.calibrated_classifiers_[0].estimator
        elif type(estimator).__name__ == "FrozenEstimator":
            estimator = estimator.estimator
        else:
            return estimator


def _owners(columns: Any) -> list[str]:
    """For each encoded column the feature it was made of."""
    owners: list[str] = []
    for name, encoder, taken in columns.transformers_:
        if name == "remainder":
            continue
        place = columns.output_indices_[name]
        wide = place.stop - place.start
        if wide == len(taken):
            owners += list(taken)
            continue
        widths = [
            len(categories) - rare + (rare > 0)
            for categories, rare in zip(encoder.categories_, _rare(encoder), strict=True)
        ]
        if sum(widths) != wide:
            raise TypeError(f"the {wide} columns that {name} made cannot be led back to {len(taken)} features")
        owners += [feature for feature, width in zip(taken, widths, strict=True) for _ in range(width)]
    return owners


def _rare(encoder: Any) -> list[int]:
    """How many categories of each feature share one column."""
    found = getattr(encoder, "infrequent_categories_", None) or [None] * len(encoder.categories_)
    return [0 if one is None else len(one) for one in found]


def _shapley(model: Any, encoded: NDArray[np.float64]) -> NDArray[np.float64]:
    """Shapley values, shape (rows, columns, outputs); fewer rows than there are where trees would take long."""
    with warnings.catch_warnings():  # about its own colours, and about how it was before
        warnings.simplefilter("ignore")
        import shap

        if hasattr(model, "coef_"):
            values = shap.LinearExplainer(model, encoded).shap_values(encoded)
        else:
            explainer = shap.TreeExplainer(model)
            values = explainer.shap_values(encoded[: _affordable(explainer.model, len(encoded))])
    found: NDArray[np.float64] = np.stack(values, axis=-1) if isinstance(values, list) else np.asarray(values)
    return found if found.ndim == 3 else found[:, :, np.newaxis]


def _affordable(trees: Any, rows: int) -> int:
    """Walking a tree for one row takes its leaves times its depth squared (Lundberg et al. 2020)."""
    steps = float(np.sum(trees.num_nodes)) / 2 * float(trees.max_depth) ** 2
    found = min(rows, int(_WORK / max(steps, 1.0)))
    if found < min(rows, _LEAST):
        raise ValueError(f"its trees are too many and too deep: {found} rows could be explained, {_LEAST} are needed")
    return found


def _name(estimator: Any) -> str:
    steps = getattr(estimator, "steps", None)
    return type(steps[-1][1] if steps else estimator).__name__
