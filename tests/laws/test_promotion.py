"""Laws 15 to 19 and 31: what a challenger is made of, and when it becomes champion."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from scipy.stats import binom

from evenkeel.decisions.comparison import Predictions, compare
from evenkeel.decisions.folds import expanding_folds
from evenkeel.decisions.promotion import judge_challenger
from evenkeel.gateways.registry import DIGEST
from evenkeel.vocabulary import columns as c
from evenkeel.vocabulary.errors import EvenkeelError, GateRefusedError
from evenkeel.vocabulary.tables import SCORES
from evenkeel.vocabulary.verdict import Outcome
from evenkeel.workflows import train
from evenkeel.workflows.ledger import Kind
from evenkeel.workflows.pipelines import run_scoring, run_training
from evenkeel.workflows.promote import judge_version, promote_version, roll_back
from evenkeel.workflows.rebuild import read_record, rebuild
from tests.laws.house import DAY, FIRST, with_promotion
from tests.laws.pipelines import TRAINED, TRAINING, entries_of, everything

if TYPE_CHECKING:
    from tests.workflows.conftest import House

TRIALS = 200


def test_law_15_the_split_leaves_the_labels_time_to_mature(lived: House) -> None:
    """The holdout begins a gap, and a label's maturation, after the last training row (law 15)."""
    TRAINING.run(lived)
    run, time = train.training_run(lived.spec, lived.at(TRAINED)), lived.spec.rows.event_time
    before, after = (lived.gateways.staging.get(run, name)[time] for name in ("train", "holdout"))
    assert after.min() - before.max() >= lived.spec.label.maturation
    assert (after.min().normalize() - before.max().normalize()).days >= lived.spec.training.gap.days


def test_law_15_folds_within_the_training_part_are_split_alike(lived: House) -> None:
    """Candidates are compared on later days than they were fitted on, with the same gap between (law 15)."""
    first = lived.spec.partition("2013-01-07")
    days = [first.shift(number) for number in range(20)]
    folds = expanding_folds(days, 3, gap=lived.spec.training.gap, maturation=lived.spec.label.maturation, share=0.5)
    assert len(folds) == 3
    for fold in folds:
        assert fold.test[0].start - fold.train[-1].end >= lived.spec.training.gap


def test_law_16_a_version_says_what_it_was_made_of(lived: House) -> None:
    """Code, lock, environment, seed, data, window, suites, spec, whom it met and the verdict are on the version (law 16)."""
    TRAINING.run(lived)
    tags = lived.gateways.registry.versions(lived.spec.model)[-1].tags
    wanted = (
        "code",
        "lock",
        "environment",
        "seed",
        "data",
        "window",
        "suite",
        "spec",
        "met",
        "verdict",
        "as_of",
        "training",
    )
    assert [name for name in wanted if not tags.get(f"evenkeel.{name}")] == []
    assert tags["evenkeel.met"] == "champion 1"


def test_law_16_a_version_is_made_again_from_what_it_says(lived: House) -> None:
    """Rebuilt from its record, a model is the same file, and nothing is found that differs (law 16)."""
    found = rebuild(read_record(lived.spec.model, 1, lived.gateways), lived.gateways)
    assert found.same_file
    assert found.data_as_recorded
    assert found.differences == ()


@pytest.mark.parametrize("days", [7, 14, 28])
def test_law_17_noise_is_not_promoted(lived: House, days: int) -> None:
    """Of 200 challengers that differ from the champion by noise, on rows and on whole days, no more are promoted than alpha
    allows, whatever the number of days (law 17).
    """
    rules = with_promotion(lived.spec, metric="mae", margin=0.0, min_labels=1, min_days=2, slices={}).promotion
    promoted = sum(_promotes_noise(rules, days, seed) for seed in range(TRIALS))
    assert promoted <= binom.ppf(0.999, TRIALS, rules.alpha)


def _promotes_noise(rules: Any, days: int, seed: int) -> bool:
    rng = np.random.default_rng([days, seed])
    place = np.repeat(np.arange(days), 40)
    truth = rng.normal(0, 1, len(place))
    both = (
        Predictions(truth + rng.normal(0, 0.4, days)[place] + rng.normal(0, 0.4, len(place))) for _ in ("one", "other")
    )
    compared = compare(
        "regression", "mae", truth, place, *both, alpha=rules.alpha, seed=seed, only=["mae"], resamples=500
    )
    return judge_challenger(compared, rules, opponent="the champion").outcome is Outcome.PASS


