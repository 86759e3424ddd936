"""Houses for the laws: made once a session, copied for every test."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pandas as pd
import pytest

from evenkeel.workflows.pipelines import run_drift_check, run_scoring, run_training
from nyc_flights.landing import land
from tests.laws.house import (
    CHECKED,
    FIRST,
    LANDED,
    MODELS,
    RIVAL,
    SCORED,
    add_times,
    drift_from,
    kept_base,
    open_house,
    with_promotion,
)

if TYPE_CHECKING:
    from pathlib import Path

    from tests.workflows.conftest import House


@pytest.fixture(scope="session")
def bases(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder a model: version 1 is champion, version 2 was kept out, three days are scored and one is checked."""
    kept = kept_base()
    return make_bases(tmp_path_factory.mktemp("laws") / "base") if kept is None else kept


def make_bases(root: Path) -> Path:
    """Make a house a model, with two trainings, three scored days and a check behind it."""
    land(root / "data", *(pd.Timestamp(day).date() for day in LANDED))
    add_times(root / "data")
    drift_from(root / "data", SCORED[0])
    for model in MODELS:
        shutil.copytree(root / "data", root / model / "data")
        house = open_house(root / model, model)
        assert run_training(house.spec, house.at(FIRST), house.gateways).kind == "promoted"
        assert run_training(with_promotion(house.spec, margin=1e6), house.at(RIVAL), house.gateways).kind == "kept"
        for day in SCORED:
            run_scoring(house.spec, house.spec.partition(day), house.gateways)
        assert run_drift_check(house.spec, house.spec.partition(CHECKED), house.gateways).signal
    (root / "made").touch()
    return root


@pytest.fixture(params=MODELS)
def model(request: pytest.FixtureRequest) -> str:
    """Both models: one of two classes, one of numbers."""
    return str(request.param)


@pytest.fixture
def lived(tmp_path: Path, bases: Path, model: str) -> House:
    """A house that has lived for a while."""
    return copied(bases, tmp_path / "house", model)


@pytest.fixture
def twin(tmp_path: Path, bases: Path, model: str) -> House:
    """A second copy of the same house."""
    return copied(bases, tmp_path / "twin", model)


def copied(bases: Path, root: Path, model: str) -> House:
    shutil.copytree(bases / model, root)
    return open_house(root, model)
