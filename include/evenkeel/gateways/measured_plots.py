"""Plots of what was measured: slices with their intervals, classes, costs by threshold, and what a model hangs on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from evenkeel.gateways.plot_style import COLOURS, INK, LINE, MUTED, blank, styled

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from evenkeel.vocabulary.estimate import Estimate

_ROW = 0.23
"""Inches that a line of text takes."""

_MOST = 40
"""Slices, or features, that one plot shows; the rest is counted."""


@dataclass(frozen=True)
class SliceShown:
    """The rows in which a column has a value, and what was measured on them."""

    column: str
    value: str
    labels: int
    measured: Estimate


class ClassShown(Protocol):
    """One class against all others."""

    @property
    def name(self) -> str:
        """Its name."""

    @property
    def labels(self) -> int:
        """How often it was there."""

    @property
    def precision(self) -> float:
        """Of the rows told to be of the class, the share that were."""

    @property
    def recall(self) -> float:
        """Of the rows of the class, the share that were told."""

    @property
    def f1(self) -> float:
        """The harmonic mean of both."""


class ImportanceShown(Protocol):
    """How much hangs on a feature."""

    @property
    def feature(self) -> str:
        """Its name."""

    @property
    def value(self) -> float:
        """How much."""

    @property
    def spread(self) -> float:
        """How much that varied."""


@styled
def slices_figure(what: str, slices: Sequence[SliceShown], whole: Estimate | None = None) -> Figure:
    """What was measured in each slice, with its interval, beside that of all rows.

    Args:
        what: is measured, in words: `roc_auc`, or `gain in roc_auc`.
        slices: in the order in which they are shown, those of a column together.
        whole: the same of all rows.
    """
    shown = slices[:_MOST]
    columns = list(dict.fromkeys(one.column for one in shown))
    lines = len(shown) + len(columns)
    figure, axes = blank(f"{what} by slice{_more(len(slices))}", height=1.3 + _ROW * max(lines, 3))
    if whole is not None:
        axes.axvspan(whole.low, whole.high, color=COLOURS[0], alpha=0.1, linewidth=0)
        axes.axvline(whole.value, color=COLOURS[0], linewidth=1.2, label="all rows")
        axes.legend(loc="lower right", bbox_to_anchor=(1, 1), borderaxespad=0.2)
    ticks: list[tuple[float, str, bool]] = []
    at = 0
    for column in columns:
        ticks.append((at, column, True))
        for one in (one for one in shown if one.column == column):
            at += 1
            ticks.append((at, f"{one.value}  ({one.labels:,})", False))
            axes.plot([one.measured.low, one.measured.high], [at, at], color=INK, linewidth=1.2)
            axes.plot(one.measured.value, at, "o", color=INK, markersize=4.5)
        at += 1
    _lines(axes, ticks)
    axes.set_xlabel(f"{what}, with its interval")
    return figure


@styled
def classes_figure(measured: Mapping[str, Sequence[ClassShown]]) -> Figure:
    """Precision, recall and F1 of each class, of everyone: who (`challenger`) to classes in the same order."""
    first = next(iter(measured.values()))
    figure, axes = blank("Each class against all others, on the holdout", height=1.6 + 0.75 * len(first))
    marks = (("precision", "o"), ("recall", "s"), ("f1", "D"))
    step = 0.5 / max(len(measured), 1)
    for place, (who, classes) in enumerate(measured.items()):
        shift = (place - (len(measured) - 1) / 2) * step
        for at, one in enumerate(classes):
            found = [getattr(one, name) for name, _ in marks]
            if np.isfinite(found).any():
                ends = [np.nanmin(found), np.nanmax(found)]
                axes.plot(ends, [at + shift] * 2, color=COLOURS[place], linewidth=1, alpha=0.5)
            for (_, mark), value in zip(marks, found, strict=True):
                axes.plot(value, at + shift, mark, color=COLOURS[place], markersize=6, alpha=0.85, clip_on=False)
        axes.plot([], [], color=COLOURS[place], linewidth=4, label=who)
    for name, mark in marks:
        axes.plot([], [], mark, color=MUTED, linestyle="", label=name.replace("f1", "F1"))
    _lines(axes, [(at, f"{one.name}  ({one.labels:,})", False) for at, one in enumerate(first)])
    axes.set_ylim(len(first) - 0.45, -0.55)
    axes.set(xlim=(-0.02, 1.02), xlabel="0: never right, 1: always")
    figure.legend(loc="outside lower center", ncols=5, columnspacing=1.4)
    return figure


@styled
def cost_figure(
    thresholds: NDArray[np.float64], costs: Mapping[str, NDArray[np.float64]], chosen: float | None = None
) -> Figure:
    """What wrong answers cost a row, by the threshold that separates yes from no.

    Args:
        thresholds: shape (t,), from low to high.
        costs: who (`challenger`) to costs a row, shape (t,); see `decisions.threshold.cost_curve`.
        chosen: the threshold that was chosen on other rows.
    """
    figure, axes = blank("Cost by threshold on the holdout")
    for who, cost in costs.items():
        axes.plot(thresholds, cost, label=f"{who} (least {float(np.min(cost)):.3g})")
    if chosen is not None:
        axes.axvline(
            chosen, color=MUTED, linestyle="--", linewidth=1, label=f"chosen on the training part ({chosen:.3g})"
        )
    axes.set_ylim(0, 1.25 * max(float(np.max(one)) for one in costs.values()))
    axes.set(xlabel="threshold: yes from this probability up", ylabel="cost a row")
    axes.legend(loc="upper right")
    return figure


@styled
def importance_figure(title: str, unit: str, importances: Sequence[ImportanceShown]) -> Figure:
    """What hangs on each feature, the most important on top, with how much that varied.

    Args:
        title: what was measured.
        unit: of the values.
        importances: the most important first.
    """
    shown = importances[:_MOST]
    figure, axes = blank(f"{title}{_more(len(importances))}", height=1.3 + _ROW * max(len(shown), 4))
    places = np.arange(len(shown))
    axes.barh(places, [one.value for one in shown], height=0.62, color=COLOURS[0], alpha=0.85)
    spread = [[one.value - one.spread, one.value + one.spread] for one in shown]
    for place, ends in zip(places, spread, strict=True):
        axes.plot(ends, [place, place], color=INK, linewidth=1.1)
    axes.axvline(0, color=LINE, linewidth=1)
    _lines(axes, [(float(at), one.feature, False) for at, one in zip(places, shown, strict=True)])
    axes.set_xlabel(unit)
    return figure


def _lines(axes: Any, ticks: Sequence[tuple[float, str, bool]]) -> None:
    """A line of text at each place from the top down; headings in bold."""
    axes.set_yticks([at for at, _, _ in ticks], [text for _, text, _ in ticks])
    for label, (_, _, heading) in zip(axes.get_yticklabels(), ticks, strict=True):
        label.set_fontweight("bold" if heading else "normal")
        label.set_color(INK if heading else MUTED)
    axes.set_ylim(max((at for at, _, _ in ticks), default=0) + 0.7, -0.7)
    axes.tick_params(axis="y", length=0)
    axes.grid(visible=False, axis="y")
    axes.spines["left"].set_visible(False)


def _more(count: int) -> str:
    return f" (the first {_MOST} of {count})" if count > _MOST else ""
