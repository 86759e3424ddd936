"""The house that laws are held against: both models with every time a table can have, a champion, a rival, a scored past.

Rows are announced two days before they fly and land the day before; outcomes and weather land when they are known; labels lie
in a folder of their own, so that a label can change while the history that features look at does not.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import yaml

from evenkeel.vocabulary.settings import Settings
from evenkeel.vocabulary.spec import ModelSpec
from evenkeel.workflows.gateways import Gateways
from tests.workflows.conftest import PROJECT, House

if TYPE_CHECKING:
    from collections.abc import Callable

MODELS = ("flight_delay", "flight_duration")

FIRST, RIVAL = "2013-02-01", "2013-02-02"
"""As of when version 1 was trained and promoted, and version 2 trained and kept out."""

SCORED = ("2013-02-03", "2013-02-04", "2013-02-05")
CHECKED = "2013-02-04"
DAY = "2013-02-06"
"""The first day that nobody has scored yet."""

LANDED = ("2013-01-07", "2013-02-10")

DAY_LONG, HOUR = pd.Timedelta(days=1), pd.Timedelta(hours=1)


def open_house(root: Path, model: str, *, run: str = "scheduled__1", draws_pages: bool = False) -> House:
    """The doors of a house as one run has them."""
    settings = Settings(PROJECT, root, str(root / "lake"), str(root / "data"), f"sqlite:///{root / 'mlflow.db'}")
    gateways = Gateways(settings, actor="laws", run=run, draws_pages=draws_pages)
    return House(spec_of(model), gateways, root)


def as_run(house: House, run: str, *, data: Path | None = None) -> House:
    """The same house as another run sees it, perhaps with other landed data."""
    known = house.gateways.settings
    settings = known if data is None else Settings(PROJECT, house.root, known.lake, str(data), known.tracking_uri)
    return House(house.spec, Gateways(settings, actor="laws", run=run, draws_pages=False), house.root)


def spec_of(model: str) -> ModelSpec:
    """The project's spec with short windows, a check that signals at every turn, and landing times everywhere."""
    content: dict[str, Any] = yaml.safe_load((PROJECT / "config" / "models" / f"{model}.yaml").read_text())
    content["rows"] |= {"known_at": "announced", "ingested_at": "landed"}
    content["rows"]["columns"] |= {"announced": "timestamp", "landed": "timestamp"}
    content["label"]["source"]["uri"] = "${EVENKEEL_DATA}/flights/labels"
    for table in (content["label"], *content["inputs"].values()):
        table["ingested_at"] = "landed"
        table["columns"] |= {"landed": "timestamp"}
    content["training"] |= {"window": "10d", "holdout": "3d"}
    content["training"]["candidates"][0]["params"]["max_iter"] = 20
    content["promotion"] |= {"min_days": 2}
    content["drift"] |= {"window": "3d", "min_rows": 500, "numeric_effect": 0.0, "sample": 1000}
    content["drift"]["decay"] |= {"window": "3d", "min_labels": 500}
    content["retraining"] = {"needed": 1, "of": 1, "cooldown": "12h"}
    return ModelSpec.model_validate(content)


def with_promotion(spec: ModelSpec, **changes: Any) -> ModelSpec:
    """The spec with another promotion gate; a margin below zero lets every challenger pass."""
    return spec.model_copy(update={"promotion": spec.promotion.model_copy(update=changes)})


def drift_from(data: Path, day: str) -> None:
    """From a day on nearly all flights are of a middling distance, which every check sees."""
    each(data / "flights" / "schedule", lambda rows: rows.assign(distance=700 + 0.2 * rows["distance"]), since=day)


def add_times(data: Path) -> None:
    """Give the landed flights their times of landing, and labels a folder of their own."""
    flights = data / "flights"
    each(
        flights / "schedule",
        lambda rows: rows.assign(
            announced=rows["scheduled_departure"] - 2 * DAY_LONG, landed=rows["scheduled_departure"] - DAY_LONG
        ),
    )
    for table in ("outcomes", "weather"):
        each(flights / table, lambda rows: rows.assign(landed=rows["known_at"]))
    shutil.copytree(flights / "outcomes", flights / "labels")


def each(folder: Path, change: Callable[[pd.DataFrame], pd.DataFrame], since: str = "") -> None:
    """Rewrite the files of a table, from a day on."""
    for file in sorted(folder.glob("date=*/*.parquet")):
        if file.parent.name >= f"date={since}":
            change(pd.read_parquet(file, partitioning=None)).to_parquet(file, index=False)


def kept_base() -> Path | None:
    """Where the houses are that were made before, by code that nobody mutated."""
    found = os.environ.get("EVENKEEL_LAWS_BASE")
    return None if found is None else Path(found)
