"""What a person said when asked whether a challenger that passed its gate may become champion."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from evenkeel.vocabulary.partition import duration_text

if TYPE_CHECKING:
    from evenkeel.vocabulary.spec import ModelSpec

NOBODY = "nobody in time"


@dataclass(frozen=True)
class Approval:
    """An answer, and who gave it; `by` is None where nobody did before the time was over, which is a no."""

    approved: bool
    by: str | None
    reason: str = ""

    @property
    def actor(self) -> str:
        """Who decided, for the ledger."""
        return f"airflow:{self.by or NOBODY}"

    def in_words(self, spec: ModelSpec) -> str:
        """Such as `approved by alice: the gain is real`, or `nobody answered within 1d`."""
        if self.by is None:
            return f"nobody answered within {duration_text(spec.promotion.approval_timeout)}"
        said = f"{'approved' if self.approved else 'rejected'} by {self.by}"
        return f"{said}: {self.reason.strip()}" if self.reason.strip() else said
