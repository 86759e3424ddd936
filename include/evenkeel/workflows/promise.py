"""What a champion promised: its holdout, whose labels and scores are kept with its reference."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from evenkeel.decisions.decay import Sample
from evenkeel.vocabulary import columns as c
from evenkeel.workflows.check_window import published_predictions
from evenkeel.workflows.reference import ROW_DAY

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from evenkeel.vocabulary.spec import ModelSpec


def promised_sample(spec: ModelSpec, promised: pd.DataFrame) -> Sample:
    """The holdout's labels, with what the champion said of them."""
    return Sample(promised[c.LABEL].to_numpy(), published_predictions(spec, promised), promised[ROW_DAY].to_numpy())


def folds_of_days(days: pd.Series[str], folds: int = 3) -> NDArray[np.int64]:
    """For each row the fold its day was dealt to, in turn: what is fitted without a fold has not seen the fold's days."""
    _, places = np.unique(days, return_inverse=True)
    found: NDArray[np.int64] = places % folds
    return found
