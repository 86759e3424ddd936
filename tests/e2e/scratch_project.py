"""A project in a folder of its own, for the tests that start a whole stack on it.

The data is a slice of the real flights in which, from one day on, late is called on time and the other way round: the champion
decays at once, and a model trained since then is better beyond doubt.
"""

from __future__ import annotations

import shutil
from datetime import date, timedelta
from pathlib import Path

import pandas as pd
import yaml

from nyc_flights.landing import land

MODEL = "flight_delay"
ASKED = "flight_delay_asked"
"""The same model, whose promotions wait for a person."""
SHADOWED = "flight_delay_shadowed"
"""The same model, whose holdout has too few days to decide, so that a challenger becomes the shadow."""

FIRST_TRAINING = date(2013, 2, 1)
FLIPPED_FROM = date(2013, 2, 4)
TURNED_TRAINING, TURNED_FROM = date(2013, 1, 12), date(2013, 1, 22)
"""In the turned project: as of when its two champions are trained. Until the first and from the second on, labels are true."""

_LAST = date(2013, 2, 20)

_PROJECT = Path(__file__).parents[2]


def make_project(root: Path, *, patience: str = "2m") -> Path:
    """Fill `root` with a project of one model, and the same again with approval and with a shadow, whose windows are short, and
    seven weeks of flights, flipped from a day on. `patience` is how long an approval is waited for.
    """
    for folder in ("dags", "plugins", "config/expectations"):
        shutil.copytree(_PROJECT / folder, root / folder)
    spec = yaml.safe_load((_PROJECT / "config" / "models" / f"{MODEL}.yaml").read_text())
    # Without a feature function: what flips is the plain relation of schedule and outcome.
    spec["features"] = {"numeric": ["hour", "distance"], "categorical": ["carrier", "origin", "dest"]}
    del spec["inputs"]
    spec["data_gate"] = {
        "rows": "flights_rows",
        "scores": "probability_scores",
    }  # labels that flip are what this is about
    spec["training"] |= {"window": "10d", "holdout": "3d"}
    spec["training"]["candidates"] = spec["training"]["candidates"][-1:]
    # A few days are few to be sure of a gain or a fall by, and a label that flips turns every slice and probability with it.
    spec["promotion"] |= {"min_days": 2, "alpha": 0.2, "slices": {}, "calibration_tolerance": None}
    spec["drift"] |= {"window": "4d", "alpha": 0.2, "decay": {"window": "4d", "tolerance": 0.01, "min_labels": 500}}
    spec["retraining"] = {"needed": 5, "of": 8, "cooldown": "14d"}
    (root / "config" / "models").mkdir()
    (root / "config" / "models" / f"{MODEL}.yaml").write_text(yaml.safe_dump(spec))
    asked = spec | {"model": ASKED, "promotion": spec["promotion"] | {"mode": "approval", "approval_timeout": patience}}
    (root / "config" / "models" / f"{ASKED}.yaml").write_text(yaml.safe_dump(asked))
    shadow = {"min_days": 5, "shadow": {"term": "14d", "canary": 0.2}}
    shadowed = spec | {"model": SHADOWED, "promotion": spec["promotion"] | shadow, "retraining": {"mode": "off"}}
    (root / "config" / "models" / f"{SHADOWED}.yaml").write_text(yaml.safe_dump(shadowed))
    _land(root, FLIPPED_FROM, _LAST)
    return root


def make_turned_project(root: Path) -> Path:
    """The same project, in which late is called on time at one airport only, and only until a day: whoever learnt from those days
    decays at once when they are over, and so does a retraining that learns from them still; an older champion does not.
    """
    make_project(root)
    shutil.rmtree(root / ".evenkeel" / "data")
    _land(root, TURNED_TRAINING + timedelta(days=1), TURNED_FROM - timedelta(days=1), "JFK")
    for name in (MODEL, ASKED):
        file = root / "config" / "models" / f"{name}.yaml"
        spec = yaml.safe_load(file.read_text())
        spec["drift"]["decay"]["window"] = "5d"
        spec["retraining"] = {"needed": 2, "of": 3, "cooldown": "14d", "rollback": "automatic"}
        file.write_text(yaml.safe_dump(spec))
    return root


def _land(root: Path, first: date, last: date, origin: str | None = None) -> None:
    """Land seven weeks of flights whose labels are flipped on the days first..last, at one airport or at all."""
    land(root / ".evenkeel" / "data", date(2013, 1, 1), _LAST)
    for day in (root / ".evenkeel" / "data" / "flights" / "outcomes").iterdir():
        if f"date={first}" <= day.name <= f"date={last}":
            for file in day.glob("*.parquet"):
                rows = pd.read_parquet(file, partitioning=None)
                there = pd.Series(True, rows.index) if origin is None else rows["origin"] == origin
                late = rows["arrived_late"]
                rows.assign(arrived_late=late.where(~there, 1 - late)).to_parquet(file, index=False)
