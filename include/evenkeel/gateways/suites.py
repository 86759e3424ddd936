"""Suites: the YAML files of expectations, in Great Expectations' own words, read without it."""

from __future__ import annotations

import difflib
import hashlib
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import yaml

from evenkeel.vocabulary.errors import SpecError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

SEVERITIES = ("critical", "warning")
PARAMETER = "$PARAMETER"
PARAMETERS = {
    "partitions": "the frame spans none",
    "recent_rows": "too few partitions came before to say how many rows are usual",
    "recent_label_mean": "too few labels came before these to say what is usual",
}
"""Names a kwarg may reckon with, as in `min_value: {$PARAMETER: "0.5 * recent_rows * partitions"}`, and why one has no value.

`partitions` is how many the frame spans, `recent_rows` the median rows of the partitions before,
`recent_label_mean` the mean label of the training rows before the holdout. The vendor's own words would allow more, the clock
among it; what a suite says must not change with the day it is run.
"""
_SUITE_KEYS = ("name", "extends", "expectations")
_ENTRY_KEYS = ("type", "kwargs", "severity", "notes")
_COLUMN_KWARGS = ("column", "column_A", "column_B", "column_list")


@dataclass(frozen=True)
class Entry:
    """One expectation of a suite, as it is written."""

    type: str
    kwargs: Mapping[str, Any]
    severity: str = "critical"
    notes: str | None = None

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns it looks at; none for an expectation about the table."""
        found: list[str] = []
        for kwarg in _COLUMN_KWARGS:
            value = self.kwargs.get(kwarg, [])
            found += value if isinstance(value, list) else [str(value)]
        return tuple(found)

    @property
    def name(self) -> str:
        """Type and columns in words, for a message."""
        return f"{self.type} on {', '.join(self.columns)}" if self.columns else self.type

    @property
    def parameters(self) -> tuple[str, ...]:
        """The parameters its kwargs reckon with."""
        given = [value[PARAMETER] for value in self.kwargs.values() if isinstance(value, dict) and PARAMETER in value]
        return tuple(dict.fromkeys(name for one in given for name in _names(one)))


@dataclass(frozen=True)
class Suite:
    """A suite file, read: its entries by their place in the file, counted from 0, and the suite it extends."""

    name: str
    entries: Mapping[int, Entry]
    extends: str | None = None

    @property
    def hash(self) -> str:
        """Sixteen hex digits over everything that shapes a result: not the notes, comments or layout."""
        entries = [(entry.type, dict(entry.kwargs), entry.severity) for entry in self.entries.values()]
        content = [self.name, entries]
        return hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()[:16]


def read_text(folder: Path, name: str) -> str:
    """A suite file's content. Raises SpecError naming the nearest match where there is no such file."""
    path = folder / f"{name}.yaml"
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        names = sorted(file.stem for file in folder.glob("*.yaml"))
        raise SpecError([f"{label(folder, name)}: no such suite.{choices(name, names)}"]) from error
    except (OSError, UnicodeDecodeError) as error:
        raise SpecError([f"{label(folder, name)}: cannot be read: {error}"]) from error


def parse(text: str, name: str, file: str) -> tuple[Suite, list[str]]:
    """The suite of a file's content, and every mistake in its form; entries with a mistake are left out."""
    try:
        twins = [f"{file}: key {key!r} is given twice" for key in _twins(yaml.compose(text, yaml.SafeLoader))]
        content = yaml.safe_load(text)
    except yaml.YAMLError as error:
        return Suite(name, {}), [f"{file}: cannot be read as YAML: {' '.join(str(error).split())}"]
    if not isinstance(content, dict) or not isinstance(content.get("expectations"), list):
        return Suite(name, {}), [f"{file}: must hold the keys name and expectations, the latter a list"]
    mistakes = [*twins, *unknown(file, "", content, _SUITE_KEYS)]
    if content.get("name") != name:
        mistakes.append(f"{file}: name: {content.get('name')!r} must equal the file's name, {name!r}")
    base = content.get("extends")
    if base is not None and not isinstance(base, str):
        mistakes.append(f"{file}: extends: must name a suite, got {base!r}")
        base = None
    entries: dict[int, Entry] = {}
    for index, item in enumerate(content["expectations"]):
        entry, found = _entry(item, file, f"expectations.{index}")
        mistakes += found
        if entry is not None:
            entries[index] = entry
    if not content["expectations"]:
        mistakes.append(f"{file}: expectations: is empty, and a gate that expects nothing guards nothing")
    return Suite(name, entries, base), mistakes


