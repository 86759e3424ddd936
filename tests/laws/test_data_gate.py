"""The laws of the data gate, 11 to 14, in scoring and training of both models; tests/workflows has the catalogue of damages."""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
import yaml

from evenkeel.vocabulary import columns as c
from evenkeel.vocabulary.errors import EvenkeelError, GateRefusedError
from evenkeel.vocabulary.tables import LEDGER, QUARANTINE, REFUSED, SCORES
from evenkeel.workflows import score, train
from evenkeel.workflows.gateways import Gateways
from evenkeel.workflows.ledger import Kind
from tests.laws.house import DAY, each
from tests.laws.pipelines import RETRAINING, SCORING, TRAINED, TRAINING, contents, everything, over, rows_of
from tests.workflows.conftest import PROJECT

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.laws.pipelines import Pipeline
    from tests.workflows.conftest import House

    Change = Callable[[pd.DataFrame], pd.DataFrame]


def first(count: int, column: str, value: Any) -> Change:
    """Another value in the first rows of a column."""
    return lambda rows: rows.assign(**{column: rows[column].astype(object).where(np.arange(len(rows)) >= count, value)})


IN_WINDOW = {TRAINING.name: "2013-01-30", RETRAINING.name: "2013-01-30", SCORING.name: DAY}
"""A day that each pipeline reads and has not met yet."""


@over(SCORING, TRAINING, RETRAINING)
def test_law_11_a_critical_failure_leaves_everything_as_it_was(lived: House, pipeline: Pipeline) -> None:
    """One airport that is none: no score, no challenger, no MLflow run, and the champion stays; what there is, is the refusal on
    record (law 11).
    """
    lived.change("schedule", IN_WINDOW[pipeline.name], first(1, "origin", "LHR"))
    before = everything(lived)
    with pytest.raises(GateRefusedError):
        pipeline.run(lived)
    after = everything(lived)
    for told in (before, after):
        told["table versions"] = {
            key: one for key, one in told["table versions"].items() if key not in {REFUSED, LEDGER}
        }
    refused, entries = after.pop(REFUSED, None), after.pop("ledger")
    new = [one["kind"] for one in entries if one not in before["ledger"]]
    before.pop("ledger")
    assert after == before
    if pipeline is SCORING:
        assert (refused is None, new) == (False, [])
        assert rows_of(lived, REFUSED)[c.PARTITION].tolist() == [DAY]
    else:
        assert Kind.REFUSED in new
        assert refused is None


@over(SCORING, TRAINING)
def test_law_11_the_message_names_expectation_column_count_and_examples(lived: House, pipeline: Pipeline) -> None:
    """Who reads the message of the red task knows what to look for, and where (law 11)."""
    day = IN_WINDOW[pipeline.name]
    lived.change("schedule", day, first(3, "origin", "LHR"))
    with pytest.raises(GateRefusedError) as told:
        pipeline.run(lived)
    key = pd.read_parquet(lived.landed("schedule", day), partitioning=None)["flight_id"].iloc[0]
    said = f"expect_column_values_to_be_in_set on origin: 3 rows, such as flight_id={key} origin=LHR"
    assert said in str(told.value)
    assert f"refused by suite {lived.spec.data_gate.rows}" in str(told.value)


def test_law_11_a_refused_partition_is_refused_until_it_is_repaired(lived: House) -> None:
    """Run again it is refused again, with no retry in between; repaired, it is published and no longer on record as refused
    (law 11).
    """
    original = pd.read_parquet(lived.landed("schedule", DAY), partitioning=None)
    lived.change("schedule", DAY, first(1, "origin", "LHR"))
    for _ in range(2):
        with pytest.raises(GateRefusedError):
            SCORING.run(lived)
    assert len(rows_of(lived, REFUSED)) == 1
    lived.change("schedule", DAY, lambda _: original)
    SCORING.run(lived)
    assert rows_of(lived, REFUSED).empty
    assert DAY in lived.gateways.lake.partitions(lived.spec.model, SCORES)


def test_law_11_a_gate_is_not_tried_again() -> None:
    """The retry policy fails a refused gate at once, as anything else that is no fault of a service (law 11)."""
    from airflow.sdk import RetryAction

    from evenkeel.airflow.declare import RETRIES

    for error in (GateRefusedError("x"), EvenkeelError("x")):
        assert RETRIES.evaluate(error, try_number=1, max_tries=3).action is RetryAction.FAIL


def test_law_11_nothing_goes_on_behind_a_gate_that_failed(model: str) -> None:
    """In each DAG the tasks that publish, promote or tell an asset come after every gate, and run only where all before them
    succeeded (law 11).
    """
    from tests.dags.test_dags import dags

    for pipeline, gates in (("score", ("validate", "validate_scores")), ("train", ("validate", "gate"))):
        dag = dags()[f"{model}_{pipeline}"]
        outlets = [task for task in dag.tasks if task.outlets]
        assert outlets
        for task in outlets:
            assert task.trigger_rule == "all_success"
            before = set(task.get_flat_relative_ids(upstream=True))
            assert before.issuperset(gates)
            assert all(dag.get_task(one).trigger_rule == "all_success" for one in before)


