"""The drift check, the retrain decision, promotion by hand, rollback and status, in one process."""

from __future__ import annotations

import html
from datetime import timedelta
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest
from mlflow import MlflowClient

from evenkeel.vocabulary.errors import EvenkeelError, GateRefusedError
from evenkeel.workflows.account_words import account_in_words
from evenkeel.workflows.check_window import check_run, scored_by
from evenkeel.workflows.drift import measure_drift
from evenkeel.workflows.drift_check import gather_window
from evenkeel.workflows.ledger import Kind
from evenkeel.workflows.pipelines import run_drift_check, run_retraining, run_scoring, run_training
from evenkeel.workflows.promote import judge_version, promote_version, roll_back
from evenkeel.workflows.status import model_status

if TYPE_CHECKING:
    from collections.abc import Callable

    from evenkeel.vocabulary.spec import ModelSpec
    from evenkeel.workflows.check_window import Measured
    from evenkeel.workflows.drift_check import Recorded
    from tests.workflows.conftest import House

DAYS = ("2013-02-05", "2013-02-06", "2013-02-07", "2013-02-08", "2013-02-09")
"""Five days: the check of the first acts before any of its labels has matured, that of the second has labels of one day."""


def scored(house: House) -> House:
    for day in DAYS:
        run_scoring(house.spec, house.spec.partition(day), house.gateways)
    return house


def check(house: House, day: str = DAYS[-1]) -> Recorded:
    return run_drift_check(house.spec, house.spec.partition(day), house.gateways)


def flip(house: House) -> None:
    """From the first scored day on, late is called on time."""
    for day in DAYS:
        house.change("outcomes", day, lambda rows: rows.assign(arrived_late=1 - rows["arrived_late"]))


@pytest.mark.parametrize("draws_pages", [True])
@pytest.mark.parametrize("model", ["flight_delay", "flight_duration"])
def test_a_check_records_both_answers_with_their_numbers(trained: House) -> None:
    """Drift and performance of the window are on record, with every measure of every column, and the report is kept as a page."""
    recorded = check(scored(trained))
    checks = trained.gateways.lake.read(trained.spec.model, "drift_checks")
    columns = trained.gateways.lake.read(trained.spec.model, "drift_columns")
    assert checks is not None
    assert columns is not None
    assert (recorded.champion, checks["labels"].iloc[0] > 1000) == (1, True)
    distributions = columns[columns["kind"] == "distribution"]["column"]
    assert set(distributions) == {*trained.spec.features.names, "_label"}  # three days of scores are no reference
    assert set(columns["kind"]) == {"distribution", "nulls", "unseen", "together"}
    assert b"drawDashboard" in trained.gateways.pages.get(checks["page"].iloc[0])


def test_what_somebody_asked_a_version_to_score_is_not_checked(trained: House) -> None:
    """Days it was not champion of, or asked for: what it says there it never said to anybody as champion."""
    scored(trained)
    run_scoring(trained.spec, trained.spec.partition(DAYS[-1]), trained.gateways, champion="current")
    mine = scored_by(trained.spec, 1, DAYS[-3:], trained.gateways)
    assert set(mine["_partition"]) == set(DAYS[-3:-1])


def test_without_scores_there_is_no_answer(trained: House) -> None:
    """Nothing scored is `insufficient_data`, never `none`, and no signal (law 21)."""
    recorded = check(trained)
    assert (recorded.drift, recorded.decay, recorded.signal) == ("insufficient_data", "insufficient_data", False)


def test_flipped_labels_are_decay(trained: House) -> None:
    """A champion whose labels turned round signals, with what it promised and what it does."""
    flip(scored(trained))
    recorded = check(trained)
    assert recorded.decay == "drift"
    assert recorded.signal
    assert "was promised" in recorded.reason


@pytest.mark.parametrize("draws_pages", [True])
def test_a_signal_comes_with_an_account_on_record_and_on_its_page(trained: House) -> None:
    """The check says where the signal comes from, under 4 KB, and the page shows it once, however often the check is run."""
    flip(scored(trained))
    for _ in range(2):
        check(trained)
    checks = trained.gateways.lake.read("flight_delay", "drift_checks", partitions=[DAYS[-1]])
    assert checks is not None
    account = checks["account"].iloc[0]
    sentences = account_in_words(account)
    assert len(account) < 4096
    assert any(one.startswith("log_loss a row is") for one in sentences)
    page = trained.gateways.pages.get(checks["page"].iloc[0]).decode()
    assert page.count("<h2>Where it comes from</h2>") == 1
    assert all(html.escape(one) in page for one in sentences)


