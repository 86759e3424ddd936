"""Training, second half: the best candidate becomes the challenger, is evaluated, registered and judged."""

from __future__ import annotations

import contextlib
import json
import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd

from evenkeel.decisions.promotion import Cost, judge_challenger
from evenkeel.gateways.lake import content_hash
from evenkeel.vocabulary import columns as c
from evenkeel.vocabulary.errors import EvenkeelError, FeatureError
from evenkeel.vocabulary.metrics import GREATER_IS_BETTER
from evenkeel.vocabulary.tables import TRAINING_SETS
from evenkeel.workflows.appraisal import appraise
from evenkeel.workflows.candidate_runs import log_candidates
from evenkeel.workflows.candidates import learnt_rows
from evenkeel.workflows.evaluation import (
    baseline_name,
    baseline_predictions,
    compare_on,
    comparison_of,
    evaluation_record,
    measure_latency,
    values,
)
from evenkeel.workflows.ledger import champion_met
from evenkeel.workflows.lineage import lineage, lineage_of, log_lineage
from evenkeel.workflows.model_card import attach_card
from evenkeel.workflows.monitoring import begin_monitoring
from evenkeel.workflows.predict import predict_version, predictions_of
from evenkeel.workflows.reference import PART, ROW_DAY, keep_reference
from evenkeel.workflows.train import staged_candidate, training_id, training_run, training_subject

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

    from sklearn.pipeline import Pipeline

    from evenkeel.decisions.comparison import Predictions
    from evenkeel.vocabulary.spec import ModelSpec
    from evenkeel.vocabulary.spec_training import Candidate
    from evenkeel.vocabulary.verdict import Verdict
    from evenkeel.workflows.gateways import Gateways

EVALUATION = "evaluation.json"
"""The file of the MLflow run that holds every figure of the evaluation, with its interval."""


LATENCY = "latency_ms"
"""The metric of the MLflow run that keeps how long scoring took, where the spec has a budget for it."""


@dataclass(frozen=True)
class Evaluated:
    """The challenger on the holdout, beside whom it met. `training` names as-of, spec and data: the same again is the same."""

    training: str
    run_id: str
    candidate: str
    metrics: dict[str, float]
    opponent: str
    opponent_version: int | None
    champion: int | None
    opponent_metrics: dict[str, float]
    labels: int
    data_version: str
    run_page: str | None


@dataclass(frozen=True)
class Registered:
    """The challenger's version in the registry, with the SHA-256 of its model file as it was stored."""

    version: int
    run_id: str
    page: str | None
    digest: str | None = None


@dataclass(frozen=True)
class _Opponent:
    name: str
    champion: int | None  # who was champion, whether or not it could be asked
    version: int | None
    predicted: Predictions


def evaluate_challenger(spec: ModelSpec, as_of: datetime, gateways: Gateways) -> Evaluated:
    """Choose the best candidate, measure it and its opponent on the same holdout rows, and put all of it on one run.

    The opponent is the champion effective at the as-of, or the baseline where there is none.
    """
    run = training_run(spec, as_of)
    train, holdout = gateways.staging.get(run, "train"), gateways.staging.get(run, "holdout")
    best, tuning = _best_candidate(spec, run, gateways)
    name, learning = best.name, learnt_rows(spec, best, train)
    challenger, size = staged_candidate(spec, as_of, name, gateways)
    predicted = predictions_of(spec, challenger, holdout)
    opponent = _opponent(spec, as_of, train, holdout, predicted.classes, gateways)
    fitted = gateways.staging.get_note(run, f"fitted_{name}")
    threshold = fitted.get("threshold")
    compared = compare_on(spec, holdout, predicted, opponent.predicted, threshold)
    learnt = _learnt_from(spec, learning, holdout, predicted)
    data_version = content_hash(learnt)[:32]
    training = f"{training_id(spec, as_of)}-{data_version[:8]}"
    held_by = gateways.lake.publish(spec.model, TRAINING_SETS, training, learnt, {"spec": spec.hash})
    keep_reference(spec, training, learnt, gateways)
    made_of = lineage(spec, as_of, training, data_version, held_by, gateways)
    run_id = gateways.registry.begin(spec.model, training, name=f"train {as_of:%Y-%m-%d}", tags=made_of)
    with _failing(run_id, gateways):
        log_candidates(spec, as_of, run_id, training, gateways)
    result = Evaluated(
        training=training,
        run_id=run_id,
        candidate=name,
        metrics=values(compared.challenger),
        opponent=opponent.name,
        opponent_version=opponent.version,
        champion=opponent.champion,
        opponent_metrics=values(compared.opponent),
        labels=compared.labels,
        data_version=data_version,
        run_page=gateways.registry.run_page(run_id),
    )
    record = evaluation_record(compared, opponent.name)
    with _failing(run_id, gateways):
        log_lineage(spec, as_of, run_id, name, learnt, gateways)
        _log_run(spec, best, result, challenger, learning, fitted["params"], tuning, gateways)
        if gateways.draws_pages:
            shown = {"challenger": predicted} | (
                {} if opponent.version is None else {opponent.name: opponent.predicted}
            )
            told = appraise(spec, challenger, holdout, shown, compared, threshold)
            gateways.registry.log_figures(run_id, told.figures)
            record |= told.record
        gateways.registry.log_page(run_id, EVALUATION, json.dumps(record, indent=1))
        cost = _cost(spec, run_id, challenger, holdout, size, gateways)
    gateways.staging.put_note(run, "evaluated", asdict(result))
    gateways.staging.put_note(run, "compared", record | {"cost": asdict(cost)})
    return result


