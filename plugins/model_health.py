"""The model-health page: an entry of the navigation, and the application behind it."""

from __future__ import annotations

from functools import cached_property
from typing import Any, ClassVar

from airflow.plugins_manager import AirflowPlugin


class ModelHealthPlugin(AirflowPlugin):
    """Adds "Model health" to the Airflow UI, and `/evenkeel` to the API server."""

    name = "evenkeel_model_health"
    external_views: ClassVar[list[Any]] = [
        {
            "name": "Model health",
            "href": "evenkeel/health",  # relative to the UI's own base, which may be below a path
            "url_route": "model-health",
            "destination": "nav",
            "nav_top_level": True,
        }
    ]

    @cached_property
    def fastapi_apps(self) -> list[dict[str, Any]]:
        """The application; built where it is served, for schedulers and tasks load every plugin too."""
        from evenkeel.airflow.health_page import PREFIX, create_app

        return [{"app": create_app(), "url_prefix": PREFIX, "name": "evenkeel"}]
