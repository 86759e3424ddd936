"""The ledger: append-only, in the order decisions hold, one at a time, and the alias follows it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evenkeel.gateways.lake import Lake, arrow_rows
from evenkeel.vocabulary.errors import GateRefusedError, LedgerConflictError
from evenkeel.vocabulary.tables import LEDGER
from evenkeel.vocabulary.verdict import Outcome, Verdict
from evenkeel.workflows import challenge
from evenkeel.workflows import ledger as ledger_module
from evenkeel.workflows import promote as promote_module
from evenkeel.workflows.ledger import Entry, Kind, Ledger, barred, champion_of, crownings, digest_of, previous_of
from evenkeel.workflows.pipelines import run_training
from evenkeel.workflows.promote import promote_challenger, promote_version, repair_alias, roll_back
from tests.processes import at_once

if TYPE_CHECKING:
    from pathlib import Path

    from tests.workflows.conftest import House

DAY = timedelta(days=1)
START = datetime(2013, 3, 1, tzinfo=UTC)


def promoted(version: int, day: int, sequence: int = 0, training: str | None = None) -> Entry:
    entry_id = f"promoted/{version}/{day}" if training is None else f"training/{training}/{version}"
    return Entry(
        entry_id, "m", Kind.PROMOTED, START + day * DAY, "better", version, training=training, sequence=sequence
    )


def written(ledger: Ledger, *entries: Entry) -> None:
    for entry in entries:
        ledger.record("m", entry.id, lambda _, entry=entry: entry)


def test_entries_are_in_the_order_they_hold_and_then_of_writing(tmp_path: Path) -> None:
    """What is written later for an earlier day stands before what holds later; within an instant, writing decides (law 4)."""
    ledger = Ledger(Lake(str(tmp_path)), actor="anna", run="r1")
    written(ledger, promoted(3, 9), promoted(1, 1), promoted(2, 9), promoted(4, 5))
    entries = ledger.entries("m")
    assert [one.version for one in entries] == [1, 4, 3, 2]
    assert [one.sequence for one in entries] == [2, 4, 1, 3]
    assert {(one.actor, one.run) for one in entries} == {("anna", "r1")}
    champions = [ledger.champion("m", START + day * DAY) for day in (0, 1, 4, 5, 8, 9, 30)]
    assert [one and one.version for one in champions] == [None, 1, 1, 4, 4, 2, 2]


@settings(max_examples=200)
@given(st.lists(st.tuples(st.integers(1, 9), st.integers(0, 20)), min_size=1, max_size=12, unique=True), st.randoms())
def test_the_champion_does_not_depend_on_the_order_of_writing(decisions: list[tuple[int, int]], random: object) -> None:
    """Promotions of different instants, written in any order, give the same champion at every instant (law 4)."""
    by_day = {day: version for version, day in decisions}
    entries = [promoted(version, day) for day, version in by_day.items()]
    shuffled = list(entries)
    random.shuffle(shuffled)
    rows = [sorted(order, key=lambda one: (one.effective_at, one.sequence)) for order in (entries, shuffled)]
    for day in range(21):
        instant = START + day * DAY
        found = [champion_of(order, instant) for order in rows]
        assert found[0] == found[1]
        held = [one for one in by_day if one <= day]
        assert (found[0].version if found[0] else None) == (by_day[max(held)] if held else None)


@settings(max_examples=200)
@given(st.lists(st.tuples(st.integers(1, 9), st.integers(0, 20)), max_size=12, unique=True), st.integers(0, 20))
def test_what_holds_later_changes_no_earlier_champion(decisions: list[tuple[int, int]], day: int) -> None:
    """Entries that are effective after an instant are not there for it (law 2)."""
    entries = sorted((promoted(*one) for one in decisions), key=lambda one: one.effective_at)
    instant = START + day * DAY
    known = [one for one in entries if one.effective_at <= instant]
    assert champion_of(entries, instant) == champion_of(known, instant) == champion_of(known)


def test_a_training_that_is_judged_anew_replaces_its_own_decision() -> None:
    """One training, one standing decision: the later one, and a refusal of its data judges nobody."""
    first = promoted(1, 3, 1, "20130304T000000Z-abc")
    kept = Entry("training/20130304T000000Z-abc/x/2", "m", Kind.KEPT, first.effective_at, "worse", 1, sequence=2)
    refused = Entry("training/20130304T000000Z-abc/refused", "m", Kind.REFUSED, first.effective_at, "bad", sequence=3)
    assert crownings([first, refused]) == [first]
    assert crownings([first, kept, refused]) == []


def test_a_rollback_passes_over_what_was_rolled_back_before() -> None:
    """From 3 back to 2, and on to 1: never to a version that a rollback took away (law 19)."""
    back = Entry("rolled_back/x", "m", Kind.ROLLED_BACK, START + 4 * DAY, "bad", 2, previous_version=3, sequence=4)
    entries = [promoted(1, 1, 1), promoted(2, 2, 2), promoted(3, 3, 3), back]
    previous = previous_of(entries, back)
    assert previous is not None
    assert previous.version == 1


def rolled_back(version: int, previous: int, day: int, sequence: int) -> Entry:
    entry_id = f"rolled_back/{day}"
    return Entry(
        entry_id, "m", Kind.ROLLED_BACK, START + day * DAY, "bad", version, previous_version=previous, sequence=sequence
    )


BACK = [promoted(1, 1, 1), promoted(2, 2, 2), rolled_back(1, 2, 4, 3)]


@pytest.mark.parametrize(
    ("entries", "day", "expected"),
    [
        (BACK, 3, set()),
        (BACK, 4, {2}),
        (BACK, 30, {2}),
        ([*BACK, promoted(3, 6, 4)], 7, {2}),
        ([*BACK, promoted(2, 6, 4)], 5, {2}),
        ([*BACK, promoted(2, 6, 4)], 6, set()),
        ([*BACK[:2], promoted(2, 3, 4), BACK[2]], 9, {2}),
        ([*BACK, promoted(2, 6, 4), rolled_back(1, 2, 8, 5)], 9, {2}),
        ([*BACK[:2], promoted(3, 3, 3), rolled_back(2, 3, 4, 4), rolled_back(1, 2, 5, 5)], 9, {2, 3}),
    ],
)
def test_what_was_rolled_back_is_barred_until_it_is_promoted_later(
    entries: list[Entry], day: int, expected: set[int]
) -> None:
    """From the rollback on, for whoever acts as of then; a promotion that holds from before it brings nothing back (law 19)."""
    assert set(barred(entries, START + day * DAY)) == expected


def test_a_training_that_lost_when_it_was_judged_anew_brings_nothing_back() -> None:
    """Only a promotion that stands is a new decision."""
    again = promoted(2, 6, 4, "20130306T000000Z-abc")
    lost = Entry("training/20130306T000000Z-abc/x/1", "m", Kind.KEPT, again.effective_at, "worse", 2, sequence=5)
    assert set(barred([*BACK, again], START + 9 * DAY)) == set()
    assert set(barred([*BACK, again, lost], START + 9 * DAY)) == {2}


def test_a_ledger_from_before_is_read_and_written_on(tmp_path: Path) -> None:
    """A table without the columns of digests and causes is read without them; the first entry that has one adds the column."""
    lake = Lake(str(tmp_path))
    old = pa.schema([one for one in ledger_module._SCHEMA if one.name not in {"digest", "causes"}])
    for sequence in (1, 2):
        row = {
            **vars(promoted(sequence, sequence, sequence)),
            "kind": "promoted",
            "recorded_at": START,
            "numbers": "{}",
        }
        lake.append("m", LEDGER, arrow_rows([row], old), expected=sequence - 1)
    ledger = Ledger(lake)
    assert [(one.version, one.digest) for one in ledger.entries("m")] == [(1, None), (2, None)]
    written(ledger, replace(promoted(3, 3), digest="f" * 64, causes=("decay", "wind")), promoted(4, 4))
    assert [(one.version, one.digest, one.causes) for one in ledger.entries("m")] == [
        (1, None, ()),
        (2, None, ()),
        (3, "f" * 64, ("decay", "wind")),
        (4, None, ()),
    ]
    assert [one.sequence for one in ledger.entries("m")] == [1, 2, 3, 4]


def test_the_digest_of_a_version_is_the_first_that_was_recorded() -> None:
    """What a later entry says of the file, whatever instant it is effective at, does not change what the ledger knows."""
    first, later = replace(promoted(2, 5, 1), digest="a"), replace(promoted(2, 1, 2), digest="b")
    assert digest_of([later, first, promoted(3, 6, 3)], 2) == "a"
    assert digest_of([later, first, promoted(3, 6, 3)], 3) is None


def test_who_finds_it_decided_already_writes_nothing(tmp_path: Path) -> None:
    """A decision may turn out to be one on record under another id: that entry is the answer, and the table stays as it was."""
    ledger = Ledger(Lake(str(tmp_path)), actor="anna")
    written(ledger, promoted(1, 1))
    (present,) = ledger.entries("m")
    assert ledger.record("m", "another", lambda entries: entries[0]) == present
    assert ledger.entries("m") == [present]


def test_the_entry_says_who_decided_where_that_is_not_who_writes_it(tmp_path: Path) -> None:
    """A schedule writes down what a person said."""
    ledger = Ledger(Lake(str(tmp_path)), actor="airflow:scheduled")
    written(ledger, promoted(1, 1), replace(promoted(2, 2), actor="airflow:alice"))
    assert [one.actor for one in ledger.entries("m")] == ["airflow:scheduled", "airflow:alice"]


def record_from_another_process(uri: str, number: int) -> str:
    ledger = Ledger(Lake(uri), run=str(number))

    def decide(entries: list[Entry]) -> Entry:
        champion = champion_of(entries, START)
        if champion is not None:
            raise LedgerConflictError(f"champion is {champion.version} by now")
        return Entry(f"promoted/{number}", "m", Kind.PROMOTED, START, "first", number)

    try:
        ledger.record("m", f"promoted/{number}", decide)
    except LedgerConflictError as error:
        return str(error)
    return "promoted"


def test_of_twenty_simultaneous_promotions_one_wins_and_the_others_are_told(tmp_path: Path) -> None:
    """Twenty processes, released at once, each want to follow an empty throne: one entry, nineteen conflicts that name it."""
    told = at_once(record_from_another_process, *[(str(tmp_path), number) for number in range(1, 21)])
    (winner,) = Ledger(Lake(str(tmp_path))).entries("m")
    assert told.count("promoted") == 1
    assert told.index("promoted") + 1 == winner.version
    assert [one for one in told if one != "promoted"] == [f"champion is {winner.version} by now"] * 19


def test_who_was_judged_against_another_champion_is_told(trained: House) -> None:
    """A challenger whose opponent lost the throne meanwhile is not promoted on the old comparison."""
    spec, gateways, instant = trained.spec, trained.gateways, trained.at("2013-02-03")
    eager = spec.model_copy(update={"promotion": spec.promotion.model_copy(update={"margin": 0.0})})
    run_training(
        eager.model_copy(update={"promotion": spec.promotion.model_copy(update={"margin": 0.3})}), instant, gateways
    )
    against = Verdict(Outcome.PASS, "better than 1", {"against": 1})
    promote_version(spec, trained.at("2013-02-03T12:00"), 2, against, gateways, force=True, reason="a rehearsal")
    with pytest.raises(LedgerConflictError, match=r"judged against champion 1, the champion as of .* is 2 by now"):
        promote_version(spec, trained.at("2013-02-04"), 1, against, gateways, force=False, reason="")


def test_a_training_whose_champion_changed_under_it_is_told(trained: House) -> None:
    """Between its judgement and its promotion another version took over: it is told to be judged again, and then it is."""
    spec, gateways, instant = trained.spec, trained.gateways, trained.at("2013-02-05")
    with pytest.raises(LedgerConflictError, match="clear the training from `evaluate` on"):
        _train_while_another_is_promoted(trained)
    assert challenge.evaluate_challenger(spec, instant, gateways).champion == 2


def _train_while_another_is_promoted(house: House) -> None:
    wide = house.spec.model_copy(update={"promotion": house.spec.promotion.model_copy(update={"margin": 0.3})})
    run_training(wide, house.at("2013-02-03"), house.gateways)

    def watch(step: str, result: object) -> None:
        if step == "gate":
            verdict = Verdict(Outcome.PASS, "", {"against": 1})
            arguments = (house.spec, house.at("2013-02-04"), 2, verdict, house.gateways)
            promote_version(*arguments, force=True, reason="meanwhile")

    run_training(house.spec, house.at("2013-02-05"), house.gateways, watch)
    promote_challenger(house.spec, house.at("2013-02-05"), house.gateways)


def test_a_refused_promotion_by_hand_is_on_record(trained: House) -> None:
    """Who asked for a version that the gate refuses finds that in the ledger, and the champion as it was."""
    refusal = Verdict(Outcome.REFUSE, "worse by 0.1", {"against": 1})
    for _ in range(2):
        with pytest.raises(GateRefusedError, match=r"worse by 0\.1"):
            promote_version(
                trained.spec, trained.at("2013-02-03"), 1, refusal, trained.gateways, force=False, reason=""
            )
    entries = trained.gateways.ledger.entries("flight_delay")
    assert [one.kind for one in entries] == [Kind.PROMOTED, Kind.REFUSED]


def test_the_alias_follows_whoever_decided_last_though_another_points_later(
    trained: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A later promotion comes between an earlier one's entry and its pointing: the alias ends at the later, and nobody is said to
    have moved it.
    """
    gateways, spec = trained.gateways, trained.spec
    wide = spec.model_copy(update={"promotion": spec.promotion.model_copy(update={"margin": 0.3})})
    for day in ("2013-02-03", "2013-02-04"):
        run_training(wide, trained.at(day), gateways)
    point, force = type(gateways.registry).point_champion, Verdict(Outcome.PASS, "", {"against": 1})

    def slowly(registry: object, model: str, number: int) -> None:
        if number == 2:
            monkeypatch.setattr(type(gateways.registry), "point_champion", point)
            promote_version(spec, trained.at("2013-02-06"), 3, force, gateways, force=True, reason="meanwhile")
        point(registry, model, number)

    monkeypatch.setattr(type(gateways.registry), "point_champion", slowly)
    promote_version(spec, trained.at("2013-02-05"), 2, force, gateways, force=True, reason="first")
    assert gateways.registry.champion_alias("flight_delay") == 3
    assert Kind.REPAIRED not in {one.kind for one in gateways.ledger.entries("flight_delay")}


