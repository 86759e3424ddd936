"""What the champion's metric is where labels are not there yet, by its probabilities as its holdout has shown them to be."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from evenkeel.decisions.comparison import Predictions
from evenkeel.decisions.day_statistics import metric_of_days
from evenkeel.decisions.decay import LEAST_DAYS
from evenkeel.decisions.label_free import (
    CALIBRATED,
    estimate_without_labels,
    estimation_error,
    expected_metric,
    recalibrated,
)
from evenkeel.vocabulary import columns as c
from evenkeel.workflows.check_window import labelled, published_predictions
from evenkeel.workflows.promise import folds_of_days, promised_sample
from evenkeel.workflows.reference import ROW_DAY

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from evenkeel.decisions.decay import Sample
    from evenkeel.decisions.uncertainty import Drawn
    from evenkeel.vocabulary.estimate import Estimate
    from evenkeel.vocabulary.spec import ModelSpec

    Floats = NDArray[np.float64]

Numbers = dict[str, float | int | None]


@dataclass(frozen=True)
class Told:
    """What an estimate adds to a check: sentences of its reason, and numbers."""

    sentences: tuple[str, ...] = ()
    numbers: Numbers = field(default_factory=dict)


@dataclass(frozen=True)
class LabelFree:
    """Estimates of a champion's metric, by what its holdout says of its probabilities.

    `off` is their calibration error there. Up to `CALIBRATED` they are taken as they are; beyond, they are corrected by isotonic
    regression on the holdout. `error` is how far estimates of the holdout's days were off.
    """

    spec: ModelSpec
    holdout: Sample
    off: float
    error: Drawn

    def ahead(self, window: pd.DataFrame) -> Told:
        """The estimate for the rows whose labels are not there yet."""
        rows = window[window[c.LABEL].isna()] if c.LABEL in window else window
        if rows.empty:
            return Told()
        found = self.estimate(rows)
        numbers: Numbers = {"unlabelled": len(rows), "calibration_error": self.off}
        if found is None:
            return Told(numbers=numbers)
        sentence = f"{self.spec.promotion.metric} {_shown(found)} is estimated on {len(rows)} rows without labels yet"
        return Told((sentence,), numbers | _numbers("estimated", found))

    def beside_the_truth(self, window: pd.DataFrame) -> Told:
        """The estimate for the rows whose labels are there, beside what came true; and whether that lies in its interval."""
        rows = labelled(window)
        if rows.empty:
            return Told()
        found, said = self.estimate(rows), published_predictions(self.spec, rows)
        measure = metric_of_days(
            self.spec.task,
            self.spec.promotion.metric,
            rows[c.LABEL].to_numpy(),
            said.values,
            np.zeros(len(rows), dtype=np.int64),
            said.classes,
        )
        truth = float(measure(np.ones((1, 1)))[0])
        if found is None or not np.isfinite(truth):
            return Told()
        numbers = _numbers("checked", found) | {"checked_truth": truth}
        if found.low <= truth <= found.high:
            return Told(numbers=numbers)
        sentence = (
            f"the estimate without labels was off: {_shown(found)} where {truth:.4f} came true, so the champion's "
            "probabilities do not mean what they meant on its holdout"
        )
        return Told((sentence,), numbers)

    def estimate(self, rows: pd.DataFrame) -> Estimate | None:
        """The metric of rows, without looking at their labels; None where it is undefined."""
        said = published_predictions(self.spec, rows)
        return estimate_without_labels(
            self.spec.task,
            self.spec.promotion.metric,
            said,
            self._calibrated(said),
            rows[c.PARTITION].to_numpy(),
            self.error,
            alpha=self.spec.drift.alpha,
        )

    def by_day(self, window: pd.DataFrame) -> Floats:
        """The estimate for each day of a window, in order."""
        keys, places = np.unique(window[c.PARTITION], return_inverse=True)
        said = published_predictions(self.spec, window)
        measure = expected_metric(
            self.spec.task, self.spec.promotion.metric, said, self._calibrated(said), places, len(keys)
        )
        return measure(np.eye(len(keys)))

    def _calibrated(self, said: Predictions) -> Predictions:
        return said if self.off <= CALIBRATED else recalibrated(self.holdout.labels, self.holdout.predicted, said)


def learn_label_free(spec: ModelSpec, promised: pd.DataFrame) -> LabelFree | None:
    """What the champion's holdout says of its probabilities; None for a regression, which has none, and for a holdout that
    cannot say how far an estimate may be off: it has too few days, or the metric is undefined there.
    """
    if spec.task == "regression" or promised.empty or promised[ROW_DAY].nunique() < LEAST_DAYS:
        return None
    holdout = promised_sample(spec, promised)
    said, places = holdout.predicted, np.zeros(len(promised), dtype=np.int64)
    every = metric_of_days(spec.task, "calibration_error", holdout.labels, said.values, places, said.classes)
    off = float(every(np.ones((1, 1)))[0])
    chances = said if off <= CALIBRATED else _without_own_day(holdout, promised[ROW_DAY])
    error = estimation_error(spec.task, spec.promotion.metric, holdout, chances, seed=spec.training.seed)
    return None if error is None else LabelFree(spec, holdout, off, error)


def _without_own_day(holdout: Sample, days: pd.Series[str]) -> Predictions:
    """The holdout's probabilities, each corrected by days other than its own."""
    said, folds = holdout.predicted, folds_of_days(days)
    corrected = np.empty_like(said.values)
    for fold in np.unique(folds):
        inside = folds == fold
        known = (
            ~inside if (~inside).any() else inside
        )  # a holdout of one day has no others, and gives no interval either
        corrected[inside] = recalibrated(
            holdout.labels[known],
            Predictions(said.values[known], said.classes),
            Predictions(said.values[inside], said.classes),
        ).values
    return Predictions(corrected, said.classes)


def _shown(found: Estimate) -> str:
    return f"{found.value:.4f} [{found.low:.4f}, {found.high:.4f}]"


def _numbers(name: str, found: Estimate) -> Numbers:
    return {name: found.value, f"{name}_low": found.low, f"{name}_high": found.high}
