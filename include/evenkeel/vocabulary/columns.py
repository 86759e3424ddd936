"""The columns evenkeel itself writes. A team's own columns never begin with an underscore."""

from __future__ import annotations

PARTITION = "_partition"
"""Key of the partition a row belongs to, `2013-04-01`."""

AS_OF = "_as_of"
"""Instant (UTC) the row's features were built from."""

LABEL = "_label"
"""The label, as it was known at the reader's as-of; null before it matured."""

PREDICTION = "_prediction"
"""Regression: the predicted value. Multiclass: the most probable class. Binary: the probability of the positive class."""

MODEL_VERSION = "_model_version"
"""Registered version that made the score."""

PROBABILITY_PREFIX = "_probability_"
"""Multiclass: one column per class follows this prefix."""

REASONS = "_reasons"
"""Quarantined rows: why, one sentence per expectation, joined by `; `."""
