"""Model files: fitted pipelines in skops' format, which rebuilds objects of reviewed types and unpickles nothing."""

from __future__ import annotations

import zipfile
from typing import TYPE_CHECKING

import skops.io
from skops.io.exceptions import UntrustedTypesFoundException

from evenkeel.gateways.canonical_file import canonical
from evenkeel.vocabulary.errors import EvenkeelError

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline

TRUSTED_TYPES = (
    # Read with numpy.load(allow_pickle=False); a dtype is a description of memory. One-hot encoders keep theirs.
    "numpy.dtype",
    # Trees: arrays of nodes and numbers, no callable. skops leaves them out because scikit-learn follows the indices
    # in a node without bounds checks, so that a forged file could crash or misread the process; it cannot run code.
    # The registry compares a file's digest with the one on its version before it comes this far.
    "sklearn.tree._tree.Tree",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
    # `categorical_features` of histogram boosting wraps check_array, a validator of arrays, in a partial. A partial
    # is not called while it is loaded, and skops audits the function inside on its own.
    "functools.partial",
    "sklearn.utils.validation.check_array",
    # Loss of TweedieRegressor, solvers of the MLP estimators: classes of scikit-learn that hold plain numbers.
    "sklearn._loss.loss.HalfTweedieLoss",
    "sklearn._loss.loss.HalfTweedieLossIdentity",
    "sklearn.neural_network._stochastic_optimizers.AdamOptimizer",
    "sklearn.neural_network._stochastic_optimizers.SGDOptimizer",
)
"""What a model file may hold beside what skops trusts by itself (scikit-learn's public estimators, arrays, numbers).

A type belongs here once someone has read its `__new__`, `__reduce__` and `__setstate__` and found that rebuilding it
from chosen values imports and calls nothing the file could choose.
"""


def dump_estimator(estimator: Pipeline) -> bytes:
    """The estimator as a model file, equal bytes for equal models. Raises EvenkeelError where it could not be loaded again."""
    what = _name(estimator)
    try:
        content = canonical(skops.io.dumps(estimator))
    except Exception as error:  # whatever the object's own methods raise
        raise EvenkeelError(f"{what} cannot be stored: {error}. {_WAY_OUT}") from error
    _audit(content, what)
    return content


def load_estimator(content: bytes, what: str = "the model file") -> Pipeline:
    """The estimator of a model file, rebuilt from reviewed types only.

    Raises EvenkeelError, naming `what`, where the file holds another type or is damaged.
    """
    try:
        estimator: Pipeline = skops.io.loads(content, trusted=list(TRUSTED_TYPES))
    except UntrustedTypesFoundException:
        _audit(content, what)
        raise
    except (zipfile.BadZipFile, LookupError, ValueError, TypeError, ImportError, AttributeError) as error:
        raise EvenkeelError(
            f"{what} cannot be loaded: {error}. It is damaged, or was written by another release of scikit-learn or "
            "skops; train again, or install the releases it was stored with"
        ) from error
    return estimator


def _audit(content: bytes, what: str) -> None:
    unknown = sorted(set(skops.io.get_untrusted_types(data=content)) - set(TRUSTED_TYPES))
    if unknown:
        raise EvenkeelError(
            f"{what} holds {', '.join(unknown)}, which a model file may not hold: nobody has checked what it does "
            f"when it is loaded. {_WAY_OUT}"
        )


_WAY_OUT = (
    "Use estimators and transformers of scikit-learn and do other work in the feature function, "
    "or review the type and add it to TRUSTED_TYPES in evenkeel.gateways.model_file"
)


def _name(estimator: object) -> str:
    steps = getattr(estimator, "steps", None)
    return type(steps[-1][1] if steps else estimator).__name__