def test_a_quiet_check_has_no_account(trained: House) -> None:
    """Without a signal nothing is accounted for."""
    assert not check(scored(trained)).signal
    checks = trained.gateways.lake.read("flight_delay", "drift_checks", partitions=[DAYS[-1]])
    assert checks is not None
    assert checks["account"].tolist() == [""]


def test_each_day_of_the_window_is_on_record_with_its_estimate(trained: House) -> None:
    """The check's partition of `performance_days` holds a row a day of its window: estimates, and truths as labels mature."""
    check(scored(trained))
    days = trained.gateways.lake.read("flight_delay", "performance_days", partitions=[DAYS[-1]])
    assert days is not None
    assert days["day"].tolist() == list(DAYS[-3:])
    assert days["value"].notna().tolist() == [True, True, False]
    assert days["estimate"].between(0.5, 0.9).all()


def test_the_run_of_the_checks_is_there_before_the_first_check(trained: House) -> None:
    """A training made it, so that the first checks, several at a time, do not make one each."""
    client = MlflowClient(f"sqlite:///{trained.root / 'mlflow.db'}")
    experiment = client.get_experiment_by_name("flight_delay")
    assert experiment is not None
    names = [one.info.run_name for one in client.search_runs([experiment.experiment_id])]
    assert names.count("monitoring") == 1


@pytest.mark.parametrize("draws_pages", [True])
def test_figures_of_checks_are_one_run_over_time(trained: House) -> None:
    """One MLflow run a model, a day a step; a check that is repeated adds nothing, and none is left running (law 7)."""
    scored(trained)
    for day in (DAYS[-1], DAYS[-2], DAYS[-1]):
        check(trained, day)
    registry = trained.gateways.registry
    run_id = registry.begin("flight_delay", "monitoring", name="monitoring", tags={})
    assert registry.finished(run_id)
    client = MlflowClient(f"sqlite:///{trained.root / 'mlflow.db'}")
    steps = [trained.spec.partition(day).day.toordinal() for day in DAYS[-2:]]
    for name in ("decay.measured", "decay.fall", "decay.estimated", "drift.rows"):
        assert sorted(one.step for one in client.get_metric_history(run_id, name)) == steps


def test_a_signal_is_answered_once_however_often_it_is_heard(trained: House) -> None:
    """Ten events of one check are one decision on record (law 22)."""
    flip(scored(trained))
    check(trained)
    instant = trained.spec.check_as_of(trained.spec.partition(DAYS[-1]))
    for _ in range(10):
        assert run_retraining(trained.spec, instant, trained.gateways) is None
    answers = [one for one in trained.gateways.ledger.entries("flight_delay") if one.kind is Kind.DECLINED]
    assert [one.reason for one in answers] == [
        "1 of the last 1 checks of champion 1 signalled (1 of them decay); 3 of 5 are needed"
    ]


def test_a_persistent_signal_launches_a_training(trained: House) -> None:
    """Signals of three checks in a row launch a training as of the last one, and its end is reported."""
    gate = trained.spec.data_gate.model_copy(update={"labels": None})  # it would refuse to learn from flipped labels
    spec = trained.spec.model_copy(update={"data_gate": gate})
    flip(scored(trained))
    for day in DAYS:
        check(trained, day)
    instant = spec.check_as_of(spec.partition(DAYS[-1]))
    answer = run_retraining(spec, instant, trained.gateways)
    assert answer is not None
    assert answer.result in {"promoted", "kept"}
    kinds = [one.kind for one in trained.gateways.ledger.entries("flight_delay")]
    assert kinds[:2] == [Kind.PROMOTED, Kind.RETRAIN]
    assert run_retraining(spec, instant, trained.gateways) == answer
    assert [one.kind for one in trained.gateways.ledger.entries("flight_delay")] == kinds
    assert trained.gateways.registry.versions("flight_delay")[-1].number == 2


@pytest.fixture
def two_versions(trained: House) -> House:
    """Version 2 was trained a day later and, by a wide margin to beat, not promoted."""
    promotion = trained.spec.promotion.model_copy(update={"margin": 0.2})
    spec = trained.spec.model_copy(update={"promotion": promotion})
    assert run_training(spec, trained.at("2013-02-02"), trained.gateways).kind == "kept"
    return trained


