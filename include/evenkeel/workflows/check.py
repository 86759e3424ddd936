"""Checking a spec beyond its own words: its feature function, estimators, suites and sources."""

from __future__ import annotations

import ast
import importlib.util
from difflib import get_close_matches
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from evenkeel.vocabulary.errors import EvenkeelError, SpecError

if TYPE_CHECKING:
    from collections.abc import Callable

    from evenkeel.vocabulary.spec import ModelSpec
    from evenkeel.workflows.gateways import Gateways


def check_spec(spec: ModelSpec, gateways: Gateways, *, sources: bool = False) -> list[str]:
    """Every mistake of one spec as a line; none where it is sound.

    Args:
        spec: a spec that could be read.
        gateways: the doors.
        sources: also ask each source for the first hour of the spec's period.
    """
    file = f"{spec.model}.yaml"
    mistakes = _feature_function(spec, file)
    mistakes += [f"{file}: {one}" for candidate in spec.training.candidates for one in _estimator(spec, candidate.name)]
    suites = {"rows": spec.data_gate.rows, "scores": spec.data_gate.scores, "labels": spec.data_gate.labels}
    for key, suite in suites.items():
        if suite is None:
            continue
        mistakes += _tell(f"{file}: data_gate.{key}", partial(gateways.expectations.check_suite, suite))
    if sources:
        tables = {
            "rows": spec.rows,
            "label": spec.label,
            **{f"inputs.{name}": one for name, one in spec.inputs.items()},
        }
        start = spec.partition(spec.period.start.isoformat()).start
        for key, table in tables.items():
            probe = partial(gateways.sources.probe, table, start, spec.timezone)
            mistakes += _tell(f"{file}: {key}.source", probe)
    return mistakes


def _feature_function(spec: ModelSpec, file: str) -> list[str]:
    """Look the function up without running the team's module, so that its imports cost nothing here."""
    if spec.features.function is None:
        return []
    key = f"{file}: features.function: {spec.features.function!r}"
    module, _, name = spec.features.function.partition(":")
    try:
        found = importlib.util.find_spec(module)
    except ModuleNotFoundError as error:
        return [f"{key}: there is no module {error.name!r}; a team's modules lie under include/"]
    if found is None or found.origin is None:
        return [f"{key}: there is no module {module!r}; a team's modules lie under include/"]
    defined = [
        node.name for node in ast.parse(Path(found.origin).read_text()).body if isinstance(node, ast.FunctionDef)
    ]
    if name in defined:
        return []
    near = get_close_matches(name, defined, n=1)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    return [f"{key}: module {module} defines no function {name!r}.{hint} Valid: {', '.join(defined) or 'none'}"]


def _estimator(spec: ModelSpec, name: str) -> list[str]:
    from evenkeel.gateways.estimators import build_estimator

    candidate = next(one for one in spec.training.candidates if one.name == name)
    try:
        build_estimator(candidate, spec.features, spec.training.seed)
    except SpecError as error:
        return list(error.mistakes)
    return []


def _tell(key: str, ask: Callable[[], None]) -> list[str]:
    try:
        ask()
    except SpecError as error:
        return [f"{key}: {one}" for one in error.mistakes]
    except EvenkeelError as error:
        return [f"{key}: {error}"]
    return []
