"""Making a version again from what it has on record, and noticing what is not as it was (law 16)."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import pandas as pd
import pytest

from evenkeel.decisions.reproduction import Reproduction, Sameness
from evenkeel.gateways.registry import DIGEST
from evenkeel.vocabulary import columns as c
from evenkeel.vocabulary.errors import EvenkeelError
from evenkeel.vocabulary.spec import ModelSpec
from evenkeel.workflows.evidence import environment_text, python_of, threads_of
from evenkeel.workflows.lineage import CANDIDATE, ENVIRONMENT, SPEC, TAGS, TRAINING_SET, without_secrets
from evenkeel.workflows.reproduce import reproduce
from tests.workflows.versions import file_of_run, register_again

if TYPE_CHECKING:
    from pathlib import Path

    from tests.workflows.conftest import House


@pytest.mark.parametrize("model", ["flight_delay", "flight_duration"])
def test_a_version_is_made_again_bit_for_bit(trained: House, tmp_path: Path) -> None:
    """From the training set in the lake, the candidate and the seed on record comes the file that was registered."""
    kept = tmp_path / "kept"
    found = reproduce(trained.spec.model, 1, trained.gateways, _nobody, here=True, keep=kept)
    assert found.result.sameness is Sameness.BITS, found
    assert found.result.differences == ()
    assert found.digest == trained.gateways.registry.version(trained.spec.model, 1).tags[DIGEST]
    predicted = pd.read_parquet(kept / "rebuilt" / "predictions.parquet")
    assert len(predicted) > 1_000
    assert (predicted["rebuilt"] == predicted["registered"]).all()


def test_everything_it_was_made_of_is_on_record(trained: House) -> None:
    """Tags name it, and files of the run hold it: the spec as the run saw it, candidate, columns, and all that was installed."""
    registry = trained.gateways.registry
    version = registry.version("flight_delay", 1)
    assert all(version.tags.get(f"evenkeel.{name}") for name in TAGS)
    files = {name: registry.artifact(version.run_id, name) for name in (SPEC, CANDIDATE, TRAINING_SET, ENVIRONMENT)}
    spec, candidate, rows, environment = (content.decode() for content in files.values() if content is not None)
    assert ModelSpec.model_validate_json(spec).hash == trained.spec.hash == version.tags["evenkeel.spec"]
    assert json.loads(candidate)["params"]
    assert c.LABEL in json.loads(rows)["columns"]
    assert environment == environment_text()


def test_a_changed_seed_is_named(trained: House) -> None:
    """A tag that someone rewrote contradicts the spec that the run saw; another seed makes another file."""
    trained.gateways.registry.tag_version("flight_delay", 1, {"evenkeel.seed": "8"})
    found = _here(trained)
    assert found.sameness is not Sameness.BITS
    assert [str(one) for one in found.differences] == ["seed: 7 (spec) on record, 8 (tag) found"]


def test_a_changed_parameter_is_named(trained: House) -> None:
    """A candidate's file that says another value than the run's parameters makes another model, and it says which value."""
    chosen = file_of_run(trained, CANDIDATE)
    chosen["params"] |= {"C": 1e-6} if "C" in chosen["params"] else {"max_iter": 2}
    number = register_again(trained, {CANDIDATE: chosen})
    found = _here(trained, number)
    assert found.sameness is Sameness.DIFFERS
    (name,) = (one.what for one in found.differences)
    assert name in {"parameter C", "parameter max_iter"}
    assert f"Not as on record: {name}" in found.reason


def test_replaced_rows_are_found_in_the_past_of_their_table(trained: House) -> None:
    """Where someone replaced a training set since, the version of the table that is on record still has the rows."""
    _lose_rows(trained)
    assert _here(trained).sameness is Sameness.BITS


def test_changed_rows_are_named(trained: House) -> None:
    """Where nothing holds the rows on record any more, it is no reproduction, and the hashes of both are told."""
    held_by = _lose_rows(trained)
    trained.gateways.registry.tag_version("flight_delay", 1, {"evenkeel.data_table_version": str(held_by)})
    found = _here(trained)
    assert found.sameness is Sameness.DIFFERS
    assert "the training set is not the one on record" in found.reason
    assert [one.what for one in found.differences] == ["data"]
    assert found.differences[0].recorded == trained.gateways.registry.version("flight_delay", 1).tags["evenkeel.data"]


def test_rows_that_are_gone(trained: House) -> None:
    """A lake without the training set cannot make the version again; the message names both and the variable."""
    trained.gateways.registry.tag_version("flight_delay", 1, {"evenkeel.training": "another"})
    with pytest.raises(EvenkeelError, match=r"training set another is not in .*training_sets .*EVENKEEL_LAKE"):
        _here(trained)


def test_a_file_that_is_not_the_registered_one(trained: House) -> None:
    """Where the stored file cannot be trusted, what it once predicted is still on record, and it came out the same."""
    trained.gateways.registry.tag_version("flight_delay", 1, {DIGEST: "0" * 64})
    found = _here(trained)
    assert found.sameness is Sameness.PREDICTIONS
    assert [one.what for one in found.differences] == ["model file"]
    assert "the file is not the one evenkeel registered" in found.differences[0].found


def test_other_packages_are_named(trained: House) -> None:
    """A version that was made with another release of a package says so, whatever comes out."""
    environment = environment_text().replace("numpy==", "numpy==1.0+").replace("# python 3.", "# python 2.")
    found = _here(trained, register_again(trained, {}, environment=environment))
    assert found.sameness is Sameness.BITS
    assert [one.what for one in found.differences] == ["packages", "machine"]
    assert "numpy 1.0+" in found.differences[0].recorded


def test_a_version_of_before_there_were_files(trained: House) -> None:
    """Tags and parameters alone suffice, with the project's spec; that it is another spec by now is told."""
    number = register_again(trained, {SPEC: None, CANDIDATE: None, TRAINING_SET: None}, environment=None)
    found = _here(trained, number)
    assert found.sameness is Sameness.BITS
    assert [one.what for one in found.differences] == ["spec"]  # the tests shorten its windows


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("0123456789" * 4 + "+changes", "trained from commit 012345678901 with changes that no commit holds"),
        ("evenkeel 0.1.0", "has 'evenkeel 0.1.0' as its code version, which is no commit"),
        ("", "has no code version on record"),
        ("0123456789" * 4, "does not hold commit"),
    ],
)
def test_code_that_cannot_be_had(trained: House, code: str, said: str) -> None:
    """Code that nobody can check out is refused before anything is installed, with the way out."""
    trained.gateways.registry.tag_version("flight_delay", 1, {"evenkeel.code": code})
    with pytest.raises(EvenkeelError, match=said) as error:
        reproduce("flight_delay", 1, trained.gateways, _nobody)
    assert "--here" in str(error.value) or "fetch it" in str(error.value)


