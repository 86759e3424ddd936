"""Which keys are in the canary: a share of them, the same ones every time."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

_JOINT = "\x1f"
"""Between the parts of a key; no text of a key holds this separator."""


def place_of(key: Iterable[object]) -> float:
    """Where a key lies in [0, 1): BLAKE2b, with a digest of eight bytes, of its parts' text (UTF-8, joined by U+001F), read as a
    big-endian number, over 2^64. The same in any process, on any machine and in any language: `UA1545` lies at 0.144094.
    """
    digest = hashlib.blake2b(_JOINT.join(str(part) for part in key).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") / 2**64


def in_canary(keys: Iterable[Iterable[object]], share: float) -> NDArray[np.bool_]:
    """For each key, whether it lies below the share; a larger share holds all the keys of a smaller one."""
    return np.fromiter((place_of(key) < share for key in keys), dtype=bool)
