"""A candidate on the training part: fitted, measured on later days of it, and tuned where the spec gives it a search."""

from __future__ import annotations

import logging
import math
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from evenkeel.decisions.evaluation import evaluate
from evenkeel.decisions.folds import Fold, expanding_folds
from evenkeel.decisions.threshold import choose_threshold
from evenkeel.gateways.estimators import (
    build_estimator,
    calibrate,
    classes_of,
    default_params,
    fit_estimator,
    predict,
)
from evenkeel.vocabulary import columns as c
from evenkeel.vocabulary.errors import EvenkeelError, GateRefusedError
from evenkeel.vocabulary.metrics import GREATER_IS_BETTER
from evenkeel.vocabulary.partition import back

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import pandas as pd
    from numpy.typing import NDArray
    from sklearn.pipeline import Pipeline

    from evenkeel.vocabulary.partition import Partition
    from evenkeel.vocabulary.spec import ModelSpec
    from evenkeel.vocabulary.spec_training import Candidate

log = logging.getLogger(__name__)

_CALIBRATION_SHARE = 0.2
"""Last part of the days on which probabilities are corrected, where the spec asks for it."""


@dataclass(frozen=True)
class OnFold:
    """What a fold says of some parameters, and what they predicted for it."""

    value: float
    labels: NDArray[np.generic]
    predicted: NDArray[np.float64]


@dataclass(frozen=True)
class Compared:
    """A candidate on the folds: its best parameters and their metric there.

    `spread` is the standard deviation over the folds. `threshold` is that of a binary model, from which its answer is yes.
    `trials` are all that was tried, first what the estimator does without a search; `limited` says that time ran out before
    they did.
    """

    value: float
    spread: float | None
    params: Mapping[str, Any]
    threshold: float | None
    trials: tuple[Mapping[str, Any], ...]
    limited: bool


def compare_candidate(spec: ModelSpec, candidate: Candidate, train: pd.DataFrame) -> Compared:
    """Measure a candidate on the folds of the training part, after its search where it has one.

    Every candidate is measured on the same folds; a tuned one by what its best parameters reach there.

    Raises GateRefusedError where the days are too few for any fold, and there is something to choose.
    """
    folds = _measurable(spec, train)
    if not folds:
        if candidate.search or len(spec.training.candidates) > 1:
            days = train[c.PARTITION].nunique()
            raise GateRefusedError(
                f"{spec.model}: {candidate.name} cannot be compared: the training part's {days} days hold none to measure on "
                f"after a gap of {spec.training.gap.days} days and rows of every class; widen training.window, or leave one "
                "candidate without a search"
            )
        log.warning("%s: too few days to measure %s on; it is the only candidate", spec.model, candidate.name)
        return Compared(math.nan, None, candidate.params, None, (), limited=False)
    if not candidate.search:
        measured = tuple(_measured(spec, candidate, {}, *parts) for parts in _parts(train, folds))
        return _compared(spec, candidate.params, measured)
    return _tuned(spec, candidate, list(_parts(train, folds)))


def fit_whole(
    spec: ModelSpec, candidate: Candidate, frame: pd.DataFrame, params: Mapping[str, Any] | None = None
) -> Pipeline:
    """A candidate fitted on labelled rows, as it asks for: weighed by class, and calibrated on the last days of them.

    A calibration does not weigh rows: the probabilities it gives are those of the rows as they come.

    Args:
        spec: the model.
        candidate: one of its candidates, or its baseline.
        frame: rows with their features, `_label` and `_partition`.
        params: those a search has found.

    Raises EvenkeelError where the rows do not suffice.
    """
    frame = learnt_rows(spec, candidate, frame)
    own = {key: one for key, one in (params or {}).items() if key not in candidate.params}
    estimator = build_estimator(candidate, spec.features, spec.training.seed, own)
    balanced = candidate.imbalance == "balanced"
    if candidate.calibration == "none":
        return fit_estimator(estimator, frame, spec.features, frame[c.LABEL], balanced=balanced)
    fold = next(iter(_folds(spec, frame, 1, _CALIBRATION_SHARE)), None)
    if fold is None:
        raise EvenkeelError(
            f"{spec.model}: {candidate.name} cannot be calibrated: {frame[c.PARTITION].nunique()} days leave none to fit on "
            f"before a gap of {spec.training.gap.days} days; widen training.window, or leave `calibration` out"
        )
    early, late = _rows(frame, fold.train), _rows(frame, fold.test)
    fitted = fit_estimator(estimator, early, spec.features, early[c.LABEL], balanced=balanced)
    return calibrate(fitted, late, late[c.LABEL], candidate.calibration)