def test_an_alias_that_is_about_to_be_pointed_was_moved_by_nobody(
    trained: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Maintenance between a promotion's entry and its pointing writes nothing; long after, whoever decided has died, and it
    does.
    """
    gateways, spec = trained.gateways, trained.spec
    wide = spec.model_copy(update={"promotion": spec.promotion.model_copy(update={"margin": 0.3})})
    run_training(wide, trained.at("2013-02-03"), gateways)
    force = Verdict(Outcome.PASS, "", {"against": 1})
    promote_version(spec, trained.at("2013-02-05"), 2, force, gateways, force=True, reason="a rehearsal")
    gateways.registry.point_champion("flight_delay", 1)
    assert repair_alias(spec, gateways) is None
    assert gateways.registry.champion_alias("flight_delay") == 1
    monkeypatch.setattr(promote_module, "_POINTED_WITHIN", timedelta(0))
    assert repair_alias(spec, gateways) is not None
    assert gateways.registry.champion_alias("flight_delay") == 2


def test_an_alias_that_someone_moved_is_put_back_and_that_is_on_record(trained: House) -> None:
    """The ledger says who is champion; what the alias showed instead is in the entry, and repairing again changes nothing."""
    gateways, spec = trained.gateways, trained.spec
    wide = spec.model_copy(update={"promotion": spec.promotion.model_copy(update={"margin": 0.3})})
    run_training(wide, trained.at("2013-02-03"), gateways)
    assert repair_alias(spec, gateways) is None
    gateways.registry.point_champion("flight_delay", 2)
    entry = repair_alias(spec, gateways)
    assert entry is not None
    assert (entry.kind, entry.version, entry.previous_version) == (Kind.REPAIRED, 1, 2)
    assert gateways.registry.champion_alias("flight_delay") == 1
    assert repair_alias(spec, gateways) is None
    assert [one.kind for one in gateways.ledger.entries("flight_delay")].count(Kind.REPAIRED) == 1
    champion = gateways.ledger.champion("flight_delay", trained.at("2013-02-10"))
    assert champion is not None
    assert champion.version == 1


def test_a_rollback_repeated_is_one_entry(trained: House) -> None:
    """Rolling back twice as of one instant is one decision (law 19)."""
    spec, gateways = trained.spec, trained.gateways
    wide = spec.model_copy(update={"promotion": spec.promotion.model_copy(update={"margin": 0.3})})
    run_training(wide, trained.at("2013-02-02"), gateways)
    verdict = Verdict(Outcome.REFUSE, "", {"against": 1})
    promote_version(spec, trained.at("2013-02-03"), 2, verdict, gateways, force=True, reason="rehearsal")
    for _ in range(3):
        assert roll_back(spec, trained.at("2013-02-04"), gateways, reason="bad").champion == 1
    assert [one.kind for one in gateways.ledger.entries("flight_delay")].count(Kind.ROLLED_BACK) == 1
