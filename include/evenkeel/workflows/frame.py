"""The frame a model sees: rows of whole partitions with their features, each built from what was known at its own as-of.

The feature function is called once per partition, with inputs already cut to that partition's as-of. So a feature cannot
leak the future, in training either, and training and scoring cannot differ.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

import pandas as pd

from evenkeel.vocabulary import columns as c
from evenkeel.vocabulary.errors import FeatureError, SourceError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from evenkeel.gateways.sources import Sources
    from evenkeel.vocabulary.partition import Partition
    from evenkeel.vocabulary.spec import ModelSpec
    from evenkeel.vocabulary.spec_tables import Input, Table

    FeatureFunction = Callable[[pd.DataFrame, Mapping[str, pd.DataFrame], pd.Timestamp], pd.DataFrame]


def build_frame(spec: ModelSpec, partitions: Sequence[Partition], sources: Sources) -> pd.DataFrame:
    """Key, event time and features of every row of consecutive partitions, with `_partition` and `_as_of`.

    Args:
        spec: the model.
        partitions: consecutive partitions, in order.
        sources: where the spec's tables are read.

    Returns:
        One row a row of the source, numeric features as float64, categorical ones as text; also as text, and for no model,
        the columns the evaluation is sliced by that are no feature (`spec.carried`).

    Raises:
        FeatureError: where the feature function fails or breaks its contract.
        SourceError: where a source does.
    """
    first, last = partitions[0], partitions[-1]
    rows = sources.read(spec.rows, first.start, last.end, spec.scoring_as_of(last), spec.timezone)
    inputs = {name: _read_input(spec, one, partitions, sources) for name, one in spec.inputs.items()}
    function = load_function(spec)
    parts = [_build_partition(spec, one, rows, inputs, function) for one in partitions]
    return pd.concat(parts, ignore_index=True)


def add_labels(spec: ModelSpec, frame: pd.DataFrame, as_of: datetime, sources: Sources) -> pd.DataFrame:
    """The frame with `_label` as it was at `as_of`, in the frame's order; null where there was none.

    A label is there once it has matured (the labels that are known earlier are a biased sample: flights that arrive on time
    are known before those that are late), is known, and has landed. Of several of one key the one that landed last counts.

    Raises SourceError where the label source holds one of the frame's keys twice.
    """
    if frame.empty:
        return frame.assign(**{c.LABEL: pd.Series(dtype="object" if spec.task == "multiclass" else "float64")})
    key = list(spec.rows.key)
    # Of whole partitions: in the hour that comes twice, a row and its label may be read as an hour apart.
    first, last = (spec.partition(str(one)) for one in (frame[c.PARTITION].min(), frame[c.PARTITION].max()))
    found = sources.read(spec.label, first.start, last.end, as_of, spec.timezone, among=frame[key])
    matured = found[spec.label.event_time] + spec.label.maturation <= as_of  # `known_after` is never longer
    known = _there(found[matured], spec.label, as_of, key)
    twice = known.duplicated(key)
    if twice.any():
        example = ", ".join(f"{name}={known.loc[twice.idxmax(), name]}" for name in key)
        raise SourceError(
            f"{sources.describe(spec.label)}: {int(twice.sum())} keys have more than one label, such as {example}"
        )
    labels = known[[*key, spec.label.column]].rename(columns={spec.label.column: c.LABEL}).dropna(subset=[c.LABEL])
    labels[c.LABEL] = _as_label(spec, labels[c.LABEL])
    return frame.drop(columns=c.LABEL, errors="ignore").merge(labels, on=key, how="left", validate="many_to_one")


def _as_label(spec: ModelSpec, values: pd.Series[Any]) -> pd.Series[Any]:
    """Labels of one type everywhere: class names as text, everything else as numbers."""
    if spec.task != "multiclass":
        return values.astype("float64")
    whole = values.astype("int64") if spec.label.columns[spec.label.column] == "int64" else values
    return whole.astype(str)


def load_function(spec: ModelSpec) -> FeatureFunction | None:
    """The team's feature function. Raises FeatureError where it cannot be imported."""
    if spec.features.function is None:
        return None
    module, _, name = spec.features.function.partition(":")
    try:
        function: FeatureFunction = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise FeatureError(
            f"{spec.model}: feature function {spec.features.function} cannot be imported: {error}"
        ) from error
    return function


