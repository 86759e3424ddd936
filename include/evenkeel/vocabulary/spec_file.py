"""Reading model specs: every mistake of every file at once, each naming file, key, value, choices and nearest match."""

from __future__ import annotations

import difflib
import re
import types
import typing
from typing import TYPE_CHECKING, Any

import yaml
from pydantic import BaseModel, ValidationError

from evenkeel.vocabulary.errors import SpecError
from evenkeel.vocabulary.spec import ModelSpec

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from pydantic_core import ErrorDetails


_Loader: type[yaml.SafeLoader] = getattr(
    yaml, "CSafeLoader", yaml.SafeLoader
)  # every task reads a spec; C is ten times faster


_SECRET = {"url", "connection"}
"""Keys whose value may hold a password, put there by right or by mistake."""
_ADDRESS = re.compile(r"://[^/]*@")
"""What an address with a user or a password in it looks like, wherever it stands."""
_NOT_SHOWN = "(not shown)"


class _StrictLoader(_Loader):  # type: ignore[misc, valid-type]
    """YAML in which a key said twice is a mistake, not the last one winning."""


def _mapping_without_twins(loader: _StrictLoader, node: yaml.MappingNode) -> dict[Any, Any]:
    seen: set[Any] = set()
    for key_node, _ in node.value:
        key = loader.construct_object(key_node)
        if key in seen:
            raise yaml.constructor.ConstructorError(None, None, f"key {key!r} is given twice", key_node.start_mark)
        seen.add(key)
    content: dict[Any, Any] = loader.construct_mapping(node, deep=True)
    return content


_StrictLoader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping_without_twins)


def load_spec(path: Path) -> ModelSpec:
    """The spec in one file. Raises SpecError with a line for each mistake."""
    spec, mistakes = _read(path)
    if spec is None:
        raise SpecError(mistakes)
    return spec


def load_specs(folder: Path) -> tuple[list[ModelSpec], list[str]]:
    """All specs of a folder, and all mistakes: a bad spec costs only its own model."""
    specs: list[ModelSpec] = []
    mistakes: list[str] = []
    for path in sorted(folder.glob("*.yaml")):
        spec, found = _read(path)
        mistakes += found
        if spec is not None:
            specs.append(spec)
    return specs, mistakes


def find_spec(folder: Path, model: str) -> ModelSpec:
    """The spec of one model by name. Raises SpecError naming the nearest match where there is none."""
    path = folder / f"{model}.yaml"
    if path.is_file():
        return load_spec(path)
    names = sorted(file.stem for file in folder.glob("*.yaml"))
    raise SpecError([f"{folder.name}/{model}.yaml: no such model.{_choices(model, names)}"])


def parse_spec(content: Mapping[str, Any], name: str) -> ModelSpec:
    """The spec of plain values, whose mistakes begin with `name`. Raises SpecError with a line for each."""
    try:
        return ModelSpec.model_validate(content)
    except ValidationError as error:
        raise SpecError([_message(name, detail) for detail in error.errors()]) from error


def _read(path: Path) -> tuple[ModelSpec | None, list[str]]:
    try:
        # A safe loader: _StrictLoader only adds a check to SafeLoader.
        content = yaml.load(path.read_text(encoding="utf-8"), Loader=_StrictLoader)  # noqa: S506
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        return None, [f"{path.name}: cannot be read as YAML: {' '.join(str(error).split())}"]
    if not isinstance(content, dict):
        return None, [
            f"{path.name}: must be a mapping of keys such as model, task and rows, not {type(content).__name__}"
        ]
    try:
        spec = parse_spec(content, path.name)
    except SpecError as error:
        return None, list(error.mistakes)
    if spec.model != path.stem:
        return None, [f"{path.name}: model: {spec.model!r} must equal the file's name, {path.stem!r}"]
    return spec, []


def _message(file: str, detail: ErrorDetails) -> str:
    loc = detail["loc"]
    key = _dotted(loc)
    value = _NOT_SHOWN if loc and loc[-1] in _SECRET else _discreet(detail["input"])
    match detail["type"]:
        case "extra_forbidden":
            return f"{file}: {key}: unknown key.{_choices(str(loc[-1]), _keys_beside(loc))}"
        case "invalid_key":
            return f"{file}: {_dotted(loc[:-1])}: a key reads as {value!r}; YAML takes on, off, yes and no for true and false"
        case "missing":
            return f"{file}: {key}: is missing"
        case "literal_error" | "union_tag_invalid":
            expected = str(detail["ctx"].get("expected") or detail["ctx"].get("expected_tags"))
            choices = [choice.strip(" '") for choice in expected.replace(" or ", ", ").split(",")]
            given = detail["ctx"].get("tag", value)
            return f"{file}: {key}: {given!r} is not one of the choices.{_choices(str(given), choices)}"
        case "value_error":
            said = str(detail["ctx"]["error"])
            shown = "" if isinstance(value, dict | BaseModel) or repr(value) in said else f"{value!r} "
            return f"{file}: {key + ': ' if key else ''}{shown}{said}"
        case _:
            return f"{file}: {key}: {detail['msg'][0].lower()}{detail['msg'][1:]}, got {_short(value)}"


def _discreet(value: Any) -> Any:
    """A value without what may hold a password, at whatever depth."""
    if isinstance(value, dict):
        return {key: _NOT_SHOWN if key in _SECRET else _discreet(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_discreet(one) for one in value]
    return _NOT_SHOWN if isinstance(value, str) and _ADDRESS.search(value) else value


def _dotted(loc: Iterable[int | str]) -> str:
    # pydantic puts the tag of a discriminated union into the path; people do not write it.
    plain = list(loc)
    if plain[:2] == ["alerts", "routes"]:
        del plain[3:4]
    return ".".join(str(part) for part in plain if part not in {"parquet", "csv", "delta", "sql", "[key]"})


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


def _choices(given: str, choices: list[str]) -> str:
    near = difflib.get_close_matches(given, choices, n=1, cutoff=0.5)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    return f"{hint} Valid: {', '.join(choices)}" if choices else hint


def _keys_beside(loc: tuple[int | str, ...]) -> list[str]:
    """The keys that are valid where an unknown one stood: follow the path through the spec's classes."""
    here: Any = ModelSpec
    for part in loc[:-1]:
        here = _step(here, part)
    return sorted(here.model_fields) if isinstance(here, type) and issubclass(here, BaseModel) else []


def _step(here: Any, part: int | str) -> Any:
    if isinstance(here, type) and issubclass(here, BaseModel):
        if part not in here.model_fields:
            return here
        return _plain(here.model_fields[str(part)].annotation)
    arguments = [_plain(argument) for argument in typing.get_args(here)]
    origin = typing.get_origin(here)
    if origin in {typing.Union, types.UnionType}:
        tagged = [one for one in arguments if _has_kind(one, part)]
        return tagged[0] if tagged else next((one for one in arguments if one is not type(None)), None)
    if origin is dict:
        return arguments[1]
    return arguments[0] if arguments else None


def _plain(annotation: Any) -> Any:
    return typing.get_args(annotation)[0] if typing.get_origin(annotation) is typing.Annotated else annotation


def _has_kind(part: Any, kind: int | str) -> bool:
    field = getattr(part, "model_fields", {}).get("kind")
    return field is not None and kind in typing.get_args(field.annotation)
