"""Quarantine: what was set aside is shown, and goes through the same gate again once it was repaired."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest
import typer
from typer.testing import CliRunner

from evenkeel.cli.quarantine import quarantine as command
from evenkeel.gateways.lake import Lake, content_hash
from evenkeel.vocabulary.errors import EvenkeelError
from evenkeel.workflows.gateways import Gateways
from evenkeel.workflows.pipelines import run_scoring
from evenkeel.workflows.quarantine import quarantined, release

if TYPE_CHECKING:
    from evenkeel.vocabulary.spec import ModelSpec
    from tests.workflows.conftest import House

DAY, NEXT = "2013-02-05", "2013-02-06"


def repaint(house: House, day: str, flights: int) -> None:
    """Give the first flights of a day a carrier that nobody knows."""
    house.change(
        "schedule", day, lambda rows: rows.assign(carrier=["ZZ"] * flights + rows["carrier"].tolist()[flights:])
    )


def landed(house: House, day: str) -> pd.DataFrame:
    return pd.read_parquet(house.landed("schedule", day), partitioning=None)


def published(house: House) -> dict[str, tuple[int, str]]:
    lake = house.gateways.lake
    return {
        table: (lake.version("flight_delay", table), content_hash(lake.read("flight_delay", table)))  # type: ignore[arg-type]
        for table in ("scores", "quarantine")
    }


def test_quarantine_is_shown_with_keys_and_reasons(trained: House) -> None:
    """All rows set aside, or those of one partition: partition, key and reasons first, then the row."""
    assert quarantined(trained.spec, trained.gateways).empty
    for day, flights in ((DAY, 2), (NEXT, 1)):
        repaint(trained, day, flights)
        run_scoring(trained.spec, trained.spec.partition(day), trained.gateways)
    found = quarantined(trained.spec, trained.gateways)
    assert list(found.columns[:3]) == ["_partition", "flight_id", "_reasons"]
    assert found["_partition"].tolist() == [DAY, DAY, NEXT]
    assert (found["carrier"] == "ZZ").all()
    assert len(quarantined(trained.spec, trained.gateways, trained.spec.partition(NEXT))) == 1


def test_repaired_rows_are_released_and_others_stay(trained: House) -> None:
    """Repaired rows are published, what is still bad stays with its reasons, rows in are rows out; again changes nothing
    (laws 7, 9 and 12).
    """
    original = landed(trained, DAY)
    repaint(trained, DAY, 3)
    run_scoring(trained.spec, trained.spec.partition(DAY), trained.gateways)
    repaint(trained, NEXT, 1)
    run_scoring(trained.spec, trained.spec.partition(NEXT), trained.gateways)
    trained.change("schedule", DAY, lambda _: original)
    repaint(trained, DAY, 1)
    first, second = release(trained.spec, trained.gateways)
    assert (first.partition, first.before, first.after, first.scored) == (DAY, 3, 1, len(original) - 1)
    assert first.said == "1 row stay as bad at the source as before; repair them there and release again"
    assert (second.partition, second.before, second.after) == (NEXT, 1, 1)
    left = quarantined(trained.spec, trained.gateways, trained.spec.partition(DAY))
    assert left["_reasons"].str.contains("carrier").all()
    assert sorted([*trained.scores(DAY)["flight_id"], *left["flight_id"]]) == sorted(original["flight_id"])
    before = published(trained)
    release(trained.spec, trained.gateways)
    assert published(trained) == before


def test_a_release_is_what_the_first_run_would_have_been(trained: House) -> None:
    """A released partition holds what it would hold had it never been bad: same as-of, same champion (laws 1 and 3)."""
    run_scoring(trained.spec, trained.spec.partition(DAY), trained.gateways)
    good, original = trained.scores(DAY), landed(trained, DAY)
    repaint(trained, DAY, 2)
    run_scoring(trained.spec, trained.spec.partition(DAY), trained.gateways)
    trained.change("schedule", DAY, lambda _: original)
    (released,) = release(trained.spec, trained.gateways, [trained.spec.partition(DAY)])
    assert (released.before, released.after, released.said) == (2, 0, "no row is left in quarantine")
    pd.testing.assert_frame_equal(trained.scores(DAY), good)


def test_a_release_between_another_runs_two_tables_loses_no_row(
    trained: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run that read the bad rows publishes last: they are in quarantine again, and rows in are rows out (laws 8 and 9)."""
    repaint(trained, DAY, 2)
    run_scoring(trained.spec, trained.spec.partition(DAY), trained.gateways)
    original = landed(trained, DAY)
    publish, other = Lake.publish, Gateways(trained.gateways.settings, run="other", draws_pages=False)

    def slowly(lake: Lake, model: str, table: str, *rest: Any) -> int:
        if table == "scores":
            monkeypatch.setattr(Lake, "publish", publish)
            trained.change("schedule", DAY, lambda rows: rows.assign(carrier=rows["carrier"].replace("ZZ", "UA")))
            (released,) = release(trained.spec, other, [trained.spec.partition(DAY)])
            assert released.after == 0
        return publish(lake, model, table, *rest)

    repaint(trained, DAY, 3)
    monkeypatch.setattr(Lake, "publish", slowly)
    run_scoring(trained.spec, trained.spec.partition(DAY), Gateways(trained.gateways.settings, run="slow"))
    left = quarantined(trained.spec, trained.gateways, trained.spec.partition(DAY))
    assert len(left) == 3
    assert sorted([*trained.scores(DAY)["flight_id"], *left["flight_id"]]) == sorted(original["flight_id"])


