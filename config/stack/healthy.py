"""Exit 0 if a service is well: `healthy.py URL [COMPONENT [PROCESS]]`. The health check inside the containers.

The URL has to answer well. With a COMPONENT (metadatabase, scheduler, dag_processor, triggerer) the answer is Airflow's
health report and that part of it has to be healthy, by a heartbeat since this container started: one from before a restart
stays fresh in the database for half a minute. With a PROCESS, one of that name has to run here: the scheduler beats before
its workers are there to take a task. Standard library only, for it runs every few seconds.
"""

from __future__ import annotations

import json
import os
import sys
import time
from datetime import datetime
from pathlib import Path
from urllib.request import urlopen


def main(url: str, component: str | None = None, process: str | None = None) -> str | None:
    """What is wrong, or None."""
    try:
        with urlopen(url, timeout=8) as answer:  # noqa: S310  the address stands in docker-compose.yml
            report = json.load(answer)[component] if component else {}
    except (OSError, ValueError, KeyError) as error:
        return f"{url}: {error!r}"
    if component and report["status"] != "healthy":
        return f"{component} is {report['status']}"
    heartbeat = report.get(f"latest_{component}_heartbeat")
    if heartbeat and datetime.fromisoformat(heartbeat).timestamp() < started():
        return f"{component}: the heartbeat of {heartbeat} is older than this container"
    if process and not running(process):
        return f"no process {process!r} yet"
    return None


def started() -> float:
    """When this container's first process started, in seconds since 1970."""
    ticks = int(Path("/proc/1/stat").read_text().rpartition(")")[2].split()[19])
    uptime = float(Path("/proc/uptime").read_text().split()[0])
    return time.time() - uptime + ticks / os.sysconf("SC_CLK_TCK")


def running(name: str) -> bool:
    """Whether a process whose command line starts with `name` runs in this container."""
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if path.read_bytes().startswith(name.encode()):
                return True
        except OSError:
            continue  # it ended while we looked
    return False


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
