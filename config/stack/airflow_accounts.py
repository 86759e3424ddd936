"""Make Airflow's users `admin` and `viewer`, or give them the passwords of the environment: safe to run again.

The passwords come by STACK_ADMIN_PASSWORD and STACK_VIEWER_PASSWORD, for a command line can be read by every process.
"""

from __future__ import annotations

import os
import sys
from typing import Any

from airflow.providers.fab.auth_manager.cli_commands.utils import get_application_builder
from werkzeug.security import check_password_hash

ACCOUNTS = {"admin": ("Admin", "STACK_ADMIN_PASSWORD"), "viewer": ("Viewer", "STACK_VIEWER_PASSWORD")}


def main() -> None:
    """Make or update every account."""
    with get_application_builder() as builder:
        manager = builder.sm
        # The model-health page is a plugin page, and whoever may look at DAGs may look at it.
        manager.add_permission_to_role(manager.find_role("Viewer"), manager.create_permission("can_read", "Plugins"))
        for name, (role, variable) in ACCOUNTS.items():
            _ensure(manager, name, role, os.environ[variable])


def _ensure(manager: Any, name: str, role: str, password: str) -> None:
    user = manager.find_user(username=name)
    if user is None:
        done = manager.add_user(name, name, "evenkeel", f"{name}@localhost", manager.find_role(role), password)
    elif check_password_hash(user.password, password):
        return  # writing it again would log everyone out
    else:
        done = manager.reset_password(user.id, password)
    if not done:
        sys.exit(f"the Airflow user {name} could not be written; see the lines above")


main()