def register_challenger(spec: ModelSpec, as_of: datetime, gateways: Gateways) -> Registered:
    """Make the run's model a version, once; it carries what is needed to rebuild it (law 16)."""
    begin_monitoring(spec, gateways)
    run = training_run(spec, as_of)
    evaluated = gateways.staging.get_note(run, "evaluated")
    tags = lineage_of(evaluated["run_id"], gateways) | {
        "evenkeel.candidate": evaluated["candidate"],
        f"evenkeel.holdout.{spec.promotion.metric}": f"{evaluated['metrics'][spec.promotion.metric]:.6f}",
    }
    with _failing(evaluated["run_id"], gateways):
        version = gateways.registry.register(spec.model, evaluated["run_id"], tags=tags, description=spec.description)
    gateways.registry.finish(evaluated["run_id"])
    result = Registered(
        version.number, version.run_id, gateways.registry.version_page(spec.model, version.number), version.digest
    )
    gateways.staging.put_note(run, "registered", asdict(result))
    return result


def gate_challenger(spec: ModelSpec, as_of: datetime, gateways: Gateways) -> Verdict:
    """Judge the challenger against whom it met, and write the verdict on the version."""
    run = training_run(spec, as_of)
    evaluated, record = gateways.staging.get_note(run, "evaluated"), gateways.staging.get_note(run, "compared")
    version = gateways.staging.get_note(run, "registered")["version"]
    verdict = judge_challenger(
        comparison_of(record),
        spec.promotion,
        opponent=evaluated["opponent"],
        cost=Cost(**record["cost"]),
        first=evaluated["opponent_version"] is None,
    )
    tags = {
        "evenkeel.met": evaluated["opponent"],
        "evenkeel.verdict": str(verdict.outcome),
        "evenkeel.reason": verdict.reason,
    }
    gateways.registry.tag_version(spec.model, version, tags)
    attach_card(spec, version, gateways)
    gateways.staging.put_note(run, "verdict", verdict.as_dict())
    return verdict


@contextlib.contextmanager
def _failing(run_id: str, gateways: Gateways) -> Iterator[None]:
    """An MLflow run is not left running by a step that failed; the next attempt takes it up again."""
    try:
        yield
    except Exception:
        with contextlib.suppress(EvenkeelError):  # MLflow itself may be what failed
            gateways.registry.finish(run_id, failed=True)
        raise


def _best_candidate(spec: ModelSpec, run: str, gateways: Gateways) -> tuple[Candidate, dict[str, float]]:
    candidates = spec.training.candidates
    tuning = {one.name: float(gateways.staging.get_note(run, f"fitted_{one.name}")["value"]) for one in candidates}
    sign = 1.0 if GREATER_IS_BETTER[spec.promotion.metric] else -1.0
    usable = {name: sign * value if math.isfinite(value) else -math.inf for name, value in tuning.items()}
    return max(candidates, key=lambda one: usable[one.name]), tuning


