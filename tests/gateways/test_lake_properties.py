"""Publishing as a law: whatever is published in whatever order, a partition is what was published to it last."""

from __future__ import annotations

import shutil
import tempfile
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pandas as pd
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from evenkeel.gateways.lake import Lake

if TYPE_CHECKING:
    from collections.abc import Mapping

HISTORY = timedelta(days=7)
DAYS = st.sampled_from(["2013-04-01", "2013-04-02", "2013-04-03"])
COLUMNS: Mapping[str, tuple[str, st.SearchStrategy[Any]]] = {
    "note": ("object", st.none() | st.sampled_from(["", "a", "ü"])),
    "score": ("float64", st.none() | st.floats(allow_nan=False, width=32)),
    "count": ("int64", st.integers(-(2**40), 2**40)),
    "at": ("datetime64[us]", st.none() | st.datetimes(pd.Timestamp("2013-01-01"), pd.Timestamp("2014-01-01"))),
}


@st.composite
def frames(draw: st.DrawFn) -> pd.DataFrame:
    """Up to four rows, perhaps none, of a key and some of the columns, each perhaps without a value."""
    rows = draw(st.integers(0, 4))
    chosen = draw(st.lists(st.sampled_from(sorted(COLUMNS)), unique=True))
    made = {"key": pd.Series([f"k{number}" for number in range(rows)], dtype="object")}
    for name in chosen:
        dtype, values = COLUMNS[name]
        made[name] = pd.Series(draw(st.lists(values, min_size=rows, max_size=rows)), dtype=dtype)
    return pd.DataFrame(made)


def rows_of(frame: pd.DataFrame | None, day: str) -> list[dict[str, Any]]:
    """The values of a partition, row by row; a column that holds none is as good as one that is not there."""
    if frame is None:
        return []
    mine = frame[frame["_partition"] == day].drop(columns="_partition").sort_values("key")
    found = [{name: value for name, value in row.items() if pd.notna(value)} for row in mine.to_dict("records")]
    return [{name: float(one) if name == "count" else one for name, one in row.items()} for row in found]


class Publishing(RuleBasedStateMachine):
    """One table, against a dictionary of what each partition should hold and of what each version held."""

    @initialize()
    def begin(self) -> None:
        self.folder = tempfile.mkdtemp()
        self.last: dict[str, pd.DataFrame] = {}
        self.states: dict[int, dict[str, pd.DataFrame]] = {}
        self.version = -1

    @rule(day=DAYS, frame=frames())
    def publish(self, day: str, frame: pd.DataFrame) -> None:
        self._publish(day, frame)

    @rule(day=DAYS)
    def publish_again(self, day: str) -> None:
        if day in self.last:
            self._publish(day, self.last[day].copy())

    @rule()
    def maintain(self) -> None:
        done = self.lake.maintain("m", "t", HISTORY)
        assert (done is None) == (not self.last)
        if done is not None:
            assert done.removed_files == 0
            self.version = done.version
            self.states[done.version] = dict(self.last)

    @invariant()
    def every_partition_is_what_was_published_last(self) -> None:
        found = self.lake.read("m", "t")
        assert (found is None) == (not self.last)
        for day, frame in self.last.items():
            assert rows_of(found, day) == rows_of(frame.assign(_partition=day), day)
        assert self.lake.partitions("m", "t") == sorted(day for day, frame in self.last.items() if len(frame))

    def teardown(self) -> None:
        """Every version since the first reads back as it was."""
        for version, state in self.states.items():
            found = self.lake.read("m", "t", version=version)
            for day in DAYS.elements:  # type: ignore[attr-defined]  # of a sampled_from
                frame = state.get(day, pd.DataFrame({"key": []}))
                assert rows_of(found, day) == rows_of(frame.assign(_partition=day), day)
        shutil.rmtree(self.folder)

    @property
    def lake(self) -> Lake:
        """Opened anew each time, as each task of a run opens it."""
        return Lake(self.folder)

    def _publish(self, day: str, frame: pd.DataFrame) -> None:
        same = day in self.last and self._content(self.last[day]) == self._content(frame)
        version = self.lake.publish("m", "t", day, frame, {"run": "x"})
        assert version == (self.version if same else self.version + 1)
        assert self.lake.version("m", "t") == version
        self.version, self.last[day] = version, frame
        self.states[version] = dict(self.last)

    @staticmethod
    def _content(frame: pd.DataFrame) -> tuple[Any, ...]:
        return (*zip(frame.columns, map(str, frame.dtypes), strict=True), frame.to_json())


test_publishing_keeps_its_law = Publishing.TestCase
Publishing.TestCase.settings = settings(
    max_examples=25, stateful_step_count=12, deadline=None, suppress_health_check=list(HealthCheck)
)
Publishing.TestCase.__doc__ = """Any sequence of publishes, repeats, empty ones and maintenance: each partition is what was
published to it last, the version grows with what changed and with nothing else, and each version reads back as it was
(laws 6 to 8).
"""
