"""Passwords and keys of a local stack: made once, kept in `<home>/secrets`, readable by their owner only."""

from __future__ import annotations

import base64
import json
import os
import secrets
import tempfile
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING

from evenkeel.vocabulary.errors import ServiceError

if TYPE_CHECKING:
    from collections.abc import Mapping

ADMIN = "admin"
VIEWER = "viewer"


@dataclass(frozen=True)
class Keys:
    """What the services use among themselves. Losing `fernet` loses the connections and variables it encrypted."""

    fernet: str
    jwt: str
    session: str
    mlflow_session: str
    mlflow_password: str


@dataclass(frozen=True)
class Credentials:
    """Everything secret of one home, and the files it is kept in."""

    keys: Keys
    passwords: Mapping[str, str]
    passwords_file: Path
    keys_file: Path

    @property
    def admin_password(self) -> str:
        """Password of the Airflow user who may do everything."""
        return self.passwords[ADMIN]

    @property
    def viewer_password(self) -> str:
        """Password of the Airflow user who may look and change nothing."""
        return self.passwords[VIEWER]


def ensure_credentials(home: Path) -> Credentials:
    """The credentials of a home; those that are missing are generated.

    Raises ServiceError where a secrets file is damaged or can be read by others.
    """
    folder = home / "secrets"
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    keys_file, passwords_file = folder / "keys.json", folder / "airflow-passwords.json"
    keys = _read_or_create(keys_file, asdict(_generate_keys()))
    passwords = _read_or_create(passwords_file, {ADMIN: _password(), VIEWER: _password()})
    return Credentials(
        keys=Keys(**{field.name: keys[field.name] for field in fields(Keys)}),
        passwords=passwords,
        passwords_file=passwords_file,
        keys_file=keys_file,
    )


def _generate_keys() -> Keys:
    return Keys(
        fernet=base64.urlsafe_b64encode(os.urandom(32)).decode(),
        jwt=secrets.token_urlsafe(48),
        session=secrets.token_urlsafe(32),
        mlflow_session=secrets.token_urlsafe(32),
        mlflow_password=_password(),
    )


def _password() -> str:
    return secrets.token_urlsafe(18)


def _read_or_create(path: Path, fresh: dict[str, str]) -> dict[str, str]:
    """Read a JSON file of strings that holds at least the keys of `fresh`, or write `fresh` there."""
    if not path.exists():
        _write_once(path, json.dumps(fresh) + "\n")
    if path.stat().st_mode & 0o077:
        raise ServiceError(f"{path} can be read by other users; chmod 600 it, or delete it to have new secrets made")
    try:
        kept = json.loads(path.read_text())
        return {name: str(kept[name]) for name in fresh}
    except (ValueError, KeyError, TypeError) as error:
        raise ServiceError(
            f"{path} is damaged ({type(error).__name__}); restore it, or delete it to have new secrets made"
        ) from error


def _write_once(path: Path, text: str) -> None:
    """Write a file that only its owner can read; of two processes that do so at once the first one wins."""
    descriptor, name = tempfile.mkstemp(dir=path.parent)
    try:
        with os.fdopen(descriptor, "w") as stream:
            stream.write(text)
        try:
            Path(path).hardlink_to(name)
        except FileExistsError:
            return
    finally:
        Path(name).unlink()
