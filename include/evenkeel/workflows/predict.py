"""What a registered version says of some rows: known by the ledger's digest before it is loaded, asked only what it takes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evenkeel.decisions.comparison import Predictions
from evenkeel.gateways.estimators import classes_of, predict
from evenkeel.gateways.signature import hold_to_signature
from evenkeel.workflows.ledger import digest_of

if TYPE_CHECKING:
    import pandas as pd
    from sklearn.pipeline import Pipeline

    from evenkeel.vocabulary.spec import ModelSpec
    from evenkeel.workflows.gateways import Gateways


def predictions_of(spec: ModelSpec, estimator: Pipeline, rows: pd.DataFrame) -> Predictions:
    """An estimator's predictions for the rows. Raises FeatureError where they lack a column it was fitted on."""
    return Predictions(predict(estimator, rows, spec.task), classes_of(estimator))


def predict_version(spec: ModelSpec, number: int, frame: pd.DataFrame, gateways: Gateways) -> Predictions:
    """A registered version's predictions for a frame.

    Raises EvenkeelError where its file is not the one that the ledger knows, and FeatureError where the frame lacks a column it
    takes, or has it in another type.
    """
    digest = digest_of(gateways.ledger.entries(spec.model), number)
    estimator = gateways.registry.load(spec.model, number, digest=digest)
    hold_to_signature(frame, gateways.registry.signature(spec.model, number), f"{spec.model} version {number}")
    return predictions_of(spec, estimator, frame)
