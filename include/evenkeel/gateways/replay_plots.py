"""Plots of a replay as SVG that stands in a page by itself: the same numbers give the same bytes, and nothing is fetched."""

from __future__ import annotations

import io
import re
from collections import defaultdict
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import matplotlib.dates as mdates
import numpy as np
from matplotlib.figure import Figure
from matplotlib.transforms import blended_transform_factory

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from evenkeel.vocabulary.replay import Day, Decided, PolicyAccount

    Band = tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#8c6d1f", "#5b5bd6", "#7a7a7a")
"""One a policy, told apart by the colour-blind too (after Okabe and Ito)."""

VERDICTS = {"none": "#a9c7b4", "watch": "#f0b429", "drift": "#c0392b", "insufficient_data": "#d9dce1"}

KINDS = {
    "promoted": ("^", "#1b7f4b"),
    "rolled_back": ("v", "#7b3fa0"),
    "shadowed": ("P", "#0b6e99"),
    "dropped": ("p", "#8c6d1f"),
    "kept": ("o", "#5f6b7a"),
    "refused": ("X", "#c0392b"),
    "escalated": ("*", "#b0005e"),
    "retrain": ("D", "#d9730d"),
    "declined": ("|", "#9aa5b1"),
    "repaired": ("s", "#5f6b7a"),
}
"""Marker and colour of a decision, in the order of their lanes from the top."""

_MARGIN = 1.5
"""Days left free at both ends of the time axis, together."""

_VERDICT_STRIP = 0.07
"""Height of the strip that shows each day's verdict, whatever the height of its bar; in parts of the axes."""

_WIDTH, _LEFT, _RIGHT, _TOP, _BOTTOM = 11.0, 0.85, 0.2, 0.3, 0.42
"""Inches. All plots have the same margins, so that a day stands at the same place in each."""

_STYLE = {
    "svg.hashsalt": "evenkeel",
    "svg.fonttype": "none",
    "text.parse_math": False,
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#b8c0c9",
    "axes.labelcolor": "#3a4550",
    "axes.titlesize": 9,
    "axes.titlelocation": "left",
    "axes.titlecolor": "#3a4550",
    "axes.grid": True,
    "axes.grid.axis": "y",
    "axes.axisbelow": True,
    "grid.color": "#e8ebef",
    "grid.linewidth": 0.8,
    "xtick.color": "#5f6b7a",
    "ytick.color": "#5f6b7a",
    "legend.frameon": False,
}


def metric_plot(
    metric: str,
    policies: Sequence[PolicyAccount],
    bands: Sequence[Band],
    decided: PolicyAccount,
    colour: Mapping[str, str],
) -> str:
    """The metric over time, a line a policy, above the decisions of one of them on lanes of their own.

    Args:
        metric: its name.
        policies: whose lines are drawn.
        bands: for each of them the rolling mean, its lower and its upper end, a value a day.
        decided: the policy whose decisions are marked.
        colour: of a policy, by its slug.
    """
    lanes = [kind for kind in KINDS if any(one.kind == kind for one in decided.decisions)]
    with mpl.rc_context(_STYLE):
        figure, (above, below) = _stacked(3.2, max(0.3, 0.27 * len(lanes)), gap=0.12)
        for policy, (mean, low, high) in zip(policies, bands, strict=True):
            days, main = _dates(policy.days), policy is decided
            hue = colour[policy.slug]
            if main:
                values = [one.measured.get(metric, np.nan) for one in policy.days]
                above.plot(days, values, ".", color=hue, alpha=0.5, markersize=4.5, markeredgewidth=0)
            above.fill_between(days, low, high, color=hue, alpha=0.13 if main else 0.05, linewidth=0)
            above.plot(days, mean, color=hue, linewidth=2 if main else 1.4, label=policy.name, zorder=3 if main else 2)
        for one in decided.decisions:
            if one.kind in {"promoted", "rolled_back"}:
                above.axvline(_moment(one), color=KINDS[one.kind][1], linewidth=0.8, linestyle=(0, (4, 3)), alpha=0.7)
        above.set_ylabel(metric)
        _legend(above, len(policies))
        _lanes(below, lanes, decided.decisions, decided.days)
        _time_axis(below, decided.days)
        return _svg(figure, f"m-{decided.slug}", f"{metric} over time, and the decisions of {decided.name}")


