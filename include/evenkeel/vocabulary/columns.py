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

ROLE = "_role"
"""Whose score a published row has: `champion`, or `canary` where its key lies in the share that the shadow already scores."""

CHAMPION_ROLE, CANARY_ROLE = "champion", "canary"

CHAMPION_PREDICTION = "_champion_prediction"
"""In the shadow's scores: what the champion said of the same row."""

CHAMPION_VERSION = "_champion_version"
"""In the shadow's scores: the champion it is compared with."""

CHAMPION_PROBABILITY_PREFIX = "_champion_probability_"
"""In the shadow's scores, multiclass: one column per class of the champion follows this prefix."""

CHOICE = "_champion_choice"
"""How the version that made the score was chosen: `as_of`, `current`, or the number that was asked for."""

PROBABILITY_PREFIX = "_probability_"
"""Multiclass: one column per class follows this prefix."""

SUM, LEAST, GREATEST = "_sum_of_probabilities", "_least_probability", "_greatest_probability"
"""At the score gate of a multiclass model only: what its row's probabilities add up to, and the extremes among them."""

REASONS = "_reasons"
"""Quarantined rows: why, one sentence per expectation, joined by `; `."""

ALSO_IN = "_also_in"
"""At the data gate only: the key of the other partition in which the row's key was met already, or null."""

LOCAL_HOUR = "_local_hour"
"""At the data gate only: the hour of the row's event time, in the model's time zone."""
