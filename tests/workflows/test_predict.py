"""What is asked of a registered version: only the file the ledger knows, and only with rows that it takes."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import pytest
import skops.io
from sklearn.dummy import DummyClassifier

from evenkeel.gateways.registry import DIGEST
from evenkeel.vocabulary.errors import EvenkeelError, FeatureError
from evenkeel.vocabulary.verdict import Outcome, Verdict
from evenkeel.workflows.pipelines import run_scoring, run_training
from evenkeel.workflows.predict import predict_version
from evenkeel.workflows.promote import promote_version

if TYPE_CHECKING:
    from tests.workflows.conftest import House

DAY = "2013-02-03"


def test_a_champion_whose_file_and_tag_were_both_changed_is_not_loaded(house: House) -> None:
    """Whoever may write to MLflow can forge file and tag alike; the ledger holds the digest from when it was decided (law 31)."""
    spec, gateways, instant = house.spec, house.gateways, house.at("2013-02-01")
    run_training(spec, instant, gateways)
    (file,) = (house.root / "mlartifacts").rglob("model.skops")
    known = gateways.ledger.entries(spec.model)[0].digest
    assert known == hashlib.sha256(file.read_bytes()).hexdigest()
    with file.open("wb") as forged:
        skops.io.dump(DummyClassifier().fit([[0], [1]], [0, 1]), forged)
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    gateways.registry.tag_version(spec.model, 1, {DIGEST: digest})
    with pytest.raises(EvenkeelError, match=f"SHA-256 {digest[:12]}…, the ledger says {known[:12]}…"):
        run_scoring(spec, spec.partition(DAY), gateways)
    assert DAY not in gateways.lake.partitions(spec.model, "scores")
    verdict = Verdict(Outcome.PASS, "", {"against": None})
    with pytest.raises(EvenkeelError, match="nothing is decided about the version"):
        promote_version(spec, instant, 1, verdict, gateways, force=True, reason="a forger's wish")


def test_rows_that_break_the_signature_are_not_scored(trained: House) -> None:
    """A text where the model learnt a number, or a number where it learnt a text, is told by column, expected and found."""
    spec, gateways = trained.spec, trained.gateways
    frame = gateways.frames.build(spec, [spec.partition(DAY)])
    found = predict_version(spec, 1, frame, gateways)
    assert (len(found.values), len(found.classes)) == (len(frame), 2)
    odd = frame.assign(distance=frame["distance"].astype(str), carrier=7).drop(columns=["humidity"])
    with pytest.raises(FeatureError, match="flight_delay version 1 cannot be asked about these rows") as told:
        predict_version(spec, 1, odd, gateways)
    for part in (
        "distance should be number (double) and is text (object)",
        "carrier should be text (string) and is number (int64)",
        "humidity should be number (double) and is missing",
    ):
        assert part in str(told.value)
