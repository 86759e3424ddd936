"""A warm parent of children that may be killed: the heavy imports are done once, then each job runs in a fork of its own.

Reads a job a line from stdin, answers a line on stdout. It opens no database, no table and no client itself, and starts no
thread: a fork would inherit half of it.
"""

from __future__ import annotations

import importlib
import json
import os
import resource
import signal
import sys
import tempfile
import time
import traceback
from pathlib import Path
from typing import Any

WARM = (
    "evenkeel.gateways.drift_report",
    "evenkeel.gateways.estimators",
    "evenkeel.gateways.expectations",
    "evenkeel.gateways.lake",
    "evenkeel.gateways.pages",
    "evenkeel.gateways.plots",
    "evenkeel.gateways.registry",
    "evenkeel.gateways.sources",
    "evenkeel.gateways.staging",
    "evenkeel.workflows.pipelines",
    "flight_delay.features",
    "mlflow.store.tracking.sqlalchemy_store",
    "mlflow.store.model_registry.sqlalchemy_store",
    "sklearn.linear_model",
    "tests.kills.jobs",
)

LIMIT = 300.0
"""Seconds after which a job hangs: nothing here takes a tenth of it."""


def serve() -> None:
    """Answer jobs until stdin ends."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what a library prints is no answer
    for name in WARM:
        importlib.import_module(name)
    _meet_the_environment()
    print(json.dumps({"ready": True}), file=answers, flush=True)
    for line in sys.stdin:
        print(json.dumps(_forked(json.loads(line))), file=answers, flush=True)


def _meet_the_environment() -> None:
    """Look once at what is installed, which each training would do anew."""
    import mlflow.sklearn
    from sklearn.linear_model import LinearRegression

    from evenkeel.workflows.evidence import environment_hash

    environment_hash()
    with tempfile.TemporaryDirectory() as folder:
        mlflow.sklearn.save_model(
            LinearRegression().fit([[0.0], [1.0]], [0.0, 1.0]),
            f"{folder}/model",
            serialization_format="skops",
            pip_requirements=["scikit-learn"],
        )


def _forked(job: dict[str, Any]) -> dict[str, Any]:
    """Run one job in a child; kill the child after `kill_after` seconds, if it still runs by then."""
    result = Path(job["result"])
    result.unlink(missing_ok=True)
    began, used = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN)
    child = os.fork()
    if child == 0:
        _work(job, result)
    stopping = began + (LIMIT if job.get("kill_after") is None else job["kill_after"])
    status = None
    while status is None:
        found, code = os.waitpid(child, os.WNOHANG)
        if found:
            status = code
        elif time.monotonic() >= stopping:
            os.kill(child, signal.SIGKILL)
            status = os.waitpid(child, 0)[1]
        else:
            time.sleep(max(0.0, min(0.002, stopping - time.monotonic())))
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return {
        "killed": os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL,
        "code": os.waitstatus_to_exitcode(status),
        "seconds": time.monotonic() - began,
        "cpu": after.ru_utime + after.ru_stime - used.ru_utime - used.ru_stime,
        "answer": json.loads(result.read_text()) if result.exists() else None,
    }


def _work(job: dict[str, Any], result: Path) -> None:
    try:
        module, _, name = job["do"].partition(":")
        answer = getattr(importlib.import_module(module), name)(**job["with"])
        result.write_text(json.dumps({"value": answer}, default=str))
        os._exit(0)
    except BaseException:
        result.write_text(json.dumps({"error": traceback.format_exc()}))
        os._exit(1)


if __name__ == "__main__":
    serve()
