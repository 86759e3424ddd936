"""What the steps of a drift check share: its window, what they leave for each other, published scores as predictions."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow.dataset as pads

from evenkeel.decisions.comparison import Predictions
from evenkeel.decisions.evaluation import evaluate
from evenkeel.vocabulary import columns as c
from evenkeel.vocabulary.tables import SCORES
from evenkeel.workflows.ledger import AS_OF_CHAMPION

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from evenkeel.vocabulary.partition import Partition
    from evenkeel.vocabulary.spec import ModelSpec
    from evenkeel.workflows.gateways import Gateways


@dataclass(frozen=True)
class Measured:
    """One of the check's two answers; `causes` names what moved, where the outcome is drift."""

    outcome: str
    reason: str
    numbers: dict[str, float | int | None]
    page: str | None = None
    causes: tuple[str, ...] = ()


def check_run(spec: ModelSpec, partition: Partition) -> str:
    """Where that run's steps leave what the next one needs."""
    return f"{spec.model}/drift_check/{partition.key}"


def window_of(spec: ModelSpec, partition: Partition) -> list[Partition]:
    """The partitions a check looks at, in order: the longer of its two windows, ending with its own."""
    days = max(days_of(spec.drift.window), days_of(spec.drift.decay.window))
    return [partition.shift(-back) for back in reversed(range(days))]


def last_days(frame: pd.DataFrame, partition: Partition, window: timedelta) -> pd.DataFrame:
    """The rows of the window that ends with the partition."""
    if frame.empty:
        return frame
    first = partition.shift(1 - days_of(window)).key
    return frame[frame[c.PARTITION] >= first].reset_index(drop=True)


def days_of(window: timedelta) -> int:
    """A window in days, at least one."""
    return max(1, math.ceil(window / timedelta(days=1)))


def scored_by(spec: ModelSpec, champion: int, keys: Sequence[str], gateways: Gateways) -> pd.DataFrame:
    """What a version scored in some partitions as the champion of their days, not because somebody asked for it; where they hold
    more than `drift.daily_rows` a day, the same share of each.
    """
    there = gateways.lake.counts(spec.model, SCORES)
    present = [key for key in keys if key in there]
    if not present:
        return pd.DataFrame()
    rows, most = sum(there[key] for key in present), spec.drift.daily_rows * len(keys)
    mine = (pads.field(c.MODEL_VERSION) == champion) & (pads.field(c.CHOICE) == AS_OF_CHAMPION)
    if rows <= most:
        scores = gateways.lake.read(spec.model, SCORES, partitions=present, where=mine)
    else:
        share, seed = most / rows, spec.training.seed
        scores = gateways.lake.sample(spec.model, SCORES, partitions=present, where=mine, share=share, seed=seed)
    return pd.DataFrame() if scores is None else scores


def labelled(frame: pd.DataFrame) -> pd.DataFrame:
    """The rows whose label is there."""
    return frame[frame[c.LABEL].notna()] if c.LABEL in frame else frame.iloc[:0]


def sample_of(frame: pd.DataFrame, rows: int, seed: int) -> pd.DataFrame:
    """At most so many rows, drawn by the seed."""
    return frame if len(frame) <= rows else frame.sample(rows, random_state=seed).reset_index(drop=True)


def leave_note(run: str, name: str, measured: Measured, gateways: Gateways) -> Measured:
    """Leave an answer for the step that records it."""
    gateways.staging.put_note(run, name, asdict(measured))
    return measured


def measure_scores(spec: ModelSpec, known: pd.DataFrame) -> dict[str, float]:
    """Every metric of published scores on their labels; all of them are known."""
    published = published_predictions(spec, known)
    return evaluate(spec.task, known[c.LABEL].to_numpy(), published.values, published.classes)


def published_columns(spec: ModelSpec, said: Predictions) -> dict[str, Any]:
    """Predictions as columns of the scores: what `published_predictions` reads."""
    if spec.task != "multiclass":
        return {c.PREDICTION: said.values}
    columns: dict[str, Any] = {
        f"{c.PROBABILITY_PREFIX}{name}": said.values[:, place] for place, name in enumerate(said.classes)
    }
    columns[c.PREDICTION] = np.asarray(said.classes)[said.values.argmax(axis=1)]
    return columns


def published_predictions(spec: ModelSpec, scores: pd.DataFrame) -> Predictions:
    """Published scores as predictions; a class that a row has no probability of has probability zero."""
    if spec.task != "multiclass":
        return Predictions(scores[c.PREDICTION].to_numpy(dtype=float))
    told = probability_columns(scores.columns)
    classes = [name.removeprefix(c.PROBABILITY_PREFIX) for name in told]
    return Predictions(np.nan_to_num(scores[told].to_numpy(dtype=float)), classes)


def probability_columns(columns: Iterable[str]) -> list[str]:
    """Those that hold the probability of a class."""
    return [name for name in columns if name.startswith(c.PROBABILITY_PREFIX)]
