"""Model specs and what is said of bad ones."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path

import pytest
import yaml

from evenkeel.vocabulary.errors import SpecError
from evenkeel.vocabulary.spec import ModelSpec
from evenkeel.vocabulary.spec_file import find_spec, load_spec, load_specs

PROJECT = Path(__file__).parents[2]
EXAMPLE = PROJECT / "config" / "models" / "flight_delay.yaml"


def example() -> dict:
    return yaml.safe_load(EXAMPLE.read_text())


def written(folder: Path, content: dict | str, name: str = "flight_delay") -> Path:
    path = folder / f"{name}.yaml"
    path.write_text(content if isinstance(content, str) else yaml.safe_dump(content))
    return path


def changed(path: str, value: object) -> dict:
    """The example with one value replaced (or a key dropped, where the value is Ellipsis)."""
    content = example()
    *parents, last = path.split(".")
    here = content
    for part in parents:
        here = here[int(part)] if isinstance(here, list) else here[part]
    if value is ...:
        del here[last]
    else:
        here[last] = value
    return content


@pytest.mark.parametrize("path", sorted((PROJECT / "config" / "models").glob("*.yaml")), ids=lambda path: path.stem)
def test_the_examples_are_sound(path: Path) -> None:
    """Every spec in config/models reads without a mistake."""
    assert load_spec(path).model == path.stem


@pytest.mark.parametrize(
    ("path", "value", "sentence"),
    [
        (
            "trainning",
            {},
            "flight_delay.yaml: trainning: unknown key. Did you mean 'training'? Valid: alerts, data_gate",
        ),
        ("training.schedule", "0 6,18 * * *", "training.schedule: '0 6,18 * * *' must be at one time of the day"),
        ("drift.season", "20d", "season: 20d is less than twice the window, 14d"),
        ("training.windoww", "60d", "training.windoww: unknown key. Did you mean 'window'?"),
        ("training.candidates.0.parms", {}, "training.candidates.0.parms: unknown key. Did you mean 'params'?"),
        ("inputs.weather.loockback", "1d", "inputs.weather.loockback: unknown key. Did you mean 'lookback'?"),
        (
            "rows.source.urii",
            "x",
            "rows.source.urii: unknown key. Did you mean 'uri'? Valid: kind, partition_column, uri",
        ),
        ("task", "binry", "task: 'binry' is not one of the choices. Did you mean 'binary'? Valid: binary, multiclass"),
        ("rows.source.kind", "parkquet", "'parkquet' is not one of the choices. Did you mean 'parquet'?"),
        (
            "rows.columns.carrier",
            "str",
            "rows.columns.carrier: 'str' is not one of the choices. Did you mean 'string'?",
        ),
        ("training.window", 60, "training.window: 60 is not a duration: write a whole number and m, h, d or w"),
        ("training.window", "15d", "training: impossible window: holdout 14d and gap 1d leave nothing to train on"),
        (
            "training.candidates",
            [{"name": "recent", "preset": "logistic", "window": "46d"}],
            "training: candidate recent asks for a window of 46d, but the training part has 45d",
        ),
        ("training.schedule", "every monday", "training.schedule: 'every monday' is not a cron expression"),
        ("scoring.shard_rows", "many", "scoring.shard_rows: input should be a valid integer, got 'many'"),
        ("scoring.shard_rows", 0, "scoring.shard_rows: input should be greater than or equal to 1, got 0"),
        ("timezone", "New York", "timezone: 'New York' is not a time zone of the IANA database"),
        ("training.gap", "1h", "training.gap: 1h is shorter than label.maturation 1d"),
        ("promotion.metric", "rmse", "promotion.metric: 'rmse' does not measure a binary task; choose one of roc_auc"),
        ("label.known_after", "1d", "label: needs exactly one of `known_at` (a column) and `known_after`"),
        ("rows.key", ["id"], "rows: key column 'id' must be listed under `columns`"),
        ("rows.event_time", "hour", "rows: column 'hour' must be listed under `columns` with type timestamp"),
        ("retraining.needed", 9, "retraining: needed: 9 signals can never be found in the last of: 5 checks"),
        ("period.end", "soon", "period.end: "),
        ("features.function", "flight_delay.features", "features.function: string should match pattern"),
        ("features.numeric", ["_mine"], "'_mine' begins with an underscore"),
        ("owner", ..., "flight_delay.yaml: owner: is missing"),
        ("model", "flight", "model: 'flight' must equal the file's name, 'flight_delay'"),
    ],
)
def test_a_mistake_names_file_key_value_and_way_out(tmp_path: Path, path: str, value: object, sentence: str) -> None:
    """Each kind of mistake is one line that names the file, the key, the value, and the choices where there are some."""
    with pytest.raises(SpecError) as caught:
        load_spec(written(tmp_path, changed(path, value)))
    assert len(caught.value.mistakes) == 1, caught.value.mistakes
    assert caught.value.mistakes[0].startswith("flight_delay.yaml: ")
    assert sentence in caught.value.mistakes[0]


KNOWN = {"until": date(2013, 6, 1), "reason": "known"}


@pytest.mark.parametrize(
    ("alerts", "sentence"),
    [
        ({"routes": [{"kind": "pager"}]}, "alerts.routes.0: 'pager' is not one of the choices"),
        ({"routes": [{"kind": "webhook"}]}, "alerts.routes.0.connection: is missing"),
        ({"routes": [{"kind": "email", "to": []}]}, "alerts.routes.0.to: [] is empty; name at least one"),
        ({"routes": [{"kind": "email", "to": ["me"]}]}, "alerts.routes.0.to.0: 'me' is not an e-mail address"),
        (
            {"routes": [{"kind": "slack", "chanel": "ops"}]},
            "alerts.routes.0.chanel: unknown key. Valid: about, connection",
        ),
        (
            {"routes": [{"kind": "slack", "about": ["drfit"]}]},
            "alerts.routes.0.about.0: 'drfit' is not one of the choices. Did",
        ),
        ({"routes": [{"kind": "slack", True: ["drift"]}]}, "alerts.routes.0: a key reads as True; YAML takes on, off"),
        ({"routes": [{"kind": "slack"}] * 2}, "alerts: several routes are called slack; give each a `name` of its own"),
        ({"silences": [{"what": "drift", "reason": "known"}]}, "alerts.silences.0.until: is missing"),
        ({"silences": [KNOWN | {"what": "decay", "columns": ["dest"]}]}, "leave them out to silence decay"),
        (
            {"silences": [KNOWN | {"what": "drift", "columns": ["dst"]}]},
            "alerts.silences.0.columns: dst is neither a feature",
        ),
    ],
)
def test_a_mistake_in_the_alerts_is_told_like_any_other(tmp_path: Path, alerts: dict, sentence: str) -> None:
    """Routes by their kind, silences with their end."""
    with pytest.raises(SpecError) as caught:
        load_spec(written(tmp_path, example() | {"alerts": alerts}))
    assert len(caught.value.mistakes) == 1, caught.value.mistakes
    assert sentence in caught.value.mistakes[0]


def test_all_mistakes_are_told_at_once(tmp_path: Path) -> None:
    """Three mistakes in two files are three lines, and the sound spec beside them is read all the same."""
    written(tmp_path, example())
    content = example() | {"model": "other", "colour": 1}
    content["training"] = content["training"] | {"seed": "x"}
    written(tmp_path, content, "other")
    written(tmp_path, "model: [", "third")
    specs, mistakes = load_specs(tmp_path)
    assert [spec.model for spec in specs] == ["flight_delay"]
    assert len(mistakes) == 3


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("model: a\nmodel: b\n", "key 'model' is given twice"),
        ("- a\n", "must be a mapping"),
        ("model: {", "cannot be read as YAML"),
        ("", "must be a mapping"),
    ],
)
def test_what_is_no_spec_at_all_is_told(tmp_path: Path, text: str, sentence: str) -> None:
    """A file that is no mapping, or says a key twice, is a mistake with the file's name."""
    with pytest.raises(SpecError, match=sentence):
        load_spec(written(tmp_path, text))


