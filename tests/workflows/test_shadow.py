"""The shadow's life: it begins with an inconclusive gate, scores beside the champion, and is promoted or dropped.

The champion looks at the distance of a flight only; the challenger at everything. It is made inconclusive by asking for more
labels than there are.
"""

from __future__ import annotations

import shutil
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
import yaml

from evenkeel.decisions.canary import in_canary
from evenkeel.vocabulary import columns as c
from evenkeel.vocabulary.settings import Settings
from evenkeel.vocabulary.spec import ModelSpec
from evenkeel.vocabulary.verdict import Outcome, Verdict
from evenkeel.workflows import shadow
from evenkeel.workflows.gateways import Gateways
from evenkeel.workflows.ledger import TERM, Entry, Kind, champion_of, shadow_of, standing_shadow
from evenkeel.workflows.needs import check_needs, scoring_needs
from evenkeel.workflows.pipelines import run_drift_check, run_scoring, run_training
from evenkeel.workflows.promote import promote_version
from evenkeel.workflows.shadow import ShadowJudged, judge_shadow
from evenkeel.workflows.stale import stale_partitions
from evenkeel.workflows.status import model_status
from tests.workflows.conftest import PROJECT, House

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from evenkeel.decisions.comparison import Comparison
    from evenkeel.vocabulary.spec_training import Promotion

MODEL = "flight_delay"
FIRST, SECOND = "2013-01-20", "2013-01-21"
"""As of when the champion was trained, and the challenger."""

DAYS = tuple(f"{one:%Y-%m-%d}" for one in pd.date_range("2013-01-22", "2013-02-11"))
CHECKED = DAYS[-5:]
"""Days whose checks judge the shadow; the evidence is enough at one of them that is neither the first nor the last."""


SUITES = {
    "few_rows": {"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "flight_id"}},
    "narrow_scores": {
        "type": "expect_column_values_to_be_between",
        "kwargs": {"column": c.PREDICTION, "min_value": 0.1, "max_value": 0.4},
        "severity": "critical",
    },
}
"""Of rows that have few features, and of scores such as the champion's are and the challenger's are not."""


def open_house(root: Path, *, run: str = "scheduled__1", **promotion: Any) -> House:
    tables = str(root / "lake"), str(root / "data")
    settings = Settings(root / "project", root, *tables, f"sqlite:///{root / 'mlflow.db'}")
    return House(spec_of(**promotion), Gateways(settings, actor="test", run=run, draws_pages=False), root)


def spec_of(**promotion: Any) -> ModelSpec:
    """Short windows, one candidate that is fitted at once, and a shadow."""
    content: dict[str, Any] = yaml.safe_load((PROJECT / "config" / "models" / f"{MODEL}.yaml").read_text())
    content["training"] |= {"window": "10d", "holdout": "3d", "candidates": content["training"]["candidates"][1:]}
    content["drift"] |= {"window": "3d", "min_rows": 500, "sample": 500}
    content["drift"]["decay"] |= {"window": "3d", "min_labels": 500}
    shadow = {"term": "28d"} | promotion.pop("shadow", {})
    content["promotion"] |= {"margin": 0, "alpha": 0.2, "min_days": 7, "min_labels": 500, "shadow": shadow} | promotion
    return ModelSpec.model_validate(content)


def of_distance(spec: ModelSpec) -> ModelSpec:
    """The same model, as somebody would have it who knows nothing about flights."""
    features = spec.features.model_copy(update={"numeric": ("distance",), "categorical": ("origin",)})
    gate = spec.data_gate.model_copy(update={"rows": "few_rows"})
    return spec.model_copy(update={"features": features, "data_gate": gate})


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory, flights: Path) -> Path:
    """A champion of the distance since 20 January, a shadow since the 21st; nothing is scored yet."""
    root = tmp_path_factory.mktemp("shadow")
    shutil.copytree(flights, root / "data")
    shutil.copytree(PROJECT / "config", root / "project" / "config")
    for name, entry in SUITES.items():
        suite = {"name": name, "expectations": [entry]}
        (root / "project" / "config" / "expectations" / f"{name}.yaml").write_text(yaml.safe_dump(suite))
    house = open_house(root, min_labels=10**7)
    decided = run_training(of_distance(house.spec), house.at(FIRST), house.gateways)
    assert (decided.kind, decided.champion) == (Kind.KEPT, None)  # nobody is there to be shadowed
    verdict = Verdict(Outcome.INCONCLUSIVE, "a first champion", {"against": None})
    promote_version(house.spec, house.at(FIRST), 1, verdict, house.gateways, force=True, reason="a start")
    assert run_training(house.spec, house.at(SECOND), house.gateways).kind == Kind.SHADOWED
    return root


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory, begun: Path) -> Path:
    """The same, with every day scored, the last first, and none checked."""
    root = tmp_path_factory.mktemp("lived")
    shutil.copytree(begun, root, dirs_exist_ok=True)
    house = open_house(root)
    for day in reversed(DAYS):
        run_scoring(house.spec, house.spec.partition(day), house.gateways)
    return root