def learnt_rows(spec: ModelSpec, candidate: Candidate, frame: pd.DataFrame) -> pd.DataFrame:
    """The rows that a candidate learns from: all of them, or those of its own window, back from the end of their last day."""
    if candidate.window is None or frame.empty:
        return frame
    end = max(spec.partition(str(key)).end for key in frame[c.PARTITION].unique())
    return frame[frame[spec.rows.event_time] >= back(end, candidate.window, spec.timezone)]


def _tuned(spec: ModelSpec, candidate: Candidate, parts: Sequence[tuple[pd.DataFrame, pd.DataFrame]]) -> Compared:
    from evenkeel.gateways.search import search_params

    found = search_params(
        candidate.search,
        lambda params, fold: _measured(spec, candidate, params, *parts[fold]),
        folds=len(parts),
        defaults=default_params(candidate),
        greater_is_better=GREATER_IS_BETTER[spec.promotion.metric],
        trials=spec.training.tuning.trials,
        limit=spec.training.tuning.limit,
        seed=spec.training.seed,
        name=f"{spec.model} {candidate.name}",
    )
    compared = _compared(spec, {**candidate.params, **found.params}, found.folds)
    return replace(compared, trials=tuple(asdict(one) for one in found.trials), limited=found.limited)


def _measured(
    spec: ModelSpec, candidate: Candidate, params: Mapping[str, Any], early: pd.DataFrame, late: pd.DataFrame
) -> OnFold:
    fitted = fit_whole(spec, candidate, early, params)
    labels, predicted = late[c.LABEL].to_numpy(), predict(fitted, late, spec.task)
    value = evaluate(spec.task, labels, predicted, classes_of(fitted))[spec.promotion.metric]
    return OnFold(value, labels, predicted)


def _compared(spec: ModelSpec, params: Mapping[str, Any], folds: Sequence[OnFold]) -> Compared:
    values = [one.value for one in folds if math.isfinite(one.value)]
    value = float(np.mean(values)) if values else math.nan
    return Compared(
        value=value,
        spread=float(np.std(values, ddof=1)) if len(values) > 1 else None,
        params=params,
        threshold=_threshold(spec, folds),
        trials=({"number": 0, "params": {}, "value": value if values else None, "state": "complete"},),
        limited=False,
    )


def _measurable(spec: ModelSpec, train: pd.DataFrame) -> list[Fold]:
    """The folds whose training days hold more than one label: a classifier cannot learn from fewer."""
    folds = _folds(spec, train, spec.training.tuning.folds)
    if spec.task == "regression":
        return list(folds)
    candidates = spec.training.candidates
    return [
        fold
        for fold in folds
        if all(learnt_rows(spec, one, _rows(train, fold.train))[c.LABEL].nunique() > 1 for one in candidates)
    ]


def _folds(spec: ModelSpec, frame: pd.DataFrame, count: int, share: float = 0.5) -> tuple[Fold, ...]:
    days = [spec.partition(str(key)) for key in frame[c.PARTITION].unique()]
    return expanding_folds(days, count, gap=spec.training.gap, maturation=spec.label.maturation, share=share)


def _parts(train: pd.DataFrame, folds: Sequence[Fold]) -> Iterator[tuple[pd.DataFrame, pd.DataFrame]]:
    return ((_rows(train, fold.train), _rows(train, fold.test)) for fold in folds)


def _rows(frame: pd.DataFrame, days: Sequence[Partition]) -> pd.DataFrame:
    return frame[frame[c.PARTITION].isin([day.key for day in days])]


def _threshold(spec: ModelSpec, folds: Sequence[OnFold]) -> float | None:
    if spec.task != "binary":
        return None
    labels = np.concatenate([one.labels for one in folds])
    predicted = np.concatenate([one.predicted for one in folds])
    return choose_threshold(labels, predicted, spec.evaluation.costs)
