"""The command line: what it prints, and the exit code with which it says no."""

from __future__ import annotations

import contextlib
import io
import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml

from evenkeel.cli.console import err, out
from evenkeel.cli.main import run
from evenkeel.vocabulary.settings import read_settings
from evenkeel.workflows.gateways import Gateways
from evenkeel.workflows.ledger import Entry, Kind
from evenkeel.workflows.promote import Decided

PROJECT = Path(__file__).parents[2]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for folder in ("config/models", "config/expectations"):
        shutil.copytree(PROJECT / folder, tmp_path / folder)
    return tmp_path


@dataclass(frozen=True)
class Done:
    """What a command came to."""

    returncode: int
    stdout: str
    stderr: str


def evenkeel(project: Path, *arguments: str) -> Done:
    """The command in this process, which has imported what each process would import anew."""
    output, errors, code = io.StringIO(), io.StringIO(), 0
    with (
        pytest.MonkeyPatch.context() as patch,
        contextlib.chdir(project),
        contextlib.redirect_stdout(output),
        contextlib.redirect_stderr(errors),
    ):
        patch.delenv("EVENKEEL_PROJECT")
        patch.setattr(sys, "argv", ["evenkeel", *arguments])
        for console in (out, err):
            patch.setattr(console, "width", 200)
        try:
            run()
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else 0
    return Done(code, output.getvalue(), errors.getvalue())