def label(folder: Path, name: str) -> str:
    """How messages name a suite's file."""
    return f"{folder.name}/{name}.yaml"


def unknown(file: str, where: str, given: Iterable[str], valid: Iterable[str]) -> list[str]:
    """A mistake for each key that is not valid here, with the nearest match."""
    known = list(valid)
    prefix = f"{where}." if where else ""
    strangers = [key for key in given if key not in known]
    return [f"{file}: {prefix}{key}: unknown key.{choices(str(key), known)}" for key in strangers]


def choices(given: str, valid: list[str], *, listed: int = 12) -> str:
    """The nearest match and, where they are few, all valid values, for the end of a message."""
    near = difflib.get_close_matches(given, valid, n=1, cutoff=0.5)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    return f"{hint} Valid: {', '.join(valid)}" if 0 < len(valid) <= listed else hint


def _entry(item: object, file: str, where: str) -> tuple[Entry | None, list[str]]:
    if not isinstance(item, dict):
        return None, [f"{file}: {where}: must be a mapping with type and kwargs, got {item!r}"]
    mistakes = unknown(file, where, item, _ENTRY_KEYS)
    kwargs, severity, notes = item.get("kwargs", {}), item.get("severity", "critical"), item.get("notes")
    if not isinstance(item.get("type"), str):
        mistakes.append(f"{file}: {where}.type: must name an expectation, got {item.get('type')!r}")
    if not isinstance(kwargs, dict):
        mistakes.append(f"{file}: {where}.kwargs: must be a mapping like {{column: carrier}}, not {kwargs!r}")
    else:
        mistakes += _strange_parameters(kwargs, file, where)
    if severity not in SEVERITIES:
        hint = choices(str(severity), list(SEVERITIES))
        mistakes.append(f"{file}: {where}.severity: {severity!r} is not one of the choices.{hint}")
    if notes is not None and not isinstance(notes, str):
        mistakes.append(f"{file}: {where}.notes: must be a sentence, got {notes!r}")
    return (None, mistakes) if mistakes else (Entry(item["type"], kwargs, severity, notes), [])


def _strange_parameters(kwargs: dict[str, Any], file: str, where: str) -> list[str]:
    mistakes = []
    for kwarg, value in kwargs.items():
        if not isinstance(value, dict) or PARAMETER not in value:
            continue
        for name in _names(value[PARAMETER]):
            if name not in PARAMETERS:
                hint = choices(name, list(PARAMETERS))
                mistakes.append(f"{file}: {where}.kwargs.{kwarg}: {name!r} is no parameter.{hint}")
    return mistakes


def _names(reckoning: object) -> list[str]:
    return re.findall(r"[A-Za-z_]\w*", str(reckoning))


def _twins(node: yaml.Node | None) -> list[str]:
    """Keys that a mapping holds twice, anywhere: YAML would let the last one win without a word."""
    found: list[str] = []
    if isinstance(node, yaml.MappingNode):
        names = [key.value for key, _ in node.value]
        found += sorted({name for name in names if names.count(name) > 1})
    for child in getattr(node, "value", None) or []:
        for part in child if isinstance(child, tuple) else (child,):
            found += _twins(part) if isinstance(part, yaml.Node) else []
    return found
