"""The plot of a search: each trial's metric, and the best so far."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.figure import Figure

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def search_figure(trials: Sequence[Mapping[str, Any]], metric: str, *, greater_is_better: bool) -> Figure:
    """Trials by number: complete ones at their value, the best so far as a line, others as ticks at the foot.

    Args:
        trials: each with `number`, `state` and `value` (None where it was not measured on every fold).
        metric: what was measured, for the axis.
        greater_is_better: which way the metric runs.
    """
    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.add_subplot()
    complete = [one for one in trials if one["value"] is not None]
    other = [one["number"] for one in trials if one["value"] is None]
    numbers, values = [one["number"] for one in complete], [float(one["value"]) for one in complete]
    axes.scatter(numbers, values, s=18, label="trial")
    best = np.maximum.accumulate(values) if greater_is_better else np.minimum.accumulate(values)
    axes.step(numbers, best, where="post", color="0.3", linewidth=1, label="best so far")
    if other:
        axes.plot(
            other, [0.02] * len(other), "|", transform=axes.get_xaxis_transform(), color="0.6", label="not finished"
        )
    axes.set(title="Search, on the folds of the training part", xlabel="trial (0: the defaults)", ylabel=metric)
    axes.legend()
    return figure
