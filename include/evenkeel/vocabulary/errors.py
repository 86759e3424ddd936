"""The exception tree, drawn once.

A refused gate is another kind of thing than a broken system: `GateRefusedError` is never retried, `TransientError` is,
and everything else fails with a message that names the thing, the rule, the value and the way out.
"""

from __future__ import annotations


class EvenkeelError(Exception):
    """Anything evenkeel raises on purpose."""


class SpecError(EvenkeelError):
    """One or more model specs are wrong; the message lists every mistake."""

    def __init__(self, mistakes: list[str]) -> None:
        self.mistakes = tuple(mistakes)
        count = "1 mistake" if len(mistakes) == 1 else f"{len(mistakes)} mistakes"
        super().__init__("\n".join([f"{count} in the model specs:", *(f"  {mistake}" for mistake in mistakes)]))


class AsOfMissingError(EvenkeelError):
    """A run came without any instant to act from."""


class SourceError(EvenkeelError):
    """A source does not hold what its spec promises: a damaged file, a missing column, a value of another type."""


class FeatureError(EvenkeelError):
    """A feature function broke its contract, or a model needs a feature that the rows do not have."""


class StagingMissingError(EvenkeelError):
    """A step was run without the result of the step before it."""


class LedgerConflictError(EvenkeelError):
    """A decision would overtake one that is effective later, or was taken by someone else meanwhile."""


class GateRefusedError(EvenkeelError):
    """A gate said no. Nothing is broken and a retry would say no again."""


class ServiceError(EvenkeelError):
    """A service (Airflow, MLflow, a process of the local stack) answered with an error."""


class TransientError(EvenkeelError):
    """Something outside did not answer; the same call may work later."""
