"""Exit 0 if an HTTP address answers well: `healthy.py URL [COMPONENT]`. Run as a health check inside the containers.

With a COMPONENT (scheduler, dag_processor, triggerer) the answer is Airflow's health report, and that part of it has to be
healthy: a component is judged by its heartbeat in the database, not by whether its process exists.
Standard library only, for it runs every few seconds.
"""

from __future__ import annotations

import json
import sys
from urllib.request import urlopen


def main(url: str, component: str | None = None) -> str | None:
    """What is wrong, or None."""
    try:
        with urlopen(url, timeout=8) as answer:  # noqa: S310  the address stands in docker-compose.yml
            report = json.load(answer) if component else {}
    except (OSError, ValueError) as error:
        return f"{url}: {error}"
    status = (report.get(component) or {}).get("status") if component else "healthy"
    return None if status == "healthy" else f"{component} is {status or 'not reported'}"


sys.exit(main(*sys.argv[1:]))