def test_an_unknown_model_is_told_with_its_neighbour(tmp_path: Path) -> None:
    """Asking for a model that is not there names the nearest one that is."""
    written(tmp_path, example())
    with pytest.raises(SpecError, match="Did you mean 'flight_delay'"):
        find_spec(tmp_path, "flight_dealy")


def test_an_address_in_place_of_a_connection_is_not_shown(tmp_path: Path) -> None:
    """It may be a webhook's, and so a secret (law 30)."""
    route = {"kind": "slack", "connection": "https://hooks.slack.com/services/T0/B0/token"}
    with pytest.raises(SpecError, match="'\\(not shown\\)' is not the id of an Airflow connection") as caught:
        load_spec(written(tmp_path, example() | {"alerts": {"routes": [route]}}))
    assert "token" not in str(caught.value).replace("address or a token", "")


def test_a_check_runs_after_the_scores_it_looks_at(tmp_path: Path) -> None:
    """Rows of a whole day are scored the morning after; a check before that would look at other days when it is repeated."""
    content = changed("scoring.schedule", "0 6 * * *")
    del content["rows"]["available_after"]
    sentence = "drift.schedule: '30 3 * * *' checks a partition 27.5h after its start, its scores are made 30h after it"
    with pytest.raises(SpecError, match=re.escape(sentence)):
        load_spec(written(tmp_path, content))


def test_a_password_is_not_shown_whatever_is_wrong_beside_it(tmp_path: Path) -> None:
    """A source without its kind, and an address in the place of something else."""
    content = changed("rows.source", {"url": "postgresql://svc:hunter2@db/x", "query": "select 1"})
    content["inputs"]["weather"]["source"] = {"kind": "parquet", "uri": ["s3://key:hunter2@bucket"]}
    with pytest.raises(SpecError) as caught:
        load_spec(written(tmp_path, content))
    assert len(caught.value.mistakes) == 2
    assert "hunter2" not in str(caught.value)


def test_the_alerts_that_the_example_shows_are_sound(tmp_path: Path) -> None:
    """They are commented out, because there is nobody to tell; without the comment signs they are a part of a spec."""
    shown = re.search(r"^# alerts:.*", EXAMPLE.read_text(), re.M | re.S)
    assert shown
    spec = load_spec(written(tmp_path, EXAMPLE.read_text().replace("\n# ", "\n")))
    assert [(route.kind, route.name) for route in spec.alerts.routes] == [
        ("email", "on_call"),
        ("slack", "slack"),
        ("webhook", "webhook"),
    ]
    assert spec.alerts.silences[0].columns == ("dest",)


def test_a_spec_cannot_be_changed_after_reading() -> None:
    """Nothing that runs can alter what the team wrote."""
    spec = load_spec(EXAMPLE)
    with pytest.raises(ValueError, match="frozen"):
        spec.training.seed = 3  # type: ignore[misc]


def test_the_hash_covers_what_shapes_a_result_and_nothing_else() -> None:
    """A new description, or others who are told, leave the hash alone; a new seed does not."""
    before = load_spec(EXAMPLE)
    assert ModelSpec.model_validate(example() | {"alerts": {"routes": [{"kind": "slack"}]}}).hash == before.hash
    assert ModelSpec.model_validate(example() | {"description": "other"}).hash == before.hash
    assert ModelSpec.model_validate(changed("training.seed", 8)).hash != before.hash
