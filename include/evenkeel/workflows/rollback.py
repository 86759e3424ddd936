"""What becomes of a decayed champion that its retraining kept: an earlier champion takes over, or a person is called."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from evenkeel.decisions.promotion import judge_challenger
from evenkeel.decisions.retraining import DECAY, Ending
from evenkeel.vocabulary.errors import FeatureError
from evenkeel.vocabulary.tables import CHECKS
from evenkeel.vocabulary.verdict import DriftOutcome, Outcome, Verdict
from evenkeel.workflows.evaluation import compare_on
from evenkeel.workflows.ledger import SETTLED, TRAINING, Entry, Kind, barred, champion_of, crownings
from evenkeel.workflows.predict import predict_version
from evenkeel.workflows.promote import follow, recent_labelled, rollback_entry, unseen_rows
from evenkeel.workflows.retrain import ending_of, signal_id

if TYPE_CHECKING:
    from datetime import datetime

    import pandas as pd

    from evenkeel.vocabulary.spec import ModelSpec
    from evenkeel.workflows.gateways import Gateways

ACTOR = "evenkeel"
"""Who rolls back where nobody was asked."""

_EARLIER = 3
"""How many earlier champions are compared at most."""


@dataclass(frozen=True)
class Settled:
    """What was decided: `rolled_back`, `escalated`, or `nothing`; `new_champion` is the version that took over, where one did."""

    result: str
    new_champion: int | None
    reason: str


@dataclass(frozen=True)
class _Compared:
    """An earlier champion beside the one of now, on the same rows."""

    entry: Entry
    verdict: Verdict

    @property
    def in_words(self) -> str:
        return f"version {self.entry.version}: {self.verdict.reason}"


def settle_decay(spec: ModelSpec, as_of: datetime, gateways: Gateways) -> Settled:
    """After the retraining of that as-of: where it kept a champion that has decayed, compare that one with the earlier champions
    on the recent matured days, by the promotion gate. Return to the best that is better beyond the margin, if the spec allows
    it; otherwise put on record, once, that a person is needed.

    All comparisons together are wrong with the chance of `promotion.alpha` at most (Bonferroni). What the data gate refused to
    learn from is no ground for a rollback either.
    """
    entries = gateways.ledger.entries(spec.model)
    asked = next((one for one in entries if one.id == signal_id(as_of) and one.kind is Kind.RETRAIN), None)
    if asked is None:
        return Settled("nothing", None, "no retraining was launched")
    entry = next((one for one in entries if one.id == settled_id(asked)), None)
    if entry is None:
        champion = decayed_champion(spec, asked, entries, gateways)
        if champion is None:
            return Settled("nothing", None, "the champion did not decay, was replaced, or a person has been called")
        entry = _record(spec, asked, champion, entries, gateways)
    if entry.id != settled_id(asked):
        return Settled("nothing", None, f"somebody decided meanwhile: {entry.reason}")
    if entry.kind is Kind.ROLLED_BACK:
        follow(spec, entry, gateways)
    return Settled(str(entry.kind), entry.version, entry.reason)


def settled_id(asked: Entry) -> str:
    """The ledger's id of what became of a decayed champion after the retraining that an entry launched."""
    return f"{SETTLED}{asked.training}"


def decayed_champion(spec: ModelSpec, asked: Entry, entries: list[Entry], gateways: Gateways) -> Entry | None:
    """The champion to settle about after the retraining that an entry launched: it decayed, persistently and in the last check
    too, the retraining was to replace it and did not, it is champion still, and nobody was called about it. None otherwise.
    """
    if DECAY not in asked.causes or ending_of(asked, entries) not in {Ending.KEPT, Ending.REFUSED}:
        return None
    champion = champion_of(entries, asked.effective_at)
    if champion is None or champion.version != asked.previous_version or _called(spec, asked, champion, entries):
        return None
    return champion if _decay(spec, asked, gateways) is not None else None


def _called(spec: ModelSpec, asked: Entry, champion: Entry, entries: list[Entry]) -> bool:
    """Whether a person was called about this champion so recently that it is the same cause."""
    return any(
        one.kind is Kind.ESCALATED
        and one.previous_version == champion.version
        and champion.effective_at
        <= one.effective_at
        < asked.effective_at
        < one.effective_at + spec.retraining.answer_holds
        for one in entries
    )


def _decay(spec: ModelSpec, asked: Entry, gateways: Gateways) -> str | None:
    """Why the check found decay that the retraining was launched by; None where it did not."""
    checks = gateways.lake.read(spec.model, CHECKS, columns=["as_of", "decay_outcome", "decay_reason"])
    if checks is None:
        return None
    found = checks[(checks["as_of"] == asked.effective_at) & (checks["decay_outcome"] == str(DriftOutcome.DRIFT))]
    return None if found.empty else str(found["decay_reason"].iloc[0])


