"""Explaining a version: its model card, from its run, its tags and the ledger."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from evenkeel.gateways.card_page import card_html, card_markdown
from evenkeel.vocabulary.metrics import gain
from evenkeel.vocabulary.model_card import Compared, Figure, Measured, ModelCard, OneClass, Slice, Source, Weight
from evenkeel.vocabulary.spec_file import find_spec
from evenkeel.workflows.card_limits import Grounds, limits
from evenkeel.workflows.life import life_of, status_of
from evenkeel.workflows.lineage import CANDIDATE, SPEC, TAGS, TRAINING_SET, without_secrets

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from evenkeel.gateways.registry import Run, Version
    from evenkeel.vocabulary.spec import ModelSpec
    from evenkeel.workflows.gateways import Gateways
    from evenkeel.workflows.ledger import Entry

EVALUATION = "evaluation.json"
"""The run's file of what was measured on the holdout, with intervals."""

MARKDOWN, HTML = "card.md", "card.html"
_FOLDER = "card"
_LARGEST = 20
"""Features that explanations name, the largest first."""


@dataclass(frozen=True)
class _Found:
    """What is on record: the version, its run and the run's files, as plain values of whatever release wrote them."""

    version: Version
    run: Run
    spec: Mapping[str, Any]
    candidate: Mapping[str, Any]
    rows: Mapping[str, Any]
    evaluation: Mapping[str, Any]
    page: str | None

    def tag(self, name: str) -> str:
        """A tag after `evenkeel.`; empty where the version has none."""
        return self.version.tags.get(f"evenkeel.{name}", "")


def model_card(model: str, number: int, gateways: Gateways) -> ModelCard:
    """The card of a version, with the ledger as it is now.

    Raises ServiceError where there is no such version.
    """
    return _card(_find(model, number, gateways), gateways.ledger.entries(model))


def write_card(card: ModelCard, folder: Path) -> tuple[Path, Path]:
    """The card as Markdown and as HTML in a folder; returns both paths."""
    folder.mkdir(parents=True, exist_ok=True)
    places = folder / MARKDOWN, folder / HTML
    for place, text in zip(places, (card_markdown(card), card_html(card)), strict=True):
        place.write_text(text, encoding="utf-8")
    return places


def attach_card(spec: ModelSpec, version: int, gateways: Gateways) -> None:
    """Keep the card of a version that was just judged among its run's files; nothing where no pages are drawn.

    Decisions are not on it: they are taken afterwards, and judging the version again must not change what is attached.
    """
    if not gateways.draws_pages:
        return
    found = _find(spec.model, version, gateways)
    card = _card(found, None)
    for name, text in ((MARKDOWN, card_markdown(card)), (HTML, card_html(card))):
        gateways.registry.log_text(found.run.id, f"{_FOLDER}/{name}", text)


def card_page(run_id: str, gateways: Gateways) -> str | None:
    """URL of the attached card in MLflow's UI, or None where no UI is served."""
    page = gateways.registry.run_page(run_id)
    return None if page is None else f"{page}/artifacts/{_FOLDER}/{HTML}"


def _find(model: str, number: int, gateways: Gateways) -> _Found:
    registry = gateways.registry
    version = registry.version(model, number)
    run = registry.run(version.run_id)
    files = {name: registry.artifact(run.id, name) for name in (SPEC, CANDIDATE, TRAINING_SET, EVALUATION)}
    read = {name: json.loads(content) for name, content in files.items() if content is not None}
    # A run of before there were such files is explained by the project's spec.
    spec: dict[str, Any] = read.get(SPEC) or without_secrets(
        find_spec(gateways.settings.models, model).model_dump(mode="json")
    )
    of_spec = {one["name"]: one for one in spec["training"]["candidates"]}
    return _Found(
        version=version,
        run=run,
        spec=spec,
        candidate=read.get(CANDIDATE) or of_spec.get(run.params.get("candidate"), {}),
        rows=read.get(TRAINING_SET, {}),
        evaluation=read.get(EVALUATION, {}),
        page=registry.version_page(model, number),
    )


