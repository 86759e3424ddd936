"""Every asset of evenkeel, named once: a team's own DAG can be scheduled on them, partition by partition."""

from __future__ import annotations

from airflow.sdk import Asset


def scores(model: str) -> Asset:
    """A partition of the model's scores was published."""
    return Asset(name=f"{model}_scores", uri=f"evenkeel://{model}/scores", group="evenkeel")


def drift(model: str) -> Asset:
    """A drift check asked for an answer."""
    return Asset(name=f"{model}_drift", uri=f"evenkeel://{model}/drift", group="evenkeel")


def champion(model: str) -> Asset:
    """The model has another champion."""
    return Asset(name=f"{model}_champion", uri=f"evenkeel://{model}/champion", group="evenkeel")
