"""Frames that a replay keeps: a partition's features depend on its own as-of only, so one build serves every policy."""

from __future__ import annotations

import hashlib
import json
import uuid
from functools import cached_property
from typing import TYPE_CHECKING

import pandas as pd

from evenkeel.vocabulary import columns as c
from evenkeel.workflows.frames import Frames
from evenkeel.workflows.gateways import Gateways

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from evenkeel.gateways.sources import Sources
    from evenkeel.vocabulary.partition import Partition
    from evenkeel.vocabulary.settings import Settings
    from evenkeel.vocabulary.spec import ModelSpec


class KeptFrames(Frames):
    """Frames of partitions, each built once and kept as a file, written whole or not at all.

    Args:
        sources: where the spec's tables are read.
        folder: where the files are kept, one folder for each way of building.
    """

    def __init__(self, sources: Sources, folder: Path) -> None:
        super().__init__(sources)
        self._folder = folder

    def build(self, spec: ModelSpec, partitions: Sequence[Partition]) -> pd.DataFrame:
        """The frame of consecutive partitions, in order; those that are not kept yet are built, and kept."""
        self.keep(spec, partitions)
        return pd.concat([pd.read_parquet(self._file(spec, one)) for one in partitions], ignore_index=True)

    def keep(self, spec: ModelSpec, partitions: Sequence[Partition]) -> None:
        """Build what is not kept yet of consecutive partitions."""
        for run in self._missing(spec, partitions):
            frame = super().build(spec, run)
            for one in run:
                self._write(spec, one, frame[frame[c.PARTITION] == one.key].reset_index(drop=True))

    def _missing(self, spec: ModelSpec, partitions: Sequence[Partition]) -> list[list[Partition]]:
        """Stretches of consecutive partitions that are not kept."""
        stretches: list[list[Partition]] = []
        for one in partitions:
            if self._file(spec, one).exists():
                continue
            if stretches and stretches[-1][-1].shift(1) == one:
                stretches[-1].append(one)
            else:
                stretches.append([one])
        return stretches

    def _file(self, spec: ModelSpec, partition: Partition) -> Path:
        return self._folder / frames_hash(spec) / f"{partition.key}.parquet"

    def _write(self, spec: ModelSpec, partition: Partition, frame: pd.DataFrame) -> None:
        file = self._file(spec, partition)
        file.parent.mkdir(parents=True, exist_ok=True)
        draft = file.with_name(f"{file.name}.{uuid.uuid4().hex}.draft")
        frame.to_parquet(draft, index=False)
        draft.replace(file)


class ReplayGateways(Gateways):
    """The doors of one policy: a lake and an MLflow of its own, and the frames it shares with the others.

    Args:
        settings: those of the policy's own folder.
        frames: folder of the shared frames.
    """

    def __init__(self, settings: Settings, frames: Path) -> None:
        super().__init__(settings, actor="replay", draws_pages=False)
        self._frames = frames

    @cached_property
    def frames(self) -> KeptFrames:
        """Rows of whole partitions with their features, kept."""
        return KeptFrames(self.sources, self._frames)


def frames_hash(spec: ModelSpec) -> str:
    """Sixteen hex digits over the parts of a spec that shape a partition's frame: policies equal in them share frames."""
    content = spec.model_dump(mode="json", include={"model", "timezone", "rows", "inputs", "features"})
    content["carried"] = sorted(spec.carried)
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]