def _read_input(spec: ModelSpec, table: Input, partitions: Sequence[Partition], sources: Sources) -> pd.DataFrame:
    start = spec.scoring_as_of(partitions[0]) - table.lookback
    end = spec.scoring_as_of(partitions[-1])
    return sources.read(table, start, end, end, spec.timezone)


def _build_partition(
    spec: ModelSpec,
    partition: Partition,
    rows: pd.DataFrame,
    inputs: Mapping[str, pd.DataFrame],
    function: FeatureFunction | None,
) -> pd.DataFrame:
    as_of = pd.Timestamp(spec.scoring_as_of(partition))
    inside = rows[spec.rows.event_time].between(partition.start, partition.end, inclusive="left")
    mine = _there(rows[inside], spec.rows, as_of, spec.rows.key).reset_index(drop=True)
    known = {name: _looked_at(frame, spec.inputs[name], as_of) for name, frame in inputs.items()}
    features = mine if function is None else _call(spec, partition, function, mine, known, as_of)
    base = mine[[*spec.rows.key, spec.rows.event_time]]
    typed: dict[str, Any] = {name: _numbers(spec, features[name]) for name in spec.features.numeric}
    typed |= {name: features[name].astype("object") for name in spec.features.categorical}
    typed |= {name: _text(mine[name]) for name in spec.carried}
    return base.assign(**typed | {c.PARTITION: partition.key, c.AS_OF: as_of})


def _looked_at(frame: pd.DataFrame, table: Input, as_of: pd.Timestamp) -> pd.DataFrame:
    event_time = frame[table.event_time]
    return _there(frame[(event_time >= as_of - table.lookback) & (event_time < as_of)], table, as_of)


def _there(frame: pd.DataFrame, table: Table, as_of: datetime, key: Sequence[str] = ()) -> pd.DataFrame:
    """The rows that were known and had landed at an instant; of several of one key, those that had landed last.

    A key that holds a null is nobody's other version: such rows stay, for the suite to find.
    """
    for column in filter(None, (table.known_at, table.ingested_at)):
        frame = frame[frame[column] <= as_of]
    if table.ingested_at is None or not key:
        return frame
    landed = frame[table.ingested_at]
    last = landed.groupby([frame[name] for name in key]).transform("max")
    return frame[(landed == last) | last.isna()]


def _numbers(spec: ModelSpec, values: pd.Series[Any]) -> pd.Series[Any]:
    try:
        return values.astype("float64")
    except (TypeError, ValueError) as error:
        raise FeatureError(f"{spec.model}: feature {values.name} is listed as numeric, but {error}") from error


def _text(values: pd.Series[Any]) -> pd.Series[Any]:
    return values.astype("object").map(str, na_action="ignore")


def _call(
    spec: ModelSpec,
    partition: Partition,
    function: FeatureFunction,
    rows: pd.DataFrame,
    inputs: Mapping[str, pd.DataFrame],
    as_of: pd.Timestamp,
) -> pd.DataFrame:
    said = f"{spec.model}: feature function {spec.features.function} on partition {partition}"
    try:
        features = function(rows, inputs, as_of)
    except Exception as error:  # a team's code may raise anything; the message says whose it is
        raise FeatureError(f"{said} raised {type(error).__name__}: {error}") from error
    if not features.index.equals(rows.index):
        raise FeatureError(
            f"{said} returned {len(features)} rows with another index than the {len(rows)} rows it was given"
        )
    missing = [name for name in spec.features.names if name not in features]
    if missing:
        raise FeatureError(
            f"{said} did not return {', '.join(missing)}; it returned {', '.join(map(str, features.columns))}"
        )
    return features