def test_law_17_the_champion_again_is_not_promoted(lived: House) -> None:
    """A version held against itself, and a training whose challenger is the champion once more, change nothing (law 17)."""
    spec = with_promotion(lived.spec, margin=0.0)
    assert judge_version(spec, lived.at(DAY), 1, lived.gateways).outcome is Outcome.REFUSE
    rows = lived.gateways.staging.get(train.training_run(lived.spec, lived.at(FIRST)), "holdout")
    same = Predictions(rows[c.LABEL].to_numpy(dtype=float) * 0.5 + 0.1)
    compared = compare(
        spec.task,
        spec.promotion.metric,
        rows[c.LABEL].to_numpy(),
        rows[c.PARTITION].to_numpy(),
        same,
        same,
        alpha=0.05,
        seed=0,
    )
    assert judge_challenger(compared, spec.promotion, opponent="champion 1").outcome is Outcome.REFUSE


@pytest.mark.parametrize("rule", [{"min_labels": 10**6}, {"min_days": 60}])
def test_law_18_too_little_decides_nothing(lived: House, rule: dict[str, Any]) -> None:
    """Too few labels, or labels of too few days, are inconclusive, however far the gain is beyond the margin (law 18)."""
    spec = with_promotion(lived.spec, margin=-1e6, slices={}, calibration_tolerance=None, **rule)
    decided = run_training(spec, lived.at(TRAINED), lived.gateways)
    entry = lived.gateways.ledger.entries(lived.spec.model)[-1]
    assert (decided.kind, entry.verdict, decided.champion) == ("kept", "inconclusive", 1)


def test_law_18_a_gate_that_cannot_judge_promotes_nobody(lived: House) -> None:
    """Where the challenger's step was not judged, promoting it is refused, and the ledger is as before (law 18)."""
    TRAINING.run(lived)
    run, before = train.training_run(lived.spec, lived.at(TRAINED)), entries_of(lived)
    lived.gateways.staging.put_note(run, "verdict", {"outcome": "inconclusive", "reason": "it broke", "numbers": {}})
    from evenkeel.workflows.promote import promote_challenger

    with pytest.raises(GateRefusedError, match="is not promoted"):
        promote_challenger(lived.spec, lived.at(TRAINED), lived.gateways)
    assert entries_of(lived) == before


@pytest.fixture
def back(lived: House) -> House:
    """Version 2 was champion for a day and was rolled back."""
    spec, gateways = lived.spec, lived.gateways
    verdict = judge_version(spec, lived.at(DAY), 2, gateways)
    promote_version(spec, lived.at(DAY), 2, verdict, gateways, force=True, reason="a rehearsal")
    roll_back(spec, lived.at("2013-02-07"), gateways, reason="it misbehaved")
    return lived


def test_law_19_a_rollback_is_one_entry(back: House) -> None:
    """Rolled back again for the same instant, nothing changes: one entry, and the champion before (law 19)."""
    before = everything(back)
    decided = roll_back(back.spec, back.at("2013-02-07"), back.gateways, reason="it misbehaved")
    assert (decided.kind, decided.champion) == (Kind.ROLLED_BACK, 1)
    assert everything(back) == before


def test_law_19_who_was_rolled_back_does_not_return_by_itself(back: House) -> None:
    """The gate refuses the version, however good; forced with a reason, it is back (law 19)."""
    spec, gateways, instant = with_promotion(back.spec, margin=0.0), back.gateways, back.at("2013-02-08")
    verdict = judge_version(spec, instant, 2, gateways)
    assert verdict.outcome is Outcome.REFUSE
    with pytest.raises(GateRefusedError):
        promote_version(spec, instant, 2, verdict, gateways, force=False, reason="")
    assert promote_version(spec, instant, 2, verdict, gateways, force=True, reason="mended").champion == 2


def test_law_31_a_file_that_the_ledger_does_not_know_is_not_loaded(lived: House) -> None:
    """With file and tag of the champion both changed in MLflow, it does not score: the ledger holds another digest (law 31)."""
    registry, model = lived.gateways.registry, lived.spec.model
    with sqlite3.connect(lived.root / "mlflow.db") as database:
        other = "SELECT {0} FROM model_versions WHERE version = 2"
        change = "UPDATE model_versions SET source = ({0}), storage_location = ({1}) WHERE version = 1"
        database.execute(change.format(other.format("source"), other.format("storage_location")))
    registry.tag_version(model, 1, {DIGEST: registry.version(model, 2).tags[DIGEST]})
    with pytest.raises(EvenkeelError, match="the ledger says"):
        run_scoring(lived.spec, lived.spec.partition(DAY), lived.gateways)
    assert DAY not in lived.gateways.lake.partitions(model, SCORES)
