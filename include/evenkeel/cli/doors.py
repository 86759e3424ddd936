"""The gateways of a command: who typed it acts, and its process is the run, whose staging nobody else sees."""

from __future__ import annotations

import getpass
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from evenkeel.workflows.gateways import Gateways


def open_gateways() -> Gateways:
    """The gateways of this process."""
    from evenkeel.workflows.gateways import Gateways

    return Gateways(actor=f"cli:{getpass.getuser()}", run=f"cli/{os.getpid()}")
