"""Model files: fitted pipelines in skops' format, which rebuilds objects of reviewed types and unpickles nothing.

An estimator that skops cannot store may be pickled. Such a file runs whatever it holds, so it is opened only after its digest
was found to be the one that whoever asks for it knows from elsewhere.
"""

from __future__ import annotations

import hashlib
import zipfile
from typing import TYPE_CHECKING, Literal

import cloudpickle
import skops.io
from skops.io.exceptions import UntrustedTypesFoundException

from evenkeel.gateways.canonical_file import canonical
from evenkeel.vocabulary.errors import EvenkeelError

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline

Storage = Literal["skops", "pickle"]

FILE_OF_STORAGE: dict[Storage, str] = {"skops": "model.skops", "pickle": "model.pkl"}
"""What a model's file is called in the registry; MLflow's own names."""

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
    # Calibrated classifiers: a plain holder of estimators, which skops audits one by one, and two numbers of a sigmoid.
    "sklearn.calibration._CalibratedClassifier",
    "sklearn.calibration._SigmoidCalibration",
    # LightGBM: parameters and a Booster, whose __setstate__ hands the text of its trees to LightGBM's own parser and keeps
    # the handle. As with scikit-learn's trees, a forged text could crash or misread the process; it names no code. The
    # estimators rebuild as any of scikit-learn's; a custom objective is a function, which skops audits and we do not trust.
    "collections.OrderedDict",
    "lightgbm.basic.Booster",
    "lightgbm.sklearn.LGBMClassifier",
    "lightgbm.sklearn.LGBMRegressor",
)
"""What a model file may hold beside what skops trusts by itself (scikit-learn's public estimators, arrays, numbers).

A type belongs here once someone has read its `__new__`, `__reduce__` and `__setstate__` and found that rebuilding it
from chosen values imports and calls nothing the file could choose.
"""


def dump_estimator(estimator: Pipeline, storage: Storage = "skops") -> bytes:
    """The estimator as a model file; equal models make equal bytes.

    Raises EvenkeelError where it could not be loaded again.
    """
    what = _name(estimator)
    try:
        content = _pickled(estimator) if storage == "pickle" else canonical(skops.io.dumps(estimator))
    except Exception as error:  # whatever the object's own methods raise
        raise EvenkeelError(f"{what} cannot be stored: {error}. {_WAY_OUT}") from error
    if storage == "skops":
        _audit(content, what)
    return content


def _pickled(estimator: Pipeline) -> bytes:
    """A pickle of the estimator as it is once loaded, twice.

    A pickle says which equal strings are one object. Loading makes those one that an object's own attributes are called, and a
    second time those that were set since the first.
    """
    content: bytes = cloudpickle.dumps(estimator)
    for _ in range(2):
        content = cloudpickle.dumps(cloudpickle.loads(content))
    return content


def digest_of(content: bytes) -> str:
    """SHA-256 of a model file, 64 hex digits."""
    return hashlib.sha256(content).hexdigest()


def load_estimator(
    content: bytes, what: str = "the model file", *, storage: Storage = "skops", digest: str | None = None
) -> Pipeline:
    """The estimator of a model file, rebuilt from reviewed types only, or of a pickle whose digest is the one given.

    Args:
        content: the file.
        what: its name, for messages.
        storage: how it was stored.
        digest: SHA-256 that the file must have, kept where whoever could change the file could not change it; a pickle is
            not opened without one.

    Raises EvenkeelError, naming `what`, where the file is another one, holds another type, or is damaged.
    """
    if storage == "pickle" and digest is None:
        raise EvenkeelError(
            f"{what} is a pickle, which would run whatever is in it, and no digest was given to know it by (its own is "
            f"{digest_of(content)[:12]}…), so it is not opened. Score with a version that the ledger names, whose entry holds "
            "the digest, or store the candidate with `storage: skops` and train again"
        )
    if digest is not None and digest != digest_of(content):
        raise EvenkeelError(
            f"{what} has SHA-256 {digest_of(content)[:12]}…, expected was {digest[:12]}…: it is not the file that was stored, "
            "so it is not opened. Restore the file, or train again"
        )
    try:
        estimator: Pipeline = (
            cloudpickle.loads(content) if storage == "pickle" else skops.io.loads(content, trusted=list(TRUSTED_TYPES))
        )
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
    "or review the type and add it to TRUSTED_TYPES in evenkeel.gateways.model_file, "
    "or say `storage: pickle` for the candidate: its file is then loaded by a digest on the ledger only"
)


def _name(estimator: object) -> str:
    steps = getattr(estimator, "steps", None)
    return type(steps[-1][1] if steps else estimator).__name__
