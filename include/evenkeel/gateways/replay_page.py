"""The report of a replay: one HTML page that needs nothing beside it, and the same bytes for the same replay."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from jinja2 import Environment, StrictUndefined

from evenkeel.gateways.replay_plots import COLOURS, KINDS, checks_plot, difference_plot, metric_plot, rows_plot
from evenkeel.vocabulary.metrics import GREATER_IS_BETTER

if TYPE_CHECKING:
    from collections.abc import Sequence

    from evenkeel.gateways.replay_plots import Band
    from evenkeel.vocabulary.estimate import Estimate
    from evenkeel.vocabulary.replay import ReplayAccount

_TEMPLATE = Path(__file__).parent / "templates" / "replay.html"
_ABSENT = "\N{EN DASH}"

_COUNTS = {
    "trainings": "trainings",
    "promoted": "promoted",
    "rolled_back": "rolled\nback",
    "escalated": "calls to\na person",
    "shadowed": "shadows",
    "dropped": "dropped",
    "signals": "signals",
    "declined": "declined",
    "rows": "rows\nscored",
    "quarantined": "quaran-\ntined",
    "refused": "refused",
}
"""Which counts the table shows, under which heading."""

_SELDOM = {"escalated", "shadowed", "dropped"}
"""Counts that are shown only where a policy has one."""


@dataclass(frozen=True)
class _Figures:
    metric: str
    checks: str
    rows: str


def replay_page(account: ReplayAccount, bands: Sequence[Band], differences: Sequence[Band]) -> str:
    """The page.

    Args:
        account: what the replay found.
        bands: for each policy the rolling mean of the metric, its lower and its upper end, a value a day.
        differences: for each policy but the first the same of its difference to the first.
    """
    metric, (main, *others) = account.measures[0], account.policies
    colour = {one.slug: COLOURS[place % len(COLOURS)] for place, one in enumerate(account.policies)}
    own = {
        one.slug: _Figures(
            "" if one is main else metric_plot(metric, [one], [band], one, colour),
            checks_plot(metric, one),
            rows_plot(one),
        )
        for one, band in zip(account.policies, bands, strict=True)
    }
    environment = Environment(autoescape=True, undefined=StrictUndefined, keep_trailing_newline=True)
    return environment.from_string(_TEMPLATE.read_text(encoding="utf-8")).render(
        account=account,
        metric=metric,
        greater=GREATER_IS_BETTER[metric],
        main=main,
        facts=_facts(account),
        sentences=_sentences(account),
        columns=_columns(account),
        colour=colour,
        kinds={kind: hue for kind, (_, hue) in KINDS.items()},
        own=own,
        difference_figure=difference_plot(metric, others, differences, main.name, colour) if others else "",
        metric_figure=metric_plot(metric, account.policies, bands, main, colour),
        number=_number,
        signed=lambda estimate: _number(estimate, "+"),
        interval=_interval,
        side=lambda one: _side(metric, one.differences[metric]),
        absent=_ABSENT,
    )


def _facts(account: ReplayAccount) -> list[tuple[str, str]]:
    return [
        ("task", account.task),
        ("time zone", account.timezone),
        ("spec", account.policies[0].spec_hash),
        ("labels as known at", account.labels_as_of),
        ("code", _short_commit(account.code)),
        ("environment", account.environment),
    ]


def _columns(account: ReplayAccount) -> dict[str, str]:
    met = {name for one in account.policies for name in _SELDOM if one.counts[name]}
    return {name: heading for name, heading in _COUNTS.items() if name not in _SELDOM or name in met}


def _sentences(account: ReplayAccount) -> list[str]:
    metric, main = account.measures[0], account.policies[0]
    estimate, counts = main.means[metric], main.counts
    found = []
    if estimate is None:
        found.append(f"{_begun(main.name)}: no day could be measured.")
    else:
        found.append(
            f"{_begun(main.name)}: {metric} {_number(estimate)} ({_interval(estimate)}), the mean of {estimate.days} days. "
            f"{_count(counts['trainings'], 'training')}, {_count(counts['promoted'], 'promotion')}; "
            f"{_count(counts['signals'], 'signal')}, {counts['retrain']} answered by a retraining, {counts['declined']} declined."
        )
    for one in account.policies[1:]:
        difference = one.differences[metric]
        if difference is None:
            found.append(f"{_begun(one.name)}: there is no day on which it could be compared.")
            continue
        if difference.value == difference.low == difference.high == 0:
            found.append(f"{_begun(one.name)} comes to the same {metric} on each of {difference.days} days.")
            continue
        size = f"{_number(difference, '+')} ({_interval(difference, '+')}) on {difference.days} days"
        match _side(metric, difference):
            case "better":
                found.append(f"{_begun(one.name)} does better: {metric} {size}.")
            case "worse":
                found.append(f"{_begun(one.name)} does worse: {metric} {size}.")
            case _:
                found.append(f"{_begun(one.name)} cannot be told apart from it: {metric} {size}.")
    return found


def _short_commit(code: str) -> str:
    commit, plus, changes = code.partition("+")
    return f"{commit[:12]}{plus}{changes}" if len(commit) == 40 else code


def _begun(name: str) -> str:
    return f"{name[:1].upper()}{name[1:]}"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _side(metric: str, difference: Estimate | None) -> str:
    """Which way a difference goes, where its interval leaves no doubt; otherwise nothing."""
    if difference is None or difference.low <= 0 <= difference.high:
        return ""
    return "better" if (difference.value > 0) is GREATER_IS_BETTER[metric] else "worse"


def _number(estimate: Estimate | None, sign: str = "") -> str:
    return _ABSENT if estimate is None else _minus(f"{estimate.value:{sign}.4f}")


def _interval(estimate: Estimate | None, sign: str = "") -> str:
    return "" if estimate is None else _minus(f"{estimate.low:{sign}.4f} to {estimate.high:{sign}.4f}")


def _minus(text: str) -> str:
    return text.replace("-", "\N{MINUS SIGN}")