def _opponent(
    spec: ModelSpec,
    as_of: datetime,
    train: pd.DataFrame,
    holdout: pd.DataFrame,
    classes: Sequence[object],
    gateways: Gateways,
) -> _Opponent:
    # Repeated after its own promotion, a training meets whom it met then.
    entries = gateways.ledger.entries(spec.model)
    entry = champion_met(entries, training_subject(spec, as_of), as_of)
    number = None if entry is None else entry.version
    name = baseline_name(spec)
    if number is not None:
        try:
            return _Opponent(f"champion {number}", number, number, predict_version(spec, number, holdout, gateways))
        except FeatureError as error:  # the spec dropped a feature: the champion cannot be asked about these rows
            name = f"{name} (champion {number} cannot be asked: {error})"
    return _Opponent(name, number, None, baseline_predictions(spec, train, holdout, classes))


def _cost(
    spec: ModelSpec, run_id: str, challenger: Pipeline, holdout: pd.DataFrame, size: int, gateways: Gateways
) -> Cost:
    """What scoring takes. A time is measured once and kept with the training's run, so that the step again judges by the same."""
    if spec.promotion.latency_ms is None:
        return Cost(size_mb=size / 1e6)
    latency = gateways.registry.run(run_id).metrics.get(LATENCY)
    if latency is None:
        latency = measure_latency(spec, challenger, holdout)
        gateways.registry.log(run_id, metrics={LATENCY: latency})
    return Cost(latency, size / 1e6)


def _learnt_from(spec: ModelSpec, train: pd.DataFrame, holdout: pd.DataFrame, predicted: Predictions) -> pd.DataFrame:
    """Both parts, with what the challenger says of the one it had not seen: its drift check's reference."""
    found = predicted.values
    said = {c.PREDICTION: found if found.ndim == 1 else found.max(axis=1)}
    if found.ndim > 1:
        said |= {f"{c.PROBABILITY_PREFIX}{name}": found[:, place] for place, name in enumerate(predicted.classes)}
    unseen: dict[str, Any] = {PART: "train", **dict.fromkeys(said, math.nan)}
    seen: dict[str, Any] = {PART: "holdout", **said}
    parts = [train.assign(**unseen), holdout.assign(**seen)]
    keep = [
        *spec.rows.key,
        spec.rows.event_time,
        *spec.features.names,
        *spec.carried,
        c.LABEL,
        *said,
        PART,
        c.PARTITION,
    ]
    # The table is partitioned by training; the rows' own partition moves aside.
    return pd.concat(parts, ignore_index=True)[list(dict.fromkeys(keep))].rename(columns={c.PARTITION: ROW_DAY})


def _log_run(
    spec: ModelSpec,
    candidate: Candidate,
    evaluated: Evaluated,
    challenger: Pipeline,
    train: pd.DataFrame,
    chosen: Mapping[str, Any],
    tuning: Mapping[str, float],
    gateways: Gateways,
) -> None:
    registry, run_id = gateways.registry, evaluated.run_id
    measured = {f"holdout.{key}": value for key, value in evaluated.metrics.items()}
    measured |= {f"opponent.{key}": value for key, value in evaluated.opponent_metrics.items()}
    measured |= {f"tuning.{key}": value for key, value in tuning.items()}
    params = {"candidate": candidate.name, "estimator": candidate.estimator, **chosen}
    params |= {"train_rows": len(train), "holdout_rows": evaluated.labels}
    # Whom it met is no parameter: judged anew after an earlier decision came late, it meets another.
    met = {"evenkeel.met": evaluated.opponent}
    finite = {key: one for key, one in measured.items() if math.isfinite(one)}
    registry.log(run_id, params=params, metrics=finite, tags=met)
    learnt = train[[*spec.features.names, c.LABEL]]
    source = gateways.lake.table_uri(spec.model, TRAINING_SETS)
    registry.log_dataset(run_id, learnt, name=spec.model, source=source, digest=evaluated.data_version, target=c.LABEL)
    example = train[list(spec.features.names)].head(5)
    registry.log_model(run_id, challenger, example=example, storage=candidate.storage)
