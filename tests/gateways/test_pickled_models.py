"""Models that skops cannot store: pickles, opened by a digest that whoever could forge the file could not forge."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import cloudpickle
import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.linear_model import Ridge
from sklearn.pipeline import Pipeline

from evenkeel.gateways.model_file import digest_of, dump_estimator, load_estimator
from evenkeel.gateways.registry import DIGEST, STORAGE, Registry, Version
from evenkeel.vocabulary.errors import EvenkeelError

if TYPE_CHECKING:
    from numpy.typing import NDArray

MODEL = "own"


class Own(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn ships no types
    """A team's own classifier: a type that nobody has reviewed."""

    def fit(self, X: pd.DataFrame, y: Any) -> Own:  # noqa: N803 - scikit-learn's own name
        self.classes_, self.feature_names_in_ = np.unique(y), np.asarray(X.columns)
        self.rate_ = float(np.mean(y))
        return self

    def predict_proba(self, X: pd.DataFrame) -> NDArray[np.float64]:  # noqa: N803
        return np.tile([1 - self.rate_, self.rate_], (len(X), 1))


class Payload:
    """What a forged file holds: unpickling it makes a file."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> Any:
        return Path.touch, (self.mark,)


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    return pd.DataFrame({"hour": np.arange(20.0), "late": np.arange(20) % 4 == 0})


@pytest.fixture(scope="module")
def estimator(frame: pd.DataFrame) -> Pipeline:
    return Pipeline([("estimator", Own())]).fit(frame[["hour"]], frame["late"])


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Registry:
    return Registry(f"sqlite:///{tmp_path_factory.mktemp('mlflow') / 'mlflow.db'}")


@pytest.fixture(scope="module")
def version(registry: Registry, frame: pd.DataFrame, estimator: Pipeline) -> Version:
    run = registry.begin(MODEL, "key", name="train", tags={})
    registry.log_model(run, estimator, example=frame[["hour"]].head(3), storage="pickle")
    made = registry.register(MODEL, run, tags={})
    registry.finish(run)
    return made


def test_a_type_skops_cannot_store_says_so_and_the_way_out(estimator: Pipeline) -> None:
    """Without `storage: pickle` a team's own type is refused when it is stored, and the message knows the word."""
    with pytest.raises(EvenkeelError, match=r"Own holds .*test_pickled_models\.Own.*or say `storage: pickle`"):
        dump_estimator(estimator)


def test_a_pickle_loads_by_the_digest_on_record(
    registry: Registry, version: Version, frame: pd.DataFrame, estimator: Pipeline
) -> None:
    """A version's pickle is loaded by whoever knows its digest, and by nobody else, its own tag being no proof."""
    assert version.tags[STORAGE] == "pickle"
    loaded = registry.load(MODEL, version.number, digest=version.tags[DIGEST])
    assert np.array_equal(loaded.predict_proba(frame), estimator.predict_proba(frame))
    with pytest.raises(
        EvenkeelError, match=r"own version 1 \(model\.pkl\) is a pickle.*no digest was given.*not opened.*ledger"
    ):
        registry.load(MODEL, version.number)


def test_equal_pickled_models_are_equal_files(registry: Registry, version: Version, frame: pd.DataFrame) -> None:
    """Fitted anew, or stored, loaded and stored again, a model has the version's digest: so a rebuilt one can be compared."""
    again = Pipeline([("estimator", Own())]).fit(frame[["hour"]], frame["late"])
    content = dump_estimator(again, "pickle")
    assert digest_of(content) == version.tags[DIGEST]
    loaded = load_estimator(content, storage="pickle", digest=digest_of(content))
    assert dump_estimator(loaded, "pickle") == content


def test_a_malicious_pickle_is_not_opened(
    registry: Registry, version: Version, frame: pd.DataFrame, estimator: Pipeline, tmp_path: Path
) -> None:
    """A file that would run code when it is opened is refused by its digest, also where the tags were forged along with it, and
    where a version that was stored in skops' format is said to be a pickle: nothing of it has run.
    """
    mark, forged = tmp_path / "it ran", cloudpickle.dumps(Payload(tmp_path / "it ran"))
    known = version.tags[DIGEST]
    file = _file(registry, version)
    original = file.read_bytes()
    file.write_bytes(forged)
    try:
        with pytest.raises(
            EvenkeelError, match=f"own version 1: .*SHA-256 {digest_of(forged)[:12]}.*{known[:12]}.*not loaded"
        ):
            registry.load(MODEL, version.number, digest=known)
        registry.tag_version(MODEL, version.number, {DIGEST: digest_of(forged)})
        expected = (
            f"own version 1: .*both have SHA-256 {digest_of(forged)[:12]}…, the ledger says {known[:12]}….*not loaded"
        )
        with pytest.raises(EvenkeelError, match=expected):
            registry.load(MODEL, version.number, digest=known)
        with pytest.raises(EvenkeelError, match="no digest was given"):
            registry.load(MODEL, version.number)
    finally:
        file.write_bytes(original)
        registry.tag_version(MODEL, version.number, {DIGEST: known})
    with pytest.raises(EvenkeelError, match="cannot be loaded"):
        load_estimator(forged)  # said to be skops: it is not unpickled either
    assert not mark.exists()
    cloudpickle.loads(forged)
    assert mark.exists()  # the payload is a real one


def test_a_digest_is_compared_for_skops_too() -> None:
    """A file of reviewed types is not opened under another's digest."""
    content = dump_estimator(Pipeline([("estimator", Ridge())]))
    with pytest.raises(EvenkeelError, match=r"model\.skops has SHA-256 .*expected was 000000000000…"):
        load_estimator(content, "model.skops", digest="0" * 64)


def _file(registry: Registry, version: Version) -> Path:
    source = registry._client.get_model_version_download_uri(version.model, str(version.number))
    return Path(source.removeprefix("file://")) / "model.pkl"
