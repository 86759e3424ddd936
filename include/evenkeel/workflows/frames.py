"""The door to frames: built from the sources each time they are asked for. A replay, which asks often, keeps them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evenkeel.workflows.frame import build_frame

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from evenkeel.gateways.sources import Sources
    from evenkeel.vocabulary.partition import Partition
    from evenkeel.vocabulary.spec import ModelSpec


class Frames:
    """Frames of partitions.

    Args:
        sources: where the spec's tables are read.
    """

    def __init__(self, sources: Sources) -> None:
        self._sources = sources

    def build(self, spec: ModelSpec, partitions: Sequence[Partition]) -> pd.DataFrame:
        """The frame of consecutive partitions, in order; what it holds and raises is `frame.build_frame`'s to say."""
        return build_frame(spec, partitions, self._sources)