@pytest.fixture(scope="module")
def checked(tmp_path_factory: pytest.TempPathFactory, lived: Path) -> tuple[Path, list[ShadowJudged]]:
    """The same, with the last days judged, in order, and what each check came to."""
    root = tmp_path_factory.mktemp("checked")
    return root, judge(copied(lived, root), *CHECKED)


def copied(root: Path, tmp_path: Path, **arguments: Any) -> House:
    shutil.copytree(root, tmp_path, dirs_exist_ok=True)
    return open_house(tmp_path, **arguments)


def score(house: House, *days: str, spec: ModelSpec | None = None) -> None:
    for day in days:
        run_scoring(spec or house.spec, house.spec.partition(day), house.gateways)


def judge(house: House, *days: str) -> list[ShadowJudged]:
    return [judge_shadow(house.spec, house.spec.partition(day), house.gateways) for day in days]


def table(house: House, name: str, *days: str) -> pd.DataFrame:
    found = house.gateways.lake.read(MODEL, name, partitions=list(days) or None)
    return pd.DataFrame() if found is None else found


def kinds(house: House) -> list[Kind]:
    return [one.kind for one in house.gateways.ledger.entries(MODEL)]


# What the ledger says


def entries(house: House, *made: tuple[Kind, str, int]) -> list[Entry]:
    """Entries of kinds, instants and versions; a training's are filed under its version, and a shadow's term is ten days."""
    return [
        Entry(
            f"{'training' if kind in {Kind.SHADOWED, Kind.KEPT} else kind}/{version}/x",
            MODEL,
            kind,
            house.at(instant),
            "",
            version,
            previous_version=1,
            numbers={TERM: 10 * 86_400.0},
            sequence=number,
        )
        for number, (kind, instant, version) in enumerate(made, start=1)
    ]


CHAMPION = (Kind.PROMOTED, "2013-02-01", 1)
SHADOW = (Kind.SHADOWED, "2013-02-03", 2)


@pytest.mark.parametrize(
    ("made", "day", "version"),
    [
        ([], "2013-02-02T23:59", None),
        ([], "2013-02-03", 2),
        ([], "2013-02-12T23:59", 2),
        ([], "2013-02-13", None),
        ([(Kind.PROMOTED, "2013-02-05", 3)], "2013-02-04", 2),
        ([(Kind.PROMOTED, "2013-02-05", 3)], "2013-02-05", None),
        ([(Kind.PROMOTED, "2013-02-03", 3)], "2013-02-03", None),
        ([(Kind.ROLLED_BACK, "2013-02-05", 3)], "2013-02-06", None),
        ([(Kind.DROPPED, "2013-02-05", 2)], "2013-02-04", 2),
        ([(Kind.DROPPED, "2013-02-05", 2)], "2013-02-05", None),
        ([(Kind.SHADOWED, "2013-02-05", 3)], "2013-02-04", 2),
        ([(Kind.SHADOWED, "2013-02-05", 3)], "2013-02-14", 3),
        ([(Kind.SHADOWED, "2013-02-05", 3), (Kind.DROPPED, "2013-02-06", 3)], "2013-02-07", None),
        ([(Kind.KEPT, "2013-02-05", 3)], "2013-02-07", 2),
        ([(Kind.KEPT, "2013-02-03", 2)], "2013-02-04", None),
        ([(Kind.REFUSED, "2013-02-05", 3)], "2013-02-07", 2),
    ],
)
def test_a_shadow_ends_with_a_crowning_a_drop_a_newer_one_or_its_term(
    house: House, made: list[tuple[Kind, str, int]], day: str, version: int | None
) -> None:
    """And with its own training judged anew. Who was shadow then does not change by what came later."""
    found = shadow_of(entries(house, CHAMPION, SHADOW, *made), house.at(day))
    assert (None if found is None else found.version) == version


