"""What a registered version says of some rows: known by the ledger's digest before it is loaded, asked only what it takes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from evenkeel.gateways.estimators import classes_of, predict
from evenkeel.gateways.signature import hold_to_signature
from evenkeel.workflows.ledger import digest_of

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

    from evenkeel.vocabulary.spec import ModelSpec
    from evenkeel.workflows.gateways import Gateways


def predict_version(
    spec: ModelSpec, number: int, frame: pd.DataFrame, gateways: Gateways
) -> tuple[NDArray[np.float64], tuple[Any, ...]]:
    """A registered version's predictions for a frame, and the classes its probabilities are in the order of.

    Raises EvenkeelError where its file is not the one that the ledger knows, and FeatureError where the frame lacks a column it
    takes, or has it in another type.
    """
    digest = digest_of(gateways.ledger.entries(spec.model), number)
    estimator = gateways.registry.load(spec.model, number, digest=digest)
    hold_to_signature(frame, gateways.registry.signature(spec.model, number), f"{spec.model} version {number}")
    return predict(estimator, frame, spec.task), classes_of(estimator)
