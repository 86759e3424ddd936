"""A version's life: every decision of the ledger that concerned it, and what it is now."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evenkeel.vocabulary.model_card import LifeEvent
from evenkeel.workflows.ledger import Entry, Kind, champion_of, crownings

if TYPE_CHECKING:
    from collections.abc import Sequence

_AS_ITSELF = {
    "promoted": "became champion{in_place}",
    "rolled_back": "became champion again{in_place}",
    "kept": "was not promoted{beside}",
    "refused": "was refused{beside}",
    "shadowed": "became the shadow{beside}",
    "dropped": "was dropped as the shadow{beside}",
    "barred": "was barred",
    "repaired": "had the champion alias put back to it",
}
"""What a decision about the version itself meant, by kind."""

_AS_THE_ONE_BEFORE = {
    "promoted": "was replaced{by}",
    "rolled_back": "was rolled back{by}",
    "kept": "stayed champion{against}",
    "refused": "stayed champion{against}",
    "shadowed": "stayed champion{shadow}",
    "dropped": "stayed champion{shadow}",
    "retrain": "was found wanting: a training was launched",
    "declined": "a signal about it was declined",
    "escalated": "had decayed, and a person was called",
    "repaired": "had been given the champion alias by hand",
}
"""What a decision meant for the version that was champion when it was taken."""


def life_of(number: int, training: str, entries: Sequence[Entry]) -> tuple[LifeEvent, ...]:
    """The decisions that concerned a version, in the order they hold: those about it, those taken while it was champion, and
    the one that launched the training it came from, which `training` names.
    """
    return tuple(
        LifeEvent(
            holds_from=f"{one.effective_at:%Y-%m-%d %H:%M}Z",
            kind=str(one.kind),
            meaning="launched the training it came from" if _launched(training, one) else _meaning(number, one),
            reason=one.reason,
            by=" ".join(filter(None, (one.actor, one.run))),
            written="" if one.recorded_at is None else f"{one.recorded_at:%Y-%m-%d %H:%M:%S}Z",
        )
        for one in entries
        if number in {one.version, one.previous_version} or _launched(training, one)
    )


def status_of(number: int, entries: list[Entry] | None) -> str:
    """What a version is now, in a sentence; without the ledger, that it was judged."""
    if entries is None:
        return f"Version {number}, as it was judged."
    champion = champion_of(entries)
    if champion is not None and champion.version == number:
        return f"Champion since {champion.effective_at:%Y-%m-%d %H:%M}Z."
    held = crownings(entries)
    mine = [place for place, one in enumerate(held) if one.version == number]
    if mine:
        first, last = held[mine[0]], held[mine[-1] + 1]
        return (
            f"No champion any more: it was from {first.effective_at:%Y-%m-%d %H:%M}Z, and version {last.version} has been in its "
            f"place since {last.effective_at:%Y-%m-%d %H:%M}Z."
        )
    about = [one for one in entries if one.version == number]
    if about:
        return f"Never champion; the last decision about it: {_meaning(number, about[-1])}."
    return "Never champion; nothing has been decided about it."


def _launched(training: str, entry: Entry) -> bool:
    # A version's training is named after its data too, which nobody knew when it was launched.
    return entry.kind is Kind.RETRAIN and bool(entry.training) and training.startswith(str(entry.training))


def _meaning(number: int, entry: Entry) -> str:
    kind, other = str(entry.kind), entry.previous_version
    if entry.version == number:
        before = "" if other in {None, number} else f"version {other}"
        words = {
            "in_place": f", in place of {before}" if before else "",
            "beside": f", {before} stayed champion" if before else "",
        }
        return _AS_ITSELF.get(kind, kind.replace("_", " ")).format(**words)
    named = "" if entry.version is None else f"version {entry.version}"
    words = {
        "by": f" by {named}" if named else "",
        "against": f", against {named}" if named else "",
        "shadow": f", beside {named} as the shadow" if named else "",
    }
    return _AS_THE_ONE_BEFORE.get(kind, kind.replace("_", " ")).format(**words)
