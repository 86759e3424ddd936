"""Print the requirements in a pyproject.toml, with those of the named extras: `requirements.py pyproject.toml stack`.

pip installs a project's dependencies only together with the project, which would tie their image layer to the code.
"""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path


def main(pyproject: str, *extras: str) -> None:
    """Print one requirement a line."""
    project = tomllib.loads(Path(pyproject).read_text())["project"]
    for group in (project["dependencies"], *(project["optional-dependencies"][extra] for extra in extras)):
        sys.stdout.writelines(f"{requirement}\n" for requirement in group)


main(*sys.argv[1:])