def test_promotion_by_hand_goes_through_the_gate(two_versions: House) -> None:
    """A version that does not beat the champion is refused; forcing it needs a reason, and the ledger keeps both."""
    spec, gateways, instant = two_versions.spec, two_versions.gateways, two_versions.at("2013-02-03")
    promotion = spec.promotion.model_copy(update={"margin": 0.2})
    careful = spec.model_copy(update={"promotion": promotion})
    verdict = judge_version(careful, instant, 2, gateways)
    assert verdict.outcome == "refuse"
    with pytest.raises(GateRefusedError, match="force it with a reason"):
        promote_version(careful, instant, 2, verdict, gateways, force=False, reason="")
    with pytest.raises(GateRefusedError, match="needs a reason"):
        promote_version(careful, instant, 2, verdict, gateways, force=True, reason=" ")
    promote_version(careful, instant, 2, verdict, gateways, force=True, reason="the old one is broken")
    entry = gateways.ledger.entries(spec.model)[-1]
    assert (entry.kind, entry.version, entry.previous_version) == (Kind.PROMOTED, 2, 1)
    assert "forced: the old one is broken" in entry.reason
    assert gateways.registry.champion_alias(spec.model) == 2


def test_a_rollback_is_one_entry_and_holds_from_its_instant(two_versions: House) -> None:
    """Rolling back returns the previous champion from then on; doing it twice changes nothing, and what was rolled back does
    not return by rolling back again (law 19).
    """
    spec, gateways = two_versions.spec, two_versions.gateways
    verdict = judge_version(spec, two_versions.at("2013-02-03"), 2, gateways)
    promote_version(spec, two_versions.at("2013-02-03"), 2, verdict, gateways, force=True, reason="rehearsal")
    for _ in range(2):
        assert roll_back(spec, two_versions.at("2013-02-05"), gateways, reason="it misbehaves").champion == 1
    champions = [gateways.ledger.champion(spec.model, two_versions.at(f"2013-02-0{day}")) for day in (2, 4, 6)]
    assert [one.version for one in champions if one is not None] == [1, 2, 1]
    assert len([one for one in gateways.ledger.entries(spec.model) if one.kind is Kind.ROLLED_BACK]) == 1
    with pytest.raises(EvenkeelError, match="no earlier champion"):
        roll_back(spec, two_versions.at("2013-02-07"), gateways, reason="again")


def test_an_unknown_version_is_told_with_those_there_are(trained: House) -> None:
    """Promoting a version that does not exist names the ones that do."""
    with pytest.raises(EvenkeelError, match="1"):
        judge_version(trained.spec, trained.at("2013-02-03"), 7, trained.gateways)


def test_status_says_where_a_model_stands(trained: House) -> None:
    """Champion, promise, last training, last scores, last check: from the tables alone."""
    check(scored(trained))
    status = model_status(trained.spec, trained.gateways)
    assert (status.champion, status.last_scored, status.last_check) == (1, DAYS[-1], DAYS[-1])
    assert status.last_training is not None
    assert status.last_training.kind == "promoted"
    assert status.promised is not None
    assert status.promised > 0.55


def test_the_status_of_an_untrained_model_is_empty(house: House) -> None:
    """A model nobody has trained has a status all the same."""
    status = model_status(house.spec, house.gateways)
    assert (status.champion, status.last_training, status.last_scored, status.drift) == (None, None, None, None)


def measured_of(house: House, change: Callable[[pd.DataFrame], pd.DataFrame]) -> tuple[Measured, pd.DataFrame]:
    """The drift of the scored days after a change of what was published of them, with its measures."""
    partition = house.spec.partition(DAYS[-1])
    gather_window(house.spec, partition, house.gateways)
    run = check_run(house.spec, partition)
    house.gateways.staging.put(run, "scored", change(house.gateways.staging.get(run, "scored")))
    found = measure_drift(house.spec, partition, house.gateways)
    if found.outcome == "insufficient_data":
        return found, pd.DataFrame()
    return found, house.gateways.staging.get(run, "columns")


