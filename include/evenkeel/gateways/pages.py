"""Pages: the HTML that people open from a task (Data Docs, drift reports), kept beside the tables."""

from __future__ import annotations

import gzip
import uuid
from pathlib import PurePosixPath
from typing import Any

import fsspec

from evenkeel.vocabulary.errors import EvenkeelError


class Pages:
    """Files `<lake>/_pages/<name>.gz`, where a name is `model/pipeline/partition/page.html`.

    Args:
        lake: the lake's URI, on any store fsspec knows.
    """

    def __init__(self, lake: str) -> None:
        self._filesystem, root = fsspec.core.url_to_fs(lake)
        self._root = f"{root.rstrip('/')}/_pages"

    def put(self, name: str, html: str) -> str:
        """Keep a page whole or not at all, replacing an earlier one of that name; return the name."""
        path = self._path(name)
        self._filesystem.makedirs(str(PurePosixPath(path).parent), exist_ok=True)
        draft = f"{path}.{uuid.uuid4().hex}.draft"
        # A drift report brings its own plotting library: megabytes that compress to a third.
        self._filesystem.pipe_file(draft, gzip.compress(html.encode(), mtime=0))
        self._filesystem.mv(draft, path)
        return name

    def get(self, name: str) -> bytes:
        """A page's content. Raises EvenkeelError where there is none of that name."""
        try:
            content: Any = self._filesystem.cat_file(self._path(name))
        except (FileNotFoundError, IsADirectoryError) as error:
            raise EvenkeelError(f"there is no page {name}") from error
        return gzip.decompress(content)

    def _path(self, name: str) -> str:
        parts = PurePosixPath(name).parts
        if not parts or PurePosixPath(name).is_absolute() or ".." in parts or not name.endswith(".html"):
            raise EvenkeelError(f"{name!r} is not a page's name; write model/pipeline/partition/page.html")
        return f"{self._root}/{'/'.join(parts)}.gz"
