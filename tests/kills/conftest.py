"""The houses that are killed, and the table of what became of them."""

from __future__ import annotations

import tempfile
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.kills.houses import SEED, Houses

if TYPE_CHECKING:
    from collections.abc import Iterator

HOUSES = pytest.StashKey[Houses]()


@pytest.fixture(scope="session")
def houses(request: pytest.FixtureRequest) -> Iterator[Houses]:
    # A killed process loses nothing that it gave to the system, so a file system in memory proves as much, sooner.
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(prefix="evenkeel-kills-", dir=memory if memory.is_dir() else None) as root:
        made = Houses(Path(root))
        request.config.stash[HOUSES] = made
        yield made
        made.close()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """The table: kills by pipeline and boundary, and how many ended as if nothing had happened."""
    made = config.stash.get(HOUSES, None)
    if made is None:
        return
    table: dict[tuple[str, str], list[int]] = defaultdict(lambda: [0, 0, 0])
    for one in made.outcomes:
        row = table[one.kill.pipeline, one.kill.boundary]
        row[0] += one.kills
        row[1] += 1
        row[2] += not one.torn and not one.differences
    terminalreporter.section(f"kills (KILLS_SEED={SEED})")
    for (pipeline, boundary), (kills, resumed, equal) in sorted(table.items()):
        terminalreporter.line(f"{pipeline:8} {boundary:75} {kills:3} killed, {equal}/{resumed} equal after resuming")
    kills, equal = (sum(row[place] for row in table.values()) for place in (0, 2))
    terminalreporter.line(f"{kills} kills, {equal} of {len(made.outcomes)} runs equal; {made.cpu:.0f} s of CPU")