def _card(found: _Found, entries: list[Entry] | None) -> ModelCard:
    spec, number = found.spec, found.version.number
    metrics, classes, slices = _metrics(found), _classes(found), _slices(found)
    importance = _weights(found.evaluation.get("importance"))
    shap = _weights(found.evaluation.get("shap"))
    fairness = tuple(_compared(one) for one in found.evaluation.get("fairness") or ())
    grounds = Grounds(
        task=spec["task"],
        opponent=_opponent(found),
        window_days=_span_days(spec["training"]["window"]),
        labels=_labels(found),
        days=found.evaluation.get("days"),
        maturation=_span(spec["label"]["maturation"]),
        as_of=_instant(found.tag("as_of")),
        quarantined=found.rows.get("quarantined"),
        code=found.tag("code"),
        calibration=found.candidate.get("calibration", "none"),
        threshold=found.evaluation.get("threshold"),
        shap_reason=found.evaluation.get("shap_reason"),
        few=int(spec["promotion"].get("min_labels", 0)),
        unsaid=tuple(one.name for one in classes if one.precision is None),
    )
    return ModelCard(
        model=found.version.model,
        version=number,
        description=spec["description"],
        status=status_of(number, entries),
        page=found.page,
        overview=_overview(found),
        verdict=found.tag("verdict"),
        met=found.tag("met"),
        reason=found.tag("reason"),
        data=_data(found),
        sources=tuple(_sources(spec)),
        candidate=_candidate(found),
        params=tuple((name, str(value)) for name, value in found.candidate.get("params", {}).items()),
        features=_features(spec),
        metric=spec["promotion"]["metric"],
        metrics=metrics,
        opponent=grounds.opponent,
        confidence=found.evaluation.get("confidence"),
        classes=classes,
        slices=slices,
        fairness=fairness,
        importance=importance,
        shap=shap,
        limits=limits(grounds, metrics, slices, fairness, importance, shap),
        decisions=None if entries is None else life_of(number, found.tag("training"), entries),
        lineage=_lineage(found),
    )


def _overview(found: _Found) -> tuple[tuple[str, str], ...]:
    spec = found.spec
    facts = {
        "owner": spec["owner"],
        "task": spec["task"],
        "trained as of": _instant(found.tag("as_of")),
        "time zone": spec["timezone"],
        "labels on the holdout": _counted(_labels(found)),
        "quantile of the pinball loss": _quantile(spec),
        "tags": ", ".join(spec.get("tags", ())),
    }
    return tuple((name, value) for name, value in facts.items() if value)


def _quantile(spec: Mapping[str, Any]) -> str:
    asked = spec.get("evaluation", {}).get("quantile") if spec["task"] == "regression" else None
    return "" if asked is None else f"{asked:g}"


def _data(found: _Found) -> tuple[tuple[str, str], ...]:
    training, label = found.spec["training"], found.spec["label"]
    facts = {
        "window": " to ".join(_instant(end) for end in found.tag("window").split("/")),
        "rows it learnt from": _counted(found.run.params.get("train_rows")),
        "rows it was measured on": _counted(_labels(found)),
        "days it was measured on": _counted(found.evaluation.get("days")),
        "set aside by the data gate": _counted(found.rows.get("quarantined")),
        "holdout": f"the last {_span(training['holdout'])} before the as-of",
        "gap before the holdout": _span(training["gap"]),
        "label": label["column"],
        "a label is known": f"when its column {label['known_at']} says"
        if label.get("known_at")
        else f"{_span(label['known_after'])} after the event",
        "labels mature in": _span(label["maturation"]),
        "key of a row": ", ".join(found.spec["rows"]["key"]),
        "data version": found.tag("data"),
    }
    return tuple((name, value) for name, value in facts.items() if value)


def _sources(spec: Mapping[str, Any]) -> Iterable[Source]:
    tables = {"rows": spec["rows"], "label": spec["label"], **spec.get("inputs", {})}
    for role, table in tables.items():
        source = table["source"]
        place = source.get("uri") or source.get("connection") or source.get("url") or ""
        yield Source(role, source["kind"], place, table["event_time"])


def _candidate(found: _Found) -> tuple[tuple[str, str], ...]:
    candidate = found.candidate
    names = ("name", "preset", "estimator", "encoding", "imbalance", "calibration", "storage")
    facts = [(name, str(candidate[name])) for name in names if candidate.get(name)]
    if candidate.get("window"):
        facts.append(("learns from", f"the last {_span(candidate['window'])} of the training part"))
    threshold = found.evaluation.get("threshold")
    return (*facts, ("seed", found.tag("seed")), *([] if threshold is None else [("threshold", f"{threshold:.4f}")]))