def test_a_feature_without_any_value_is_told_by_its_nulls(trained: House) -> None:
    """An all-null column has no distribution to measure; that its values are gone is drift of its nulls."""
    found, columns = measured_of(scored(trained), lambda rows: rows.assign(humidity=np.nan))
    assert (found.outcome, "nulls of humidity" in found.causes) == ("drift", True)
    assert "distribution" not in set(columns[columns["column"] == "humidity"]["kind"])


def test_a_category_that_nobody_knew_is_told_as_unseen(trained: House) -> None:
    """New categories only: the distribution moved, and so did the rate of unseen values, to all of them."""
    found, columns = measured_of(scored(trained), lambda rows: rows.assign(carrier="ZZ"))
    assert {"carrier", "unseen values of carrier"} <= set(found.causes)
    unseen = columns[(columns["column"] == "carrier") & (columns["kind"] == "unseen")]
    assert unseen["score"].iloc[0] == pytest.approx(1.0, abs=0.05)


def test_a_feature_that_is_missing_is_left_out_and_the_others_are_measured(trained: House) -> None:
    """A column that the published scores lack, because the spec gained it since, is in no measure; the rest is."""
    found, columns = measured_of(scored(trained), lambda rows: rows.drop(columns="humidity"))
    assert "humidity" not in set(columns["column"])
    assert found.numbers["measures"] == len(columns) > 20


def test_a_window_of_one_row_is_insufficient(trained: House) -> None:
    """One row says nothing, and the message says how many are needed."""
    found, _ = measured_of(scored(trained), lambda rows: rows.head(1))
    assert (found.outcome, found.reason) == (
        "insufficient_data",
        "1 rows in the window, 500 are needed (drift.min_rows)",
    )


def test_without_labels_drift_is_measured_and_decay_is_not_known(trained: House) -> None:
    """No label at all: the inputs are measured as ever, performance is `insufficient_data` (law 21)."""
    for day in DAYS:
        run_scoring(trained.spec, trained.spec.partition(day), trained.gateways)
        trained.change("outcomes", day, lambda rows: rows.assign(arrived_late=np.nan))
    recorded = check(trained)
    assert (recorded.decay, recorded.drift != "insufficient_data") == ("insufficient_data", True)


def test_what_was_so_a_season_ago_is_no_drift(trained: House) -> None:
    """Flights of another distance drift; where they were as far a season ago, they do not, and the reason says so."""
    days = [f"2013-02-{day:02}" for day in range(2, 14)]
    for day in days:
        trained.change("schedule", day, lambda rows: rows.assign(distance=700 + 0.2 * rows["distance"]))
        run_scoring(trained.spec, trained.spec.partition(day), trained.gateways)
    last = trained.spec.partition(days[-1])
    seasonal = trained.spec.model_copy(
        update={"drift": trained.spec.drift.model_copy(update={"season": timedelta(days=5)})}
    )
    gather_window(trained.spec, last, trained.gateways)
    first, second = (measure_drift(spec, last, trained.gateways) for spec in (trained.spec, seasonal))
    assert ("distance" in first.causes, "distance" in second.causes) == (True, False)
    assert "as it was 5 days before: " in second.reason


def test_what_a_short_reference_cannot_measure_is_named(trained: House) -> None:
    """Scores are known of the holdout only: where that has fewer than seven days, the reason says they are not measured."""
    assert "; not measured, for a reference of fewer than 7 days: _prediction" in check(scored(trained)).reason


def test_of_many_rows_a_share_of_each_day_is_looked_at_with_its_own_labels(trained: House) -> None:
    """More than `drift.daily_rows` rows a day: the same share of each, the same at every time, with the label each row has."""
    scored(trained)
    partition = trained.spec.partition(DAYS[-1])
    few = trained.spec.model_copy(update={"drift": trained.spec.drift.model_copy(update={"daily_rows": 200})})

    def looked_at(spec: ModelSpec) -> pd.DataFrame:
        gather_window(spec, partition, trained.gateways)
        return trained.gateways.staging.get(check_run(spec, partition), "scored")

    whole, share, again = looked_at(trained.spec), looked_at(few), looked_at(few)
    assert share.equals(again)
    days = share.groupby("_partition").size() / whole.groupby("_partition").size()
    assert days.between(0.15, 0.35).all()
    found = share.merge(whole, on="flight_id", suffixes=("", "_whole"), validate="one_to_one")
    assert len(found) == len(share)
    assert found["_label"].equals(found["_label_whole"])
    assert 0 < found["_label"].notna().mean() < 1
