"""What the command line shows: steps as they end, tables, and errors in one piece."""

from __future__ import annotations

import shutil
import time
from dataclasses import asdict, is_dataclass
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterable

    from evenkeel.workflows.ledger import Entry
    from evenkeel.workflows.status import Status

# A log file has no width of its own: tables would be squeezed into 80 columns there.
_WIDTH = None if Console().is_terminal else max(150, shutil.get_terminal_size().columns)

out = Console(highlight=False, width=_WIDTH)
err = Console(stderr=True, highlight=False)


class Steps:
    """Prints a line for each step that ended: its name, its seconds, what it found."""

    def __init__(self) -> None:
        self._last = time.monotonic()

    def __call__(self, step: str, result: Any) -> None:
        """One step ended with a result."""
        now = time.monotonic()
        out.print(f"  {step:<22} {now - self._last:6.2f} s  {_in_words(result)}", soft_wrap=True, markup=False)
        self._last = now


def status_table(statuses: Iterable[Status]) -> Table:
    """One row a model."""
    table = Table(title="models", title_justify="left")
    for column in (
        "model",
        "champion",
        "promised",
        "last training",
        "last scored",
        "last check",
        "drift",
        "performance",
        "stale",
    ):
        table.add_column(column)
    for one in statuses:
        training = (
            "-" if one.last_training is None else f"{one.last_training.effective_at[:10]} {one.last_training.kind}"
        )
        table.add_row(
            one.model,
            _champion(one),
            "-" if one.promised is None else f"{one.metric} {one.promised:.4f}",
            training,
            "-" if one.last_scored is None else f"{one.last_scored} ({one.last_scored_rows} rows)",
            one.last_check or "-",
            one.drift or "-",
            one.decay or "-",
            str(one.stale_partitions or "-"),
        )
    return table


def _champion(one: Status) -> str:
    shadow = "" if one.shadow is None else f", shadow {one.shadow.version}"
    return "-" if one.champion is None else f"{one.champion} since {str(one.champion_since)[:10]}{shadow}"


def history_table(model: str, entries: Iterable[Entry]) -> Table:
    """One row a decision, in the order they hold; the champion of each moment is the last promotion or rollback above it."""
    table = Table(title=f"decisions about {model}", title_justify="left", show_lines=True)
    for column in ("holds from", "kind", "version", "before", "verdict", "reason", "by", "written"):
        table.add_column(column, overflow="fold")
    for one in entries:
        table.add_row(
            f"{one.effective_at:%Y-%m-%d %H:%M}Z",
            str(one.kind),
            "" if one.version is None else str(one.version),
            "" if one.previous_version is None else str(one.previous_version),
            one.verdict,
            Text(one.reason),
            Text("\n".join(filter(None, (one.actor, one.run)))),
            "" if one.recorded_at is None else f"{one.recorded_at:%Y-%m-%d %H:%M:%S}Z",
        )
    return table


def _in_words(result: Any) -> str:
    fields = asdict(result) if is_dataclass(result) and not isinstance(result, type) else {"": result}
    return ", ".join(f"{name} {_short(value)}".strip() for name, value in fields.items() if value is not None)


def _short(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4f}"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key} {_short(one)}" for key, one in value.items()) + "}"
    return str(value)
