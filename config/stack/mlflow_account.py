"""Make the MLflow user the tasks work as, or give it the password of the environment: safe to run again.

Tasks are no administrators of MLflow: they own what they register and read the rest. Passwords come by environment.
"""

from __future__ import annotations

import os
import sys

import httpx


def main() -> None:
    """Make or update the account; ends with MLflow's own words where it refuses."""
    name, password = os.environ["MLFLOW_TRACKING_USERNAME"], os.environ["MLFLOW_TRACKING_PASSWORD"]
    administrator = ("admin", os.environ["STACK_MLFLOW_ADMIN_PASSWORD"])
    with httpx.Client(base_url=os.environ["MLFLOW_TRACKING_URI"], auth=administrator, timeout=60) as http:
        known = http.get("/api/2.0/mlflow/users/get", params={"username": name})
        if known.status_code == httpx.codes.NOT_FOUND:
            done = http.post("/api/2.0/mlflow/users/create", json={"username": name, "password": password})
        elif known.is_success:
            change = {"username": name, "password": password}
            done = http.patch("/api/2.0/mlflow/users/update-password", json=change)
        else:
            done = known
    if done.is_error:
        sys.exit(f"MLflow's user {name} could not be written ({done.status_code}): {done.text}")


main()