def _record(spec: ModelSpec, asked: Entry, champion: Entry, entries: list[Entry], gateways: Gateways) -> Entry:
    compared = _compare(spec, asked, champion, entries, gateways)
    better = [one for one in compared if one.verdict.passed]
    best = max(better, key=lambda one: one.verdict.numbers["gain_low"] or 0.0) if better else None
    why = f"champion {champion.version} decayed ({_decay(spec, asked, gateways)}); {_ended(asked, entries)}"

    def decide(entries: list[Entry]) -> Entry:
        present = champion_of(entries, asked.effective_at)
        if present is not None and present != champion:
            return present  # somebody decided meanwhile
        if best is None or spec.retraining.rollback == "off":
            return _escalation(spec, asked, champion, why, best, compared)
        assert best.entry.version is not None
        known = gateways.registry.version(spec.model, best.entry.version)
        entry = rollback_entry(settled_id(asked), asked.effective_at, champion, best.entry, known, entries)
        return replace(
            entry,
            reason=f"{why}; {best.in_words}",
            actor=ACTOR,
            verdict=str(best.verdict.outcome),
            numbers=best.verdict.numbers,  # what it promises from now on is what it does on these days
            causes=(DECAY,),
        )

    return gateways.ledger.record(spec.model, settled_id(asked), decide)


def _compare(
    spec: ModelSpec, asked: Entry, champion: Entry, entries: list[Entry], gateways: Gateways
) -> list[_Compared]:
    """The last few earlier champions that are not barred, each held against the one of now; none where the data was refused."""
    earlier = _earlier(asked.effective_at, champion, entries)
    if not earlier or ending_of(asked, entries) is Ending.REFUSED:
        return []
    careful = spec.promotion.model_copy(update={"alpha": spec.promotion.alpha / len(earlier)})
    rows = recent_labelled(spec, asked.effective_at, spec.drift.decay.window, gateways)
    held = spec.model_copy(update={"promotion": careful})
    # On the same rows for all: a day from which one of them learnt flatters that one.
    rows = unseen_rows(spec, rows, [one.version for one in (champion, *earlier) if one.version is not None], gateways)
    return [_Compared(one, _hold_against(held, rows, one, champion, gateways)) for one in earlier]


def _earlier(as_of: datetime, champion: Entry, entries: list[Entry]) -> list[Entry]:
    out = {champion.version, *barred(entries, as_of)}
    crowned = [one for one in crownings(entries) if one.effective_at <= as_of]
    last = {one.version: one for one in crowned if one.version not in out}
    return sorted(last.values(), key=crowned.index)[-_EARLIER:]


def _hold_against(spec: ModelSpec, rows: pd.DataFrame, earlier: Entry, champion: Entry, gateways: Gateways) -> Verdict:
    assert earlier.version is not None
    assert champion.version is not None
    try:
        asked, present = (predict_version(spec, one, rows, gateways) for one in (earlier.version, champion.version))
    except FeatureError as error:
        return Verdict(Outcome.INCONCLUSIVE, f"cannot be compared on the rows of today: {error}")
    return judge_challenger(
        compare_on(spec, rows, asked, present), spec.promotion, opponent=f"champion {champion.version}"
    )


def _ended(asked: Entry, entries: list[Entry]) -> str:
    """How the retraining ended, in words."""
    about = [one for one in entries if one.subject == f"{TRAINING}{asked.training}"]
    return f"its retraining did not replace it ({max(about, key=lambda one: one.sequence).reason})"


def _escalation(
    spec: ModelSpec, asked: Entry, champion: Entry, why: str, best: _Compared | None, compared: list[_Compared]
) -> Entry:
    found = "; ".join(one.in_words for one in compared) or "no earlier champion could be compared"
    way = "repair the data, change the spec and train, or accept the champion as it is"
    if best is not None:
        way = (
            f"retraining.rollback is off; evenkeel promote {spec.model} {best.entry.version} --as-of "
            f"{asked.effective_at.isoformat()} --force --reason WHY"
        )
    return Entry(
        id=settled_id(asked),
        model=spec.model,
        kind=Kind.ESCALATED,
        effective_at=asked.effective_at,
        reason=f"{why}; {found}. A person is needed: {way}",
        previous_version=champion.version,
        actor=ACTOR,
        verdict=str(Outcome.REFUSE if best is None else best.verdict.outcome),
        numbers=best.verdict.numbers if best is not None else compared[-1].verdict.numbers if compared else {},
        causes=(DECAY,),
    )
