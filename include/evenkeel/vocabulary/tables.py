"""The tables of a model in the lake, named once and without importing what writes them."""

from __future__ import annotations

SCORES = "scores"
"""Published scores, with the features they were made from, one partition a period."""

QUARANTINE = "quarantine"
"""Rows the data gate set aside, with their reasons."""

TRAINING_SETS = "training_sets"
"""What each training learnt from, one partition a training."""

REFERENCE_PROFILES = "reference_profiles"
"""The drift check's reference, one partition a training: each column's counts in cells, day by day."""

REFERENCE_ROWS = "reference_rows"
"""Some of the rows of each reference, the holdout with the scores of the version."""

SHADOW_SCORES = "shadow_scores"
"""What a shadow said of the rows of a partition, beside what the champion said of them; none of it counts."""

SHADOW_REFUSED = "shadow_refused"
"""Partitions that a shadow did not score, or whose scores its gate refused, one row each, with the reason."""

CHECKS = "drift_checks"
"""Drift checks, one row a partition."""

CHECK_COLUMNS = "drift_columns"
"""What each check measured, one row a column."""

PERFORMANCE_DAYS = "performance_days"
"""What each check saw of the champion's metric, one row a day of its window: on labels, and as estimated without them."""

REFUSED = "refused"
"""Partitions that a gate refused to score, one row each, with its reason; gone once the partition is published."""

LEDGER = "ledger"
"""Every decision about the model, append-only."""

TABLES = (
    SCORES,
    QUARANTINE,
    SHADOW_SCORES,
    SHADOW_REFUSED,
    TRAINING_SETS,
    REFERENCE_PROFILES,
    REFERENCE_ROWS,
    CHECKS,
    CHECK_COLUMNS,
    PERFORMANCE_DAYS,
    REFUSED,
    LEDGER,
)
"""All of them."""
