"""The search for a candidate's parameters: Optuna's TPE sampler and median pruner, seeded, within a budget."""

from __future__ import annotations

import logging
import math
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

import numpy as np
import optuna
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import TrialState, create_trial

from evenkeel.vocabulary.errors import EvenkeelError
from evenkeel.vocabulary.spec_training import Range

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import timedelta

    from optuna.distributions import BaseDistribution

    from evenkeel.vocabulary.spec_training import Choices

log = logging.getLogger(__name__)

_TOLD_EVERY = 5
"""Trials between two lines of the log."""

_STARTUP = 5
"""Trials that are drawn at random, and never pruned, before the sampler and the pruner have something to go by."""


class Measured(Protocol):
    """What one fold says of some parameters."""

    @property
    def value(self) -> float:
        """The metric on the fold."""


M = TypeVar("M", bound=Measured)


@dataclass(frozen=True)
class Trial:
    """One set of parameters that was tried. `state` is complete, pruned, failed, or cut (by the time limit)."""

    number: int
    params: Mapping[str, Any]
    value: float | None
    state: str


@dataclass(frozen=True)
class Found(Generic[M]):
    """The best parameters, what each fold said of them, every trial, and whether time ran out before the trials did."""

    params: Mapping[str, Any]
    folds: tuple[M, ...]
    trials: tuple[Trial, ...]
    limited: bool


def search_params(
    space: Mapping[str, Range | Choices],
    measure: Callable[[Mapping[str, Any], int], M],
    *,
    folds: int,
    defaults: Mapping[str, Any],
    greater_is_better: bool,
    trials: int,
    limit: timedelta,
    seed: int,
    name: str = "candidate",
    clock: Callable[[], float] = time.monotonic,
) -> Found[M]:
    """Try parameters and keep the best by the mean over the folds.

    Trial 0 is what the estimator does without a search, measured on every fold and never pruned: what is found is at least as
    good on the folds. The same seed tries the same parameters, as long as time does not run out.

    Sources: J. Bergstra et al., "Algorithms for hyper-parameter optimization" (NIPS 2011) for TPE; D. Golovin et al., "Google
    Vizier" (KDD 2017) for the median rule.

    Args:
        space: parameter to where it is looked for.
        measure: what a fold, by its place, says of some parameters.
        folds: how many there are; a trial without prospects is not measured on the rest of them.
        defaults: the parameters of trial 0, as far as they are known; they may lie outside the space.
        greater_is_better: which way the metric runs.
        trials: how many are tried at most, trial 0 among them.
        limit: no trial begins, and none goes on to its next fold, after so long; trial 0 always ends.
        seed: of the sampler.
        name: who is tuned, for the log.
        clock: seconds that pass, for the limit.

    Raises EvenkeelError where the defaults cannot be fitted; a trial that cannot is noted as failed.
    """
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    deadline = clock() + limit.total_seconds()
    study = optuna.create_study(
        direction="maximize" if greater_is_better else "minimize",
        sampler=optuna.samplers.TPESampler(seed=seed, n_startup_trials=_STARTUP),
        pruner=optuna.pruners.MedianPruner(n_startup_trials=_STARTUP),
    )
    distributions = {key: _distribution(one) for key, one in space.items()}
    best = tuple(measure({}, fold) for fold in range(folds))
    value = mean_of_folds(best)
    study.add_trial(_default_trial(distributions, defaults, best))
    tried, chosen = [Trial(0, dict(defaults), _finite(value), "complete")], dict(defaults)
    sign = 1.0 if greater_is_better else -1.0
    while len(tried) < trials and clock() < deadline:
        trial = study.ask(distributions)
        measured, state = _run(trial, measure, folds, lambda: clock() >= deadline)
        here = mean_of_folds(measured) if state == "complete" else math.nan
        study.tell(trial, here if state == "complete" else None, state=_STATES[state])
        tried.append(Trial(trial.number, dict(trial.params), _finite(here), state))
        if state == "complete" and not sign * here <= sign * value:  # anything is better than a default that is NaN
            best, value, chosen = measured, here, dict(trial.params)
        if len(tried) % _TOLD_EVERY == 0:
            log.info("%s: %d of %d trials, best %.5g", name, len(tried), trials, value)
    limited = len(tried) < trials or tried[-1].state == "cut"
    return Found(chosen, best, tuple(tried), limited)


def mean_of_folds(folds: tuple[M, ...]) -> float:
    """The mean over the folds on which the metric is defined; NaN where there is none."""
    values = [one.value for one in folds if np.isfinite(one.value)]
    return float(np.mean(values)) if values else math.nan


def _run(
    trial: optuna.Trial,
    measure: Callable[[Mapping[str, Any], int], M],
    folds: int,
    out_of_time: Callable[[], bool],
) -> tuple[tuple[M, ...], str]:
    measured: tuple[M, ...] = ()
    for fold in range(folds):
        if measured and out_of_time():
            return measured, "cut"
        try:
            measured = (*measured, measure(trial.params, fold))
        except EvenkeelError as error:
            log.warning("trial %d does not fit with %s: %s", trial.number, trial.params, error)
            return measured, "failed"
        trial.report(mean_of_folds(measured), len(measured))
        if trial.should_prune() and len(measured) < folds:
            return measured, "pruned"
    return measured, "complete" if np.isfinite(mean_of_folds(measured)) else "failed"


_STATES = {
    "complete": TrialState.COMPLETE,
    "pruned": TrialState.PRUNED,
    "failed": TrialState.FAIL,
    "cut": TrialState.FAIL,
}


def _default_trial(
    distributions: Mapping[str, BaseDistribution], defaults: Mapping[str, Any], folds: tuple[M, ...]
) -> optuna.trial.FrozenTrial:
    """Trial 0 as Optuna knows it: with those defaults that lie inside the space, for the sampler to learn from."""
    inside = {key: one for key, one in distributions.items() if key in defaults and _holds(one, defaults[key])}
    means = [mean_of_folds(folds[: count + 1]) for count in range(len(folds))]
    value = mean_of_folds(folds)
    return create_trial(
        params={key: defaults[key] for key in inside},
        distributions=inside,
        value=value if np.isfinite(value) else None,
        state=TrialState.COMPLETE if np.isfinite(value) else TrialState.FAIL,
        intermediate_values=dict(enumerate(means, start=1)),
    )


def _distribution(one: Range | Choices) -> BaseDistribution:
    if not isinstance(one, Range):
        return CategoricalDistribution(one.choices)
    if isinstance(one.low, int) and isinstance(one.high, int):
        return IntDistribution(one.low, one.high, log=one.log)
    return FloatDistribution(float(one.low), float(one.high), log=one.log)


def _holds(distribution: BaseDistribution, value: Any) -> bool:
    if isinstance(distribution, CategoricalDistribution):
        return value in distribution.choices
    return (
        isinstance(value, int | float)
        and not isinstance(value, bool)
        and distribution.low <= value <= distribution.high
    )


def _finite(value: float) -> float | None:
    return value if np.isfinite(value) else None
