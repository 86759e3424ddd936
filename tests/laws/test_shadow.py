"""Laws 2, 3, 7 and 17 where a shadow scores beside the champion: it does not count before it is promoted beyond chance."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binom

from evenkeel.decisions.sequential import ShadowOutcome, judge_shadow_days
from evenkeel.vocabulary import columns as c
from evenkeel.vocabulary.spec_training import Shadow
from evenkeel.vocabulary.tables import SCORES, SHADOW_SCORES
from evenkeel.workflows.ledger import TERM, Entry, Kind, champion_of
from evenkeel.workflows.pipelines import run_scoring
from evenkeel.workflows.shadow import judge_shadow
from tests.laws.house import DAY, RIVAL, SCORED, with_promotion
from tests.laws.pipelines import entries_of, rows_of

if TYPE_CHECKING:
    from tests.workflows.conftest import House

TRIALS = 200
LOOKS = 60


@pytest.fixture
def shadowed(lived: House) -> House:
    """Version 2 is the shadow of version 1 since its training, for three days, with a canary."""
    shadow = Shadow(term=timedelta(days=3), canary=0.2)
    house = replace(lived, spec=with_promotion(lived.spec, shadow=shadow, slices={}, calibration_tolerance=None))
    numbers = {TERM: shadow.term.total_seconds()}
    made = Entry("training/law/x/2", house.spec.model, Kind.SHADOWED, house.at(RIVAL), "", 2, 1, numbers=numbers)
    house.gateways.ledger.record(house.spec.model, made.id, lambda _: made)
    return house


def score(house: House, *days: str) -> None:
    for day in days:
        run_scoring(house.spec, house.spec.partition(day), house.gateways)


def test_law_03_a_shadow_s_scores_are_not_the_champion_s(shadowed: House) -> None:
    """But for the keys of the canary, which say so, a published score is the champion's, as it was without a shadow (law 3)."""
    day = SCORED[0]
    alone = rows_of(shadowed, SCORES, partitions=[day]).set_index("flight_id")
    score(shadowed, day)
    published = rows_of(shadowed, SCORES, partitions=[day]).set_index("flight_id")
    beside = rows_of(shadowed, SHADOW_SCORES, partitions=[day]).set_index("flight_id")
    canary = published[c.ROLE] == c.CANARY_ROLE
    assert 0 < canary.mean() < 0.5
    assert np.array_equal(published[c.MODEL_VERSION], np.where(canary, 2, 1))
    expected = alone[c.PREDICTION].where(~canary, beside[c.PREDICTION])
    pd.testing.assert_series_equal(published[c.PREDICTION], expected)
    assert (alone[c.PREDICTION] != beside[c.PREDICTION]).any()


def test_law_03_a_shadow_scores_within_its_term_only(shadowed: House) -> None:
    """Whenever they are scored, the days after its term have no shadow (law 3)."""
    score(shadowed, *reversed(SCORED))
    assert set(rows_of(shadowed, SHADOW_SCORES)[c.PARTITION]) == set(SCORED[:2])


def test_law_02_a_day_counts_once_its_labels_have_matured(shadowed: House) -> None:
    """A check of the past judges by the days that were whole by then, and not by half of the next one (law 2)."""
    score(shadowed, *SCORED[:2])
    assert [
        judge_shadow(shadowed.spec, shadowed.spec.partition(day), shadowed.gateways).days for day in SCORED[:2]
    ] == [0, 1]


def test_law_17_a_shadow_without_a_gain_is_dropped_and_stays_so(shadowed: House) -> None:
    """Once its last labels have matured it is dropped, on record; judged again, or later, it is not promoted (laws 7 and 17)."""
    score(shadowed, *SCORED[:2])
    last = shadowed.spec.partition(SCORED[2])
    judged = judge_shadow(shadowed.spec, last, shadowed.gateways)
    assert (judged.outcome, judged.days) == ("drop", 2)
    before = entries_of(shadowed)
    assert [judge_shadow(shadowed.spec, day, shadowed.gateways).outcome for day in (last, last.shift(1))] == [
        "drop",
        "none",
    ]
    assert entries_of(shadowed) == before
    champion = champion_of(shadowed.gateways.ledger.entries(shadowed.spec.model))
    assert champion is not None
    assert champion.version == 1
    score(shadowed, DAY)
    assert DAY not in shadowed.gateways.lake.partitions(shadowed.spec.model, SHADOW_SCORES)


def test_law_17_looking_every_day_promotes_no_more_than_alpha() -> None:
    """Of 200 shadows without a gain, judged daily for two months, no more are ever promoted than alpha allows (law 17)."""
    alpha = 0.05
    promoted = sum(_ever_promoted(seed, alpha) for seed in range(TRIALS))
    assert promoted <= binom.ppf(0.999, TRIALS, alpha)


def _ever_promoted(seed: int, alpha: float) -> bool:
    gains = np.random.default_rng(seed).normal(0, 1, LOOKS)
    looks = (
        judge_shadow_days(
            gains[:days],
            metric="mae",
            margin=0.0,
            alpha=alpha,
            labels=1_000,
            min_days=7,
            min_labels=1,
            ended=days == LOOKS,
        )
        for days in range(1, LOOKS + 1)
    )
    return any(one.outcome is ShadowOutcome.PROMOTE for one in looks)
