"""The tables of a model in the lake, named once and without importing what writes them."""

from __future__ import annotations

SCORES = "scores"
"""Published scores, with the features they were made from, one partition a period."""

QUARANTINE = "quarantine"
"""Rows the data gate set aside, with their reasons."""

TRAINING_SETS = "training_sets"
"""What each training learnt from, one partition a training: the drift check's reference."""

CHECKS = "drift_checks"
"""Drift checks, one row a partition."""

CHECK_COLUMNS = "drift_columns"
"""What each check measured, one row a column."""
