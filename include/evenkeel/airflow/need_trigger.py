"""The trigger of waiting steps: asks the lake every few seconds whether what a step needs is on record by now."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

from evenkeel.vocabulary.errors import EvenkeelError, TransientError
from evenkeel.vocabulary.partition import parse_instant
from evenkeel.vocabulary.settings import read_settings
from evenkeel.vocabulary.spec_file import find_spec

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from evenkeel.vocabulary.spec import ModelSpec
    from evenkeel.workflows.gateways import Gateways

SCORE, CHECK, TRAIN, DECIDE, RETRAINED = "score", "drift_check", "train", "decide", "retrained"


def missing(spec: ModelSpec, pipeline: str, about: str, gateways: Gateways) -> str | None:
    """What a step of a pipeline, about a partition or an instant, has to wait for, in words; None where it may go on."""
    from evenkeel.workflows import needs

    if pipeline == TRAIN:
        return needs.training_needs(spec, parse_instant(about, "UTC"), gateways)
    if pipeline == DECIDE:
        return needs.decision_needs(spec, parse_instant(about, "UTC"), gateways)
    if pipeline == RETRAINED:
        return needs.retraining_needs(spec, parse_instant(about, "UTC"), datetime.now(UTC), gateways)
    need = needs.scoring_needs if pipeline == SCORE else needs.check_needs
    return need(spec, spec.partition(about), gateways)


class NeedTrigger(BaseTrigger):
    """Fires when what a step needs is on record, or when patience ends.

    Args:
        model: name of the model.
        pipeline: whose needs: `score`, `drift_check`, `train`, `decide` for answers to signals, `retrained` for what a training
            of today waits for.
        about: partition key, or instant in ISO 8601.
        waits_for: what was missing when the step was deferred.
        patience: seconds after which it gives up.
        poll: seconds between two looks.
    """

    def __init__(
        self, model: str, pipeline: str, about: str, waits_for: str, patience: float, poll: float = 2.0
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.model, self.pipeline, self.about = model, pipeline, about
        self.waits_for, self.patience, self.poll = waits_for, patience, poll

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Class path and arguments, as Airflow keeps them."""
        names = ("model", "pipeline", "about", "waits_for", "patience", "poll")
        return f"{__name__}.NeedTrigger", {name: getattr(self, name) for name in names}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Yield one event, whose `missing` is None, or what never came, or whose `error` says why nobody can tell."""
        until = time.monotonic() + self.patience
        lacking: str | None = self.waits_for
        while lacking is not None and time.monotonic() < until:
            await asyncio.sleep(self.poll)
            try:
                lacking = await asyncio.to_thread(self._look)
            except TransientError:
                continue  # the lake's store did not answer: look again
            except EvenkeelError as error:
                yield _event(error=str(error))
                return
        yield _event(missing=lacking)

    def _look(self) -> str | None:
        from evenkeel.workflows.gateways import Gateways
        from evenkeel.workflows.needs import FIRST_CHAMPION

        gateways = Gateways()
        if not self.waits_for.startswith(FIRST_CHAMPION) and not gateways.ledger.entries(self.model):
            raise EvenkeelError(
                f"the triggerer finds no ledger of {self.model} in {gateways.settings.lake}, where the task found one: it has to "
                "see the same lake (EVENKEEL_LAKE), read-only is enough"
            )
        return missing(find_spec(read_settings().models, self.model), self.pipeline, self.about, gateways)


def _event(**payload: str | None) -> TriggerEvent:
    return TriggerEvent(payload)  # type: ignore[no-untyped-call]
