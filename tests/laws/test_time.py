"""The laws of time, 1 to 5, against every pipeline they concern and both models."""

from __future__ import annotations

import ast
import datetime as clock
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

import evenkeel
from evenkeel.airflow.as_of import as_of_of_run, as_of_of_signal, partition_of_run
from evenkeel.vocabulary import columns as c
from evenkeel.vocabulary.errors import AsOfMissingError, EvenkeelError
from evenkeel.vocabulary.partition import Partition
from evenkeel.vocabulary.tables import CHECKS, SCORES
from evenkeel.vocabulary.verdict import Outcome, Verdict
from evenkeel.workflows import needs, train
from evenkeel.workflows.ledger import Entry, Kind
from evenkeel.workflows.pipelines import run_drift_check, run_retraining, run_scoring, run_training
from evenkeel.workflows.promote import promote_version, roll_back
from evenkeel.workflows.retrain import signal_id
from tests.laws.future import add_later_decisions, change_sources
from tests.laws.house import CHECKED, DAY, SCORED, open_house, with_promotion
from tests.laws.pipelines import ACTING, DRIFT_CHECK, RETRAINING, TRAINING, Pipeline, entries_of, everything, over

if TYPE_CHECKING:
    from collections.abc import Callable

    from evenkeel.vocabulary.spec import ModelSpec
    from tests.workflows.conftest import House

FORCED = Verdict(Outcome.INCONCLUSIVE, "nobody asked")


def it_is(monkeypatch: pytest.MonkeyPatch, now: clock.datetime) -> None:
    """Set the clock of every evenkeel module that is loaded, and of time itself."""

    class Clock(clock.datetime):
        @classmethod
        def now(cls, tz: clock.tzinfo | None = None) -> clock.datetime:
            return now.astimezone(tz) if tz is not None else now.replace(tzinfo=None)

        utcnow = today = now

    for name, module in list(sys.modules.items()):
        if name.partition(".")[0] == "evenkeel" and getattr(module, "datetime", None) is clock.datetime:
            monkeypatch.setattr(module, "datetime", Clock)
    monkeypatch.setattr("time.time", now.timestamp)


