"""What a version learnt from, as its checks need it: counts in cells day by day, and some rows. Kept once, with the version.

A check never reads the training set again: its cost does not grow with it, and it may be gone by then.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from evenkeel.decisions.calibrated import LEAST_DAYS, Reference, Together
from evenkeel.decisions.profile import Cells, Counted
from evenkeel.vocabulary import columns as c
from evenkeel.vocabulary.errors import EvenkeelError
from evenkeel.vocabulary.tables import REFERENCE_PROFILES, REFERENCE_ROWS
from evenkeel.workflows.check_window import days_of, probability_columns
from evenkeel.workflows.counting import cells_of, count_reference

if TYPE_CHECKING:
    from collections.abc import Iterable

    from evenkeel.vocabulary.spec import ModelSpec
    from evenkeel.workflows.gateways import Gateways

HOLDOUT = "holdout"
PART = "_part"
"""`train` or `holdout`."""

ROW_DAY = "_row_partition"
"""The day of a row of the reference; its tables are partitioned by training."""

_SAMPLED = "_sampled"
_TOGETHER_DRAWS = 12


@dataclass(frozen=True)
class StoredReference:
    """A version's reference.

    Args:
        columns: by column, its days and cells.
        together: what telling its own days apart gives; None where it has too few.
        sample: some of its rows, of all days alike: features, scores (of the holdout only), label, day.
        holdout: rows the version had not seen, with its scores.
    """

    columns: dict[str, Reference]
    together: Together | None
    sample: pd.DataFrame
    holdout: pd.DataFrame


def keep_reference(spec: ModelSpec, training: str, learnt: pd.DataFrame, gateways: Gateways) -> None:
    """Profile what a training learnt from and keep it under the training's name.

    Args:
        spec: the model.
        training: its name.
        learnt: the training set, holdout rows with the challenger's scores.
        gateways: the doors.
    """
    profiles = [_profile(spec, learnt, column) for column in _measured(spec, learnt)]
    rows = _rows(spec, learnt)
    told = {"spec": spec.hash}
    together = _together(spec, rows[rows[_SAMPLED]], gateways)
    if together is not None:
        profiles.append({"column": "", "profile": json.dumps(asdict(together))})
    gateways.lake.publish(spec.model, REFERENCE_PROFILES, training, pd.DataFrame(profiles), told)
    gateways.lake.publish(spec.model, REFERENCE_ROWS, training, rows, told)


def reference_of(spec: ModelSpec, training: str | None, version: int, gateways: Gateways) -> StoredReference:
    """The reference of a version. Raises EvenkeelError where the lake does not hold it."""
    profiles, rows = (
        gateways.lake.read(spec.model, table, partitions=[training or ""])
        for table in (REFERENCE_PROFILES, REFERENCE_ROWS)
    )
    if profiles is None or profiles.empty or rows is None:
        raise EvenkeelError(
            f"{spec.model}: the reference of version {version} (training {training}) is not in the lake, so nothing can be "
            "held against it; train and promote another version, or restore the table"
        )
    stored = {str(row["column"]): json.loads(row["profile"]) for row in profiles.to_dict("records")}
    together = stored.pop("", None)
    rows = rows.drop(columns=[c.PARTITION])
    return StoredReference(
        {name: _stored(spec, name, one) for name, one in stored.items()},
        None if together is None else Together(**together),
        rows[rows[_SAMPLED]].drop(columns=[_SAMPLED, PART]).reset_index(drop=True),
        rows[rows[PART] == HOLDOUT].drop(columns=[_SAMPLED, PART]).reset_index(drop=True),
    )


def score_columns(spec: ModelSpec, columns: Iterable[str]) -> list[str]:
    """The columns that hold what a model says: of several classes their probabilities."""
    return probability_columns(columns) if spec.task == "multiclass" else [c.PREDICTION]


def is_numeric(spec: ModelSpec, column: str) -> bool:
    """Whether a column's values are numbers: features as the spec has them, scores, and the label of a regression."""
    if column == c.LABEL:
        return spec.task == "regression"
    return column not in spec.features.categorical


def _measured(spec: ModelSpec, learnt: pd.DataFrame) -> list[str]:
    return [*spec.features.names, *score_columns(spec, learnt.columns), c.LABEL]


def _profile(spec: ModelSpec, learnt: pd.DataFrame, column: str) -> dict[str, str]:
    scores = set(score_columns(spec, learnt.columns))
    rows = learnt[learnt[PART] == HOLDOUT] if column in scores else learnt
    keys = sorted(rows[ROW_DAY].unique())
    cells = cells_of(column, rows[column], numeric=is_numeric(spec, column))
    counted = count_reference(rows[column], rows[ROW_DAY], keys, cells)
    held: dict[str, Any] = {
        "days": keys,
        "cells": counted.cells.tolist(),
        "nulls": counted.nulls.tolist(),
        "unseen": counted.unseen.tolist(),
    }
    if cells.cuts is not None and cells.values is not None:
        held |= {"cuts": cells.cuts.tolist(), "values": cells.values.tolist(), "spread": cells.spread}
    else:
        held |= {"names": cells.names, "others": cells.others}
    return {"column": column, "profile": json.dumps(held)}


def _stored(spec: ModelSpec, column: str, held: dict[str, Any]) -> Reference:
    if "cuts" in held:
        cells = Cells(column, np.array(held["cuts"]), np.array(held["values"]), held["spread"])
        method = spec.drift.numeric_method
    else:
        cells = Cells(column, names=tuple(held["names"]), others=tuple(held["others"]))
        method = spec.drift.categorical_method
    shape = (len(held["days"]), cells.count)
    counts = np.array(held["cells"], dtype=np.int64).reshape(shape)
    return Reference(cells, Counted(counts, np.array(held["nulls"]), np.array(held["unseen"])), method)


def _rows(spec: ModelSpec, learnt: pd.DataFrame) -> pd.DataFrame:
    """The rows that are kept: a sample of all days alike, and the holdout, of which a day has at most `drift.daily_rows`."""
    rng = np.random.default_rng(spec.training.seed)
    order = rng.permutation(len(learnt))
    sampled = np.zeros(len(learnt), dtype=bool)
    sampled[order[: spec.drift.sample]] = True
    holdout = (learnt[PART] == HOLDOUT).to_numpy()
    turn = pd.Series(np.argsort(order)).groupby(learnt[ROW_DAY].to_numpy()).rank().to_numpy()
    kept = sampled | (holdout & (turn <= spec.drift.daily_rows))
    return learnt.assign(**{_SAMPLED: sampled})[kept].reset_index(drop=True)


def _together(spec: ModelSpec, sample: pd.DataFrame, gateways: Gateways) -> Together | None:
    """None where the reference is too short for windows of its own."""
    window = days_of(spec.drift.window)
    days = sample[ROW_DAY].nunique()
    if days < max(LEAST_DAYS, 2 * window) or len(spec.features.names) < 2:
        return None
    rows = min(spec.drift.sample // 2, len(sample) * window // days)
    found = gateways.domain(spec).by_chance(sample, ROW_DAY, window_days=window, rows=rows, draws=_TOGETHER_DRAWS)
    return Together(float(found.mean()), float(found.std(ddof=1)), len(found), rows)
