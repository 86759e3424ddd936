"""A house in a scratch folder: a slice of the real flights, short windows, an SQLite MLflow, a local lake."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest
import yaml

from evenkeel.vocabulary.partition import parse_instant
from evenkeel.vocabulary.settings import Settings
from evenkeel.vocabulary.spec import ModelSpec
from evenkeel.workflows.gateways import Gateways
from evenkeel.workflows.pipelines import run_training
from nyc_flights.landing import land

if TYPE_CHECKING:
    from datetime import datetime

PROJECT = Path(__file__).parents[2]


@dataclass(frozen=True)
class House:
    """One model in one scratch folder."""

    spec: ModelSpec
    gateways: Gateways
    root: Path

    def at(self, text: str) -> datetime:
        """An instant in the model's time zone."""
        return parse_instant(text, self.spec.timezone)

    def landed(self, table: str, day: str) -> Path:
        """The landed file of a day."""
        (file,) = (self.root / "data" / "flights" / table / f"date={day}").glob("*.parquet")
        return file

    def change(self, table: str, day: str, change: Any) -> None:
        """Rewrite a day's landed rows."""
        file = self.landed(table, day)
        change(pd.read_parquet(file, partitioning=None)).to_parquet(file, index=False)

    def scores(self, day: str) -> pd.DataFrame:
        """The published scores of a day."""
        found = self.gateways.lake.read(self.spec.model, "scores", partitions=[day])
        assert found is not None
        return found


@pytest.fixture(scope="session")
def flights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("flights")
    land(root, pd.Timestamp("2013-01-01").date(), pd.Timestamp("2013-02-16").date())
    return root


@pytest.fixture
def house(tmp_path: Path, flights: Path, model: str, draws_pages: bool) -> House:
    """A fresh house: nothing trained yet."""
    shutil.copytree(flights, tmp_path / "data", symlinks=True)
    return _house(tmp_path, model, draws_pages=draws_pages)


class TrainedLakes(dict[str, Path]):
    """By model the folder of a house that was trained as of 1 February, when a test first asks for it."""

    def __init__(self, folders: pytest.TempPathFactory, flights: Path) -> None:
        super().__init__()
        self._folders, self._flights = folders, flights

    def __missing__(self, model: str) -> Path:
        root = self._folders.mktemp(model)
        shutil.copytree(self._flights, root / "data")
        made = _house(root, model)
        run_training(made.spec, made.at("2013-02-01"), made.gateways)
        self[model] = root
        return root


@pytest.fixture(scope="session")
def trained_lakes(tmp_path_factory: pytest.TempPathFactory, flights: Path) -> dict[str, Path]:
    """Each model trained once; every test gets a copy."""
    return TrainedLakes(tmp_path_factory, flights)


@pytest.fixture
def trained(tmp_path: Path, trained_lakes: dict[str, Path], model: str, draws_pages: bool) -> House:
    """A house whose model was trained as of 1 February and has a champion."""
    shutil.copytree(trained_lakes[model], tmp_path, dirs_exist_ok=True)
    return _house(tmp_path, model, draws_pages=draws_pages)


@pytest.fixture
def model() -> str:
    """The model under test; parametrise it to take another."""
    return "flight_delay"


@pytest.fixture
def draws_pages() -> bool:
    """Whether what runs in the house draws pages and plots, half of a training's time; parametrise it to look at them."""
    return False


def _house(root: Path, model: str, *, draws_pages: bool = True) -> House:
    settings = Settings(PROJECT, root, str(root / "lake"), str(root / "data"), f"sqlite:///{root / 'mlflow.db'}")
    spec = ModelSpec.model_validate(_content(model))
    if model == "flight_status":  # four days are too few to be sure of a gain in it; below zero every challenger passes
        spec = spec.model_copy(update={"promotion": spec.promotion.model_copy(update={"margin": -1.0})})
    return House(spec, Gateways(settings, actor="test", draws_pages=draws_pages), root)


def _content(model: str) -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load((PROJECT / "config" / "models" / f"{model}.yaml").read_text())
    content["training"] |= {"window": "20d", "holdout": "5d", "tuning": {"trials": 2, "folds": 2}}
    content["promotion"] |= {"margin": 0.0, "min_days": 2}
    content["drift"] |= {"window": "3d", "min_rows": 500}
    content["drift"]["decay"] |= {"window": "3d", "min_labels": 500}
    return content