def test_a_release_keeps_the_champion_that_was_asked_for(trained: House) -> None:
    """A partition that was scored by a version somebody asked for is scored by it again."""
    repaint(trained, DAY, 1)
    run_scoring(trained.spec, trained.spec.partition(DAY), trained.gateways, champion="1")
    release(trained.spec, trained.gateways)
    assert set(trained.scores(DAY)["_champion_choice"]) == {"1"}


def test_a_release_that_is_refused_leaves_everything(trained: House) -> None:
    """Where the source is worse by now, what was published stays, the sentence says why, and other partitions go on."""
    repaint(trained, DAY, 2)
    original = landed(trained, NEXT)
    repaint(trained, NEXT, 2)
    for day in (DAY, NEXT):
        run_scoring(trained.spec, trained.spec.partition(day), trained.gateways)
    scores = trained.scores(DAY)
    repaint(trained, DAY, 100)
    trained.change("schedule", NEXT, lambda _: original)
    refused, released = release(trained.spec, trained.gateways)
    assert (refused.before, refused.after, refused.scored) == (2, 2, len(scores))
    assert "what was published before stays as it is: " in refused.said
    assert "the budget is 2.0%" in refused.said
    pd.testing.assert_frame_equal(trained.scores(DAY), scores)
    assert released.after == 0


def test_what_is_not_in_quarantine_cannot_be_released(trained: House) -> None:
    """A partition without quarantined rows is told with those that have some."""
    assert release(trained.spec, trained.gateways) == []
    repaint(trained, DAY, 1)
    run_scoring(trained.spec, trained.spec.partition(DAY), trained.gateways)
    with pytest.raises(EvenkeelError, match=f"nothing of {NEXT} is in quarantine; there are {DAY}"):
        release(trained.spec, trained.gateways, [trained.spec.partition(NEXT)])


def with_landing_times(house: House) -> ModelSpec:
    """The schedule as it landed: every row the day before its flight."""
    for file in (house.root / "data" / "flights" / "schedule").rglob("*.parquet"):
        rows = pd.read_parquet(file, partitioning=None)
        rows.assign(landed_at=rows["scheduled_departure"] - pd.Timedelta(days=2)).to_parquet(file, index=False)
    table = house.spec.rows
    columns = table.columns | {"landed_at": "timestamp"}
    return house.spec.model_copy(
        update={"rows": table.model_copy(update={"ingested_at": "landed_at", "columns": columns})}
    )


def test_a_repair_that_landed_after_the_as_of_is_said_to_be_too_late(trained: House) -> None:
    """What landed after the as-of does not exist for a partition; the release says so, and how to have it count (law 2)."""
    spec = with_landing_times(trained)
    partition = spec.partition(DAY)
    original = landed(trained, DAY)
    repaint(trained, DAY, 3)
    run_scoring(spec, partition, trained.gateways)
    repaired = original.head(2).assign(landed_at=partition.start + pd.Timedelta(hours=8))
    trained.change("schedule", DAY, lambda rows: pd.concat([rows, repaired]))
    (late,) = release(spec, trained.gateways)
    assert (late.before, late.after) == (3, 3)
    assert late.said.startswith(
        "3 rows stay, 2 of them because their repair landed after the partition's as-of, 2013-02-05T05"
    )
    assert "land it with a landed_at up to that instant" in late.said
    in_time = original.head(2).assign(landed_at=partition.start - pd.Timedelta(minutes=5))
    trained.change("schedule", DAY, lambda rows: pd.concat([rows, in_time]))
    (released,) = release(spec, trained.gateways)
    assert (released.before, released.after) == (3, 1)


def test_the_command_shows_and_releases(trained: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """`evenkeel quarantine` shows rows as a table or JSON, and with --release what became of them."""
    app = typer.Typer()
    app.command()(command)
    places = trained.gateways.settings
    monkeypatch.setattr("evenkeel.cli.quarantine.read_settings", lambda: places)
    monkeypatch.setattr("evenkeel.cli.quarantine.find_spec", lambda _, name: trained.spec)
    monkeypatch.setattr("evenkeel.workflows.gateways.read_settings", lambda: places)
    run = CliRunner().invoke
    assert "no row is in quarantine" in run(app, ["flight_delay"]).output
    original = landed(trained, DAY)
    repaint(trained, DAY, 1)
    run_scoring(trained.spec, trained.spec.partition(DAY), trained.gateways)
    assert "quarantine of flight_delay: 1 rows" in run(app, ["flight_delay"]).output
    (row,) = json.loads(run(app, ["flight_delay", "--partition", DAY, "--json"]).stdout)
    assert (row["_partition"], row["carrier"]) == (DAY, "ZZ")
    trained.change("schedule", DAY, lambda _: original)
    (released,) = json.loads(run(app, ["flight_delay", "--release", "--json"]).stdout)
    assert (released["before"], released["after"]) == (1, 0)
