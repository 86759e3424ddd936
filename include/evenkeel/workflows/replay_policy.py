"""The policies of a replay: the spec as it is, the spec with some keys changed, never retraining, and retraining always."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import yaml

from evenkeel.vocabulary.errors import SpecError
from evenkeel.vocabulary.partition import duration_text
from evenkeel.vocabulary.spec_file import parse_spec

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from evenkeel.vocabulary.spec import ModelSpec

_FIXED = ("model", "task", "timezone", "period", "rows", "label")
"""What decides which rows there are and what came true of them: policies that differ in it could not be compared."""

AS_IF_APPROVED = (
    "The spec asks for a person's approval (promotion.mode); a replay has nobody to ask, so what passes the gate is "
    "promoted as if it had been given."
)
"""What a reader of such a replay has to know."""

_NEXT_CHANGE = re.compile(r",\s*(?=[A-Za-z_][\w.]*\s*=)")


@dataclass(frozen=True)
class Policy:
    """How a model is looked after.

    Args:
        name: in words, for the report.
        spec: the model, with the policy's thresholds.
        rule: in a sentence, what is done when.
        scheduled: whether the spec's schedule trains.
        answers: whether signals of the drift check are answered.
        every: train every so many days, and promote whatever the gate says.
    """

    name: str
    spec: ModelSpec
    rule: str
    scheduled: bool = True
    answers: bool = True
    every: int | None = None

    @property
    def slug(self) -> str:
        """The name as a part of a path."""
        return re.sub(r"[^a-z0-9]+", "-", self.name.lower()).strip("-")[:80] or "policy"


def policies_of(
    spec: ModelSpec, *, changes: Sequence[str] = (), named: Sequence[str] = (), every: Sequence[int] = (14,)
) -> list[Policy]:
    """The main policy, those that were named, and those every replay compares with.

    Args:
        spec: the model as its file has it.
        changes: `path=value` each, such as `drift.alpha=0.01`: changes of the spec that hold for every policy.
        named: `name: path=value, path=value` each: further policies, by what they change beyond that.
        every: how many days apart the trainings are of each policy that retrains by the calendar.

    Raises SpecError for a change that cannot be read, is not allowed, or makes no sound spec, and for a name given twice.
    """
    base = _changed(_automatic(spec), _parse_changes(changes, "--set"), "--set")
    name, said = ("as set", f"{', '.join(changes)}; ") if changes else ("as specified", "")
    policies = [Policy(name, base, said + _specified(base))]
    for text in named:
        name, own = _parse_named(text)
        changed = _changed(base, own, f"--policy {name}")
        policies.append(Policy(name, changed, text.partition(":")[2].strip()))
    policies += [
        Policy(
            "never retrain", base, "the first champion stays; signals are not answered", scheduled=False, answers=False
        ),
        *(_fixed_schedule(base, days) for days in dict.fromkeys(every)),
    ]
    slugs = [one.slug for one in policies]
    twice = sorted({one.name for one in policies if slugs.count(one.slug) > 1})
    if twice:
        raise SpecError([f"--policy: {', '.join(twice)} are the names of two policies; give each a name of its own"])
    return policies


def _fixed_schedule(spec: ModelSpec, days: int) -> Policy:
    name = "every day" if days == 1 else f"every {days} days"
    rule = f"a training {name}, promoted whatever the gate says; signals are not answered"
    return Policy(name, spec, rule, scheduled=False, answers=False, every=days)


def _automatic(spec: ModelSpec) -> ModelSpec:
    """What passes the gate is promoted as if it had been approved."""
    return spec.model_copy(update={"promotion": spec.promotion.model_copy(update={"mode": "automatic"})})


def _specified(spec: ModelSpec) -> str:
    schedule = "no schedule" if spec.training.schedule is None else f"schedule {spec.training.schedule}"
    answer = spec.retraining
    if answer.mode == "off":
        return f"{schedule}; signals are declined (retraining.mode is off)"
    return f"{schedule}; a signal in {answer.needed} of {answer.of} checks retrains, {duration_text(answer.cooldown)} of cooldown"


def _parse_named(text: str) -> tuple[str, dict[str, Any]]:
    name, colon, rest = text.partition(":")
    if not (colon and name.strip() and rest.strip()):
        raise SpecError(
            [f"--policy {text!r}: write a name, a colon and changes, such as 'patient: retraining.needed=4'"]
        )
    return name.strip(), _parse_changes(_NEXT_CHANGE.split(rest.strip()), f"--policy {name.strip()}")


def _parse_changes(changes: Sequence[str], where: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for text in changes:
        path, equals, value = text.partition("=")
        if not (equals and path.strip() and value.strip()):
            raise SpecError([f"{where}: {text!r}: write path=value, such as drift.alpha=0.01"])
        try:
            found[path.strip()] = yaml.safe_load(value)
        except yaml.YAMLError as error:
            raise SpecError([f"{where}: {path.strip()}: {value!r} cannot be read as YAML"]) from error
    return found


def _changed(spec: ModelSpec, changes: Mapping[str, Any], where: str) -> ModelSpec:
    if not changes:
        return spec
    content = spec.model_dump()
    for path, value in changes.items():
        first, *_ = path.split(".")
        if first in _FIXED:
            raise SpecError(
                [f"{where}: {path}: policies are compared on the same rows and labels, so {first} cannot be changed"]
            )
        _put(content, path, value, where)
    return _automatic(parse_spec(content, where))


def _put(content: dict[str, Any], path: str, value: Any, where: str) -> None:
    """Set a dotted path; a key that does not exist is set too, for the spec's own reader to name its nearest match."""
    *parents, last = path.split(".")
    here: Any = content
    for depth, part in enumerate(parents):
        so_far = ".".join(parents[: depth + 1])
        if isinstance(here, list | tuple):
            here = _item(here, part, so_far, where)
            continue
        here = here.setdefault(part, {})
        if not isinstance(here, dict | list | tuple):
            raise SpecError([f"{where}: {path}: {so_far} is a value, {here!r}, and has no keys"])
    if isinstance(here, list | tuple):
        raise SpecError([f"{where}: {path}: a list is changed as a whole, or by a key of one of its items"])
    here[last] = value


def _item(items: Sequence[Any], part: str, path: str, where: str) -> Any:
    """An item of a list by its `name`, as candidates have one."""
    for one in items:
        if isinstance(one, dict) and one.get("name") == part:
            return one
    names = [str(one["name"]) for one in items if isinstance(one, dict) and "name" in one]
    raise SpecError(
        [f"{where}: {path}: there is no {part!r}. Valid: {', '.join(names) or 'none, change the whole list'}"]
    )
