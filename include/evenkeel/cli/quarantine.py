"""`evenkeel quarantine`: the rows that the data gate set aside, and releasing what was repaired."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table
from rich.text import Text

from evenkeel.cli.console import Steps, out
from evenkeel.cli.doors import open_gateways
from evenkeel.vocabulary.settings import read_settings
from evenkeel.vocabulary.spec_file import find_spec

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from evenkeel.vocabulary.spec import ModelSpec
    from evenkeel.workflows.quarantine import Released

_SHOWN = 50


def quarantine(
    model: Annotated[str, typer.Argument(help="Name of the model, as in config/models/NAME.yaml.")],
    partition: Annotated[
        str | None, typer.Option("--partition", help="Only this partition, such as 2013-04-01.")
    ] = None,
    release: Annotated[
        bool, typer.Option("--release", help="Score the partitions again, so that repaired rows are published.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for programs.")] = False,
) -> None:
    """Show the rows that the data gate set aside, with their reasons, or release what was repaired at its source."""
    from evenkeel.workflows import quarantine as steps
    from evenkeel.workflows.pipelines import silent

    spec, gateways = find_spec(read_settings().models, model), open_gateways()
    asked = None if partition is None else spec.partition(partition)
    if not release:
        found = steps.quarantined(spec, gateways, asked)
        if as_json:
            sys.stdout.write(found.to_json(orient="records", date_format="iso", indent=2) + "\n")
        else:
            _show(spec, found)
        return
    released = steps.release(spec, gateways, None if asked is None else [asked], silent if as_json else Steps())
    if as_json:
        sys.stdout.write(json.dumps([asdict(one) for one in released], indent=2) + "\n")
    else:
        out.print(_released_table(model, released) if released else f"{model}: no row is in quarantine")


def _show(spec: ModelSpec, found: pd.DataFrame) -> None:
    if found.empty:
        out.print(f"{spec.model}: no row is in quarantine")
        return
    from evenkeel.vocabulary import columns as c

    table = Table(title=f"quarantine of {spec.model}: {len(found)} rows", title_justify="left", show_lines=True)
    shown = [c.PARTITION, *spec.rows.key, c.REASONS]
    for column in ("partition", *spec.rows.key, "reasons"):
        table.add_column(column, overflow="fold")
    for row in found[shown].head(_SHOWN).itertuples(index=False):
        table.add_row(*(Text(str(value)) for value in row))
    out.print(table)
    if len(found) > _SHOWN:
        out.print(f"and {len(found) - _SHOWN} more: --partition shows one day, --json all of them")


def _released_table(model: str, released: Sequence[Released]) -> Table:
    table = Table(title=f"released from the quarantine of {model}", title_justify="left", show_lines=True)
    for column in ("partition", "before", "after", "scored", "what is left"):
        table.add_column(column, overflow="fold")
    for one in released:
        table.add_row(one.partition, str(one.before), str(one.after), str(one.scored), Text(one.said))
    return table