def test_after_its_term_a_shadow_is_still_to_be_judged(house: House) -> None:
    """Its last labels mature later."""
    ledger = entries(house, CHAMPION, SHADOW)
    assert shadow_of(ledger, house.at("2013-03-01")) is None
    assert standing_shadow(ledger, house.at("2013-03-01")) == ledger[1]


def test_an_inconclusive_challenger_becomes_the_shadow_once(begun: Path, tmp_path: Path) -> None:
    """The entry says until when; trained again it is the same entry, and the status shows it (law 7)."""
    house = copied(begun, tmp_path, min_labels=10**7)
    before = house.gateways.ledger.entries(MODEL)
    assert run_training(house.spec, house.at(SECOND), house.gateways).kind == Kind.SHADOWED
    assert house.gateways.ledger.entries(MODEL) == before
    made = before[-1]
    assert (made.version, made.previous_version, made.numbers[TERM]) == (2, 1, 28 * 86_400.0)
    assert "beside champion 1 until 2013-02-18T05:00:00+00:00" in made.reason
    status = model_status(house.spec, house.gateways)
    assert status.shadow is not None
    assert (status.champion, status.shadow.version) == (1, 2)
    assert status.last_training is not None
    assert status.last_training.kind == "shadowed"


def test_without_a_shadow_in_the_spec_the_champion_is_kept(begun: Path, tmp_path: Path) -> None:
    """And an earlier shadow scores no more."""
    house = copied(begun, tmp_path, min_labels=10**7)
    spec = house.spec.model_copy(update={"promotion": house.spec.promotion.model_copy(update={"shadow": None})})
    assert run_training(spec, house.at("2013-01-22"), house.gateways).kind == Kind.KEPT
    score(house, "2013-01-23", spec=spec)
    assert table(house, "shadow_scores").empty


# Scoring


def test_a_shadow_s_scores_do_not_count(begun: Path, tmp_path: Path) -> None:
    """What is published is what is published without it; what it said lies apart, beside the champion's scores."""
    house = copied(begun, tmp_path / "with")
    alone = copied(begun, tmp_path / "without")
    promotion = alone.spec.promotion.model_copy(update={"shadow": None})
    day = DAYS[0]
    score(house, day)
    score(alone, day, spec=alone.spec.model_copy(update={"promotion": promotion}))
    published = table(house, "scores")
    pd.testing.assert_frame_equal(published, table(alone, "scores"))
    assert set(published[c.ROLE]) == {"champion"}
    beside = table(house, "shadow_scores")
    assert list(beside["flight_id"]) == list(published["flight_id"])
    assert np.array_equal(beside[c.CHAMPION_PREDICTION], published[c.PREDICTION])
    assert (set(beside[c.MODEL_VERSION]), set(beside[c.CHAMPION_VERSION])) == ({2}, {1})
    assert abs(beside[c.PREDICTION] - beside[c.CHAMPION_PREDICTION]).mean() > 0.01


def test_scored_again_or_in_another_order_nothing_is_other(begun: Path, lived: Path, tmp_path: Path) -> None:
    """Run, clear, run again is one commit; forwards and backwards give equal tables (laws 6 and 7)."""
    house = copied(begun, tmp_path)
    score(house, *DAYS[:3])
    versions = [house.gateways.lake.version(MODEL, name) for name in ("scores", "shadow_scores")]
    score(house, *DAYS[:3])
    assert [house.gateways.lake.version(MODEL, name) for name in ("scores", "shadow_scores")] == versions
    for name in ("scores", "shadow_scores"):
        pd.testing.assert_frame_equal(table(house, name), table(open_house(lived), name, *DAYS[:3]))


def test_a_canary_is_a_stable_share_and_marked(begun: Path, tmp_path: Path) -> None:
    """The keys below the share carry the shadow's score, its version and their role; all others what they always did."""
    house = copied(begun, tmp_path, shadow={"canary": 0.2})
    day = DAYS[0]
    assert run_scoring(house.spec, house.spec.partition(day), house.gateways).canary > 0
    published, beside = table(house, "scores"), table(house, "shadow_scores")
    chosen = in_canary(published[["flight_id"]].itertuples(index=False, name=None), 0.2)
    assert 0.1 < chosen.mean() < 0.3
    assert np.array_equal(published[c.ROLE] == "canary", chosen)
    assert np.array_equal(published[c.PREDICTION], beside[c.PREDICTION].where(chosen, beside[c.CHAMPION_PREDICTION]))
    assert np.array_equal(published[c.MODEL_VERSION], np.where(chosen, 2, 1))
    assert stale_partitions(house.spec, house.gateways) == []
    version = house.gateways.lake.version(MODEL, "scores")
    score(house, day)
    assert house.gateways.lake.version(MODEL, "scores") == version


