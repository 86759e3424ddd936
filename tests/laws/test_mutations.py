"""The mutations fit the code: each of their texts is there, once. Whether the laws notice them is for `tests.laws.mutations`."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.laws.mutants import MUTATIONS, Mutation

INCLUDE = Path(__file__).parents[2] / "include" / "evenkeel"
LAWS = {*range(1, 24), 26, 27, 28, 31}


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda one: f"{one.law}: {one.name}")
def test_a_mutation_is_of_code_that_is_there(mutation: Mutation) -> None:
    """Code that changed takes its mutations along: an old text is there exactly once, and the new one is another."""
    for edit in mutation.edits:
        assert (INCLUDE / edit.file).read_text().count(edit.old) == 1, edit
        assert edit.old != edit.new


def test_every_law_has_its_mutations() -> None:
    """Each law that has a suite is broken in at least two ways, of names of their own."""
    counted = [one.law for one in MUTATIONS]
    assert set(counted) == LAWS
    assert min(counted.count(law) for law in LAWS) >= 2
    assert len({one.name for one in MUTATIONS}) == len(MUTATIONS) >= 35