@over(*ACTING)
def test_law_01_two_runs_of_one_as_of_give_the_same_whatever_the_clock_says(
    lived: House, twin: House, pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Run before the data began, or decades after: every table and its version, the ledger but for `recorded_at`, every model
    version, MLflow run and alias are equal (law 1).
    """
    for house, year in ((lived, 2012), (twin, 2040)):
        with monkeypatch.context() as patch:
            it_is(patch, clock.datetime(year, 6, 1, tzinfo=clock.UTC))
            pipeline.run(house)
    assert everything(lived) == everything(twin)


CLOCKS = {
    "airflow/need_trigger.py": 1,  # whether a retraining that is not decided can still be under way
    "airflow/operators/waiting.py": 1,  # what is to come is not acted on
    "airflow/operators/maintain.py": 2,  # maintenance acts on things as they are now
    "gateways/registry.py": 5,  # when a run was begun, a metric was written (of a training, of a check), a file was dropped
    "gateways/staging.py": 1,  # what was staged long ago is dropped
    "workflows/alert_record.py": 1,  # `recorded_at`: when people were told
    "workflows/alerts.py": 1,  # whether another run can still be sending an alert
    "workflows/ledger.py": 1,  # `recorded_at`
    "workflows/promote.py": 1,  # whether whoever decided can still be about to point the alias
}
"""Where the clock may be asked, and how often."""


def test_law_01_only_what_says_when_it_was_written_asks_the_clock() -> None:
    """No other module, but for the command line and the local stack, asks what time it is (law 1)."""
    found: dict[str, int] = {}
    package = Path(evenkeel.__file__).parent
    for file in sorted(package.rglob("*.py")):
        place = file.relative_to(package).as_posix()
        if not place.startswith(("cli/", "local/")):
            asked = sum(_asks_the_clock(node) for node in ast.walk(ast.parse(file.read_text())))
            found |= {place: asked} if asked else {}
    assert found == CLOCKS


def _asks_the_clock(node: ast.AST) -> bool:
    if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
        return False
    of = node.func.value.id if isinstance(node.func.value, ast.Name) else ""
    return node.func.attr in {"now", "utcnow", "today", "time_ns", "localtime", "gmtime"} or (
        node.func.attr == "time" and of in {"time", "clock"}
    )


@over(*ACTING)
def test_law_02_what_came_after_the_as_of_changes_nothing(lived: House, twin: House, pipeline: Pipeline) -> None:
    """Rows later, known later or landed later, corrections of earlier ones, labels that mature later, and later scores, checks,
    promotions and retrainings: the pipeline leaves what it leaves in a house without a future (law 2).
    """
    pipeline.run(lived)
    change_sources(twin, pipeline.as_of(twin))
    add_later_decisions(twin, pipeline.as_of(twin))
    pipeline.run(twin)
    assert pipeline.outcome(twin) == pipeline.outcome(lived)


def test_law_02_a_training_learns_from_each_day_what_scoring_saw_of_it(lived: House, twin: House) -> None:
    """What came after a day's own as-of, though before the training's, is in none of that day's features (law 2)."""
    day = lived.spec.partition("2013-01-30")
    windows = []
    change_sources(twin, twin.spec.scoring_as_of(day), labels=False)
    for house in (lived, twin):
        train.extract_window(house.spec, house.at("2013-02-01"), house.gateways)
        run = train.training_run(house.spec, house.at("2013-02-01"))
        extracted = house.gateways.staging.get(run, "extracted")
        seen = extracted[extracted[c.PARTITION] <= day.key]
        windows.append(seen.reset_index(drop=True))
    assert len(windows[0]) > 1000
    pd.testing.assert_frame_equal(*windows)


def promote(house: House, version: int, day: str) -> None:
    """Make a version champion from a day on, whatever it is worth."""
    promote_version(house.spec, house.at(day), version, FORCED, house.gateways, force=True, reason="a rehearsal")


def test_law_03_a_past_partition_is_scored_by_the_champion_of_then(lived: House) -> None:
    """A promotion holds from its instant on: the day before goes on with the old champion, that day has the new one (law 3)."""
    promote(lived, 2, DAY)
    before = lived.spec.partition(DAY).shift(-1)
    assert run_scoring(lived.spec, before, lived.gateways).champion == 1
    assert run_scoring(lived.spec, lived.spec.partition(DAY), lived.gateways).champion == 2
    assert set(lived.scores(before.key)[c.MODEL_VERSION]) == {1}
    assert set(lived.scores(DAY)[c.MODEL_VERSION]) == {2}
    assert set(lived.scores(DAY)[c.CHOICE]) == {"as_of"}


@pytest.mark.parametrize(("choice", "version"), [("as_of", 1), ("current", 2), ("1", 1), ("2", 2)])
def test_law_03_a_run_may_ask_for_another_version_and_its_scores_say_so(
    lived: House, choice: str, version: int
) -> None:
    """`champion` takes the current one or a version; output and commit name version and choice (law 3)."""
    promote(lived, 2, "2013-02-08")
    run_scoring(lived.spec, lived.spec.partition(DAY), lived.gateways, champion=choice)
    scores = lived.scores(DAY)
    assert (set(scores[c.MODEL_VERSION]), set(scores[c.CHOICE])) == ({version}, {choice})
    told = lived.gateways.lake.commits(lived.spec.model, SCORES, DAY)[0].metadata
    assert (told["champion"], told["choice"]) == (str(version), choice)


def test_law_03_before_the_first_promotion_there_is_no_champion(lived: House) -> None:
    """A day before it is not scored by whoever came later; the message says how to get a champion (law 3)."""
    with pytest.raises(EvenkeelError, match=rf"no champion was effective at 2013-01-31.*{lived.spec.model}_train"):
        run_scoring(lived.spec, lived.spec.partition("2013-01-31"), lived.gateways)


def test_law_03_a_check_looks_at_the_champion_of_its_day(lived: House) -> None:
    """The check of a past day is about the scores of the champion of then: not of one that was promoted for a later day, and not
    of a version that somebody asked for, be it the same (law 3).
    """
    promote(lived, 2, DAY)
    for day, asked in zip(SCORED, "21", strict=False):
        run_scoring(lived.spec, lived.spec.partition(day), lived.gateways, champion=asked)
    assert run_drift_check(lived.spec, lived.spec.partition(SCORED[-1]), lived.gateways).champion == 1
    row = lived.gateways.lake.read(lived.spec.model, CHECKS, partitions=[SCORED[-1]])
    assert row is not None
    assert row["champion"].tolist() == [1]
    assert row["rows"].iloc[0] == sum(len(lived.scores(day)) for day in SCORED[2:])


def test_law_03_a_check_leaves_out_what_the_champion_before_scored(lived: House) -> None:
    """The check of a champion's first day is about that day, not about its predecessor's (law 3)."""
    promote(lived, 2, SCORED[-1])
    run_scoring(lived.spec, lived.spec.partition(SCORED[-1]), lived.gateways)
    assert run_drift_check(lived.spec, lived.spec.partition(SCORED[-1]), lived.gateways).champion == 2
    row = lived.gateways.lake.read(lived.spec.model, CHECKS, partitions=[SCORED[-1]])
    assert row is not None
    assert row["rows"].tolist() == [len(lived.scores(SCORED[-1]))]


def _record(house: House, kind: Kind, instant: clock.datetime, entry_id: str) -> None:
    entry = Entry(entry_id, house.spec.model, kind, instant, "", training=train.training_id(house.spec, instant))
    house.gateways.ledger.record(house.spec.model, entry_id, lambda _: entry)


def test_law_03_a_backfill_waits_for_every_decision_that_makes_a_champion(lived: House) -> None:
    """A past day is scored when all is decided that could have changed its champion: scheduled trainings, checks, answers to
    their signals and the trainings these launched, each named in turn; then nothing is waited for (law 3).
    """
    training = lived.spec.training.model_copy(update={"schedule": "0 6 * * 1"})
    house = type(lived)(lived.spec.model_copy(update={"training": training}), lived.gateways, lived.root)
    spec, gateways, day = house.spec, house.gateways, house.spec.partition(DAY)
    signalled, monday = spec.check_as_of(spec.partition(CHECKED)), spec.training_as_of(spec.partition("2013-02-04"))

    def wanted() -> str | None:
        assert needs.decision_needs(spec, spec.scoring_as_of(day), gateways) == needs.scoring_needs(spec, day, gateways)
        return needs.scoring_needs(spec, day, gateways)

    assert wanted() == f"the training as of 2013-02-04 ({spec.model}_train)"
    _record(house, Kind.KEPT, monday, f"{train.training_subject(spec, monday)}/x/1")
    assert wanted() == f"the drift check of 2013-02-01, 2013-02-02, 2013-02-03 ({spec.model}_drift_check)"
    for quiet in ("2013-02-01", "2013-02-02", "2013-02-03"):
        row = {"as_of": spec.check_as_of(spec.partition(quiet)), "drift_outcome": "none", "decay_outcome": "none"}
        gateways.lake.publish(spec.model, CHECKS, quiet, pd.DataFrame([row]), {})
    assert wanted() == f"the answer to the signal of 2013-02-04 ({spec.model}_retrain)"
    _record(house, Kind.RETRAIN, signalled, signal_id(signalled))
    assert wanted() == f"the retraining as of 2013-02-05 ({spec.model}_train)"
    _record(house, Kind.REFUSED, signalled, f"{train.training_subject(spec, signalled)}/refused")
    assert wanted() is None


def test_law_03_a_check_waits_for_the_scores_of_the_champions_of_their_days(lived: House) -> None:
    """Scores that a later decision about their time made out of date are waited for, until they are made again (law 3)."""
    day = lived.spec.partition(SCORED[-1])
    assert needs.check_needs(lived.spec, day, lived.gateways) is None
    promote(lived, 2, SCORED[-1])
    wanted = f"the scores of {SCORED[-1]} to be made again by the champion of then ({lived.spec.model}_score)"
    assert needs.check_needs(lived.spec, day, lived.gateways) == wanted
    run_scoring(lived.spec, day, lived.gateways)
    assert needs.check_needs(lived.spec, day, lived.gateways) is None


WHATEVER = {"margin": -1e6, "slices": {}, "calibration_tolerance": None}
"""Promotes every challenger."""


def _train_early(house: House) -> None:
    run_training(with_promotion(house.spec, **WHATEVER), house.at("2013-02-03"), house.gateways)


def _retrain_early(house: House) -> None:
    spec = with_promotion(house.spec, **WHATEVER)
    assert run_retraining(spec, RETRAINING.as_of(house), house.gateways) is not None


def _promote_early(house: House) -> None:
    promote(house, 2, "2013-02-03")


def _roll_back_early(house: House) -> None:
    promote(house, 2, "2013-02-03")
    roll_back(house.spec, house.at("2013-02-04"), house.gateways, reason="it misbehaved")


EARLY: dict[str, tuple[Callable[[House], None], int]] = {
    "a training": (_train_early, 3),
    "a retraining": (_retrain_early, 3),
    "a promotion by hand": (_promote_early, 2),
    "a rollback": (_roll_back_early, 1),
}


@pytest.mark.parametrize("way", EARLY)
def test_law_04_no_earlier_decision_takes_the_championship_from_a_later_one(lived: House, way: str) -> None:
    """Decided afterwards for an earlier instant, by whichever pipeline, it holds until the later one does: for scores, for who
    is champion now, and for the alias (law 4).
    """
    act, until_then = EARLY[way]
    spec, gateways = lived.spec, lived.gateways
    promote(lived, 2, "2013-02-05T12:00")
    promote(lived, 1, DAY)
    act(lived)
    found = [
        gateways.ledger.champion(spec.model, lived.at(day)) for day in ("2013-02-05T10:00", "2013-02-05T22:00", DAY)
    ]
    assert [one and one.version for one in found] == [until_then, 2, 1]
    assert gateways.registry.champion_alias(spec.model) == 1
    assert run_scoring(spec, spec.partition(DAY), gateways, champion="current").champion == 1


def test_law_04_the_order_of_writing_is_not_the_order_of_holding(lived: House) -> None:
    """Promotions written from the last day to the first give the same champion of every day as written in order (law 4)."""
    for version, day in ((2, "2013-02-09"), (1, "2013-02-08"), (2, "2013-02-06")):
        promote(lived, version, day)
    days = [f"2013-02-{number:02}" for number in range(1, 11)]
    found = [lived.gateways.ledger.champion(lived.spec.model, lived.at(day)) for day in days]
    assert [one and one.version for one in found] == [1, 1, 1, 1, 1, 2, 2, 1, 2, 2]
    assert lived.gateways.registry.champion_alias(lived.spec.model) == 2


def test_law_04_a_training_meets_the_champion_of_its_as_of(lived: House) -> None:
    """A challenger of the past is judged against whom it would have met then, not against who came later (law 4)."""
    promote(lived, 2, "2013-02-08")
    TRAINING.run(lived)
    (entry,) = TRAINING.outcome(lived)[1]
    assert entry["previous_version"] == 1
    assert "champion 1 on the same" in entry["reason"]


RUN_KINDS: tuple[tuple[str, Callable[..., Any]], ...] = (
    ("as_of", as_of_of_run),
    ("as_of", as_of_of_signal),
    ("partition", partition_of_run),
)


def context(
    *, key: str | None = None, logical: clock.datetime | None = None, start: clock.datetime | None = None, **params: Any
) -> dict[str, Any]:
    """A run's context, as Airflow gives it to a task."""
    run = SimpleNamespace(logical_date=logical, data_interval_start=start)
    return {"params": params, "partition_key": key, "dag_run": run, "run_id": "manual__1"}


@pytest.fixture
def spec(model: str, tmp_path: Path) -> ModelSpec:
    return open_house(tmp_path, model).spec


@pytest.mark.parametrize(("wanted", "derive"), RUN_KINDS, ids=["training", "signal", "partition"])
def test_law_05_a_run_of_no_instant_fails_saying_what_to_pass(
    spec: ModelSpec, wanted: str, derive: Callable[..., Any]
) -> None:
    """Without parameter, partition, logical date or interval there is nothing to act from, and the clock is not asked (law 5)."""
    with pytest.raises(AsOfMissingError, match=rf"the clock is never used\. Pass {wanted}, .*in the run's conf"):
        derive(spec, context())


MOMENT = clock.datetime(2013, 2, 6, 17, tzinfo=clock.UTC)


@pytest.mark.parametrize(
    "given",
    [{"partition": DAY}, {"key": DAY}, {"logical": MOMENT}, {"start": MOMENT}, {"partition": DAY, "key": DAY}],
    ids=["parameter", "partition key", "logical date", "data interval", "parameter and key"],
)
def test_law_05_an_instant_comes_from_the_run_wherever_it_says_it(spec: ModelSpec, given: dict[str, Any]) -> None:
    """Parameter, partition key, logical date or data interval: each names the same partition, and what acts from it (law 5)."""
    day = Partition.parse(DAY, spec.timezone)
    assert partition_of_run(spec, context(**given)) == day
    assert as_of_of_run(spec, context(**given)) == spec.training_as_of(day)
    assert as_of_of_signal(spec, context(**given)) == spec.check_as_of(day)


@pytest.mark.parametrize("derive", [as_of_of_run, as_of_of_signal])
def test_law_05_a_parameter_as_of_comes_first(spec: ModelSpec, derive: Callable[..., Any]) -> None:
    """`as_of` is taken before the run's partition, and read in the model's time zone where it says none (law 5)."""
    told = clock.datetime(2013, 2, 3, 5, tzinfo=clock.UTC)
    assert derive(spec, context(key=DAY, as_of="2013-02-03")) == told
    assert derive(spec, context(key=DAY, as_of="2013-02-03T00:00:00-05:00")) == told
    with pytest.raises(AsOfMissingError, match="'yesterday' is not an instant: pass a date"):
        derive(spec, context(as_of="yesterday"))


def test_law_05_a_run_of_two_instants_fails(spec: ModelSpec) -> None:
    """Two partitions in one run are told; nobody chooses one of them (law 5)."""
    with pytest.raises(AsOfMissingError, match=r"is about partition 2013-02-06, its conf says 2013-02-07"):
        partition_of_run(spec, context(key=DAY, partition="2013-02-07"))


def test_law_05_a_missing_instant_is_not_tried_again() -> None:
    """It fails at once: no retry finds an instant that nobody passed (law 5)."""
    from airflow.sdk import RetryAction

    from evenkeel.airflow.declare import RETRIES

    assert RETRIES.evaluate(AsOfMissingError("x"), try_number=1, max_tries=3).action is RetryAction.FAIL


def test_law_04_within_an_instant_the_decision_written_last_holds(lived: House) -> None:
    """Two decisions of one instant: the order of writing decides, as nothing else can (law 4)."""
    model, ledger, instant = lived.spec.model, lived.gateways.ledger, lived.at(DAY)
    for version in (2, 1, 2):
        entry = Entry(f"promoted/{version}/{len(entries_of(lived))}", model, Kind.PROMOTED, instant, "", version)
        ledger.record(model, entry.id, lambda _, entry=entry: entry)  # type: ignore[misc]
    champion = ledger.champion(model, instant)
    assert champion is not None
    assert champion.version == 2


def test_law_02_a_check_of_the_past_measures_labels_that_had_matured(lived: House) -> None:
    """The window's labels are those matured at the check's instant: none of a flight less than a maturation before (law 2)."""
    DRIFT_CHECK.run(lived)
    row = lived.gateways.lake.read(lived.spec.model, CHECKS, partitions=[SCORED[-1]])
    assert row is not None
    ripe = pd.Timestamp(DRIFT_CHECK.as_of(lived)) - lived.spec.label.maturation
    scored = pd.concat([lived.scores(day) for day in SCORED])
    assert 500 < row["labels"].iloc[0] <= (scored[lived.spec.rows.event_time] <= ripe).sum()
