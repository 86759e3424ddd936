"""A feature function that counts what it was shown."""

from __future__ import annotations


def seen_of_history(rows, inputs, as_of):
    return rows.assign(seen=float(len(inputs["history"])), total=inputs["history"]["x"].sum())
