"""The model card: what a version is for, what it was made of, how it did, its limits, and every decision in its life."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from evenkeel.gateways.card_page import card_html, card_markdown
from evenkeel.vocabulary.model_card import Figure, Measured, Slice
from evenkeel.vocabulary.verdict import Outcome, Verdict
from evenkeel.workflows.card_limits import Grounds, limits
from evenkeel.workflows.gateways import Gateways
from evenkeel.workflows.ledger import Entry, Kind
from evenkeel.workflows.life import life_of, status_of
from evenkeel.workflows.model_card import EVALUATION, attach_card, model_card, write_card
from evenkeel.workflows.promote import promote_version
from tests.workflows.versions import register_again

if TYPE_CHECKING:
    from pathlib import Path

    from evenkeel.vocabulary.model_card import ModelCard
    from tests.workflows.conftest import House

HOSTILE = "<script>alert('x')</script>|a*b"


@pytest.fixture
def draws_pages() -> bool:
    return True


@pytest.mark.parametrize("model", ["flight_delay", "flight_duration"])
def test_a_card_tells_what_is_on_record(trained: House, tmp_path: Path) -> None:
    """Purpose, data, candidate, metrics beside whom it met, verdict, decisions and lineage are on either form of the card."""
    spec = trained.spec
    version = trained.gateways.registry.version(spec.model, 1)
    card = model_card(spec.model, 1, trained.gateways)
    for place in write_card(card, tmp_path / "cards"):
        text = place.read_text().replace("\\", "").replace("&#39;", "'").replace("&lt;", "<")
        for wanted in (
            spec.description,
            spec.owner,
            version.tags["evenkeel.data"],
            version.tags["evenkeel.code"],
            version.tags["evenkeel.lock"],
            version.tags["evenkeel.reason"],
            version.tags["evenkeel.candidate"],
            f"{float(version.tags[f'evenkeel.holdout.{spec.promotion.metric}']):.4f}",
            "Champion since 2013-02-01 05:00Z",
            "became champion",
            "the last 5 days before the as-of",
            *(["0.9"] if spec.task == "regression" else []),  # the quantile of its pinball loss
            "is shuffled",
            f"evenkeel reproduce {spec.model} 1",
        ):
            assert wanted in text, (place.name, wanted)


def test_a_judged_version_has_its_card(trained: House) -> None:
    """The card lies among the run's files from the gate on; judging again, after the promotion, leaves it as it was (law 7)."""
    registry = trained.gateways.registry
    run = registry.version("flight_delay", 1).run_id
    before = {name: registry.artifact(run, f"card/{name}") for name in ("card.md", "card.html")}
    assert before["card.md"] is not None
    assert before["card.html"] is not None
    assert b"is in the ledger" in before["card.md"]
    assert b"became champion" not in before["card.html"]
    attach_card(trained.spec, 1, trained.gateways)
    assert before == {name: registry.artifact(run, f"card/{name}") for name in before}


