"""The account of a replay: what each policy decided, and what its scores were worth once all labels were known."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

import pandas as pd

from evenkeel.decisions.uncertainty import difference_of_days, mean_of_days
from evenkeel.vocabulary import columns as c
from evenkeel.vocabulary.replay import Day, Decided, PolicyAccount, Refused, ReplayAccount
from evenkeel.vocabulary.tables import CHECKS, SCORES
from evenkeel.workflows.check_window import measure_scores
from evenkeel.workflows.evidence import code_version, environment_hash
from evenkeel.workflows.frame import add_labels
from evenkeel.workflows.ledger import TRAINING, Entry, Kind
from evenkeel.workflows.replay_walk import Journal

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

    from evenkeel.vocabulary.metrics import Task
    from evenkeel.vocabulary.partition import Partition
    from evenkeel.vocabulary.settings import Settings
    from evenkeel.vocabulary.spec import ModelSpec
    from evenkeel.workflows.gateways import Gateways
    from evenkeel.workflows.replay_policy import Policy
    from evenkeel.workflows.replay_timeline import Span
    from evenkeel.workflows.replay_walk import Step

LOSS: dict[Task, str] = {"binary": "log_loss", "multiclass": "log_loss", "regression": "rmse"}
"""What every policy is measured by beside the spec's own metric: it sees a wrong probability that ranks right."""

_AT_ONCE = 31
"""Partitions whose scores are read at once."""


def account_of(
    policies: Sequence[Policy], span: Span, folders: Sequence[Path], gateways: Sequence[Gateways], notes: Sequence[str]
) -> ReplayAccount:
    """How each policy fared; everything is held against the first.

    Args:
        policies: those that were walked.
        span: through which days.
        folders: each policy's own, with the journal of its walk.
        gateways: each policy's own.
        notes: what a reader has to know beside it.
    """
    spec, settings = policies[0].spec, gateways[0].settings
    measures = tuple(dict.fromkeys([spec.promotion.metric, LOSS[spec.task]]))
    labels_as_of = max(span.last.end + spec.label.maturation, spec.check_as_of(span.last))
    days = [
        _days(policy, span, measures, labels_as_of, Journal(folder).steps(), doors)
        for policy, folder, doors in zip(policies, folders, gateways, strict=True)
    ]
    shared = [
        key
        for place, key in enumerate(span.partitions)
        if all(set(one[place].measured) == set(measures) for one in days)
    ]
    scored = [key for place, key in enumerate(span.partitions) if any(one[place].measured for one in days)]
    together = {one.key for one in shared}
    accounts = [
        _policy(policy, mine, _series(mine, together, measures), _series(days[0], together, measures), folder, doors)
        for policy, mine, folder, doors in zip(policies, days, folders, gateways, strict=True)
    ]
    return ReplayAccount(
        model=spec.model,
        description=spec.description,
        task=spec.task,
        timezone=spec.timezone,
        first=span.first.key,
        last=span.last.key,
        labels_as_of=_local(labels_as_of, spec),
        code=code_version(settings.project),
        environment=environment_hash(),
        measures=measures,
        left_out=len(scored) - len(shared),
        notes=tuple(notes),
        policies=tuple(accounts),
    )


def _policy(
    policy: Policy,
    days: Sequence[Day],
    mine: Mapping[str, list[float]],
    theirs: Mapping[str, list[float]],
    folder: Path,
    gateways: Gateways,
) -> PolicyAccount:
    spec, steps = policy.spec, Journal(folder).steps()
    entries = gateways.ledger.entries(spec.model)
    refusals = _refusals(spec, steps, entries, gateways.settings)
    values = {name: [one.measured[name] for one in days if name in one.measured] for name in mine}
    return PolicyAccount(
        name=policy.name,
        slug=policy.slug,
        rule=policy.rule,
        spec_hash=spec.hash,
        tolerance=spec.drift.decay.tolerance,
        counts=_counts(entries, days, steps, refusals),
        means={name: mean_of_days(one) for name, one in values.items()},
        differences={name: difference_of_days(mine[name], theirs[name]) for name in mine},
        decisions=tuple(
            Decided(
                number,
                _local(one.effective_at, spec),
                str(one.kind),
                one.version,
                _without_paths(one.reason, gateways.settings),
            )
            for number, one in enumerate(entries, start=1)
        ),
        refusals=tuple(refusals),
        days=tuple(days),
    )


def _counts(
    entries: Sequence[Entry], days: Sequence[Day], steps: Sequence[Step], refusals: Sequence[Refused]
) -> dict[str, int]:
    trained = {one.subject for one in entries if one.id.startswith(TRAINING)}
    return {
        "trainings": len(trained),
        "promoted": sum(one.kind is Kind.PROMOTED for one in entries),
        "kept": sum(one.kind is Kind.KEPT for one in entries),
        "shadowed": sum(one.kind is Kind.SHADOWED for one in entries),
        "dropped": sum(one.kind is Kind.DROPPED for one in entries),
        "refused_trainings": sum(one.kind is Kind.REFUSED for one in entries),
        "rolled_back": sum(one.kind is Kind.ROLLED_BACK for one in entries),
        "escalated": sum(one.kind is Kind.ESCALATED for one in entries),
        "signals": sum(one.signal for one in steps),
        "retrain": sum(one.kind is Kind.RETRAIN for one in entries),
        "declined": sum(one.kind is Kind.DECLINED for one in entries),
        "days_scored": sum(one.champion is not None for one in days),
        "rows": sum(one.rows for one in days),
        "quarantined": sum(one.quarantined for one in days),
        "refused": len(refusals),
    }