def test_a_shadow_that_cannot_score_keeps_nothing_back(begun: Path, tmp_path: Path) -> None:
    """The spec lost features the shadow needs: the champion's scores are published, the reason is on record, and that is all."""
    house = copied(begun, tmp_path, shadow={"canary": 0.5})
    score(house, DAYS[0])
    score(house, DAYS[0], spec=of_distance(house.spec))
    assert set(table(house, "scores")[c.ROLE]) == {"champion"}
    assert table(house, "shadow_scores").empty
    (refused,) = table(house, "shadow_refused").to_dict("records")
    assert (refused["version"], refused[c.PARTITION]) == (2, DAYS[0])
    assert "could not score shard 0" in refused["reason"]
    assert stale_partitions(house.spec, house.gateways) == []  # it was asked
    score(house, DAYS[0])
    assert table(house, "shadow_refused").empty
    assert len(table(house, "shadow_scores")) == len(table(house, "scores"))


def test_a_shadow_whose_scores_its_gate_refuses_keeps_nothing_back(begun: Path, tmp_path: Path) -> None:
    """The score suite holds for it too: scores the champion would not be allowed are not published as the shadow's."""
    house = copied(begun, tmp_path)
    gate = house.spec.data_gate.model_copy(update={"scores": "narrow_scores"})
    score(house, DAYS[0], spec=house.spec.model_copy(update={"data_gate": gate}))
    assert len(table(house, "scores"))
    assert table(house, "shadow_scores").empty
    assert "refused by suite narrow_scores" in table(house, "shadow_refused")["reason"].iloc[0]


def test_classes_of_both_are_published_each_under_its_own_name(begun: Path, tmp_path: Path) -> None:
    """Multiclass: the canary's rows have the shadow's classes, and a class that one does not know is null."""
    from evenkeel.workflows.shadow_scores import publish_shadow

    house = copied(begun, tmp_path, shadow={"canary": 0.5})
    keys = [f"f{number}" for number in range(40)]
    times = pd.Timestamp("2013-01-22T12:00Z") + pd.to_timedelta(range(40), unit="min")
    said = {c.PREDICTION: "late", "_probability_late": 0.7, "_probability_on_time": 0.3}
    scored = pd.DataFrame({"flight_id": keys, "scheduled_departure": times}).assign(
        **said, **{c.MODEL_VERSION: 1, c.ROLE: "champion"}
    )
    theirs = pd.DataFrame(index=range(40)).assign(
        **{c.PREDICTION: "cancelled", "_probability_late": 0.4, "_probability_cancelled": 0.6}
    )
    house.gateways.staging.put("run", "shadow_0", theirs)
    house.gateways.staging.put_note("run", "shadow", {"refused": ""})
    partition = house.spec.partition(DAYS[0])
    published = publish_shadow(house.spec, partition, "run", 2, scored, 1, {}, house.gateways)
    canary, own = published[published[c.ROLE] == "canary"], published[published[c.ROLE] == "champion"]
    assert len(canary) + len(own) == 40
    assert canary["_probability_cancelled"].eq(0.6).all()
    assert canary["_probability_on_time"].isna().all()
    assert own["_probability_cancelled"].isna().all()
    beside = table(house, "shadow_scores")
    assert beside["_champion_probability_on_time"].eq(0.3).all()
    assert "_probability_on_time" not in beside


def test_scores_beside_another_shadow_than_that_of_then_are_stale(begun: Path, tmp_path: Path) -> None:
    """A day that was scored before its shadow was on record is to be scored again, and a check of a backfill waits for that."""
    house = copied(begun, tmp_path)
    spec = house.spec.model_copy(update={"promotion": house.spec.promotion.model_copy(update={"shadow": None})})
    score(house, DAYS[0], spec=spec)
    assert stale_partitions(spec, house.gateways) == []
    assert stale_partitions(house.spec, house.gateways) == [DAYS[0]]
    score(house, DAYS[0])
    assert stale_partitions(house.spec, house.gateways) == []
    dropped = Entry("shadow/2/x", MODEL, Kind.DROPPED, house.at(DAYS[0]), "", 2)
    house.gateways.ledger.record(MODEL, dropped.id, lambda _: dropped)
    assert stale_partitions(house.spec, house.gateways) == [DAYS[0]]
    score(house, DAYS[0])
    assert table(house, "shadow_scores").empty


