"""Plots of an evaluation, as matplotlib figures: ROC and calibration, residuals, confusion."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.figure import Figure
from sklearn.calibration import CalibrationDisplay
from sklearn.metrics import ConfusionMatrixDisplay, PredictionErrorDisplay, RocCurveDisplay

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from evenkeel.vocabulary.metrics import Task

_PLOT_ROWS = 5_000


def evaluation_figures(
    task: Task,
    labels: NDArray[np.generic],
    predictions: Mapping[str, NDArray[np.float64]],
    classes: Sequence[object] = (),
) -> dict[str, Figure]:
    """File name to figure, each showing everyone's predictions on the same rows.

    Args:
        task: which plots.
        labels: shape (n,), the holdout's labels.
        predictions: who (`challenger`, `champion 3`) to predictions, in the shapes `evaluate` takes.
        classes: multiclass only.
    """
    if task == "binary":
        return {"roc.png": _roc(labels, predictions), "calibration.png": _calibration(labels, predictions)}
    if task == "multiclass":
        return {"confusion.png": _confusion(labels, predictions["challenger"], np.asarray(classes))}
    return {"residuals.png": _residuals(labels, predictions["challenger"])}


def _roc(labels: NDArray[np.generic], predictions: Mapping[str, NDArray[np.float64]]) -> Figure:
    figure, axes = _blank("ROC on the holdout")
    for who, predicted in predictions.items():
        RocCurveDisplay.from_predictions(labels, predicted, name=who, ax=axes)
    axes.plot([0, 1], [0, 1], color="0.6", linestyle=":", linewidth=1)
    return figure


def _calibration(labels: NDArray[np.generic], predictions: Mapping[str, NDArray[np.float64]]) -> Figure:
    figure, axes = _blank("Calibration on the holdout")
    for who, predicted in predictions.items():
        CalibrationDisplay.from_predictions(
            labels,
            np.clip(predicted, 0, 1),
            n_bins=10,
            strategy="quantile",
            name=who,
            ax=axes,
            ref_line=who == "challenger",
        )
    return figure


def _confusion(labels: NDArray[np.generic], predicted: NDArray[np.float64], classes: NDArray[np.generic]) -> Figure:
    figure, axes = _blank("Confusion on the holdout, by true class")
    ConfusionMatrixDisplay.from_predictions(
        labels, classes[predicted.argmax(axis=1)], labels=classes, normalize="true", ax=axes, colorbar=False
    )
    return figure


def _residuals(labels: NDArray[np.generic], predicted: NDArray[np.float64]) -> Figure:
    figure, axes = _blank("Residuals on the holdout")
    PredictionErrorDisplay.from_predictions(
        np.asarray(labels, dtype=np.float64),
        predicted,
        kind="residual_vs_predicted",
        subsample=min(_PLOT_ROWS, len(predicted)),
        random_state=0,
        ax=axes,
        scatter_kwargs={"alpha": 0.2, "s": 8},
    )
    return figure


def _blank(title: str) -> tuple[Figure, Any]:
    # A Figure of its own rather than pyplot's: nothing global, safe in any process.
    figure = Figure(figsize=(6, 5), layout="constrained")
    axes = figure.add_subplot()
    axes.set_title(title)
    return figure, axes