def test_nothing_is_drawn_where_pages_are_not(trained: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """A replay, which draws no pages, attaches no card."""
    gateways = Gateways(trained.gateways.settings, draws_pages=False)
    monkeypatch.setattr(type(gateways.registry), "log_text", lambda *_: pytest.fail("a card was attached"))
    attach_card(trained.spec, 1, gateways)


def test_what_was_measured_is_shown_with_its_intervals(trained: House) -> None:
    """The numbers of the run's evaluation are on the card as they are; text in them is text, whatever it looks like."""
    card = _evaluated(trained)
    html, markdown = card_html(card), card_markdown(card)
    assert "<script" not in html.lower()
    assert not re.search(r"(?<!\\)<script", markdown)
    for row in (line for line in markdown.splitlines() if line.startswith("|")):
        assert len(re.findall(r"(?<!\\)\|", row)) in {3, 4, 5, 6, 7}  # no cell opens a column of its own
    for text in (html, markdown):
        for wanted in (
            "0.7000",
            "0.6800 to 0.7200",
            "+0.0200",
            "+0.0100 to +0.0300",
            "champion 3",
            "90 %",
            "0.3100",
            "1,234",
        ):
            assert wanted in text, wanted
    assert card.metrics[0].gain == Figure(0.02, 0.01, 0.03)
    assert [one.feature for one in card.importance or ()] == ["hour", HOSTILE]
    assert card.shap is None
    assert card.slices[0].value == HOSTILE
    assert (card.fairness[0].measure, card.fairness[0].difference) == ("selection_rate", 0.12)


def test_limits_follow_from_what_is_there(trained: House) -> None:
    """What was not measured is said where it was not, and not where it was."""
    unmeasured = register_again(trained, {}, key="unmeasured")
    plain, full = model_card("flight_delay", unmeasured, trained.gateways).limits, _evaluated(trained).limits
    for said, there, here in (
        ("No interval was measured", True, False),
        ("It met the baseline", True, False),
        ("No column was measured value by value", True, False),
        ("groups were not compared", True, False),
        ("Importance says what it uses", False, True),
        ("not computed (SHAP)", True, True),
        ("the answer is yes was not chosen", True, False),
        ("Within chance of champion 3: log_loss", False, True),
        ("other seasons", True, True),
    ):
        assert (any(said in one for one in plain), any(said in one for one in full)) == (there, here), said


def test_a_card_is_made_anew_with_the_ledger(trained: House) -> None:
    """After a later version took its place, the card of the earlier says so, and who wrote it."""
    second = register_again(trained, {})
    promote_version(
        trained.spec,
        trained.at("2013-02-10"),
        second,
        Verdict(Outcome.REFUSE, "no better"),
        trained.gateways,
        force=True,
        reason="a <b>wish</b>",
    )
    card = model_card("flight_delay", 1, trained.gateways)
    assert card.status.startswith(
        "No champion any more: it was from 2013-02-01 05:00Z, and version 2 has been in its place"
    )
    assert [(one.kind, one.meaning) for one in card.decisions or ()] == [
        ("promoted", "became champion"),
        ("promoted", "was replaced by version 2"),
    ]
    assert "a &lt;b&gt;wish&lt;/b&gt;" in card_html(card)


def test_a_life_is_told_from_the_versions_own_side() -> None:
    """Each kind of decision means one thing for the version it names and another for the one that was champion."""
    told = [
        (Kind.RETRAIN, None, 1, "20130201-spec", "launched the training it came from"),
        (Kind.PROMOTED, 2, 1, None, "became champion, in place of version 1"),
        (Kind.KEPT, 3, 2, None, "stayed champion, against version 3"),
        (Kind.REFUSED, None, 2, None, "stayed champion"),
        (Kind.DECLINED, None, 2, None, "a signal about it was declined"),
        (Kind.PROMOTED, 4, 2, None, "was replaced by version 4"),
        (Kind.PROMOTED, 5, 4, None, None),
        (Kind.ROLLED_BACK, 2, 5, None, "became champion again, in place of version 5"),
        (Kind.ROLLED_BACK, 1, 2, None, "was rolled back by version 1"),
        (Kind.REFUSED, 2, 1, None, "was refused, version 1 stayed champion"),
        (Kind.REPAIRED, 2, 1, None, "had the champion alias put back to it"),
    ]
    start = datetime(2013, 2, 1, tzinfo=UTC)
    entries = [
        Entry(f"{place}", "m", kind, start + timedelta(days=place), "why", version, before, training, sequence=place)
        for place, (kind, version, before, training, _) in enumerate(told)
    ]
    life = life_of(2, "20130201-spec-data", entries)
    assert [one.meaning for one in life] == [meaning for *_, meaning in told if meaning is not None]
    assert status_of(1, entries).startswith("Champion since 2013-02-09")
    assert status_of(2, entries).startswith("No champion any more: it was from 2013-02-02 00:00Z, and version 1")
    assert (
        status_of(3, entries)
        == "Never champion; the last decision about it: was not promoted, version 2 stayed champion."
    )
    assert status_of(9, entries) == "Never champion; nothing has been decided about it."


def test_limits_name_where_it_did_worse() -> None:
    """Slices and metrics that fell beyond chance are named, as are those that rest on few labels; long lists are counted."""
    grounds = Grounds(
        "multiclass",
        "champion 3",
        400.0,
        None,
        None,
        "1 day",
        "",
        17,
        "abc+changes",
        "sigmoid",
        None,
        "no tree",
        500,
        ("late",),
    )
    worse, chance = Figure(-0.1, -0.2, -0.05), Figure(0.1, -0.1, 0.3)
    metrics = [Measured("mae", Figure(1, 0, 2), Figure(1, 0, 2), worse), Measured("r2", Figure(1, 0, 2), None, chance)]
    slices = [Slice("origin", f"O{number}", 600, Figure(1.0), worse) for number in range(7)]
    slices += [Slice("origin", "tiny", 3, None, None)]
    said = limits(grounds, metrics, slices, [], None, None)
    for sentence in (
        "17 rows were set aside by the data gate: it has not learnt from rows like those.",
        "It was trained from code that no commit holds, so it can be made again with --here only.",
        "Worse than champion 3, beyond chance: mae.",
        "Within chance of champion 3: r2.",
        "It never answered late on these rows: another class was more probable each time.",
        "Worse than champion 3, beyond chance, in origin O0, origin O1, origin O2, origin O3, origin O4 and 2 more.",
        "Fewer than 500 labels, so hardly measured, in origin tiny.",
        "Not measurable, for want of labels of more than one kind, in origin tiny.",
        "What moved a single prediction was not computed (SHAP): no tree.",
    ):
        assert sentence in said
    assert not any("seasons" in one or "probabilities" in one for one in said)
    assert not any("set aside" in one for one in limits(replace(grounds, quarantined=0), [], [], [], None, None))


def _evaluated(house: House) -> ModelCard:
    """The card of version 1 registered again, with an evaluation among its run's files."""
    content = {
        "metrics": {
            "challenger": {"roc_auc": _wide(0.7, 0.02), "log_loss": _wide(0.5, 0.02)},
            "opponent": {"roc_auc": _wide(0.68, 0.02), "log_loss": _wide(0.51, 0.02)},
        },
        "gain": {"roc_auc": _wide(0.02, 0.01), "log_loss": _wide(0.01, 0.02)},
        "opponent": "champion 3",
        "labels": 1234,
        "days": 5,
        "confidence": 0.9,
        "slices": [
            {
                "column": "carrier",
                "value": HOSTILE,
                "labels": 600,
                "challenger": _wide(0.6, 0.1),
                "gain": _wide(0.0, 0.1),
            },
            {
                "column": "carrier",
                "value": "B6",
                "labels": 634,
                "challenger": {"value": 0.7, "low": None, "high": None},
            },
        ],
        "fairness": [
            {"column": "carrier", "measure": "selection_rate", "difference": 0.12, "worst": HOSTILE, "best": "B6"}
        ],
        "importance": [{"feature": HOSTILE, **_wide(-0.01, 0.02)}, {"feature": "hour", **_wide(0.1, 0.02)}],
        "shap": None,
        "threshold": 0.31,
    }
    return model_card("flight_delay", register_again(house, {EVALUATION: content}), house.gateways)


def _wide(value: float, half: float) -> dict[str, float]:
    return {"value": value, "low": round(value - half, 9), "high": round(value + half, 9)}