# Judging


def test_a_shadow_that_gains_is_promoted_by_itself(checked: tuple[Path, list[ShadowJudged]]) -> None:
    """Day by day the evidence grows, until a check promotes; the entry says by what, and the alias follows."""
    root, judged = checked
    house = open_house(root)
    place = next(number for number, one in enumerate(judged) if one.promoted)
    assert {one.outcome for one in judged[:place]} == {"continue"}
    assert {one.outcome for one in judged[place + 1 :]} == {"none"}
    promoted = judged[place]
    champion = champion_of(house.gateways.ledger.entries(MODEL))
    assert champion is not None
    assert (champion.kind, champion.version, champion.previous_version) == (Kind.PROMOTED, 2, 1)
    assert champion.effective_at == house.spec.check_as_of(house.spec.partition(promoted.partition))
    assert champion.id == f"shadow/2/{champion.effective_at.isoformat()}"
    assert (champion.numbers["e_value"], champion.numbers["days"]) == (promoted.e_value, promoted.days)
    assert promoted.e_value is not None
    assert promoted.e_value >= 1 / 0.2
    assert champion.numbers["challenger"] > champion.numbers["opponent"]
    assert champion.digest == house.gateways.registry.version(MODEL, 2).digest
    assert champion.training == house.gateways.ledger.entries(MODEL)[-2].training
    assert house.gateways.registry.champion_alias(MODEL) == 2


