"""The address of an MLflow: as it may be shown, where its pages are, and where its files go when it is a database."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

UI_VARIABLE = "EVENKEEL_MLFLOW_UI"
"""Address at which a browser reaches MLflow, where it is not the one the tasks use."""


@dataclass(frozen=True)
class MlflowAddress:
    """A tracking URI: `http(s)://…` is a server, anything else a database that is written directly."""

    uri: str

    @property
    def is_server(self) -> bool:
        """Whether an MLflow server answers there."""
        return urlsplit(self.uri).scheme in {"http", "https"}

    @property
    def shown(self) -> str:
        """The address without user and password, for messages and links."""
        parts = urlsplit(self.uri)
        if "@" not in parts.netloc:
            return self.uri
        return self.uri.replace(f"{parts.netloc.rpartition('@')[0]}@", "", 1)

    def without_secrets(self, text: str) -> str:
        """A vendor's message with this address's user and password taken out."""
        user_info = urlsplit(self.uri).netloc.rpartition("@")[0]
        password = user_info.partition(":")[2]
        for secret in filter(None, (f"{user_info}@" if user_info else "", password, unquote(password))):
            text = text.replace(secret, "" if secret.endswith("@") else "***")
        return text

    @property
    def database_file(self) -> Path | None:
        """The SQLite file, where the address is one."""
        if not self.uri.startswith("sqlite:///") or ":memory:" in self.uri:
            return None
        return Path(unquote(self.uri.removeprefix("sqlite:///")).partition("?")[0]).absolute()

    def artifacts(self, model: str) -> str | None:
        """Where a model's files go: beside an SQLite file; None where a server decides."""
        file = self.database_file
        return None if file is None else (file.parent / "mlartifacts" / model).as_uri()

    def run_page(self, experiment_id: str, run_id: str) -> str | None:
        """Page of a run, or None where nothing serves pages."""
        return self._page(f"experiments/{experiment_id}/runs/{run_id}")

    def version_page(self, model: str, number: int) -> str | None:
        """Page of a model version, or None where nothing serves pages."""
        return self._page(f"models/{quote(model)}/versions/{number}")

    def _page(self, place: str) -> str | None:
        base = os.environ.get(UI_VARIABLE) or (self.shown if self.is_server else None)
        return None if base is None else f"{base.rstrip('/')}/#/{place}"
