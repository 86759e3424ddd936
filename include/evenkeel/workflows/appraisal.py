"""What is told of a challenger beside its metrics: groups, explanations, classes, costs, and the plots of all of it.

None of it decides anything, so a replay, which draws no pages, does without.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from evenkeel.decisions.evaluation import evaluate, evaluate_classes
from evenkeel.decisions.threshold import cost_curve
from evenkeel.gateways.estimators import classes_of, predict
from evenkeel.gateways.explanations import Explained, explain_by_permutation, explain_by_shap
from evenkeel.gateways.fairness import Fairness, compare_groups
from evenkeel.gateways.measured_plots import (
    SliceShown,
    classes_figure,
    cost_figure,
    importance_figure,
    slices_figure,
)
from evenkeel.gateways.plots import evaluation_figures
from evenkeel.vocabulary import columns as c
from evenkeel.vocabulary.metrics import GREATER_IS_BETTER

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd
    from matplotlib.figure import Figure
    from sklearn.pipeline import Pipeline

    from evenkeel.decisions.comparison import Comparison, Predictions
    from evenkeel.vocabulary.spec import ModelSpec


@dataclass(frozen=True)
class Appraisal:
    """Plain values for the record of the evaluation, and the plots by file name."""

    record: dict[str, Any]
    figures: dict[str, Figure]


def appraise(
    spec: ModelSpec,
    estimator: Pipeline,
    holdout: pd.DataFrame,
    shown: Mapping[str, Predictions],
    compared: Comparison,
    threshold: float | None,
) -> Appraisal:
    """Everything that is told of a challenger beside its metrics.

    Args:
        spec: the model.
        estimator: the fitted challenger.
        holdout: the labelled rows it had not seen.
        shown: who (`challenger`, `champion 3`) to predictions for those rows.
        compared: what was measured of it and its opponent.
        threshold: binary only, from which its answer is yes.
    """
    labels, mine = holdout[c.LABEL].to_numpy(), shown["challenger"]
    groups = [
        compare_groups(
            spec.task, name, holdout[name], labels, mine.values, classes=tuple(mine.classes), threshold=threshold
        )
        for name in spec.evaluation.sensitive
        if name in holdout and not (spec.task == "binary" and threshold is None)
    ]
    permuted = _permuted(spec, estimator, holdout)
    shapley = explain_by_shap(estimator, holdout, rows=spec.evaluation.explained_rows, seed=spec.training.seed)
    record = {
        "fairness": [one for group in groups for one in plain_fairness(group)],
        "importance": [_plain_importance(one) for one in permuted.importances],
        "shap": [_plain_importance(one) for one in shapley.importances] or None,
        "shap_reason": shapley.reason,
        "explained_rows": permuted.rows,
        "threshold": threshold,
    }
    figures = evaluation_figures(
        spec.task, labels, {who: one.values for who, one in shown.items()}, tuple(mine.classes)
    )
    figures |= _slice_figures(spec, compared) | _explained_figures(spec, permuted, shapley)
    if spec.task == "multiclass":
        told = {who: evaluate_classes(labels, one.values, one.classes) for who, one in shown.items()}
        record["classes"] = [
            {name: _finite(getattr(one, name)) for name in ("name", "labels", "precision", "recall", "f1")}
            for one in told["challenger"]
        ]
        figures["classes.png"] = classes_figure(told)
    if spec.evaluation.costs is not None and threshold is not None:
        tried = np.linspace(0, 1, 101)
        costs = {who: cost_curve(labels, one.values, spec.evaluation.costs, tried) for who, one in shown.items()}
        figures["cost.png"] = cost_figure(tried, costs, threshold)
    return Appraisal(record, figures)


def _permuted(spec: ModelSpec, estimator: Pipeline, holdout: pd.DataFrame) -> Explained:
    metric, sign = spec.promotion.metric, 1.0 if GREATER_IS_BETTER[spec.promotion.metric] else -1.0

    def measure(rows: pd.DataFrame) -> float:
        predicted = predict(estimator, rows, spec.task)
        return sign * evaluate(spec.task, rows[c.LABEL].to_numpy(), predicted, classes_of(estimator))[metric]

    return explain_by_permutation(
        holdout, spec.features.names, measure, rows=spec.evaluation.explained_rows, seed=spec.training.seed
    )


def _slice_figures(spec: ModelSpec, compared: Comparison) -> dict[str, Figure]:
    metric = spec.promotion.metric
    here = [SliceShown(one.column, one.value, one.labels, one.challenger) for one in compared.slices if one.challenger]
    gained = [SliceShown(one.column, one.value, one.labels, one.gain) for one in compared.slices if one.gain]
    found = {"slices.png": slices_figure(metric, here, compared.challenger[metric])} if here else {}
    if gained:
        found["slice_gains.png"] = slices_figure(f"gain in {metric}", gained, compared.gain[metric])
    return found


def _explained_figures(spec: ModelSpec, permuted: Explained, shapley: Explained) -> dict[str, Figure]:
    title = f"What is lost when a feature is shuffled ({permuted.rows} rows)"
    found = {"importance.png": importance_figure(title, spec.promotion.metric, permuted.importances)}
    if shapley.importances:
        title = f"How far a feature moves the output ({shapley.rows} rows)"
        found["shap.png"] = importance_figure(title, "mean |SHAP value|", shapley.importances)
    return found


def plain_fairness(found: Fairness) -> list[dict[str, Any]]:
    """How far the groups of a column are apart, and which two are: by a loss the largest is the worst, by a rate the smallest.

    Equalized odds is the difference of one of two rates, and the groups are those that this one tells apart.
    """
    plain = []
    for measure, difference in found.differences.items():
        rate = _rate_behind(measure, found)
        there = [one for one in found.groups if math.isfinite(one.figures.get(rate, math.nan))]
        loss = rate == "false_positive_rate" or not GREATER_IS_BETTER.get(rate, True)
        ranked = [one.name for one in sorted(there, key=lambda one: one.figures[rate], reverse=loss)]
        plain.append(
            {
                "column": found.column,
                "measure": measure,
                "difference": _finite(difference),
                "worst": ranked[0] if ranked else "",
                "best": ranked[-1] if ranked else "",
            }
        )
    return plain


def _rate_behind(measure: str, found: Fairness) -> str:
    if measure == "demographic_parity":
        return "selection_rate"
    if measure != "equalized_odds":
        return measure

    def apart(rate: str) -> float:
        figures = [one.figures[rate] for one in found.groups if math.isfinite(one.figures[rate])]
        return max(figures) - min(figures) if figures else -1.0

    return max(("true_positive_rate", "false_positive_rate"), key=apart)


def _plain_importance(one: Any) -> dict[str, Any]:
    return {
        "feature": one.feature,
        "value": one.value,
        "low": one.value - 2 * one.spread,
        "high": one.value + 2 * one.spread,
    }


def _finite(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value