def test_a_promotion_is_guarded_by_slices_of_what_is_no_feature(
    checked: tuple[Path, list[ShadowJudged]], lived: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A column that is sliced by and never learnt from is not in the scores: it is read again when the evidence is enough."""
    day = next(one.partition for one in checked[1] if one.promoted)
    house = copied(lived, tmp_path)
    categorical = tuple(name for name in house.spec.features.categorical if name != "origin")
    features = house.spec.features.model_copy(update={"categorical": categorical})
    promotion = house.spec.promotion.model_copy(update={"slices": {"origin": 0.5}})
    spec = house.spec.model_copy(update={"features": features, "promotion": promotion})
    assert spec.carried == ("origin",)
    seen: list[set[str]] = []
    guards = shadow.guards_against

    def watched(compared: Comparison, rules: Promotion) -> str:
        seen.append({str(one.value) for one in compared.slices})
        return guards(compared, rules)

    monkeypatch.setattr(shadow, "guards_against", watched)
    judged = [judge_shadow(spec, spec.partition(one), house.gateways) for one in CHECKED if one <= day]
    assert judged[-1].promoted
    assert seen[-1] == {"JFK", "LGA", "EWR"}


def test_judged_again_and_in_another_order_nothing_is_decided_twice(
    checked: tuple[Path, list[ShadowJudged]], tmp_path: Path
) -> None:
    """Run, clear, run again: each check answers as before and the ledger is as it was (laws 1 and 7)."""
    root, first = checked
    house = copied(root, tmp_path)
    ledger = house.gateways.ledger.entries(MODEL)
    assert judge(house, *reversed(CHECKED)) == first[::-1]
    assert house.gateways.ledger.entries(MODEL) == ledger
    house.gateways.registry.point_champion(MODEL, 1)  # as if killed before the alias followed
    again = open_house(house.root, run="scheduled__2")
    judge(again, next(one.partition for one in first if one.promoted))
    assert again.gateways.registry.champion_alias(MODEL) == 2


def test_a_check_judges_before_it_is_on_record_and_the_next_day_has_the_new_champion(
    lived: Path, checked: tuple[Path, list[ShadowJudged]], tmp_path: Path
) -> None:
    """So whoever finds a check on record finds its decision about the shadow too."""
    day = next(one.partition for one in checked[1] if one.promoted)
    fresh = copied(lived, tmp_path)
    steps: list[str] = []
    run_drift_check(fresh.spec, fresh.spec.partition(day), fresh.gateways, lambda step, _: steps.append(step))
    assert steps == ["gather", "drift", "performance", "shadow", "record"]
    assert kinds(fresh)[-1] is Kind.PROMOTED
    later = fresh.spec.partition(day).shift(2)
    assert run_scoring(fresh.spec, later, fresh.gateways).champion == 2
    assert table(fresh, "shadow_scores", later.key).empty
    assert later.key not in stale_partitions(fresh.spec, fresh.gateways)


def test_where_a_person_approves_a_shadow_is_not_promoted_by_itself(lived: Path, tmp_path: Path) -> None:
    """It stays, and the reason says how to promote it."""
    house = copied(lived, tmp_path, mode="approval")
    judged = judge(house, CHECKED[-1])
    assert {one.outcome for one in judged} == {"continue"}
    assert "better beyond chance; a person may promote it: evenkeel promote flight_delay 2 --as-of" in judged[-1].reason
    assert Kind.DROPPED not in kinds(house)


def test_a_shadow_without_a_gain_is_dropped_once_its_last_labels_are_known(lived: Path, tmp_path: Path) -> None:
    """The roles are changed: the worse model is the shadow, for a term of four days."""
    house = copied(lived, tmp_path)
    begin = house.at("2013-01-28T12:00")
    verdict = Verdict(Outcome.PASS, "", {"against": 1})
    promote_version(house.spec, house.at("2013-01-28"), 2, verdict, house.gateways, force=True, reason="roles changed")
    training = house.gateways.registry.version(MODEL, 1).tags["evenkeel.training"]
    made = Entry(
        "training/again/x/2", MODEL, Kind.SHADOWED, begin, "", 1, 2, training=training, numbers={TERM: 4 * 86_400.0}
    )
    house.gateways.ledger.record(MODEL, made.id, lambda _: made)
    days = ("2013-01-29", "2013-01-30", "2013-01-31", "2013-02-01", "2013-02-02")
    score(house, *days)
    assert len(table(house, "shadow_scores", *days)[c.PARTITION].unique()) == 4
    judged = judge(house, "2013-01-31", "2013-02-01", "2013-02-02", "2013-02-03")
    assert [one.outcome for one in judged] == ["continue", "continue", "drop", "none"]
    assert "4 of 7 days" in judged[2].reason
    last = house.gateways.ledger.entries(MODEL)[-1]
    assert (last.kind, last.version, last.previous_version) == (Kind.DROPPED, 1, 2)
    assert judge(house, "2013-02-02") == judged[2:3]
    assert kinds(house).count(Kind.DROPPED) == 1
    assert champion_of(house.gateways.ledger.entries(MODEL)).version == 2  # type: ignore[union-attr]


def test_labels_that_are_not_mature_yet_change_nothing(lived: Path, tmp_path: Path) -> None:
    """A check of the past sees what it would have seen (law 2)."""
    house = copied(lived, tmp_path)
    (judged,) = judge(house, DAYS[9])
    for day in DAYS[9:]:
        house.change("outcomes", day, lambda rows: rows.assign(arrived_late=1 - rows["arrived_late"]))
    assert judge(open_house(tmp_path), DAYS[9]) == [judged]
    assert judged.days == 9


# What a backfill waits for


def test_a_check_that_judges_a_shadow_waits_for_the_checks_before_it(house: House) -> None:
    """The first check with enough evidence promotes: so they are taken in order, also where nobody answers signals."""
    spec = spec_of().model_copy(update={"retraining": house.spec.retraining.model_copy(update={"mode": "off"})})
    house = replace(house, spec=spec)
    record(house, entries(house, CHAMPION))
    for day in ("2013-02-01", "2013-02-02", "2013-02-03"):
        rows = pd.DataFrame({"flight_id": ["a"], c.MODEL_VERSION: [1], c.CHOICE: ["as_of"]})
        house.gateways.lake.publish(MODEL, "scores", day, rows, {})
    third = spec.partition("2013-02-03")
    assert "the drift check of 2013-02-01, 2013-02-02" in str(check_needs(spec, third, house.gateways))
    assert "the drift check of 2013-02-01" in str(scoring_needs(spec, third, house.gateways))
    for day in ("2013-02-01", "2013-02-02"):
        row = {"as_of": spec.check_as_of(spec.partition(day)), "drift_outcome": "drift", "decay_outcome": "none"}
        house.gateways.lake.publish(MODEL, "drift_checks", day, pd.DataFrame([row]), {})
    assert check_needs(spec, third, house.gateways) is None


def record(house: House, made: Sequence[Entry]) -> None:
    for entry in made:
        deciding: Callable[[list[Entry]], Entry] = lambda _, entry=entry: entry  # type: ignore[misc]  # noqa: E731
        house.gateways.ledger.record(MODEL, entry.id, deciding)
