"""The probability from which the answer is yes."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import f1_score

from evenkeel.decisions.threshold import choose_threshold

rows = st.lists(st.tuples(st.booleans(), st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.7, 1.0])), min_size=2, max_size=30)
costs = st.sampled_from([0.5, 1.0, 10.0])


@given(rows=rows, wrong_yes=costs, wrong_no=costs)
def test_no_other_threshold_is_cheaper(rows: list[tuple[bool, float]], wrong_yes: float, wrong_no: float) -> None:
    """Beside the chosen threshold, every probability and more than all of them cost as much or more; with no costs, the same
    holds of F1.
    """
    labels, p = (np.array(part, dtype=float) for part in zip(*rows, strict=True))
    if len(set(labels)) < 2:
        assert choose_threshold(labels, p) is None
        return

    def cost(threshold: float) -> float:
        yes = p >= threshold
        return float(wrong_yes * np.sum(yes & (labels == 0)) + wrong_no * np.sum(~yes & (labels == 1)))

    tried = [*p, 2.0]
    cheapest = choose_threshold(labels, p, false_positive=wrong_yes, false_negative=wrong_no)
    assert cheapest is not None
    assert cost(cheapest) <= min(map(cost, tried))
    best = choose_threshold(labels, p)
    assert best is not None
    scores = [f1_score(labels, p >= one, zero_division=0.0) for one in (best, *tried)]
    assert scores[0] >= max(scores) - 1e-12


def test_dear_misses_lower_the_threshold() -> None:
    """A miss that costs ten times a false alarm makes the answer yes earlier than one that costs a tenth."""
    labels, p = np.array([0, 0, 1, 0, 1, 1]), np.array([0.1, 0.2, 0.3, 0.4, 0.6, 0.9])
    assert choose_threshold(labels, p, false_positive=1, false_negative=10) == 0.3
    assert choose_threshold(labels, p, false_positive=10, false_negative=1) == 0.6
