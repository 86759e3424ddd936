"""The search for parameters: never worse than the default on the folds, the same for a seed, within its budget."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from itertools import count
from typing import TYPE_CHECKING, Any

import pytest

from evenkeel.gateways.search import Found, search_params
from evenkeel.vocabulary.errors import EvenkeelError
from evenkeel.vocabulary.spec_training import Choices, Range

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

SPACE = {"x": Range(low=-4.0, high=4.0), "n": Range(low=1, high=9), "kind": Choices(choices=("a", None))}
DEFAULTS = {"x": 3.0, "n": 20, "kind": "a"}


@dataclass(frozen=True)
class Fold:
    """A fold of a made-up problem."""

    value: float


def _measure(params: Mapping[str, Any], fold: int) -> Fold:
    known = {**DEFAULTS, **params}
    return Fold((known["x"] - 1) ** 2 + known["n"] + (known["kind"] is None) + fold / 100)


def _search(
    measure: Callable[[Mapping[str, Any], int], Fold] = _measure, *, seed: int = 1, trials: int = 30, **changes: Any
) -> Found[Fold]:
    known = {"folds": 3, "defaults": DEFAULTS, "greater_is_better": False, "limit": timedelta(minutes=5)}
    return search_params(SPACE, measure, trials=trials, seed=seed, **known | changes)


def test_a_search_finds_what_is_there() -> None:
    """Thirty trials come near the best of a bowl, whole numbers stay whole, and a default outside the space is trial 0."""
    found = _search()
    first = found.trials[0]
    assert (first.params, first.state) == (DEFAULTS, "complete")
    assert first.value == pytest.approx(24.01)
    assert len(found.trials) == 30
    assert not found.limited
    best = min(one.value for one in found.trials if one.value is not None)
    assert sum(one.value for one in found.folds) / 3 == pytest.approx(best)
    assert best < 4
    assert isinstance(found.params["n"], int)
    assert [one.number for one in found.trials] == list(range(30))


def test_the_seed_decides() -> None:
    """The same seed tries the same parameters in the same order, another seed others."""
    assert _search(seed=7).trials == _search(seed=7).trials
    assert _search(seed=7).trials[1:] != _search(seed=8).trials[1:]


def test_a_default_that_is_best_stays() -> None:
    """Where nothing is better than the default, it is what is found, whichever way the metric runs."""
    found = _search(lambda params, fold: Fold(0.0 if params else 1.0), trials=10, greater_is_better=True)
    assert found.params == DEFAULTS
    assert [one.value for one in found.folds] == [1.0, 1.0, 1.0]


def test_trials_without_prospects_end_early() -> None:
    """A trial that is worse than the median on its first fold is not measured on the others."""
    asked: list[int] = []

    def measure(params: Mapping[str, Any], fold: int) -> Fold:
        asked.append(fold)
        return _measure(params, fold)

    found = _search(measure)
    pruned = sum(one.state == "pruned" for one in found.trials)
    assert pruned > 3
    assert len(asked) <= 90 - pruned
    assert all(one.value is None for one in found.trials if one.state == "pruned")


@pytest.mark.parametrize(("seconds", "most"), [(0.5, 1), (6.5, 7)])
def test_time_ends_a_search_and_it_says_so(seconds: float, most: int) -> None:
    """With a clock that goes on by a second whenever it is looked at, a search ends by its limit; the default is always there."""
    ticks = count()
    found = _search(limit=timedelta(seconds=seconds), clock=lambda: float(next(ticks)))
    assert found.limited
    assert 1 <= len(found.trials) <= most
    assert found.trials[0].state == "complete"
    assert len(found.folds) == 3


def test_parameters_that_do_not_fit_cost_one_trial() -> None:
    """A trial that cannot be fitted is noted as failed and the search goes on; defaults that cannot be are an error."""

    def measure(params: Mapping[str, Any], fold: int) -> Fold:
        if params.get("kind", "a") is None:
            raise EvenkeelError("does not fit")
        return _measure(params, fold)

    states = {one.state for one in _search(measure).trials if one.params["kind"] is None}
    assert states == {"failed"}

    def never(params: Mapping[str, Any], fold: int) -> Fold:
        raise EvenkeelError("does not fit")

    with pytest.raises(EvenkeelError, match="does not fit"):
        _search(never)
