"""Findings: what an expectation's raw result means for people and for rows. Free of the vendor that evaluated it."""

from __future__ import annotations

import html
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from evenkeel.vocabulary.errors import EvenkeelError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    import pandas as pd

    from evenkeel.gateways.suites import Entry

_EXAMPLES = 3
_LONGEST = 80
_BULKY = {
    "unexpected_list",
    "unexpected_index_list",
    "unexpected_index_query",
    "partial_unexpected_index_list",
}
_TELLING = {"partial_unexpected_list", "partial_unexpected_counts", "details"}


@dataclass(frozen=True)
class Finding:
    """One expectation that failed.

    `count` is the number of rows that broke it, 0 where it is about a column or table as a whole; then `detail`
    says what was seen.
    """

    expectation: str
    column: str | None
    severity: str
    count: int
    examples: tuple[str, ...]
    detail: str = ""

    def sentence(self) -> str:
        """In words: `expect_column_values_to_not_be_null on carrier: 12 rows, such as flight_id=7`."""
        where = self.expectation if self.column is None else f"{self.expectation} on {self.column}"
        such = f", such as {', '.join(self.examples)}" if self.examples else ""
        rows = f"{self.count} row{'' if self.count == 1 else 's'}{such}" if self.count else ""
        return f"{where}: {self.detail or rows or 'is not met'}"


@dataclass(frozen=True)
class Outcome:
    """An entry of a suite with its raw result: the keys are Great Expectations' (`unexpected_index_list` …)."""

    entry: Entry
    success: bool
    result: Mapping[str, Any]

    @property
    def positions(self) -> tuple[int, ...] | None:
        """Positions of the rows that broke it; None where it is not about rows."""
        found = self.result.get("unexpected_index_list")
        if found is None:
            return None
        if len(found) != self.result["unexpected_count"]:
            raise EvenkeelError(
                f"{self.entry.name}: {self.result['unexpected_count']} rows failed and {len(found)} are named; "
                "rows that cannot be named cannot be set aside: make the expectation critical"
            )
        return tuple(int(position) for position in found)


def find(outcome: Outcome, frame: pd.DataFrame, key: Sequence[str], private: Collection[str]) -> Finding:
    """A failed outcome as a finding whose examples show the key and what was looked at, but no private value."""
    entry, positions = outcome.entry, outcome.positions
    wanted = dict.fromkeys((*key, *entry.columns))
    shown = [column for column in wanted if column in frame and column not in private]
    examples = [_example(frame, shown, position) for position in (positions or ())[:_EXAMPLES]]
    detail = _detail(outcome, private) if positions is None else ""
    return Finding(
        expectation=entry.type,
        column=", ".join(entry.columns) or None,
        severity=entry.severity,
        count=len(positions or ()),
        examples=tuple(dict.fromkeys(examples)),
        detail=detail,
    )


def bad_rows(failed: Iterable[Outcome]) -> dict[int, tuple[str, ...]]:
    """Row position to reasons, from failed outcomes of severity warning that are about rows."""
    reasons: dict[int, tuple[str, ...]] = {}
    for outcome in failed:
        if outcome.entry.severity != "warning":
            continue
        notes = outcome.entry.notes
        reason = f"{outcome.entry.name}: {notes}" if notes else outcome.entry.name
        for position in outcome.positions or ():
            reasons[position] = (*reasons.get(position, ()), reason)
    return dict(sorted(reasons.items()))


def is_private(entry: Entry, private: Collection[str]) -> bool:
    """Whether a result of this entry, or its error, may quote a value of a private column."""
    condition = str(entry.kwargs.get("row_condition") or "")
    return any(column in entry.columns or column in condition for column in private)


def presentable(outcome: Outcome, private: Collection[str]) -> dict[str, Any]:
    """A result as a page may show it: values plain and escaped, private ones and long lists left out."""
    hidden = is_private(outcome.entry, private)
    left_out = _BULKY | _TELLING if hidden else _BULKY
    shown = {name: _escaped(value) for name, value in outcome.result.items() if name not in left_out}
    if hidden and shown.get("observed_value") is not None:
        shown["observed_value"] = "not shown"
    return shown


def _example(frame: pd.DataFrame, columns: list[str], position: int) -> str:
    values = [f"{column}={_short(frame[column].iloc[position])}" for column in columns]
    return " ".join(values) or f"row {position}"


def _detail(outcome: Outcome, private: Collection[str]) -> str:
    entry, result = outcome.entry, outcome.result
    if entry.type == "expect_column_to_exist":
        return "the column is missing"
    seen = result.get("observed_value")
    seen = result.get("partial_unexpected_list") if seen is None else seen
    if seen is None and "partial_missing_list" in result:
        return f"{_short(result['partial_missing_list'])} is missing"
    observed = "a value that is not shown" if is_private(entry, private) else _short(seen)
    rule = [f"{name}={_short(value)}" for name, value in entry.kwargs.items() if value not in entry.columns]
    return f"observed {observed}, expected {', '.join(rule)}"


def _short(value: object) -> str:
    text = str(value)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."


def _escaped(value: Any) -> Any:
    """Great Expectations puts values into its pages as they are, and cannot print NumPy's numbers."""
    if isinstance(value, str):
        return html.escape(value)
    if isinstance(value, dict):
        return {name: _escaped(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [_escaped(part) for part in value]
    if value is None or type(value) in {bool, int, float}:
        return value
    return value.item() if hasattr(value, "item") else html.escape(str(value))
