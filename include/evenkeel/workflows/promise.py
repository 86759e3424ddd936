"""What a champion promised: its holdout, whose labels and scores are kept with its reference; or, where a rollback by itself
brought it back, the days on which it was found better.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from evenkeel.decisions.decay import Sample
from evenkeel.vocabulary import columns as c
from evenkeel.vocabulary.errors import FeatureError
from evenkeel.workflows.check_window import published_columns, published_predictions
from evenkeel.workflows.ledger import SETTLED
from evenkeel.workflows.predict import predict_version
from evenkeel.workflows.promote import recent_labelled
from evenkeel.workflows.reference import ROW_DAY

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from evenkeel.vocabulary.spec import ModelSpec
    from evenkeel.workflows.gateways import Gateways
    from evenkeel.workflows.ledger import Entry


def promised_rows(spec: ModelSpec, champion: Entry, holdout: pd.DataFrame, gateways: Gateways) -> pd.DataFrame:
    """The labelled rows, with the champion's scores, that it is held to.

    Held to its promise of long ago, who came back because another had decayed would decay at once: the days are other days. It
    is held to what it did on those.

    Args:
        spec: the model.
        champion: the entry that made it champion.
        holdout: its own, of its reference.
        gateways: the doors.
    """
    if champion.version is None or not champion.id.startswith(SETTLED):
        return holdout
    rows = recent_labelled(spec, champion.effective_at, spec.drift.decay.window, gateways)
    try:
        found = predict_version(spec, champion.version, rows, gateways)
    except FeatureError:  # it cannot be asked any more
        return holdout
    return rows.assign(**published_columns(spec, found), **{ROW_DAY: rows[c.PARTITION].astype(str)}).drop(
        columns=[c.PARTITION]
    )


def promised_sample(spec: ModelSpec, promised: pd.DataFrame) -> Sample:
    """The holdout's labels, with what the champion said of them."""
    return Sample(promised[c.LABEL].to_numpy(), published_predictions(spec, promised), promised[ROW_DAY].to_numpy())


def folds_of_days(days: pd.Series[str], folds: int = 3) -> NDArray[np.int64]:
    """For each row the fold its day was dealt to, in turn: what is fitted without a fold has not seen the fold's days."""
    _, places = np.unique(days, return_inverse=True)
    found: NDArray[np.int64] = places % folds
    return found
