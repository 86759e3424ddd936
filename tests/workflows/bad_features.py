"""Feature functions that break their contract, each in its own way."""

from __future__ import annotations

from flight_delay.features import features


def fewer_rows(rows, inputs, as_of):
    return features(rows, inputs, as_of).head(10)


def missing_column(rows, inputs, as_of):
    return features(rows, inputs, as_of).drop(columns="hour")


def words(rows, inputs, as_of):
    return features(rows, inputs, as_of).assign(hour="noon")


def broken(rows, inputs, as_of):
    return rows.assign(hour=1 / 0)
