"""The account of a signal: which columns moved, which rows lose, since when, and what the data gate found in those days."""

from __future__ import annotations

import json
import re
from dataclasses import fields
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from evenkeel.decisions.day_statistics import row_losses
from evenkeel.decisions.drift import Moved
from evenkeel.decisions.root_cause import (
    Binned,
    Change,
    bin_numbers,
    bin_values,
    first_day_of_change,
    losing_slices,
    loss_of_column,
    ranked,
)
from evenkeel.vocabulary import columns as c
from evenkeel.vocabulary.tables import QUARANTINE, REFUSED
from evenkeel.vocabulary.verdict import DriftOutcome
from evenkeel.workflows.check_window import (
    check_run,
    labelled,
    last_days,
    published_predictions,
    scored_by,
    window_of,
)
from evenkeel.workflows.frame import add_labels
from evenkeel.workflows.reference import ROW_DAY

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from evenkeel.vocabulary.partition import Partition
    from evenkeel.vocabulary.spec import ModelSpec
    from evenkeel.workflows.gateways import Gateways

    Floats = NDArray[np.float64]

_COLUMNS, _SLICES, _CHANGES, _FINDINGS = 5, 4, 4, 4
"""How many of each an account names at most, so that its text stays under 4 KB."""

_LENGTH = 80
"""Characters of a name or a reason that are kept."""

_EXPECTATION = re.compile(r"\b(expect_[a-z_]+(?: on \w+(?:, \w+)*)?: )(\d+ rows?)?")
"""What an account repeats of a gate's words: which expectation, about what, and of how many rows. The rest may quote values."""


def account_of(spec: ModelSpec, partition: Partition, champion: int, gateways: Gateways) -> str:
    """The account of a check that signals, as JSON text.

    `columns` is what drifted, as the check's causes have it, with its `excess` (the measure in units of what is chance), the
    largest first. `loss` names the loss of a row and its mean on the holdout and now; `losses` says how much of its rise a
    column's shift accounts for and how much is left within its values; `slices` where it rose most; `since` the first day of
    another level, of the loss and of the columns; `findings` what the data gate set aside or refused in the window. What there
    is no data for is empty or left out.

    Args:
        spec: the model.
        partition: the check's.
        champion: the version whose scores they are.
        gateways: the doors.
    """
    run = check_run(spec, partition)
    scored, promised = gateways.staging.get(run, "scored"), gateways.staging.get(run, "promised")
    known = labelled(last_days(scored, partition, spec.drift.decay.window))
    moved = _moved(run, gateways)
    before = _days_before(spec, partition, champion, gateways)
    told: dict[str, Any] = {
        "columns": [{"cause": _cut(one.cause), "excess": _short(one.excess)} for one in moved[:_COLUMNS]]
    }
    if len(known) and len(promised):
        told |= _losses(spec, promised, known)
    told["since"] = _since(spec, pd.concat([before, scored], ignore_index=True), promised, moved)
    told["findings"] = _findings(spec, partition, gateways)
    return json.dumps(told, separators=(",", ":"))


def _moved(run: str, gateways: Gateways) -> list[Moved]:
    """What drifted, the farthest beyond chance first; nothing where drift could not be judged."""
    if gateways.staging.get_note(run, "drift")["outcome"] == DriftOutcome.INSUFFICIENT_DATA:
        return []
    columns = gateways.staging.get(run, "columns")[[one.name for one in fields(Moved)]]
    measures = [Moved(*row) for row in columns.itertuples(index=False)]
    drifted = [one for one in measures if one.verdict is DriftOutcome.DRIFT]
    return sorted(drifted, key=lambda one: -one.excess)


def _losses(spec: ModelSpec, promised: pd.DataFrame, known: pd.DataFrame) -> dict[str, Any]:
    name = _loss_name(spec)
    losses = _row_losses(spec, promised), _row_losses(spec, known)
    columns = _binned(spec, promised, known)
    found = ranked([loss_of_column(column, binned, *losses) for column, binned in columns.items()])
    slices = losing_slices(
        columns,
        losses,
        (promised[ROW_DAY].to_numpy(), known[c.PARTITION].to_numpy()),
        most=_SLICES,
        alpha=spec.drift.alpha,
        seed=spec.training.seed,
    )
    return {
        "loss": {"name": name, "before": _short(losses[0].mean()), "now": _short(losses[1].mean())},
        "losses": [
            {"column": _cut(one.column), "shift": _short(one.shift), "within": _short(one.within)}
            for one in found[:_COLUMNS]
        ],
        "slices": [
            {
                "column": _cut(one.column),
                "value": _cut(one.value),
                "rows": one.rows,
                "rise": _short(one.rise.value),
                "low": _short(one.rise.low),
                "high": _short(one.rise.high),
                "contribution": _short(one.contribution),
            }
            for one in slices
        ],
    }