def _days(
    policy: Policy,
    span: Span,
    measures: Sequence[str],
    labels_as_of: datetime,
    steps: Sequence[Step],
    gateways: Gateways,
) -> list[Day]:
    """What each partition came to, in order."""
    spec = policy.spec
    scored = {one.event.removeprefix("score/"): one for one in steps if one.event.startswith("score/")}
    measured, champions = _measured(spec, span.partitions, measures, labels_as_of, gateways)
    checks = _checks(spec, gateways)
    nothing: dict[str, Any] = {"drift": None, "decay": None, "excess": None, "fall": None}
    return [
        Day(
            partition=one.key,
            rows=scored[one.key].rows,
            quarantined=scored[one.key].quarantined,
            champion=champions.get(one.key),
            measured=measured.get(one.key, {}),
            **checks.get(one.key, nothing),
        )
        for one in span.partitions
    ]


def _measured(
    spec: ModelSpec,
    partitions: Sequence[Partition],
    measures: Sequence[str],
    labels_as_of: datetime,
    gateways: Gateways,
) -> tuple[dict[str, dict[str, float]], dict[str, int]]:
    """By partition, each measure that is defined on its labels, and the champion that scored it."""
    measured: dict[str, dict[str, float]] = {}
    champions: dict[str, int] = {}
    for begin in range(0, len(partitions), _AT_ONCE):
        keys = [one.key for one in partitions[begin : begin + _AT_ONCE]]
        scores = gateways.lake.read(spec.model, SCORES, partitions=keys)
        if scores is None or scores.empty:
            continue
        labelled = add_labels(spec, scores, labels_as_of, gateways.sources)
        for key, day in labelled.groupby(labelled[c.PARTITION].astype(str)):
            champions[str(key)] = _champion(day)
            known = day[day[c.LABEL].notna()]
            values = measure_scores(spec, known) if len(known) else {}
            measured[str(key)] = {name: values[name] for name in measures if math.isfinite(values.get(name, math.nan))}
    return measured, champions


def _champion(day: pd.DataFrame) -> int:
    """Who scored a day, but for what a canary's rows say."""
    own = day[day[c.ROLE] != c.CANARY_ROLE] if c.ROLE in day else day
    return int((own if len(own) else day)[c.MODEL_VERSION].iloc[0])


def _checks(spec: ModelSpec, gateways: Gateways) -> dict[str, dict[str, Any]]:
    found = gateways.lake.read(spec.model, CHECKS)
    if found is None:
        return {}
    checks = {}
    for row in found.to_dict("records"):
        checks[str(row[c.PARTITION])] = {
            "drift": row["drift_outcome"],
            "decay": row["decay_outcome"],
            "excess": json.loads(row["drift_numbers"]).get("excess"),
            "fall": json.loads(row["decay_numbers"]).get("fall"),
        }
    return checks


def _series(days: Sequence[Day], together: set[str], measures: Sequence[str]) -> dict[str, list[float]]:
    return {name: [one.measured[name] for one in days if one.partition in together] for name in measures}


def _refusals(spec: ModelSpec, steps: Sequence[Step], entries: Sequence[Entry], settings: Settings) -> list[Refused]:
    """What was refused or failed, but for trainings that a gate refused: those are decisions, in the ledger."""
    decided = {one.effective_at.isoformat() for one in entries if one.kind is Kind.REFUSED}
    found = []
    for step in steps:
        kind, _, about = step.event.partition("/")
        instant = about if kind == "train" else spec.check_as_of(spec.partition(about)).isoformat()
        at = _local(pd.Timestamp(about).to_pydatetime(), spec) if kind == "train" else about
        if step.refused and not (kind == "train" and instant in decided):
            found.append(Refused(at, kind, _without_paths(step.refused, settings)))
        if step.retraining_refused and instant not in decided:
            found.append(Refused(at, "retrain", _without_paths(step.retraining_refused, settings)))
    return found


def _local(instant: datetime, spec: ModelSpec) -> str:
    return f"{instant.astimezone(spec.zone):%Y-%m-%d %H:%M}"


def _without_paths(text: str, settings: Settings) -> str:
    """A reason without the folders of this machine: the same replay elsewhere tells the same."""
    for path, name in (
        (settings.data, "${EVENKEEL_DATA}"),
        (str(settings.home), "home"),
        (str(settings.project), "project"),
    ):
        text = text.replace(path.rstrip("/"), name)
    return text
