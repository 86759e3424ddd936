"""What the model-health page says of a model: its status in words, how urgent it is, and where to look further."""

from __future__ import annotations

import logging
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from evenkeel.gateways.mlflow_address import MlflowAddress
from evenkeel.vocabulary.errors import EvenkeelError
from evenkeel.vocabulary.settings import read_settings
from evenkeel.vocabulary.spec_file import load_specs
from evenkeel.vocabulary.verdict import DriftOutcome

if TYPE_CHECKING:
    from evenkeel.vocabulary.settings import Settings
    from evenkeel.vocabulary.spec import ModelSpec
    from evenkeel.workflows.gateways import Gateways
    from evenkeel.workflows.status import Status

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class State:
    """A state as people read it: a word, a sign for those who see no colour, and how urgent it is, 0 to 3."""

    word: str
    sign: str
    urgency: int


_OUTCOMES = {
    ("drift", DriftOutcome.NONE): State("no drift", "✓", 0),
    ("drift", DriftOutcome.DRIFT): State("drift", "▲", 3),
    ("decay", DriftOutcome.NONE): State("as promised", "✓", 0),
    ("decay", DriftOutcome.DRIFT): State("decay", "▲", 3),
}
_EITHER = {
    DriftOutcome.WATCH: State("watch", "◐", 2),
    DriftOutcome.INSUFFICIENT_DATA: State("not enough data", "?", 1),
}
_UNCHECKED = State("not checked yet", "○", 1)
_UNTRAINED = State("not trained yet", "○", 1)
_UNCROWNED = State("no champion yet", "◐", 2)
_HEALTHY = State("healthy", "✓", 0)
_UNREADABLE = State("cannot be read", "✕", 3)


@dataclass(frozen=True)
class ModelHealth:
    """One model on the page; `status` is None where its tables cannot be read, and `error` then says why."""

    spec: ModelSpec
    status: Status | None
    error: str | None
    version_page: str | None

    @property
    def name(self) -> str:
        """The model."""
        return self.spec.model

    @property
    def drift(self) -> State:
        """Whether inputs or scores moved."""
        return _state("drift", None if self.status is None else self.status.drift)

    @property
    def decay(self) -> State:
        """Whether the champion does what it promised."""
        return _state("decay", None if self.status is None else self.status.decay)

    @property
    def overall(self) -> State:
        """The state that asks for most attention."""
        if self.status is None:
            return _UNREADABLE
        if self.status.champion is None:
            return _UNTRAINED if self.status.last_training is None else _UNCROWNED
        urgency = max(self.drift.urgency, self.decay.urgency)
        worst = [state for state in (self.drift, self.decay) if state.urgency == urgency]
        words = " and ".join(dict.fromkeys(state.word for state in worst))
        return State(words, worst[0].sign, urgency) if urgency else _HEALTHY

    @property
    def urgency(self) -> int:
        """How much the model asks for attention."""
        return self.overall.urgency

    @property
    def data_docs(self) -> str | None:
        """Name of the page that shows what the data gate said of the last scored partition."""
        scored = None if self.status is None else self.status.last_scored
        return None if scored is None else f"{self.name}/score/{scored}/data_docs.html"

    @property
    def first_as_of(self) -> str:
        """The first day for which a whole training window lies in the model's period."""
        return (self.spec.period.start + self.spec.training.window).isoformat()

    def local(self, instant: str) -> str:
        """An ISO instant in the model's time zone, to the minute."""
        return f"{datetime.fromisoformat(instant).astimezone(ZoneInfo(self.spec.timezone)):%Y-%m-%d %H:%M %Z}"

    @staticmethod
    def clock(instant: str) -> str:
        """An ISO instant of the wall clock, in UTC, to the minute."""
        return f"{datetime.fromisoformat(instant).astimezone(UTC):%Y-%m-%d %H:%M} UTC"

    def as_dict(self) -> dict[str, Any]:
        """The status as plain values, and `error`."""
        known = {"model": self.name} if self.status is None else asdict(self.status)
        return {**known, "error": self.error}


def read_health() -> tuple[list[ModelHealth], list[str]]:
    """Every model of the project, and the mistakes that keep some of them from being one. Raises nothing of ours."""
    from evenkeel.workflows.gateways import Gateways

    try:
        settings = read_settings()
    except EvenkeelError as error:
        return [], [str(error)]
    specs, mistakes = load_specs(settings.models)
    gateways = Gateways(settings)
    return [_read(spec, gateways, settings) for spec in specs], mistakes


def _read(spec: ModelSpec, gateways: Gateways, settings: Settings) -> ModelHealth:
    from evenkeel.workflows.status import model_status

    try:
        status = model_status(spec, gateways)
    except EvenkeelError as error:
        return ModelHealth(spec, None, str(error), None)
    except Exception as error:
        # One model's broken table must not hide the others; a foreign message may hold an address with its password.
        log.exception("the status of %s cannot be read", spec.model)
        said = f"its tables cannot be read ({type(error).__name__}); the API server's log has the details"
        return ModelHealth(spec, None, said, None)
    return ModelHealth(spec, status, None, _version_page(spec.model, status.champion, settings))


def _version_page(model: str, champion: int | None, settings: Settings) -> str | None:
    page = None if champion is None else MlflowAddress(settings.tracking_uri).version_page(model, champion)
    return None if page is None else MlflowAddress(page).shown  # an address of the UI may hold a password too


def _state(check: str, outcome: str | None) -> State:
    if outcome is None:
        return _UNCHECKED
    found = DriftOutcome(outcome)
    return _EITHER.get(found) or _OUTCOMES[check, found]
