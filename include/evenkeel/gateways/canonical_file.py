"""Model files written so that equal models make equal bytes: then a digest says whether two models are the same."""

from __future__ import annotations

import io
import itertools
import json
import zipfile
from typing import Any

_SCHEMA = "schema.json"


def canonical(content: bytes) -> bytes:
    """A skops file without what differs from one writing to the next: memory addresses and the time of writing.

    skops names objects and arrays by where they lay in memory. Here they are numbered in the order in which the file tells of
    them, and constants, whose identity is Python's own business, each get a number of their own. What is loaded is the same.
    Content that is no such file is returned as it is.
    """
    if not zipfile.is_zipfile(io.BytesIO(content)):
        return content
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        arrays = {name: archive.read(name) for name in archive.namelist()}
    if _SCHEMA not in arrays:
        return content
    numbered = _Numbered(set(arrays))
    schema = numbered.rewrite(json.loads(arrays[_SCHEMA]))
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w") as archive:
        for name, place in numbered.files.items():
            archive.writestr(_entry(place), arrays[name])
        archive.writestr(_entry(_SCHEMA), json.dumps(schema, indent=2))
    return sink.getvalue()


class _Numbered:
    """Renames as it walks: the same object or file, met again, has the name it was given at first."""

    def __init__(self, names: set[str]) -> None:
        self.files: dict[str, str] = {}
        self._names = names
        self._objects: dict[int, int] = {}
        self._numbers = itertools.count(1)  # skops takes 0 for no number

    def rewrite(self, node: Any) -> Any:
        if isinstance(node, list):
            return [self.rewrite(one) for one in node]
        if not isinstance(node, dict):
            return node
        constant = node.get("__loader__") == "JsonNode"
        return {key: self._value(key, value, constant=constant) for key, value in node.items()}

    def _value(self, key: str, value: Any, *, constant: bool) -> Any:
        if key == "__id__" and isinstance(value, int):
            if constant or value not in self._objects:
                self._objects[value] = next(self._numbers)
            return self._objects[value]
        if key == "file" and isinstance(value, str) and value in self._names:
            return self.files.setdefault(value, f"{len(self.files)}.{value.rpartition('.')[2]}")
        return self.rewrite(value)


def _entry(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name)  # dated 1980, as far back as a zip file can be
    entry.create_system = 3  # the writing machine's kind is no part of the model
    return entry