def difference_plot(
    metric: str, policies: Sequence[PolicyAccount], bands: Sequence[Band], first: str, colour: Mapping[str, str]
) -> str:
    """How the other policies do against the first on the same days: what all share, such as a storm, cancels out.

    Args:
        metric: its name.
        policies: the others.
        bands: for each of them the rolling mean of its difference, its lower and its upper end, a value a day.
        first: name of the first.
        colour: of a policy, by its slug.
    """
    with mpl.rc_context(_STYLE):
        figure, (axes,) = _stacked(1.8)
        axes.axhline(0, color=COLOURS[0], linewidth=1.4)
        for policy, (mean, low, high) in zip(policies, bands, strict=True):
            axes.fill_between(_dates(policy.days), low, high, color=colour[policy.slug], alpha=0.14, linewidth=0)
            axes.plot(_dates(policy.days), mean, color=colour[policy.slug], linewidth=1.6, label=policy.name)
        axes.set_ylabel(f"{metric} against the first")
        _legend(axes, len(policies))
        _time_axis(axes, policies[0].days)
        return _svg(figure, "d", f"{metric} of the other policies against {first}, over time")


def checks_plot(metric: str, policy: PolicyAccount) -> str:
    """The drift checks of a policy, day by day: the largest drift measure in units of its threshold, and the fall against what
    was promised.
    """
    days = _dates(policy.days)
    with mpl.rc_context(_STYLE):
        figure, (above, below) = _stacked(1.3, 1.5, gap=0.42)
        _bars(above, days, [one.excess for one in policy.days], [one.drift for one in policy.days])
        above.axhline(1.0, color="#c0392b", linewidth=0.9, linestyle=(0, (4, 3)))
        above.set_title("largest drift measure, in units of what chance explains")
        above.set_ylim(bottom=0)
        _bars(below, days, [one.fall for one in policy.days], [one.decay for one in policy.days])
        below.axhline(policy.tolerance, color="#c0392b", linewidth=0.9, linestyle=(0, (4, 3)))
        below.axhline(0, color="#b8c0c9", linewidth=0.8)
        below.set_title(f"how much worse the champion's {metric} is than it promised; decay above {policy.tolerance:g}")
        _key(above, {name.replace("_", " "): hue for name, hue in VERDICTS.items()})
        _time_axis(below, policy.days)
        return _svg(figure, f"c-{policy.slug}", f"drift and decay of {policy.name}, day by day")


def rows_plot(policy: PolicyAccount) -> str:
    """Rows scored and rows quarantined a day, and the days that were not scored."""
    days = _dates(policy.days)
    scored = np.array([one.rows for one in policy.days], dtype=float)
    aside = np.array([one.quarantined for one in policy.days], dtype=float)
    missed: Any = [day for day, one in zip(days, policy.days, strict=True) if one.champion is None]
    with mpl.rc_context(_STYLE):
        figure, (axes,) = _stacked(1.2)
        axes.bar(days, scored, width=0.85, color="#9db8d2", linewidth=0)
        axes.bar(days, aside, width=0.85, bottom=scored, color="#c0392b", linewidth=0)
        axes.plot(missed, [0] * len(missed), "X", color="#c0392b", markersize=6, clip_on=False)
        axes.set_ylim(bottom=0)
        axes.set_ylabel("rows a day")
        _key(axes, {"scored": "#9db8d2", "quarantined, or a day not scored (×)": "#c0392b"})
        _time_axis(axes, policy.days)
        return _svg(figure, f"r-{policy.slug}", f"rows of {policy.name}, day by day")


def _stacked(*heights: float, gap: float = 0.0) -> tuple[Figure, list[Any]]:
    """A figure with axes of these heights (inches) one above the other, on one time axis."""
    tall = _TOP + sum(heights) + gap * (len(heights) - 1) + _BOTTOM
    figure = Figure(figsize=(_WIDTH, tall))
    found: list[Any] = []
    upper = tall - _TOP
    for height in heights:
        place = (_LEFT / _WIDTH, (upper - height) / tall, (_WIDTH - _LEFT - _RIGHT) / _WIDTH, height / tall)
        found.append(figure.add_axes(place, sharex=found[0] if found else None))
        upper -= height + gap
    for axes in found[:-1]:
        axes.tick_params(axis="x", bottom=False, labelbottom=False)
    return figure, found


def _lanes(axes: Any, lanes: Sequence[str], decisions: Sequence[Decided], days: Sequence[Day]) -> None:
    """Each decision on the lane of its kind, with its number below; where numbers would overlap, the first and the last."""
    axes.set_ylim(len(lanes) - 0.4 if lanes else 1, -0.6)
    axes.set_yticks(range(len(lanes)), [kind.replace("_", " ") for kind in lanes])
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    wide = (_WIDTH - _LEFT - _RIGHT) * 72 / (len(days) + _MARGIN)
    for lane, kind in enumerate(lanes):
        marker, hue = KINDS[kind]
        mine = [one for one in decisions if one.kind == kind]
        axes.plot([_moment(one) for one in mine], [lane] * len(mine), marker, color=hue, markersize=5, clip_on=False)
        for run in _runs(mine, wide):
            at, _, text = _label(run, wide)
            axes.annotate(
                text,
                (at / wide, lane),
                xytext=(0, -3.5),
                textcoords="offset points",
                fontsize=6.5,
                color="#3a4550",
                ha="center",
                va="top",
                annotation_clip=False,
            )