BUDGET = 0.02


@over(SCORING, TRAINING)
def test_law_12_a_warning_sets_rows_aside_with_reasons(lived: House, pipeline: Pipeline) -> None:
    """Two rows of a carrier nobody knows do not stop a run: they are set aside, named, and the others go on (law 12)."""
    lived.change("schedule", IN_WINDOW[pipeline.name], first(2, "carrier", "ZZ"))
    if pipeline is TRAINING:
        instant = lived.at(TRAINED)
        train.extract_window(lived.spec, instant, lived.gateways)
        validated = train.validate_window(lived.spec, instant, lived.gateways)
        labelled = lived.gateways.staging.get(train.training_run(lived.spec, instant), "extracted")
        assert validated.quarantined == (labelled["carrier"] == "ZZ").sum() > 0
        assert validated.rows == len(labelled) - validated.quarantined
        return
    assert SCORING.run(lived).quarantined == 2
    aside = rows_of(lived, QUARANTINE, partitions=[DAY])
    assert aside["carrier"].tolist() == ["ZZ", "ZZ"]
    assert (
        aside[c.REASONS]
        .str.contains("expect_column_values_to_be_in_set on carrier: A carrier the model has never met")
        .all()
    )


@pytest.mark.parametrize("over_it", [False, True], ids=["within", "over"])
def test_law_12_over_the_budget_a_warning_is_critical(lived: House, over_it: bool) -> None:
    """As many bad rows as the budget allows are set aside; one more refuses the partition, with the share and the findings
    (law 12).
    """
    rows = len(pd.read_parquet(lived.landed("schedule", DAY), partitioning=None))
    allowed = int(rows * BUDGET)
    assert lived.spec.data_gate.quarantine_budget == BUDGET
    lived.change("schedule", DAY, first(allowed + over_it, "carrier", "ZZ"))
    if not over_it:
        assert SCORING.run(lived).quarantined == allowed
        return
    said = rf"{allowed + 1} of {rows} rows \(2\.\d%\) would be quarantined, the budget is 2\.0%: .*on carrier: {allowed + 1} rows"
    with pytest.raises(GateRefusedError, match=said):
        SCORING.run(lived)
    assert DAY not in lived.gateways.lake.partitions(lived.spec.model, SCORES)


def test_law_12_over_the_budget_a_training_is_refused(lived: House) -> None:
    """A window of which more rows than the budget are bad trains nobody (law 12)."""
    each(lived.root / "data" / "flights" / "schedule", first(60, "carrier", "ZZ"), "2013-01-27")
    with pytest.raises(GateRefusedError, match=r"would be quarantined, the budget is 2\.0%"):
        TRAINING.run(lived)


BROKEN: dict[str, Any] = {"type": "expect_column_values_to_match_regex", "kwargs": {"regex": "("}}
"""No pattern: whoever evaluates it raises."""


def with_broken_suite(house: House, suite: str, column: str, severity: str) -> House:
    """The house in a project of its own, one of whose suites has an expectation that cannot be evaluated."""
    project = house.root / "project"
    shutil.copytree(PROJECT / "config", project / "config")
    file = project / "config" / "expectations" / f"{suite}.yaml"
    content = yaml.safe_load(file.read_text())
    broken = BROKEN | {"kwargs": BROKEN["kwargs"] | {"column": column}, "severity": severity}
    file.write_text(yaml.safe_dump(content | {"expectations": [*content["expectations"], broken]}))
    settings = replace(house.gateways.settings, project=project)
    return type(house)(house.spec, Gateways(settings, actor="laws", run="scheduled__1", draws_pages=False), house.root)


@pytest.mark.parametrize("severity", ["critical", "warning"])
@pytest.mark.parametrize(
    ("pipeline", "guard", "column"),
    [
        (SCORING, "rows", "carrier"),
        (TRAINING, "rows", "carrier"),
        (TRAINING, "labels", "origin"),
        (SCORING, "scores", "origin"),
    ],
    ids=["rows of a day", "rows of a window", "labels", "scores"],
)
def test_law_13_an_exception_in_the_validator_is_no_pass(
    lived: House, pipeline: Pipeline, guard: str, column: str, severity: str
) -> None:
    """At every gate, an expectation that raises fails the run with its name and its cause, whatever its severity, and nothing is
    published (law 13).
    """
    house = with_broken_suite(lived, str(getattr(lived.spec.data_gate, guard)), column, severity)
    before = contents(house)
    with pytest.raises(
        EvenkeelError, match=rf"expect_column_values_to_match_regex on {column} could not be evaluated"
    ) as told:
        pipeline.run(house)
    assert not isinstance(told.value, GateRefusedError)
    assert contents(house) == before


