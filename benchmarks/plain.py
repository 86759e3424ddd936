"""The pipelines in one process, without Airflow: `python -m benchmarks.plain ANSWER train 2013-03-01 ...` (or `score`).

Times each step and writes them to the file ANSWER as JSON; where things are kept comes from the environment.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

from evenkeel.vocabulary.partition import parse_instant
from evenkeel.vocabulary.settings import read_settings
from evenkeel.vocabulary.spec_file import find_spec
from evenkeel.workflows.gateways import Gateways
from evenkeel.workflows.pipelines import run_scoring, run_training

MODEL = "flight_delay"


class Stopwatch:
    """Hears of each step as it ends, and notes how long it took."""

    def __init__(self) -> None:
        self.steps: dict[str, float] = {}
        self._last = time.perf_counter()

    def __call__(self, step: str, _: Any) -> None:
        """Note the seconds since the step before."""
        now = time.perf_counter()
        self.steps[step], self._last = now - self._last, now


def train(as_of: str) -> dict[str, float]:
    """Train as of a date; seconds by step."""
    settings, watch = read_settings(), Stopwatch()
    spec = find_spec(settings.models, MODEL)
    run_training(spec, parse_instant(as_of, spec.timezone), Gateways(settings), watch)
    return watch.steps


def score(key: str) -> dict[str, float]:
    """Score a partition; seconds by step."""
    settings, watch = read_settings(), Stopwatch()
    spec = find_spec(settings.models, MODEL)
    run_scoring(spec, spec.partition(key), Gateways(settings), watch)
    return watch.steps


def main(answer: str, pipeline: str, *days: str) -> None:
    """Run the pipeline for each of the days, one after the other."""
    run = {"train": train, "score": score}[pipeline]
    Path(answer).write_text(json.dumps([run(day) for day in days]))


if __name__ == "__main__":
    main(*sys.argv[1:])
