"""The data of a spec: sources, rows, labels, inputs, the features made of them and the suites they pass."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Literal

from pydantic import Field, model_validator

from evenkeel.vocabulary.spec_fields import (
    Column,
    Columns,
    ColumnType,
    Duration,
    FunctionPath,
    Name,
    Part,
    PositiveDuration,
    TimeZone,
)


class FileSource(Part):
    """Parquet or CSV files in a folder (any fsspec URI), optionally in `column=value` folders by local day."""

    kind: Literal["parquet", "csv"]
    uri: str
    partition_column: str | None = None


class DeltaSource(Part):
    """A Delta Lake table."""

    kind: Literal["delta"]
    uri: str


class SqlSource(Part):
    """A query with `:start` and `:end`, against an Airflow connection or an SQLAlchemy URL."""

    kind: Literal["sql"]
    query: str
    connection: str | None = None
    url: str | None = None

    @model_validator(mode="after")
    def _one_database_and_a_window(self) -> SqlSource:
        if (self.connection is None) == (self.url is None):
            raise ValueError(
                "needs exactly one of `connection` (an Airflow connection id) and `url` (an SQLAlchemy URL)"
            )
        missing = [bound for bound in (":start", ":end") if bound not in self.query]
        if missing:
            raise ValueError(
                f"the query must filter its event time by {' and '.join(missing)}, or it would be read whole"
            )
        return self


Source = Annotated[FileSource | DeltaSource | SqlSource, Field(discriminator="kind")]


class Table(Part):
    """A source read by a window of event time: which columns, of which types, and when each row became known.

    `known_at` says when the world knew, `ingested_at` when the row landed: what landed after the as-of is not there, and of
    several rows of one key the one that landed last counts. `timezone` is that of timestamps without one of their own.
    """

    source: Source
    event_time: Column
    columns: dict[Column, ColumnType] = Field(min_length=1)
    known_at: Column | None = None
    ingested_at: Column | None = None
    timezone: TimeZone = "UTC"

    @model_validator(mode="after")
    def _time_columns_are_timestamps(self) -> Table:
        for column in filter(None, (self.event_time, self.known_at, self.ingested_at)):
            if self.columns.get(column) != "timestamp":
                raise ValueError(f"column {column!r} must be listed under `columns` with type timestamp")
        return self


class Rows(Table):
    """What is scored: one row per key. `available_after` counts from the partition's start; without it, its end."""

    key: Annotated[tuple[Column, ...], Field(strict=False, min_length=1)]
    available_after: Duration | None = None

    @model_validator(mode="after")
    def _keys_are_columns(self) -> Rows:
        for column in self.key:
            if column not in self.columns:
                raise ValueError(f"key column {column!r} must be listed under `columns`")
        return self


class Label(Table):
    """What came true: joined to the rows by key, and not there before it was known."""

    column: Column
    known_after: Duration | None = None
    maturation: PositiveDuration

    @model_validator(mode="after")
    def _one_way_to_know(self) -> Label:
        if (self.known_at is None) == (self.known_after is None):
            raise ValueError(
                "needs exactly one of `known_at` (a column) and `known_after` (a duration after the event)"
            )
        if self.column not in self.columns:
            raise ValueError(f"label column {self.column!r} must be listed under `columns`")
        if self.known_after is not None and self.maturation < self.known_after:
            raise ValueError("`maturation` must be at least `known_after`: by then nearly every label is known")
        return self


class Input(Table):
    """History a feature function may look at: what was known at the partition's as-of, so far back."""

    lookback: PositiveDuration

    @model_validator(mode="after")
    def _known_at_is_said(self) -> Input:
        if self.known_at is None:
            raise ValueError("needs `known_at`, the column that says when a row became known")
        return self


class Features(Part):
    """The columns a model sees, and the function that makes them (without one, they are columns of the rows)."""

    function: FunctionPath | None = None
    numeric: Columns = ()
    categorical: Columns = ()

    @property
    def names(self) -> tuple[str, ...]:
        """All features, numeric first: the column order of every model."""
        return self.numeric + self.categorical

    @model_validator(mode="after")
    def _some_and_no_twice(self) -> Features:
        if not self.names:
            raise ValueError("names no feature: list columns under `numeric` or `categorical`")
        twice = sorted({name for name in self.names if self.names.count(name) > 1})
        if twice:
            raise ValueError(f"lists {', '.join(map(repr, twice))} more than once")
        return self


class DataGate(Part):
    """Which expectation suites guard the data, and how many rows may be set aside before a partition is refused.

    `labels` guards what a training learns from; `recent` is how far back a suite's `recent_...` parameters look.
    """

    rows: Name
    scores: Name
    labels: Name | None = None
    recent: PositiveDuration = timedelta(days=14)
    quarantine_budget: Annotated[float, Field(ge=0, le=1)] = 0.02