@dataclass(frozen=True)
class Batch:
    """A failing batch: what is done to landed files of a table, which pipeline must refuse it, and what it says."""

    kind: str
    change: Change
    says: str
    pipeline: Pipeline = SCORING
    table: str = "schedule"
    since: str = DAY
    gate: bool = True


FAILING = (
    Batch("missing column", lambda rows: rows.drop(columns="origin"), "column origin is missing", gate=False),
    Batch(
        "changed type",
        lambda rows: rows.assign(distance=rows["distance"].astype(str) + " mi"),
        "Failed to parse string: .* double",
        gate=False,
    ),
    Batch("unseen category", first(1, "origin", "LHR"), "to_be_in_set on origin: 1 row"),
    Batch("empty batch", lambda rows: rows.iloc[:0], "the partition is empty"),
    Batch(
        "duplicate key",
        # Of two that landed at one moment nobody can say which counts.
        lambda rows: pd.concat([rows, rows.head(1)]),
        "expect_compound_columns_to_be_unique on flight_id, _partition",
    ),
    Batch("all-null column", lambda rows: rows.assign(carrier=None), "to_not_be_null on carrier"),
    Batch("volume drop", lambda rows: rows.iloc[::3], r"row_count_to_be_between: observed \d+"),
    Batch(
        "volume jump",
        lambda rows: pd.concat([rows, rows.assign(flight_id=rows["flight_id"] + "-b")]),
        r"row_count_to_be_between: observed \d+",
    ),
    Batch(
        "label-rate jump",
        lambda rows: rows.assign(arrived_late=1, air_time=rows["air_time"] * 1.5),
        "mean_to_be_between on _label",
        pipeline=TRAINING,
        table="labels",
        since="2013-02-03",
    ),
    Batch(
        "missing column of labels",
        lambda rows: rows.drop(columns="known_at"),
        "known_at is missing",
        TRAINING,
        "labels",
        gate=False,
    ),
)


@pytest.mark.parametrize("batch", FAILING, ids=[one.kind for one in FAILING])
def test_law_14_each_damage_has_its_failing_batch(lived: House, batch: Batch) -> None:
    """Missing column, changed type, unseen category, empty batch, duplicate key, all-null column, jump of volume or of the
    label's rate: told by name, and nothing is published (law 14).
    """
    since = "2013-02-05" if batch.table == "labels" and not batch.gate else batch.since
    each(lived.root / "data" / "flights" / batch.table, batch.change, since)
    before = contents(lived)
    with pytest.raises(EvenkeelError, match=batch.says) as told:
        batch.pipeline.run(lived)
    assert isinstance(told.value, GateRefusedError) == batch.gate
    after = {key: one for key, one in contents(lived).items() if key != REFUSED}
    if batch.pipeline is TRAINING and batch.gate:  # the refusal is a decision
        after["ledger"] = [one for one in after["ledger"] if one["kind"] != Kind.REFUSED]
    assert after == before


def test_law_14_the_kinds_of_damage_are_those_of_the_law() -> None:
    """None of the law's damages lacks a batch (law 14)."""
    rows = "missing column, changed type, unseen category, empty batch, duplicate key, all-null column"
    assert {one.kind for one in FAILING} >= {*rows.split(", "), "volume jump", "label-rate jump"}


def test_law_14_a_key_of_another_day_is_set_aside(lived: House) -> None:
    """A flight that was published the day before is no second flight (law 14)."""
    yesterday = pd.read_parquet(lived.landed("schedule", "2013-02-05"), partitioning=None).head(2)
    day = pd.Timedelta(days=1)
    moved = yesterday.assign(scheduled_departure=yesterday["scheduled_departure"] + day)
    lived.change("schedule", DAY, lambda rows: pd.concat([rows, moved]))
    assert SCORING.run(lived).quarantined == 2
    reasons = rows_of(lived, QUARANTINE, partitions=[DAY])[c.REASONS]
    assert all(re.search(r"Another day has that flight already\.; the key is in 2013-02-05", one) for one in reasons)


def test_law_13_a_validator_without_results_is_no_pass(lived: House) -> None:
    """A step whose rows were never validated cannot be skipped over: the next one finds nothing to go on with (law 13)."""
    partition = lived.spec.partition(DAY)
    score.extract_partition(lived.spec, partition, lived.gateways)
    with pytest.raises(EvenkeelError, match="is not staged: the step that makes it has not run"):
        score.score_shard(lived.spec, partition, 0, lived.gateways)
    with pytest.raises(EvenkeelError, match="is not staged: the step that makes it has not run"):
        score.publish_scores(lived.spec, partition, lived.gateways)
    with pytest.raises(EvenkeelError, match="is not staged: the step that makes it has not run"):
        train.split_window(lived.spec, lived.at("2013-02-07"), lived.gateways)
