"""The limits on a model card: what was not measured, how little it rests on, and where the version did worse."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from evenkeel.vocabulary.model_card import Compared, Measured, Slice, Weight

_YEAR = 365
_NAMED = 5
"""How many slices or metrics a sentence names before it only counts."""


@dataclass(frozen=True)
class Grounds:
    """What the limits follow from, beside the figures themselves. `few` labels in a slice say little; `unsaid` are the classes
    that were never its answer.
    """

    task: str
    opponent: str
    window_days: float
    labels: int | None
    days: int | None
    maturation: str
    as_of: str
    quarantined: int | None
    code: str
    calibration: str
    threshold: float | None
    shap_reason: str | None
    few: int
    unsaid: tuple[str, ...]


def limits(
    grounds: Grounds,
    metrics: Sequence[Measured],
    slices: Sequence[Slice],
    fairness: Sequence[Compared],
    importance: Sequence[Weight] | None,
    shap: Sequence[Weight] | None,
) -> tuple[str, ...]:
    """The limits as sentences, a plain one for each."""
    return (
        *_of_the_rows(grounds),
        *_of_the_metrics(grounds, metrics),
        *_of_the_slices(grounds, slices),
        *_of_what_is_known_of_it(grounds, fairness, importance, shap),
    )


def _of_the_rows(grounds: Grounds) -> Iterator[str]:
    if grounds.labels is not None:
        days = "" if grounds.days is None else f" of {grounds.days} days"
        yield f"Its figures rest on {grounds.labels:,} labels{days}; they say nothing of other days."
    if grounds.window_days < _YEAR:
        yield (
            f"It has seen {grounds.window_days:g} days up to {grounds.as_of}: other seasons, and whatever changed since, "
            "are unknown to it."
        )
    yield (
        f"Rows whose label was not known by then are missing; a label counts as known by {grounds.maturation} at the latest, "
        "and one that changes afterwards is not looked at again."
    )
    if grounds.quarantined:
        yield f"{grounds.quarantined:,} rows were set aside by the data gate: it has not learnt from rows like those."
    if "+changes" in grounds.code:
        yield "It was trained from code that no commit holds, so it can be made again with --here only."


def _of_the_metrics(grounds: Grounds, metrics: Sequence[Measured]) -> Iterator[str]:
    if metrics and not any(one.version is not None and one.version.has_interval for one in metrics):
        yield "No interval was measured: how far chance moves these figures is not known."
    if "baseline" in grounds.opponent:
        yield f"It met {grounds.opponent}, no earlier version: a gain says that it knows something, not that it knows enough."
    if grounds.unsaid:
        yield f"It never answered {_list(grounds.unsaid)} on these rows: another class was more probable each time."
    chance = [one.name for one in metrics if one.gain is not None and one.gain.has_interval and one.gain.side == 0]
    if chance:
        yield f"Within chance of {grounds.opponent}: {_list(chance)}."
    worse = [one.name for one in metrics if one.gain is not None and one.gain.side < 0]
    if worse:
        yield f"Worse than {grounds.opponent}, beyond chance: {_list(worse)}."


def _of_the_slices(grounds: Grounds, slices: Sequence[Slice]) -> Iterator[str]:
    if not slices:
        yield "No column was measured value by value, so it may do badly on part of the rows unnoticed."
        return
    worse = [f"{one.column} {one.value}" for one in slices if one.gain is not None and one.gain.side < 0]
    if worse:
        yield f"Worse than {grounds.opponent}, beyond chance, in {_list(worse)}."
    few = [f"{one.column} {one.value}" for one in slices if one.labels < grounds.few]
    if few:
        yield f"Fewer than {grounds.few:,} labels, so hardly measured, in {_list(few)}."
    unknown = [f"{one.column} {one.value}" for one in slices if one.version is None]
    if unknown:
        yield f"Not measurable, for want of labels of more than one kind, in {_list(unknown)}."


def _of_what_is_known_of_it(
    grounds: Grounds, fairness: Sequence[Compared], importance: Sequence[Weight] | None, shap: Sequence[Weight] | None
) -> Iterator[str]:
    if not fairness:
        yield "No column is marked as sensitive: groups were not compared with each other."
    if importance is None:
        yield "What it looks at was not measured."
    else:
        yield "Importance says what it uses, not what causes the outcome; features that go together share theirs."
    if shap is None:
        why = f": {grounds.shap_reason}" if grounds.shap_reason else ""
        yield f"What moved a single prediction was not computed (SHAP){why}."
    if grounds.task == "binary" and grounds.threshold is None:
        yield "It gives probabilities; from which one on the answer is yes was not chosen."
    if grounds.task != "regression" and grounds.calibration == "none":
        yield "Its probabilities are the estimator's own, not corrected by a calibration."


def _list(names: Sequence[str]) -> str:
    shown = ", ".join(names[:_NAMED])
    return shown if len(names) <= _NAMED else f"{shown} and {len(names) - _NAMED} more"
