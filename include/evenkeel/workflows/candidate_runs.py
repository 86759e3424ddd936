"""What was tried, where people look for it: a run of its own for each candidate, under the run of their training."""

from __future__ import annotations

import contextlib
import math
from typing import TYPE_CHECKING, Any

import pandas as pd

from evenkeel.gateways.tuning_plot import search_figure
from evenkeel.vocabulary.errors import EvenkeelError
from evenkeel.vocabulary.metrics import GREATER_IS_BETTER
from evenkeel.vocabulary.partition import duration_text
from evenkeel.workflows.train import training_run

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from evenkeel.vocabulary.spec import ModelSpec
    from evenkeel.vocabulary.spec_training import Candidate
    from evenkeel.workflows.gateways import Gateways


def log_candidates(spec: ModelSpec, as_of: datetime, parent_run_id: str, training: str, gateways: Gateways) -> None:
    """Put each candidate of a training on a run under the training's: its parameters, metric, and every trial of its search.

    A candidate's run is the one of its key, and one that has finished stays as it is. Where no pages are drawn (in a replay)
    there are none.
    """
    if not gateways.draws_pages:
        return
    from evenkeel.gateways.registry import PARENT

    for candidate in spec.training.candidates:
        tags = {PARENT: parent_run_id, "evenkeel.training": training, "evenkeel.candidate": candidate.name}
        run_id = gateways.registry.begin(spec.model, f"{training}/{candidate.name}", name=candidate.name, tags=tags)
        if gateways.registry.finished(run_id):
            continue
        try:
            _log_candidate(spec, as_of, run_id, candidate, gateways)
        except Exception:
            with contextlib.suppress(EvenkeelError):  # MLflow itself may be what failed
                gateways.registry.finish(run_id, failed=True)
            raise
        gateways.registry.finish(run_id)


def _log_candidate(spec: ModelSpec, as_of: datetime, run_id: str, candidate: Candidate, gateways: Gateways) -> None:
    run, metric = training_run(spec, as_of), spec.promotion.metric
    fitted = gateways.staging.get_note(run, f"fitted_{candidate.name}")
    trials = gateways.staging.get_note(run, f"trials_{candidate.name}")["trials"]
    registry = gateways.registry
    if len(trials) > 1:
        series = {one["number"]: float(one["value"]) for one in trials if one["value"] is not None}
        registry.log_series(run_id, f"trial.{metric}", series)
        registry.log_table(run_id, "trials.csv", _table(trials))
        figure = search_figure(trials, metric, greater_is_better=GREATER_IS_BETTER[metric])
        registry.log_figures(run_id, {"trials.png": figure})
    measured = {f"folds.{metric}": fitted["value"], "folds.spread": fitted["spread"], "threshold": fitted["threshold"]}
    measured |= {"trials": fitted["trials"], "trials.pruned": fitted["pruned"]}
    finite = {key: float(one) for key, one in measured.items() if one is not None and math.isfinite(one)}
    params = {"estimator": candidate.estimator, "encoding": candidate.encoding, "imbalance": candidate.imbalance}
    params |= {"calibration": candidate.calibration, "storage": candidate.storage}
    params |= {} if candidate.window is None else {"window": duration_text(candidate.window)}
    params |= fitted["params"]
    # The parameters come last: should a search that time cut short be done anew before the end, they may differ.
    registry.log(run_id, metrics=finite, tags={"evenkeel.limited": str(fitted["limited"]).lower()})
    registry.log(run_id, params=params)


def _table(trials: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    rows = [{"trial": one["number"], "state": one["state"], "value": one["value"], **one["params"]} for one in trials]
    return pd.DataFrame(rows)
