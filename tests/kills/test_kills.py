"""Kills: whenever a process dies, resuming leaves what an undisturbed run leaves. Nothing is lost, nothing is there twice."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.kills.houses import Houses, Kill

AT_BOUNDARIES = {"begin": 8, "train": 54, "score": 36, "retrain": 45, "decide": 10, "repair": 5}
AT_RANDOM = {"begin": 8, "train": 15, "score": 14, "retrain": 15, "decide": 3, "repair": 3}


def _all_is_as_if_undisturbed(houses: Houses, kill: Kill) -> None:
    outcome = houses.suffer(kill)
    assert outcome.torn == [], f"readers saw this before {kill} was resumed"
    assert outcome.differences == [], f"this differs after {kill} was resumed"


@pytest.mark.parametrize(
    ("pipeline", "boundary", "retry"),
    [
        ("begin", "database commit | before", True),
        ("score", "Delta commit to quarantine | after", True),
        ("score", "Delta commit to scores | unlinked", False),
        ("score", "Delta commit to scores | after", False),
        ("score", "Delta commit to refused | half", True),
        ("train", "MLflow log_model_artifacts: artifact file | half", True),
        ("train", "MLflow create_run: database commit | after", True),
        ("train", "MLflow create_model_version: database commit | after", True),
        ("train", "Delta commit to ledger | after", False),
        ("decide", "Delta commit to ledger | half", True),
        ("decide", "Delta commit to ledger | after", False),
        ("decide", "MLflow set_registered_model_alias: database commit | before", True),
        ("shadow", "Delta commit to shadow_scores | half", True),
        ("shadow", "Delta commit to shadow_scores | after", False),
        ("shadow", "Delta commit to scores | unlinked", True),
        ("shadow", "Delta commit to ledger | after", False),
        ("repair", "Delta commit to ledger | before", True),
        ("repair", "Delta commit to ledger | after", False),
    ],
)
def test_a_kill_where_it_would_hurt_most_changes_nothing(
    houses: Houses, pipeline: str, boundary: str, retry: bool
) -> None:
    """Before the resume each partition is old or new and the ledger readable; after it all is as if undisturbed (laws 6, 7)."""
    _all_is_as_if_undisturbed(houses, houses.at(pipeline, boundary, retry=retry))


@pytest.mark.kills
@pytest.mark.parametrize(
    ("pipeline", "number"),
    [(one, number) for one in AT_BOUNDARIES for number in range(AT_BOUNDARIES[one] + AT_RANDOM[one])],
)
def test_a_kill_at_any_moment_changes_nothing(houses: Houses, pipeline: str, number: int) -> None:
    """At 158 write boundaries and at 58 random moments, some of them twice in a row: as if undisturbed (laws 6, 7, 28)."""
    _all_is_as_if_undisturbed(houses, houses.plan(pipeline, AT_BOUNDARIES[pipeline], AT_RANDOM[pipeline])[number])