def _features(spec: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    features = spec["features"]
    facts = {
        "feature function": features.get("function") or "none: columns of the rows",
        "numeric features": ", ".join(features.get("numeric", ())),
        "categorical features": ", ".join(features.get("categorical", ())),
    }
    return tuple((name, value) for name, value in facts.items() if value)


def _metrics(found: _Found) -> tuple[Measured, ...]:
    measured = found.evaluation.get("metrics")
    if not measured:
        return _metrics_of_run(found.run)
    gains = found.evaluation.get("gain", {})
    own, opponent = measured.get("challenger", {}), measured.get("opponent", {})
    return tuple(
        Measured(name, _figure(own[name]), _figure(opponent.get(name)), _figure(gains.get(name))) for name in own
    )


def _metrics_of_run(run: Run) -> tuple[Measured, ...]:
    found = []
    for key, value in sorted(run.metrics.items()):
        if key.startswith("holdout."):
            name = key.removeprefix("holdout.")
            met = run.metrics.get(f"opponent.{name}")
            better = None if met is None else Figure(gain(name, value, met))
            found.append(Measured(name, Figure(value), None if met is None else Figure(met), better))
    return tuple(found)


def _classes(found: _Found) -> tuple[OneClass, ...]:
    return tuple(
        OneClass(
            str(one["name"]), int(one["labels"]), *(_plain(one.get(name)) for name in ("precision", "recall", "f1"))
        )
        for one in found.evaluation.get("classes") or ()
    )


def _slices(found: _Found) -> tuple[Slice, ...]:
    return tuple(
        Slice(
            str(one["column"]),
            str(one["value"]),
            int(one["labels"]),
            _figure(one.get("challenger")),
            _figure(one.get("gain")),
        )
        for one in found.evaluation.get("slices") or ()
    )


def _compared(one: Mapping[str, Any]) -> Compared:
    difference = one.get("difference")
    return Compared(
        str(one["column"]),
        str(one["measure"]),
        None if difference is None else float(difference),
        str(one.get("worst", "")),
        str(one.get("best", "")),
    )


def _weights(rows: Iterable[Mapping[str, Any]] | None) -> tuple[Weight, ...] | None:
    found = [(str(one["feature"]), figure) for one in rows or () if (figure := _figure(one)) is not None]
    if not found:
        return None
    found.sort(key=lambda one: (-one[1].value, one[0]))
    largest = max(abs(figure.value) for _, figure in found) or 1.0
    return tuple(Weight(name, figure, abs(figure.value) / largest) for name, figure in found[:_LARGEST])


def _figure(content: Mapping[str, Any] | None) -> Figure | None:
    if content is None or content.get("value") is None or not math.isfinite(content["value"]):
        return None
    return Figure(float(content["value"]), content.get("low"), content.get("high"))


def _plain(value: float | None) -> Figure | None:
    return None if value is None else Figure(float(value))


def _opponent(found: _Found) -> str:
    return str(found.evaluation.get("opponent") or found.tag("met") or "nobody")


def _labels(found: _Found) -> int | None:
    labels = found.evaluation.get("labels", found.run.params.get("holdout_rows"))
    return None if labels is None else int(labels)


def _lineage(found: _Found) -> tuple[tuple[str, str], ...]:
    shown = (*TAGS, "met", "verdict", "model_sha256")
    facts = [(name.replace("_", " "), found.tag(name)) for name in shown if found.tag(name)]
    return (*facts, ("run", found.run.id))


def _counted(count: float | str | None) -> str:
    return "" if count is None else f"{int(count):,}"


def _instant(text: str) -> str:
    return f"{datetime.fromisoformat(text).astimezone(UTC):%Y-%m-%d %H:%M}Z" if text else ""


def _span(minutes: str) -> str:
    """A duration as a spec is stored, `1440m`, in words."""
    hours = int(minutes.removesuffix("m")) / 60
    count, unit = (hours / 24, "day") if hours >= 24 else (hours, "hour")
    return f"{count:g} {unit}{'' if count == 1 else 's'}"


def _span_days(minutes: str) -> float:
    return int(minutes.removesuffix("m")) / 1440
