"""What the record of an evaluation says of groups."""

from __future__ import annotations

from evenkeel.gateways.fairness import Fairness, Group
from evenkeel.workflows.appraisal import plain_fairness


def told(differences: dict[str, float], **figures: tuple[float, float]) -> list[tuple[str, str, str]]:
    groups = tuple(
        Group(name, 100, {rate: pair[place] for rate, pair in figures.items()}) for place, name in enumerate("ab")
    )
    return [(one["measure"], one["worst"], one["best"]) for one in plain_fairness(Fairness("sex", groups, differences))]


def test_the_group_with_the_larger_error_is_the_worst() -> None:
    """An error is a loss: the group that has more of it is worse off; of an accuracy, the one that has less."""
    assert told({"mae": 2.0}, mae=(5.0, 3.0)) == [("mae", "a", "b")]
    assert told({"accuracy": 0.2}, accuracy=(0.9, 0.7)) == [("accuracy", "b", "a")]


def test_equalized_odds_names_the_groups_of_the_rate_that_differs_most() -> None:
    """Where false alarms are what sets two groups apart, the worst is the one that has more of them."""
    rates = {"true_positive_rate": (0.5, 0.6), "false_positive_rate": (0.4, 0.1)}
    assert told({"equalized_odds": 0.3}, **rates) == [("equalized_odds", "a", "b")]
    rates = {"true_positive_rate": (0.9, 0.2), "false_positive_rate": (0.1, 0.1)}
    assert told({"equalized_odds": 0.7}, **rates) == [("equalized_odds", "b", "a")]
