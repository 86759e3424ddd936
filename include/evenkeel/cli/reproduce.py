"""`evenkeel reproduce`: a version made again in a clean environment, and compared with the registered one."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path  # noqa: TC003 - typer reads the annotation
from typing import TYPE_CHECKING, Annotated

import typer
from rich.status import Status

from evenkeel.cli.console import err, out
from evenkeel.cli.doors import open_gateways

if TYPE_CHECKING:
    from evenkeel.workflows.reproduce import Reproduced

Model = Annotated[str, typer.Argument(help="Name of the model, as in config/models/NAME.yaml.")]
Number = Annotated[int, typer.Argument(min=1, help="Number of the version.")]


def reproduce(
    model: Model,
    version: Number,
    here: Annotated[
        bool,
        typer.Option("--here", help="With this code in this environment, not in a clean one of the version's own."),
    ] = False,
    keep: Annotated[
        Path | None,
        typer.Option("--keep", help="Folder that keeps code, environment and rebuilt model.", show_default=False),
    ] = None,
    extras: Annotated[
        list[str] | None,
        typer.Option("--extra", help="Extra of the project to install. Repeatable.  [default: example]"),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for programs.")] = False,
) -> None:
    """Rebuild a version from its code version, lock, training set and seed in a clean environment, and compare it.

    Exit code 0 where it came out equal, or equal within tolerance; 1 where it differs.
    """
    from evenkeel.workflows import reproduce as workflow

    with _Progress(as_json=as_json) as progress:
        done = workflow.reproduce(
            model, version, open_gateways(), progress, here=here, keep=keep, extras=extras or ("example",)
        )
    if as_json:
        sys.stdout.write(json.dumps(done.as_dict(), indent=2) + "\n")
    else:
        _tell(done)
    if not done.result.equal:
        raise typer.Exit(1)


def rebuild(
    model: Model,
    version: Number,
    folder: Annotated[Path, typer.Option("--out", help="Where to write what came of it.")],
) -> None:
    """Rebuild a version with this code in this environment; what `reproduce` runs in its clean one."""
    from evenkeel.workflows.reproduce import rebuild_into

    rebuild_into(model, version, folder, open_gateways())


def _tell(done: Reproduced) -> None:
    result = done.result
    console = out if result.equal else err
    console.print(
        f"{done.model} version {done.version}: {result.sameness}. {result.reason}", soft_wrap=True, markup=False
    )
    for one in result.differences:
        console.print(f"  {one}", soft_wrap=True, markup=False)


class _Progress:
    """Says which step is under way on a terminal, and a line for each that ended; on stderr where stdout is for programs."""

    def __init__(self, *, as_json: bool) -> None:
        self._console = err if as_json else out
        self._status = Status("", console=self._console)
        self._begun = time.monotonic()

    def __enter__(self) -> _Progress:
        if self._console.is_terminal:
            self._status.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._status.stop()

    def __call__(self, step: str, found: str | None) -> None:
        """A step began, or ended with what it found."""
        now = time.monotonic()
        if found is None:
            self._begun = now
            self._status.update(f"{step} …")
        else:
            self._console.print(f"  {step:<12} {now - self._begun:6.1f} s  {found}", soft_wrap=True, markup=False)
