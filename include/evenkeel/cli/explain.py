"""`evenkeel explain`: the model card of a version, made anew with the ledger as it is now."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003 - typer reads the annotation
from typing import Annotated

import typer

from evenkeel.cli.console import out
from evenkeel.cli.doors import open_gateways


def explain(
    model: Annotated[str, typer.Argument(help="Name of the model, as in config/models/NAME.yaml.")],
    version: Annotated[int, typer.Argument(min=1, help="Number of the version.")],
    folder: Annotated[
        Path | None,
        typer.Option("--out", help="Where to write card.md and card.html; by default in the home.", show_default=False),
    ] = None,
) -> None:
    """Write the model card of a version: purpose, data, metrics, limits, lineage, and every decision in its life."""
    from evenkeel.workflows.model_card import model_card, write_card

    gateways = open_gateways()
    card = model_card(model, version, gateways)
    out.print(f"{model} version {version}: {card.status}", soft_wrap=True, markup=False)
    for sentence in card.limits:
        out.print(f"  {sentence}", soft_wrap=True, markup=False)
    for place in write_card(card, folder or gateways.settings.home / "cards" / model / str(version)):
        out.print(f"card: {place}", soft_wrap=True, markup=False)
