"""The look of every plot that evenkeel draws for a model's run: quiet axes, colours that the colour-blind tell apart too."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

import matplotlib as mpl
from cycler import cycler
from matplotlib.figure import Figure

if TYPE_CHECKING:
    from collections.abc import Callable

P = ParamSpec("P")
T = TypeVar("T")

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#8c6d1f", "#5b5bd6", "#7a7a7a")
"""In the order in which they are used (after Okabe and Ito)."""

INK, MUTED, LINE = "#3a4550", "#5f6b7a", "#b8c0c9"

STYLE: dict[str, Any] = {
    "text.parse_math": False,  # a class or a column may be called $x$
    "font.size": 9.5,
    "axes.prop_cycle": cycler(color=COLOURS),
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": LINE,
    "axes.labelcolor": INK,
    "axes.titlesize": 11,
    "axes.titlelocation": "left",
    "axes.titlecolor": INK,
    "axes.titlepad": 10,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#e8ebef",
    "grid.linewidth": 0.8,
    "lines.linewidth": 1.6,
    "text.color": INK,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "legend.frameon": False,
    "legend.fontsize": 9,
}


def styled(draw: Callable[P, T]) -> Callable[P, T]:
    """A function that draws, in this style: it holds for what is drawn in it and for nothing else."""

    @functools.wraps(draw)
    def call(*args: P.args, **kwargs: P.kwargs) -> T:
        with mpl.rc_context(STYLE):
            return draw(*args, **kwargs)

    return call


def blank(title: str, *, width: float = 6.4, height: float = 5.0) -> tuple[Figure, Any]:
    """A figure with one pair of axes; of its own rather than pyplot's: nothing global, safe in any process."""
    figure = Figure(figsize=(width, height), dpi=110, layout="constrained")
    axes = figure.add_subplot()
    axes.set_title(title)
    return figure, axes


def stacked(title: str) -> tuple[Figure, Any, Any]:
    """A figure with axes below the others on the same horizontal scale, a fifth of their height."""
    figure = Figure(figsize=(6.4, 5.8), dpi=110, layout="constrained")
    above, below = figure.subplots(2, sharex=True, height_ratios=(5, 1))
    above.set_title(title)
    return figure, above, below
