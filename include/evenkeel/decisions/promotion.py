"""The promotion gate: a challenger against its opponent on the same rows, promoted when it is better beyond chance.

pass          the lower bound of the gain is above the margin, and every guard holds
refuse        the upper bound of the gain is not above the margin, or a guard is broken
inconclusive  too little is known: of labels, of days, of the gain, or of a guard
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from evenkeel.decisions.comparison import CALIBRATION
from evenkeel.vocabulary.verdict import Outcome, Verdict

if TYPE_CHECKING:
    from evenkeel.decisions.comparison import Comparison
    from evenkeel.vocabulary.estimate import Estimate
    from evenkeel.vocabulary.spec_training import Promotion

    Numbers = dict[str, float | int | None]

_NAMED = 3
"""How many slices a reason names before it only counts."""


@dataclass(frozen=True)
class Cost:
    """What scoring with the challenger takes: milliseconds for a thousand rows, megabytes of its model file."""

    latency_ms: float | None = None
    size_mb: float | None = None


@dataclass
class _Guards:
    """What speaks against a challenger that gains: broken for sure, or not known well enough."""

    broken: list[str] = field(default_factory=list)
    unsure: list[str] = field(default_factory=list)

    def hold(self, what: str, worsening: Estimate, allowed: float) -> None:
        """Hold a worsening, an estimate above zero where things got worse, against what is allowed."""
        said = f"{what} got worse by {_shown(worsening)}, {allowed:g} is allowed"
        if worsening.low > allowed:
            self.broken.append(said)
        elif worsening.value > allowed:
            self.unsure.append(said)


def judge_challenger(
    compared: Comparison, rules: Promotion, *, opponent: str, cost: Cost | None = None, first: bool = False
) -> Verdict:
    """Whether a challenger may replace what it met.

    Args:
        compared: both on the same rows, its intervals at the level of the rules' `alpha`.
        rules: the spec's.
        opponent: who it met, in words: `champion 3`, or `the baseline`.
        cost: what scoring takes, where the rules have a budget for it.
        first: whether nobody scores yet, so that there is nothing which slices or calibration could be worse than.
    """
    metric = rules.metric
    here, there, gain = (one[metric] for one in (compared.challenger, compared.opponent, compared.gain))
    numbers: Numbers = {
        "challenger": None if here is None else here.value,
        "opponent": None if there is None else there.value,
        "margin": rules.margin,
        "alpha": rules.alpha,
        "labels": compared.labels,
        "days": compared.days,
    } | _numbers("gain", gain)
    lacking = _lacking(compared, rules)
    if lacking or here is None or there is None or gain is None:
        undefined = f"{metric} is undefined on these {compared.labels} labels"
        return Verdict(Outcome.INCONCLUSIVE, lacking or undefined, numbers)
    word = "better" if gain.value > 0 else "worse" if gain.value < 0 else "different"
    said = (
        f"{metric} {here.value:.4f} against {there.value:.4f} of {opponent} on the same {compared.labels} rows of "
        f"{compared.days} days: {word} by {_shown(gain)}"
    )
    if gain.low <= rules.margin:
        if gain.high <= rules.margin:
            return Verdict(Outcome.REFUSE, f"{said}, not beyond the margin {rules.margin:g}", numbers)
        return Verdict(Outcome.INCONCLUSIVE, f"{said}, not beyond the margin {rules.margin:g} for sure", numbers)
    said = f"{said}, beyond the margin {rules.margin:g}"
    guards = _guards(compared, rules, cost or Cost(), numbers, first=first)
    if guards.broken:
        return Verdict(Outcome.REFUSE, f"{said}; but {_some(guards.broken)}", numbers)
    if guards.unsure:
        return Verdict(Outcome.INCONCLUSIVE, f"{said}; but perhaps {_some(guards.unsure)}", numbers)
    return Verdict(Outcome.PASS, said, numbers)


def guards_against(compared: Comparison, rules: Promotion) -> str:
    """What of the slices and the calibration speaks against a promotion that something else has decided; empty where nothing."""
    guards = _guards(compared, rules, Cost(), {}, first=False)
    return _some([*guards.broken, *(f"perhaps {one}" for one in guards.unsure)])


def _lacking(compared: Comparison, rules: Promotion) -> str:
    """What is missing to decide at all, in words."""
    if compared.labels < rules.min_labels:
        return f"{compared.labels} matured labels, {rules.min_labels} are needed"
    if compared.days < rules.min_days:
        return f"labels of {compared.days} days, {rules.min_days} days are needed"
    return ""


def _guards(compared: Comparison, rules: Promotion, cost: Cost, numbers: Numbers, *, first: bool) -> _Guards:
    """Hold everything beside the metric against the rules, and put it among the numbers."""
    guards = _Guards()
    for one in () if first else compared.slices:
        floor = rules.slices.get(one.column)
        if floor is not None and one.gain is not None:
            name = f"{one.column}={one.value}"
            numbers[f"gain of {name}"] = one.gain.value
            guards.hold(f"{rules.metric} of {name} ({one.labels} rows)", _turned(one.gain), floor)
    calibration = compared.gain.get(CALIBRATION)
    if rules.calibration_tolerance is not None and calibration is not None and not first:
        numbers |= _numbers("calibration_gain", calibration)
        guards.hold("the calibration error", _turned(calibration), rules.calibration_tolerance)
    for name, taken, budget, unit in (
        ("latency_ms", cost.latency_ms, rules.latency_ms, "ms for a thousand rows"),
        ("size_mb", cost.size_mb, rules.size_mb, "MB"),
    ):
        if budget is not None and taken is not None:
            numbers[name] = round(taken, 3)
            if taken > budget:
                guards.broken.append(f"scoring takes {taken:.3g} {unit}, {budget:g} is the budget")
    return guards


def _turned(gain: Estimate) -> Estimate:
    """A gain as a worsening."""
    return type(gain)(-gain.value, -gain.high, -gain.low, gain.days)


def _shown(gain: Estimate) -> str:
    """As far from zero as it is: what a sentence says `better by` or `worse by` of."""
    if gain.value >= 0:
        return f"{gain.value:.4f} [{gain.low:.4f}, {gain.high:.4f}]"
    return f"{-gain.value:.4f} [{-gain.high:.4f}, {-gain.low:.4f}]"


def _numbers(name: str, estimate: Estimate | None) -> Numbers:
    if estimate is None:
        return {name: None}
    return {name: estimate.value, f"{name}_low": estimate.low, f"{name}_high": estimate.high}


def _some(reasons: list[str]) -> str:
    more = f" and {len(reasons) - _NAMED} more" if len(reasons) > _NAMED else ""
    return "; ".join(reasons[:_NAMED]) + more
