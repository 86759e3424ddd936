"""Plots of an evaluation, as matplotlib figures: everyone's predictions against the labels of the same rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from sklearn.calibration import calibration_curve
from sklearn.metrics import ConfusionMatrixDisplay, RocCurveDisplay, average_precision_score, precision_recall_curve

from evenkeel.gateways.plot_style import COLOURS, LINE, MUTED, blank, stacked, styled

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from evenkeel.vocabulary.metrics import Task

    Predictions = Mapping[str, NDArray[np.float64]]

_PLOT_ROWS = 5_000
_BINS = 10
_LEAST_RECALL = 0.01


@styled
def evaluation_figures(
    task: Task,
    labels: NDArray[np.generic],
    predictions: Predictions,
    classes: Sequence[object] = (),
) -> dict[str, Figure]:
    """File name to figure, each showing everyone's predictions on the same rows.

    Args:
        task: which plots.
        labels: shape (n,), the holdout's labels.
        predictions: who (`challenger`, `champion 3`) to predictions, in the shapes `evaluate` takes.
        classes: multiclass only; the plots are of the challenger.
    """
    if task == "binary":
        truth = np.asarray(labels, dtype=np.float64)
        return {
            "roc.png": _roc(truth, predictions),
            "precision_recall.png": _precision_recall(truth, predictions),
            "calibration.png": _calibration(
                "Calibration on the holdout", predictions, dict.fromkeys(predictions, truth)
            ),
        }
    if task == "multiclass":
        names, told = np.asarray(classes).astype(str), predictions["challenger"]
        return {
            "confusion.png": _confusion(labels, told, names),
            "calibration.png": _calibration(
                "Calibration on the holdout, class by class",
                {name: told[:, place] for place, name in enumerate(names)},
                {name: (np.asarray(labels).astype(str) == name).astype(np.float64) for name in names},
            ),
        }
    return {"residuals.png": _residuals(labels, predictions["challenger"])}


def _roc(truth: NDArray[np.float64], predictions: Predictions) -> Figure:
    figure, axes = blank("ROC on the holdout")
    for who, predicted in predictions.items():
        RocCurveDisplay.from_predictions(truth, predicted, name=who, ax=axes)
    axes.plot([0, 1], [0, 1], color=LINE, linestyle=":", linewidth=1)
    axes.set(xlabel="false positive rate", ylabel="true positive rate")
    axes.legend(loc="lower right")
    return figure


def _precision_recall(truth: NDArray[np.float64], predictions: Predictions) -> Figure:
    figure, axes = blank("Precision and recall on the holdout")
    for who, predicted in predictions.items():
        precision, recall, _ = precision_recall_curve(truth, predicted)
        some = recall >= _LEAST_RECALL  # of the very first answers precision jumps between none and all
        area = average_precision_score(truth, predicted)
        axes.plot(recall[some], precision[some], label=f"{who} (AP = {area:.2f})")
    rate = float(truth.mean())
    axes.axhline(rate, color=MUTED, linestyle=":", linewidth=1, label=f"without looking (precision {rate:.2f})")
    axes.set(xlabel="recall", ylabel="precision", xlim=(-0.01, 1.01), ylim=(0, 1.03))
    axes.legend(loc="upper right")
    return figure


def _calibration(title: str, predictions: Predictions, truths: Mapping[str, NDArray[np.float64]]) -> Figure:
    """Bins of equal mass above, and below how many rows were given which probability."""
    figure, axes, below = stacked(title)
    reach = 0.0
    edges = np.linspace(0, max(float(np.max(one)) for one in predictions.values()) or 1.0, 41)
    for place, (who, predicted) in enumerate(predictions.items()):
        colour = COLOURS[place % len(COLOURS)]
        seen = np.clip(predicted, 0, 1)
        observed, mean = calibration_curve(truths[who], seen, n_bins=_BINS, strategy="quantile")
        axes.plot(mean, observed, marker="o", markersize=4, color=colour, label=who)
        below.hist(seen, bins=edges, histtype="step", color=colour, linewidth=1.2)
        reach = max(reach, float(mean.max()), float(observed.max()))
    reach = min(1.0, reach * 1.08)
    axes.plot([0, reach], [0, reach], color=LINE, linestyle=":", linewidth=1)
    axes.set(ylabel="share that came true", xlim=(-0.01 * reach, reach), ylim=(-0.01 * reach, reach))
    below.set(xlabel="predicted probability", ylabel="rows")
    axes.legend(loc="upper left")
    return figure


def _confusion(labels: NDArray[np.generic], predicted: NDArray[np.float64], classes: NDArray[np.generic]) -> Figure:
    figure, axes = blank("Confusion on the holdout: share of each true class", height=5.4)
    truth, told = np.asarray(labels).astype(str), classes[predicted.argmax(axis=1)]
    names = np.unique(np.concatenate([classes, truth]))
    drawn = ConfusionMatrixDisplay.from_predictions(
        truth,
        told,
        labels=names,
        normalize="true",
        ax=axes,
        colorbar=False,
        cmap="Blues",
        values_format=".0%",
        im_kw={"vmin": 0, "vmax": 1},
    )
    drawn.ax_.grid(visible=False)
    axes.set_yticks(range(len(names)), [f"{one}\n{int((truth == one).sum()):,}" for one in names])
    axes.set(xlabel="predicted", ylabel="true, with its rows")
    return figure


def _residuals(labels: NDArray[np.generic], predicted: NDArray[np.float64]) -> Figure:
    figure, axes = blank("Residuals on the holdout")
    off = np.asarray(labels, dtype=np.float64) - predicted
    some = np.random.default_rng(0).permutation(len(off))[:_PLOT_ROWS]
    axes.scatter(predicted[some], off[some], s=6, alpha=0.18, color=COLOURS[0], linewidths=0)
    axes.axhline(0, color=MUTED, linewidth=1)
    edges = np.quantile(predicted, np.linspace(0, 1, 2 * _BINS + 1))
    bins = np.clip(np.searchsorted(edges, predicted, side="right") - 1, 0, 2 * _BINS - 1)
    groups = [bins == one for one in np.unique(bins)]
    at = [float(predicted[one].mean()) for one in groups]
    for level, style in ((0.5, "-"), (0.1, "--"), (0.9, "--")):
        name = {0.5: "median", 0.1: "middle 80 %"}.get(level)
        heights = [float(np.quantile(off[one], level)) for one in groups]
        axes.plot(at, heights, style, color=COLOURS[1], linewidth=1.3, label=name)
    low, high = np.quantile(off, [0.002, 0.998])
    if low < high:
        axes.set_ylim(min(low, 0) * 1.2, max(high, 0) * 1.2)
    axes.set(xlabel="predicted", ylabel="label less prediction")
    axes.legend(loc="upper left")
    return figure
