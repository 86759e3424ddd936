"""Documents that cannot rot: commands exist, settings are documented, the DAG catalogue is fresh."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
import typer.main
import yaml

from evenkeel.cli.main import app
from evenkeel.vocabulary.settings import VARIABLES
from evenkeel.vocabulary.spec import ModelSpec
from evenkeel.vocabulary.spec_monitoring import EVERYTHING

PROJECT = Path(__file__).parents[2]
README = (PROJECT / "README.md").read_text()
TARGETS = re.findall(r"^([a-z-]+):", (PROJECT / "Makefile").read_text(), re.M)
COMMANDS = {
    name
    for name, command in typer.main.get_command(app).commands.items()  # type: ignore[attr-defined]
    if not command.hidden
}


def test_every_make_target_in_the_readme_exists() -> None:
    """What the README tells people to type can be typed."""
    named = set(re.findall(r"`?make ([a-z-]+)", README))
    assert {"demo", "test", "up", "check"} <= named <= set(TARGETS)


def test_every_command_is_in_the_readme_and_every_one_there_exists() -> None:
    """The README shows each command of `evenkeel`, and no other."""
    named = set(re.findall(r"evenkeel ([a-z][a-z-]+)(?= |`|$)", README, re.M))
    assert named & COMMANDS == COMMANDS
    assert not set(re.findall(r"`evenkeel ([a-z-]+)", README)) - COMMANDS


@pytest.mark.parametrize("variable", sorted(VARIABLES))
def test_every_setting_is_documented(variable: str) -> None:
    """Each variable has its line in the README."""
    assert f"`{variable}`" in README


def test_no_setting_is_read_in_secret() -> None:
    """Every EVENKEEL_ variable the code names is among the documented ones."""
    sources = "".join(path.read_text() for path in (PROJECT / "include").rglob("*.py"))
    assert set(re.findall(r"EVENKEEL_[A-Z_]+", sources)) <= set(VARIABLES)


def test_every_file_the_readme_links_to_exists() -> None:
    """A relative link leads somewhere."""
    for target in re.findall(r"\]\((?!http)([^)#]+)", README):
        assert (PROJECT / target).exists(), target


def test_the_alerts_page_shows_a_sound_spec_and_names_all_there_is_to_hear_of() -> None:
    """Its YAML is a part of a spec, and each thing to hear about has its line."""
    page = (PROJECT / "docs" / "alerts.md").read_text()
    content = yaml.safe_load((PROJECT / "config" / "models" / "flight_delay.yaml").read_text())
    shown = re.search(r"```yaml\n(.*?)```", page, re.S)
    assert shown
    assert ModelSpec.model_validate(content | yaml.safe_load(shown.group(1))).alerts.silences
    assert set(re.findall(r"^\| `([a-z_]+)` \|", page, re.M)) >= set(EVERYTHING)


def test_the_dag_catalogue_is_fresh() -> None:
    """docs/dags.md says what the DAGs say of themselves."""
    command = [sys.executable, "-W", "ignore", "-m", "docs.catalogue", "--check"]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