def in_a_process(project: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The command as it is installed."""
    environment = {key: one for key, one in os.environ.items() if not key.startswith("EVENKEEL_")}
    return subprocess.run(
        [Path(sys.executable).with_name("evenkeel"), *arguments],
        cwd=project,
        env=environment | {"COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_check_passes_the_examples(project: Path) -> None:
    """Sound specs are listed with their task, and the exit code is 0."""
    done = in_a_process(project, "check")
    assert done.returncode == 0, done.stderr
    assert "flight_delay: ok (binary, 13 features" in done.stdout
    assert "flight_duration: ok (regression" in done.stdout
    assert "flight_status: ok (multiclass" in done.stdout


def test_check_tells_all_mistakes_at_once(project: Path) -> None:
    """Mistakes of words, feature function, estimator, parameter and suite come in one message, exit code 1."""
    path = project / "config" / "models" / "flight_delay.yaml"
    content = yaml.safe_load(path.read_text())
    content["features"]["function"] = "flight_delay.features:feature"
    content["training"]["candidates"][0]["params"]["max_itter"] = 3
    content["training"]["candidates"][1]["estimator"] = "sklearn.linear_model.LogisticRegresion"
    content["data_gate"]["scores"] = "probability_score"
    path.write_text(yaml.safe_dump(content))
    other = project / "config" / "models" / "flight_duration.yaml"
    other.write_text(other.read_text().replace("timezone: America/New_York", "timezone: Mars/Olympus"))
    done = evenkeel(project, "check")
    assert done.returncode == 1
    assert "5 mistakes" in done.stderr
    for sentence in (
        "features.function: 'flight_delay.features:feature': module flight_delay.features defines no function 'feature'. "
        "Did you mean 'features'?",
        "max_itter",
        "LogisticRegresion",
        "Did you mean 'probability_scores'?",
        "'Mars/Olympus' is not a time zone",
    ):
        assert sentence in done.stderr
    assert "Traceback" not in done.stderr


def test_check_asks_the_sources_on_request(project: Path) -> None:
    """With --sources, a source that is not there is a mistake of its key."""
    done = evenkeel(project, "check", "--sources")
    assert done.returncode == 1
    assert "flight_delay.yaml: rows.source: " in done.stderr
    assert "there is no such file or folder" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (["train", "flight_delay"], 1, "pass exactly one of --as-of"),
        (["train", "flight_delay", "--as-of", "soon"], 1, "as_of 'soon' is not an instant"),
        (["score", "flight_delay"], 1, "nothing here acts from the clock"),
        (["score", "flight_delay", "--partition", "2013-04-01"], 1, "no champion was effective"),
        (["drift-check", "flight_delay", "--partition", "yesterday"], 1, "is not a day"),
        (["train", "flight_dealy", "--as-of", "2013-03-01"], 1, "Did you mean 'flight_delay'?"),
        (["promote", "flight_delay", "latest", "--as-of", "2013-03-01"], 1, "neither a number nor `previous`"),
        (["promote", "flight_delay", "previous", "--as-of", "2013-03-01"], 1, "no earlier champion to roll back to"),
        (["scoer"], 2, "No such command"),
    ],
)
def test_what_cannot_be_done_is_one_message(project: Path, arguments: list[str], code: int, sentence: str) -> None:
    """One clear message on stderr, never a traceback, and an exit code that is not 0."""
    done = evenkeel(project, *arguments)
    assert done.returncode == code
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr


def test_status_is_a_table_or_json(project: Path) -> None:
    """Every model has its row before anything was trained; --json is for programs."""
    assert "flight_duration" in evenkeel(project, "status").stdout
    found = json.loads(evenkeel(project, "status", "--json").stdout)
    models = ["flight_delay", "flight_duration", "flight_status"]
    assert [(one["model"], one["champion"]) for one in found] == [(model, None) for model in models]


def test_alerts_say_what_was_told_and_what_is_due(project: Path) -> None:
    """And that Airflow sends them; without a route, nobody is told."""
    assert "nobody is told, the spec has no `alerts.routes`" in evenkeel(project, "alerts", "flight_delay").stdout
    path = project / "config" / "models" / "flight_delay.yaml"
    path.write_text(path.read_text() + "alerts: {routes: [{kind: slack}]}\n")
    assert "nothing was told, and nothing is due" in evenkeel(project, "alerts", "flight_delay").stdout
    gateways = Gateways(read_settings({"EVENKEEL_PROJECT": str(project)}))
    entry = Entry(
        "rolled_back/1", "flight_delay", Kind.ROLLED_BACK, datetime(2013, 4, 1, tzinfo=UTC), "worse", version=2
    )
    gateways.ledger.record("flight_delay", entry.id, lambda _: entry)
    assert "without Airflow nothing is sent" in evenkeel(project, "alerts", "flight_delay").stdout
    found = json.loads(evenkeel(project, "alerts", "flight_delay", "--json").stdout)
    assert [(one["what"], one["route"], one["reason"]) for one in found["due"]] == [("rolled_back", "slack", "worse")]
    assert found["told"] == []


def test_what_looks_like_markup_is_printed_as_it_is(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A reason such as `[/docs]` is no style, and ends no command after its entry was written."""
    decided = Decided("rolled_back", 1, 1, "2013-03-01", "see [/docs]")
    monkeypatch.setattr("evenkeel.workflows.promote.roll_back", lambda *_, **__: decided)
    done = evenkeel(project, "promote", "flight_delay", "previous", "--as-of", "2013-03-01", "--reason", "see [/docs]")
    assert (done.returncode, "see [/docs]" in done.stdout) == (0, True)


def test_outside_a_project_it_says_so(tmp_path: Path) -> None:
    """Without a config/models anywhere above, the message names the variable to set."""
    done = in_a_process(tmp_path, "status")
    assert done.returncode == 1
    assert "set EVENKEEL_PROJECT" in done.stderr


def test_approvals_say_where_they_looked(project: Path) -> None:
    """Without an Airflow of this project, or with one that does not answer, the message says how to start or name one."""
    done = evenkeel(project, "approvals")
    assert done.returncode == 1
    assert "no Airflow of this project: start it with `evenkeel up`, or pass --airflow" in done.stderr
    (project / ".evenkeel").mkdir(exist_ok=True)
    (project / ".evenkeel" / "up.lock").write_text('{"airflow_port": 9}')
    done = evenkeel(project, "approve", "flight_delay", "--reason", "good")
    assert done.returncode == 1
    assert "got no answer" in done.stderr
    assert "is it up? Start it with `evenkeel up`, or pass --airflow" in done.stderr
