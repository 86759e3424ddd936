"""`evenkeel demo`: a year of real flights through all pipelines, in a real Airflow, with nothing else typed."""

from __future__ import annotations

import contextlib
import signal
import sys
import time
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from rich.table import Table

from evenkeel.cli.console import out
from evenkeel.local.journey import Journey, Promotion
from evenkeel.local.stack import LocalStack, running
from evenkeel.vocabulary.errors import EvenkeelError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from evenkeel.vocabulary.settings import Settings

FIRST_TRAINING = date(2013, 4, 24)
"""Eight weeks before its inputs move: a wet June."""
LAST_DAY = date(2013, 8, 31)
STRIDE = timedelta(days=14)
"""Days at a time; then it is asked whether a signal has led to a promotion."""


class StepFailedError(EvenkeelError):
    """A step of the demo failed; the message says which."""


@dataclass
class _Clock:
    start: float

    def say(self, text: str) -> None:
        """One line of progress, with the seconds since the demo began."""
        out.print(f"[dim]{time.monotonic() - self.start:6.0f} s[/dim]  {text}", soft_wrap=True)


def run_demo(settings: Settings, *, airflow_port: int, mlflow_port: int, stay: bool) -> None:
    """Land the flights, bring Airflow and MLflow up, and take `flight_delay` from its first training to a promotion that
    confirmed drift launched by itself; `flight_duration` lives through a week beside it, with its weekly training.

    Raises StepFailedError, naming the step, where one fails. Run again, it goes on where it stopped.
    """
    clock = _Clock(time.monotonic())
    with _step("landing the flights"):
        from nyc_flights.landing import land

        land(Path(settings.data), progress=clock.say)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that a TERM too ends what was started
    with contextlib.ExitStack() as started:
        clock.say("starting Airflow and MLflow")
        with _step("starting Airflow and MLflow"):
            ports = (airflow_port, mlflow_port)
            up = started.enter_context(running(settings.home, settings.project, ports=ports))
        client = started.enter_context(up.client())
        clock.say(f"Airflow is at {up.airflow_url}, MLflow at {up.mlflow_url}; the user of both is admin")
        delay = Journey(client, "flight_delay", "America/New_York", clock.say)
        duration = Journey(client, "flight_duration", "America/New_York", clock.say)
        promotion = _travel(delay, duration, clock)
        _tell(up, [delay, duration], promotion, time.monotonic() - clock.start)
        if stay:
            _stay(clock)


def _travel(delay: Journey, duration: Journey, clock: _Clock) -> Promotion:
    with _step("waiting for the DAGs"):
        for journey in (delay, duration):
            journey.begin()
    for journey in (delay, duration):
        with _step(f"training {journey.model} as of {FIRST_TRAINING}"):
            clock.say(f"{journey.model}: first training, as of {FIRST_TRAINING}")
            journey.train(FIRST_TRAINING)
    with _step("training, scoring and checking flight_duration"):
        duration.live(FIRST_TRAINING, FIRST_TRAINING + timedelta(days=6), trainings=True)
    first = FIRST_TRAINING
    while first <= LAST_DAY:
        last = min(first + STRIDE - timedelta(days=1), LAST_DAY)
        with _step(f"scoring and checking flight_delay from {first} to {last}"):
            delay.live(first, last)
            promotions = delay.promotions()
        if promotions:
            return _with_the_new_champion(delay, last, promotions[0], clock)
        first = last + timedelta(days=1)
    raise StepFailedError(
        f"no drift was confirmed up to {LAST_DAY}; the drift rule of flight_delay was changed, it seems"
    )


def _with_the_new_champion(delay: Journey, last: date, promotion: Promotion, clock: _Clock) -> Promotion:
    clock.say(f"[bold]version {promotion.version} was promoted as of {promotion.as_of}[/bold]: {promotion.signal}")
    with _step("scoring with the new champion"):
        delay.live(last + timedelta(days=1), last + timedelta(days=3))
    return promotion


def _tell(up: LocalStack, journeys: list[Journey], promotion: Promotion, seconds: float) -> None:
    table = Table(title=f"what happened, in {seconds:.0f} s", title_justify="left")
    for column in ("model", "pipeline", "runs", "failed", "rows", "seconds a run", "verdicts", "versions"):
        table.add_column(column, justify="right" if column in {"runs", "failed", "rows", "seconds a run"} else "left")
    for journey in journeys:
        for step in journey.account():
            table.add_row(
                journey.model,
                step.name,
                str(step.runs),
                str(step.failed),
                f"{step.rows:,}" if step.rows else "",
                f"{step.seconds / step.runs:.1f}" if step.runs else "",
                ", ".join(f"{count} × {verdict}" for verdict, count in sorted(step.verdicts.items())),
                ", ".join(reversed(step.versions)),
            )
    out.print(table)
    out.print(f"retrained by itself: {promotion.signal}", soft_wrap=True)
    out.print(f"promoted: version {promotion.version}, {promotion.reason}", soft_wrap=True)
    out.print("look at:")
    for name, address in {
        "model health": f"{up.airflow_url}/plugin/model_health",
        "DAGs": f"{up.airflow_url}/dags?tags=evenkeel",
        "the retraining": f"{up.airflow_url}/dags/flight_delay_retrain/runs",
        "experiments and versions": up.mlflow_url,
    }.items():
        out.print(f"  {name:<26}{address}", soft_wrap=True)
    out.print(f"  {'user admin, passwords in':<26}{up.credentials.passwords_file.parent}", soft_wrap=True)


def _stay(clock: _Clock) -> None:
    clock.say("everything stays up; Ctrl-C stops it")
    with contextlib.suppress(KeyboardInterrupt):
        signal.pause()


@contextlib.contextmanager
def _step(name: str) -> Iterator[None]:
    try:
        yield
    except EvenkeelError as error:
        raise StepFailedError(f"the demo failed while {name}: {error}") from error
