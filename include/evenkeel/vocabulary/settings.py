"""Where things are kept: one frozen record, read from the environment when asked, never at import."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from evenkeel.vocabulary.errors import EvenkeelError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


@dataclass(frozen=True)
class Settings:
    """The places evenkeel reads from and writes to.

    `VARIABLES` names every variable that is read, here or elsewhere; the defaults need nothing but a folder.
    """

    project: Path
    home: Path
    lake: str
    data: str
    tracking_uri: str

    @property
    def models(self) -> Path:
        """Folder of the model specs."""
        return self.project / "config" / "models"

    @property
    def suites(self) -> Path:
        """Folder of the expectation suites."""
        return self.project / "config" / "expectations"


VARIABLES = {
    "EVENKEEL_PROJECT": "Folder that holds `config/models`. Default: the nearest one above the current folder.",
    "EVENKEEL_HOME": "Folder for state and secrets. Default: `.evenkeel` in the project.",
    "EVENKEEL_LAKE": "URI of the lake (Delta tables, staging, reports). Default: `lake` in the home.",
    "EVENKEEL_DATA": "Root that `${EVENKEEL_DATA}` in a spec stands for. Default: `data` in the home.",
    "EVENKEEL_CODE_VERSION": "Code version to put on record where there is no git repository, as in an image.",
    "EVENKEEL_MLFLOW_UI": "Address at which a browser reaches MLflow, where that is not the tracking URI.",
    "EVENKEEL_WARM_IMPORTS": "Modules the warm executor imports before it forks, comma-separated; empty for none.",
    "MLFLOW_TRACKING_URI": "MLflow tracking server or database. Default: an SQLite file in the home.",
}


def read_settings(environment: Mapping[str, str] | None = None) -> Settings:
    """The settings of this process. Raises EvenkeelError where no project folder can be found."""
    env = os.environ if environment is None else environment
    project = Path(env["EVENKEEL_PROJECT"]) if env.get("EVENKEEL_PROJECT") else _find_project(Path.cwd())
    home = Path(env.get("EVENKEEL_HOME") or project / ".evenkeel").absolute()
    return Settings(
        project=project.absolute(),
        home=home,
        lake=env.get("EVENKEEL_LAKE") or str(home / "lake"),
        data=env.get("EVENKEEL_DATA") or str(home / "data"),
        tracking_uri=env.get("MLFLOW_TRACKING_URI") or f"sqlite:///{home / 'mlflow.db'}",
    )


@contextlib.contextmanager
def environment(values: Mapping[str, str]) -> Iterator[None]:
    """Variables of this process's environment, set for as long as the block runs."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})


def _find_project(start: Path) -> Path:
    for folder in (start, *start.parents):
        if (folder / "config" / "models").is_dir():
            return folder
    raise EvenkeelError(
        f"no project found: neither {start} nor a folder above it holds config/models; "
        "run evenkeel inside a project or set EVENKEEL_PROJECT"
    )