def _since(spec: ModelSpec, rows: pd.DataFrame, promised: pd.DataFrame, moved: list[Moved]) -> list[dict[str, Any]]:
    """First days of another level: of the loss, if it rose, and of the columns that moved most."""
    series: dict[str, pd.Series[float]] = {}
    known = labelled(rows)
    if len(known):
        name = _loss_name(spec)
        series[name] = pd.Series(_row_losses(spec, known)).groupby(known[c.PARTITION].to_numpy()).mean()
    names = list(dict.fromkeys(one.column for one in moved if len(promised) and one.column in spec.features.names))
    for column, binned in _binned(spec, promised, rows, names[: _CHANGES - 1]).items():
        series |= _level(spec, column, binned, rows)
    found = []
    for what, values in series.items():
        there = values.dropna()
        change = first_day_of_change(
            np.asarray(there, dtype=np.float64), alpha=spec.drift.alpha, seed=spec.training.seed
        )
        if change is not None and (what != _loss_name(spec) or change.after > change.before):
            found.append(_change(what, str(there.index[change.first]), change))
    return found


def _level(spec: ModelSpec, column: str, binned: Binned, rows: pd.DataFrame) -> dict[str, pd.Series[float]]:
    """A column's level day by day: its mean, or the share of the value whose share moved most."""
    days = rows[c.PARTITION]
    if column in spec.features.numeric:
        return {column: rows[column].groupby(days).mean()}
    size = len(binned.names)
    apart = np.bincount(binned.window, minlength=size) / len(binned.window)
    apart -= np.bincount(binned.reference, minlength=size) / len(binned.reference)
    most = int(np.abs(apart).argmax())
    share = pd.Series((binned.window == most).astype(float), index=rows.index).groupby(days).mean()
    return {f"the share of {column} {_cut(binned.names[most])}": share}


def _change(what: str, day: str, change: Change) -> dict[str, Any]:
    return {"what": _cut(what), "day": day, "before": _short(change.before), "after": _short(change.after)}


def _findings(spec: ModelSpec, partition: Partition, gateways: Gateways) -> list[dict[str, Any]]:
    """What the data gate set aside or refused in the check's window, by reason, the most frequent first."""
    keys = [one.key for one in window_of(spec, partition)]
    found: list[dict[str, Any]] = []
    for table, column, did, of in (
        (REFUSED, "reason", "refused", "partition"),
        (QUARANTINE, c.REASONS, "set aside", "row"),
    ):
        held = gateways.lake.read(spec.model, table, partitions=keys, columns=[column])
        if held is None or held.empty:
            continue
        words = held[column].map(_refused_for) if table == REFUSED else held[column].str.split("; ")
        counts = words.explode().value_counts()
        found += [
            {"did": did, "of": of, "count": int(count), "reason": _cut(str(reason))} for reason, count in counts.items()
        ]
    return found[:_FINDINGS]


def _refused_for(reason: str) -> list[str]:
    """The expectations that a refusal names, without a value of any row."""
    found = [f"{name}{rows or 'is not met'}" for name, rows in _EXPECTATION.findall(reason)]
    return found or ["for a reason that stands with the partition"]


def _days_before(spec: ModelSpec, partition: Partition, champion: int, gateways: Gateways) -> pd.DataFrame:
    """The champion's scores of as many days before the window, with what is known of their labels at the check's as-of."""
    window = window_of(spec, partition)
    mine = scored_by(spec, champion, [one.shift(-len(window)).key for one in window], gateways)
    return mine if mine.empty else add_labels(spec, mine, spec.check_as_of(partition), gateways.sources)


def _binned(
    spec: ModelSpec, reference: pd.DataFrame, window: pd.DataFrame, names: list[str] | None = None
) -> dict[str, Binned]:
    """Features, and columns the spec slices by, in bins of the reference; those that both sides have."""
    wanted = names if names is not None else list(dict.fromkeys((*spec.sliced, *spec.features.names)))
    found = {}
    for name in wanted:
        if name in reference and name in window:
            if name in spec.features.numeric:
                found[name] = bin_numbers(reference[name].to_numpy(dtype=float), window[name].to_numpy(dtype=float))
            else:
                found[name] = bin_values(_text(reference[name]), _text(window[name]))
    return found


def _text(values: pd.Series[Any]) -> NDArray[np.str_]:
    return values.astype("object").map(str, na_action="ignore").fillna("").to_numpy(dtype=str)


def _row_losses(spec: ModelSpec, rows: pd.DataFrame) -> Floats:
    said = published_predictions(spec, rows)
    return row_losses(spec.task, _loss_name(spec), rows[c.LABEL].to_numpy(), said.values, said.classes)


def _loss_name(spec: ModelSpec) -> str:
    """The loss of a row: the spec's own where it is a mean over rows, and otherwise the task's usual one."""
    if spec.task == "regression":
        return "mae"
    return "brier" if spec.promotion.metric == "brier" else "log_loss"


def _short(number: float) -> float:
    return float(f"{number:.5g}")


def _cut(text: str) -> str:
    return text if len(text) <= _LENGTH else f"{text[: _LENGTH - 1]}…"