def test_a_folder_that_is_in_use(trained: House, tmp_path: Path) -> None:
    """What is in a folder already is not mixed with what is kept."""
    with pytest.raises(EvenkeelError, match="is not empty"):
        reproduce("flight_delay", 1, trained.gateways, _nobody, here=True, keep=tmp_path)


def test_a_run_keeps_no_secret_of_its_spec() -> None:
    """A database's address and the credentials in any other are not in the copy of the spec that a run keeps (law 30)."""
    spec = {
        "rows": {"source": {"kind": "sql", "url": "postgresql://me:secret@db/flights", "query": "select 1"}},
        "inputs": [{"uri": "s3://key:secret@bucket/a", "connection": None, "url": None}],
    }
    assert without_secrets(spec) == {
        "rows": {"source": {"kind": "sql", "url": "(not shown)", "query": "select 1"}},
        "inputs": [{"uri": "s3://***@bucket/a", "connection": None, "url": None}],
    }


def test_threads_are_on_record(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sums of floating-point numbers depend on how many threads take part; a rebuild is given as many."""
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    monkeypatch.delenv("OPENBLAS_NUM_THREADS", raising=False)
    text = environment_text()
    assert threads_of(text) == {
        "OMP_NUM_THREADS": "3",
        "OPENBLAS_NUM_THREADS": None,
        "MKL_NUM_THREADS": os.environ.get("MKL_NUM_THREADS"),
    }
    assert python_of(text).startswith("3.")
    assert python_of("") == ""


def _nobody(step: str, found: str | None) -> None:
    """Nobody is told."""


def _here(house: House, number: int = 1) -> Reproduction:
    return reproduce(house.spec.model, number, house.gateways, _nobody, here=True).result


def _lose_rows(house: House) -> int:
    """Replace version 1's training set by another that lacks some of its rows; return the table's version."""
    training = house.gateways.registry.version("flight_delay", 1).tags["evenkeel.training"]
    rows = house.gateways.lake.read("flight_delay", "training_sets", partitions=[training])
    assert rows is not None
    return house.gateways.lake.publish(
        "flight_delay", "training_sets", training, rows.iloc[300:].drop(columns=c.PARTITION), {}
    )
