"""Staging: what one step of a run leaves for the next, as files beside the tables. Never read by anyone else."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import uuid
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import fsspec
import pandas as pd

from evenkeel.vocabulary.errors import StagingMissingError

if TYPE_CHECKING:
    from collections.abc import Mapping

KEEP = timedelta(days=7)
"""How long a run's files stay after it, so that a task can be cleared and run again."""


class Staging:
    """Files `<lake>/_staging/<model>/<run>@<owner>/<name>`, written whole or not at all.

    Args:
        lake: the lake's URI, on any store fsspec knows.
        owner: whose files they are: two DAG runs about one partition never see each other's, a retry sees its own.
    """

    def __init__(self, lake: str, *, owner: str = "") -> None:
        self._filesystem, root = fsspec.core.url_to_fs(lake)
        self._root = f"{root.rstrip('/')}/_staging"
        self._owner = hashlib.sha256(owner.encode()).hexdigest()[:8]

    def put(self, run: str, name: str, frame: pd.DataFrame) -> None:
        """Keep a frame for the next step, replacing an earlier attempt's."""
        self.put_bytes(run, f"{name}.parquet", frame.to_parquet(index=True))

    def get(self, run: str, name: str) -> pd.DataFrame:
        """The frame an earlier step kept. Raises StagingMissingError where it is not there (any more)."""
        return pd.read_parquet(io.BytesIO(self.get_bytes(run, f"{name}.parquet")))

    def put_bytes(self, run: str, name: str, content: bytes) -> None:
        """Keep bytes for the next step."""
        folder = self._folder(run)
        path = f"{folder}/{name}"
        self._filesystem.makedirs(folder, exist_ok=True)
        draft = f"{path}.{uuid.uuid4().hex}.draft"
        self._filesystem.pipe_file(draft, content)
        self._filesystem.mv(draft, path)

    def get_bytes(self, run: str, name: str) -> bytes:
        """Bytes an earlier step kept. Raises StagingMissingError where they are not there (any more)."""
        try:
            content: Any = self._filesystem.cat_file(f"{self._folder(run)}/{name}")
        except FileNotFoundError as error:
            raise StagingMissingError(
                f"{run}/{name} is not staged: the step that makes it has not run, or ran so long ago that what it left "
                "was swept; run (or clear) the whole run from its first step"
            ) from error
        return bytes(content)

    def put_note(self, run: str, name: str, note: Mapping[str, Any]) -> None:
        """Keep a few plain values for the next step."""
        self.put_bytes(run, f"{name}.json", json.dumps(note).encode())

    def get_note(self, run: str, name: str) -> dict[str, Any]:
        """The values an earlier step kept. Raises StagingMissingError where they are not there (any more)."""
        note: dict[str, Any] = json.loads(self.get_bytes(run, f"{name}.json"))
        return note

    def _folder(self, run: str) -> str:
        return f"{self._root}/{run}@{self._owner}"

    def sweep(self, model: str, longest: timedelta) -> int:
        """Drop what runs of a model staged longer ago than KEEP and the time for which a run may be under way; return how many
        runs' files went.
        """
        folder = f"{self._root}/{model}"
        if not self._filesystem.isdir(folder):
            return 0
        swept = 0
        limit = datetime.now(UTC) - KEEP - longest
        for run in self._filesystem.glob(f"{folder}/*/*"):
            # Other runs sweep at the same time; what is gone already is swept.
            with contextlib.suppress(FileNotFoundError):
                files = self._filesystem.ls(run, detail=False) or [
                    run
                ]  # a folder without files may be about to get its first
                if all(_utc(self._filesystem.modified(one)) < limit for one in files):
                    self._filesystem.rm(run, recursive=True)
                    swept += 1
        return swept

    def clear(self, model: str) -> None:
        """Drop what every run of a model staged; for one who knows that none is under way."""
        folder = f"{self._root}/{model}"
        if self._filesystem.isdir(folder):
            self._filesystem.rm(folder, recursive=True)


def _utc(moment: datetime) -> datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
