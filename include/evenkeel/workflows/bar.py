"""What keeps a version from becoming champion, whatever a gate says of it: it was rolled back, it learnt from later days, or its
model file is not kept.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from evenkeel.vocabulary.errors import EvenkeelError, GateRefusedError
from evenkeel.vocabulary.verdict import Outcome, Verdict
from evenkeel.workflows.ledger import barred, champion_of

if TYPE_CHECKING:
    from evenkeel.gateways.registry import Version
    from evenkeel.workflows.ledger import Entry

AGAINST = "against"
"""Among a verdict's numbers: the champion that the version was compared with."""


def bar_verdict(as_of: datetime, version: int, entries: list[Entry]) -> Verdict | None:
    """The refusal of a version that was rolled back and that nobody has decided about since; None for any other.

    Args:
        as_of: the instant from which the version would be champion.
        version: which version.
        entries: the ledger's, of the version's model.
    """
    bar = barred(entries, as_of).get(version)
    if bar is None:
        return None
    champion = champion_of(entries, as_of)
    reason = (
        f"version {version} is barred since {bar.effective_at.isoformat()}: {bar.actor} rolled it back to version {bar.version} "
        f"({bar.reason}), and it does not return by itself"
    )
    return Verdict(Outcome.REFUSE, reason, {AGAINST: None if champion is None else champion.version})


def refuse_barred(as_of: datetime, known: Version, entries: list[Entry]) -> None:
    """Raise GateRefusedError, saying how to decide anew, for a version that was rolled back. To be asked by whatever promotes
    without a person, with the entries that it decides on.
    """
    refusal = bar_verdict(as_of, known.number, entries)
    if refusal is not None:
        raise GateRefusedError(
            f"{known.model}: {refusal.reason}; to decide anew: evenkeel promote {known.model} {known.number} --as-of "
            f"{as_of.isoformat()} --force --reason WHY"
        )


def refuse_unborn(as_of: datetime, known: Version) -> None:
    """Raise EvenkeelError for a version that was trained as of later than it is to be champion from: it learnt from what had not
    happened by then. No force gets past it.
    """
    trained = known.tags.get("evenkeel.as_of")
    if trained is not None and as_of < datetime.fromisoformat(trained):
        raise EvenkeelError(
            f"{known.model} version {known.number} was trained as of {trained}, so it cannot be champion from "
            f"{as_of.isoformat()}: it learnt from what came after; train as of then, or pass a later as_of"
        )


def refuse_without_file(known: Version) -> None:
    """Raise EvenkeelError for a version whose model file is not kept any more: as champion it could not score."""
    if known.dropped_at is not None:
        raise EvenkeelError(
            f"{known.model} version {known.number}: its model file was dropped on {known.dropped_at[:10]}, "
            "`training.keep_versions` after it was turned down, so it cannot become champion; train again"
        )
