"""Plots of a run: every one draws, shows what it is given, and leaves nothing behind."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import numpy as np
import pytest

from evenkeel.decisions.evaluation import evaluate_classes
from evenkeel.decisions.threshold import cost_curve
from evenkeel.gateways.explanations import Importance
from evenkeel.gateways.measured_plots import (
    SliceShown,
    classes_figure,
    cost_figure,
    importance_figure,
    slices_figure,
)
from evenkeel.gateways.plots import evaluation_figures
from evenkeel.vocabulary.estimate import Estimate
from evenkeel.vocabulary.spec_training import Costs

if TYPE_CHECKING:
    from matplotlib.figure import Figure

ODD = "$\\frac{$ a_b <c>"
"""A name that is no mathematics."""


def drawn(figure: Figure) -> bytes:
    stream = io.BytesIO()
    figure.savefig(stream, format="png")
    return stream.getvalue()


def texts(figure: Figure) -> str:
    """All that is written in a figure."""
    figure.draw_without_rendering()
    return "\n".join(one.get_text() for one in figure.findobj(mpl.text.Text))


def predictions(task: str) -> tuple[Any, dict[str, Any], list[str]]:
    random = np.random.default_rng(0)
    if task == "multiclass":
        classes = [ODD, "late", "on_time"]
        told = {who: random.dirichlet(np.ones(3), 400) for who in ("challenger", "champion 3")}
        return random.choice(classes[1:], 400), told, classes
    labels = random.integers(0, 2, 400) if task == "binary" else random.normal(size=400)
    return labels, {who: random.random(400) for who in ("challenger", "champion 3")}, []


@pytest.mark.parametrize(
    ("task", "names"),
    [
        ("binary", {"roc.png", "precision_recall.png", "calibration.png"}),
        ("multiclass", {"confusion.png", "calibration.png"}),
        ("regression", {"residuals.png"}),
    ],
)
def test_predictions_are_drawn_and_the_style_stays_theirs(task: str, names: set[str]) -> None:
    """Each task has its plots, a class may be called anything, and matplotlib is as it was."""
    labels, told, classes = predictions(task)
    before = dict(mpl.rcParams)
    figures = evaluation_figures(task, labels, told, classes)  # type: ignore[arg-type]
    assert set(figures) == names
    assert all(drawn(one).startswith(b"\x89PNG") for one in figures.values())
    assert dict(mpl.rcParams) == before
    written = "\n".join(texts(one) for one in figures.values())
    assert (ODD if task == "multiclass" else "on the holdout") in written


def test_predictions_that_say_nothing_are_drawn_too() -> None:
    """A baseline gives every row the same, and a class may never come."""
    labels = np.array([0, 1] * 50)
    for figure in evaluation_figures(
        "binary", labels, {"challenger": np.full(100, 0.5), "other": np.zeros(100)}
    ).values():
        assert drawn(figure)
    figures = evaluation_figures(
        "multiclass", np.array(["a"] * 9), {"challenger": np.tile([1.0, 0.0], (9, 1))}, ["a", "b"]
    )
    figures |= evaluation_figures("regression", np.zeros(9), {"challenger": np.zeros(9)})
    assert all(drawn(one) for one in figures.values())


def test_slices_are_drawn_with_their_labels_and_the_rest_is_counted() -> None:
    """Column, value and labels are written; of very many the first are shown and the number is said."""
    whole = Estimate(0.7, 0.6, 0.8, 14)
    few = slices_figure(
        "roc_auc", [SliceShown("carrier", ODD, 1234, whole), SliceShown("origin", "JFK", 56, whole)], whole
    )
    written = texts(few)
    assert all(one in written for one in ("carrier", f"{ODD}  (1,234)", "origin", "JFK  (56)", "all rows"))
    many = slices_figure("gain", [SliceShown("tail", str(one), 50, whole) for one in range(90)])
    assert "the first 40 of 90" in texts(many)
    assert drawn(few)
    assert drawn(many)
    assert drawn(slices_figure("gain", []))


def test_classes_costs_and_importances_are_drawn() -> None:
    """What is undefined leaves a gap, and what was measured is written."""
    labels, told, classes = predictions("multiclass")
    measured = {who: evaluate_classes(labels, one, classes) for who, one in told.items()}
    written = texts(classes_figure(measured))
    assert all(one in written for one in (f"{ODD}  (0)", "challenger", "champion 3", "recall"))
    assert drawn(classes_figure(measured))
    labels, told, _ = predictions("binary")
    costs, thresholds = Costs(false_positive=1.0, false_negative=4.0), np.linspace(0, 1, 101)
    curves = {who: cost_curve(labels, one, costs, thresholds) for who, one in told.items()}
    cost = cost_figure(thresholds, curves, chosen=0.2)
    assert "chosen on the training part (0.2)" in texts(cost)
    assert drawn(cost)
    found = [Importance(ODD, 0.2, 0.01), Importance("hour", -0.01, 0.02)]
    importance = importance_figure("Permutation importance on the holdout", "loss in roc_auc", found)
    assert ODD in texts(importance)
    assert drawn(importance)
    assert drawn(importance_figure("none", "nothing", []))
