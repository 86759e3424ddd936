"""The metrics a spec may name, by task, and which way each is better."""

from __future__ import annotations

import math
from typing import Literal

Task = Literal["binary", "multiclass", "regression"]

CLIPPED = 1e-6
"""Log loss of two classes takes no probability for nearer to 0 or 1 than this."""

GREATER_IS_BETTER: dict[str, bool] = {
    "roc_auc": True,
    "average_precision": True,
    "log_loss": False,
    "brier": False,
    "accuracy": True,
    "f1_macro": True,
    "mae": False,
    "rmse": False,
    "r2": True,
    "calibration_error": False,
    "precision": True,
    "recall": True,
    "f1": True,
    "cost": False,
    "precision_macro": True,
    "recall_macro": True,
    "pinball": False,
}
"""Also of metrics that are measured and cannot be named."""

METRICS_OF_TASK: dict[Task, tuple[str, ...]] = {
    "binary": ("roc_auc", "average_precision", "log_loss", "brier"),
    "multiclass": ("log_loss", "accuracy", "f1_macro"),
    "regression": ("mae", "rmse", "r2"),
}


_WITHOUT_END = {"log_loss", "mae", "rmse", "cost", "pinball"}


def range_of(metric: str) -> tuple[float, float]:
    """The least and the greatest value that a metric can have."""
    if metric == "r2":
        return -math.inf, 1.0
    return 0.0, math.inf if metric in _WITHOUT_END else 1.0


def gain(metric: str, challenger: float, champion: float) -> float:
    """How much better the challenger is, in the metric's own unit; positive is better whichever way the metric runs."""
    return challenger - champion if GREATER_IS_BETTER[metric] else champion - challenger