def _runs(decisions: Sequence[Decided], wide: float) -> list[list[Decided]]:
    """Decisions so near to each other that their numbers would overlap, together. `wide` is a day's width in points."""
    runs = [[one] for one in decisions]
    place = 0
    while place < len(runs) - 1:
        (at, half, _), (next_at, next_half, _) = _label(runs[place], wide), _label(runs[place + 1], wide)
        if at + half + 2 > next_at - next_half:
            runs[place] += runs.pop(place + 1)
            place = max(0, place - 1)
        else:
            place += 1
    return runs


def _label(run: Sequence[Decided], wide: float) -> tuple[float, float, str]:
    """Where the middle of a run's label lies and half its width, in points, and what it says."""
    text = f"{run[0].number}" if len(run) == 1 else f"{run[0].number}\N{EN DASH}{run[-1].number}"
    first, last = (float(mdates.date2num(_moment(one))) * wide for one in (run[0], run[-1]))
    return (first + last) / 2, max(last - first + 5, 3.7 * len(text)) / 2, text


def _legend(axes: Any, entries: int) -> None:
    axes.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=min(5, entries), handlelength=1.6, borderaxespad=0.2)


def _bars(axes: Any, days: Sequence[date], heights: Sequence[float | None], verdicts: Sequence[str | None]) -> None:
    """A bar a day in the colour of its verdict, and a strip below that shows the verdict of the days without height too."""
    by_verdict: dict[str, list[tuple[date, float]]] = defaultdict(list)
    for day, height, verdict in zip(days, heights, verdicts, strict=True):
        if verdict is not None:
            by_verdict[verdict].append((day, 0.0 if height is None else height))
    strip = blended_transform_factory(axes.transData, axes.transAxes)
    for verdict, hue in VERDICTS.items():
        if by_verdict[verdict]:
            at, tall = zip(*by_verdict[verdict], strict=True)
            axes.bar(at, tall, width=0.85, color=hue, linewidth=0)
            axes.bar(at, -_VERDICT_STRIP, width=1, color=hue, linewidth=0, transform=strip, clip_on=False)
    axes.spines["bottom"].set_visible(False)
    axes.tick_params(axis="x", pad=10, length=0)


def _key(axes: Any, entries: Mapping[str, str]) -> None:
    for name, hue in entries.items():
        axes.plot([], [], "s", color=hue, label=name, markersize=6)
    axes.legend(
        loc="lower right",
        bbox_to_anchor=(1, 1),
        ncols=len(entries),
        handletextpad=0.2,
        columnspacing=1.2,
        borderaxespad=0,
    )


def _time_axis(axes: Any, days: Sequence[Day]) -> None:
    first, last = date.fromisoformat(days[0].partition), date.fromisoformat(days[-1].partition)
    axes.set_xlim(mdates.date2num(first) - _MARGIN / 2, mdates.date2num(last) + 1 + _MARGIN / 2)
    locator = mdates.AutoDateLocator(minticks=4, maxticks=12)
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(mdates.ConciseDateFormatter(locator))


def _dates(days: Sequence[Day]) -> Any:
    return [date.fromisoformat(one.partition) for one in days]


def _moment(decision: Decided) -> datetime:
    return datetime.fromisoformat(decision.at)  # in the model's time zone, as the days of the axis are


def _svg(figure: Figure, name: str, label: str) -> str:
    """The figure as an `svg` element. Its ids begin with `name`, for a page that holds several."""
    stream = io.StringIO()
    figure.savefig(stream, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    text = stream.getvalue()
    text = text[text.index("<svg") :].strip()
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r' xmlns(:\w+)?="[^"]*"', "", text).replace("xlink:href", "href")
    text = re.sub(r'\bid="', f'id="{name}-', text)
    text = re.sub(r'(href="#|url\(#)', rf"\g<1>{name}-", text)
    return re.sub(
        r'^<svg [^>]*?viewBox="([^"]*)"[^>]*>', rf'<svg viewBox="\1" role="img" aria-label="{_attribute(label)}">', text
    )


def _attribute(text: str) -> str:
    return text.replace("&", "&amp;").replace('"', "&quot;").replace("<", "&lt;")
