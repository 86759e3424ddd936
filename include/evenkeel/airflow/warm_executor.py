"""A LocalExecutor whose workers are forked from a parent that has already imported what tasks import.

Every Airflow task is a process of its own, so a task that uses pandas, MLflow and Great Expectations spends many
seconds importing them. Workers here are forked after one round of imports and inherit them; so does every task.
Use it with `AIRFLOW__CORE__EXECUTOR=evenkeel.airflow.warm_executor.WarmLocalExecutor`.

Only imports happen before the fork. No numeric work does: a BLAS or OpenMP pool started in the parent has no threads
in the child and hangs there. Libraries that start threads at import are named in a warning.

`EVENKEEL_WARM_IMPORTS` (module names, comma-separated; empty for none) replaces the list of libraries. A module that
does not import is named in a warning; the tasks that need it import it themselves.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import logging
import os
import pkgutil
import sys
import threading
import time
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
from airflow.executors.local_executor import LocalExecutor

if TYPE_CHECKING:
    from collections.abc import Iterable

log = logging.getLogger(__name__)

VARIABLE = "EVENKEEL_WARM_IMPORTS"

# What a forked task of Airflow 3.3 imports before its own code runs, found by comparing sys.modules.
TASK_RUNNER = (
    "airflow.sdk",
    "airflow.sdk.execution_time.supervisor",
    "airflow.sdk.execution_time.task_runner",
    "airflow.sdk.execution_time.coordinator",
    "airflow.sdk.execution_time.request_handlers",
    "airflow.sdk.execution_time.schema.migrator",
    "airflow.sdk.execution_time.secrets",
    "airflow.sdk.execution_time.xcom",
    "airflow.sdk.execution_time.hitl",
    "airflow.dag_processing.bundles.local",
    "airflow.dag_processing.bundles.manager",
    "airflow.dag_processing.dagbag",
    "airflow.dag_processing.importers",
    "airflow.models.renderedtifields",
    "airflow.serialization.serialized_objects",
    "airflow.providers_manager",
    "airflow.plugins_manager",
    "airflow.providers.standard.operators.empty",
    "airflow.providers.standard.operators.hitl",
    "airflow.providers.standard.operators.python",
    "airflow.providers.standard.operators.trigger_dagrun",
    "jwt",
    "tabulate",
)

# The registry comes before MLflow itself: it sets MLflow's log level and telemetry first. Modules below a library's own
# (of pandas, deltalake, narwhals, MLflow, the plots) are those that it imports only at first use.
LIBRARIES = (
    "numpy",
    "pandas",
    "pandas.core.arrays.arrow.extension_types",
    "pandas.core.methods.to_dict",
    "pyarrow.acero",
    "pyarrow.dataset",
    "pyarrow.parquet",
    "deltalake",
    "deltalake.fs",
    "fsspec.implementations.chained",
    "narwhals.stable.v2._namespace",
    "narwhals._pandas_like.namespace",
    "scipy.stats",
    "sklearn.compose",
    "sklearn.ensemble",
    "sklearn.impute",
    "sklearn.linear_model",
    "sklearn.metrics",
    "sklearn.pipeline",
    "sklearn.preprocessing",
    "skops.io",
    "evenkeel.vocabulary.*",
    "evenkeel.decisions.*",
    "evenkeel.gateways.*",
    "evenkeel.workflows.*",
    "mlflow.sklearn",
    "mlflow.pyfunc.model",
    "mlflow.models.rag_signatures",
    "mlflow.types.responses",
    "mlflow.tracking.request_header.registry",
    "matplotlib.backends.backend_agg",
    "PIL.BmpImagePlugin",
    "PIL.GifImagePlugin",
    "PIL.JpegImagePlugin",
    "PIL.PpmImagePlugin",
    "jinja2.ext",
    "plotly.offline",
    "plotly.tools",
)

# No library may phone home from the scheduler, and matplotlib must not look for a screen.
SETTINGS = {
    "GX_ANALYTICS_ENABLED": "false",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "EVIDENTLY_DISABLE_TELEMETRY": "1",
    "DO_NOT_TRACK": "true",
    "MPLBACKEND": "Agg",
}


# Arrow's allocator; jemalloc restarts its own threads in a forked process.
FORK_SAFE_THREADS = frozenset({"jemalloc_bg_thd"})


class WarmLocalExecutor(LocalExecutor):
    """LocalExecutor that imports the task runner and the heavy libraries once, then forks its workers."""

    def start(self) -> None:
        """Import everything, say what it took, and fork the workers."""
        warm_up((*TASK_RUNNER, *configured_modules(os.environ.get(VARIABLE))))
        super().start()
        # These objects live as long as the scheduler: its collector need not walk them again and again.
        gc.freeze()


def configured_modules(value: str | None) -> tuple[str, ...]:
    """The libraries to import: those named in `value`, or `LIBRARIES` where it is None."""
    if value is None:
        return LIBRARIES
    return tuple(name.strip() for name in value.split(",") if name.strip())


def warm_up(modules: Iterable[str]) -> tuple[str, ...]:
    """Import the modules in order and return the names of those that imported; `package.*` means its modules too.

    Never raises for a module that does not import. Logs one line with the number of modules, seconds and memory.
    """
    for name, value in SETTINGS.items():
        os.environ.setdefault(name, value)
    logging.getLogger("great_expectations").setLevel(logging.WARNING)  # it tells of each function it registers
    started, threads_before = time.monotonic(), running_threads()
    imported = tuple(name for module in modules for name in _expand(module) if _import(name))
    _initialise_task_sdk()
    _warn_of_threads(threads_before)
    log.info(
        "Warm executor: %d modules imported in %.1f s, resident memory %d MB",
        len(imported),
        time.monotonic() - started,
        _resident_megabytes(),
    )
    return imported


def running_threads() -> dict[int, str]:
    """The threads of this process, native ones too: thread id to name. Empty where there is no /proc."""
    names = {thread.native_id: thread.name for thread in threading.enumerate()}
    found = {}
    for task in Path("/proc/self/task").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # a thread may end while we look
            found[int(task.name)] = names.get(int(task.name)) or (task / "comm").read_text().strip()
    return found


def _expand(name: str) -> list[str]:
    """`package.*` as the package and all modules right below it; any other name as it is."""
    if not name.endswith(".*"):
        return [name]
    package = name.removesuffix(".*")
    if not _import(package):
        return []
    folders = getattr(sys.modules[package], "__path__", [])
    return [package, *(f"{package}.{module.name}" for module in pkgutil.iter_modules(folders))]


def _import(name: str) -> bool:
    try:
        with warnings.catch_warnings():
            # skops looks for its functions in every loaded module, so each of Airflow's deprecated names warns.
            warnings.simplefilter("ignore")
            importlib.import_module(name)
    except Exception as error:
        # Whatever a module raises while it is imported, the scheduler has to start.
        log.warning("%s is not warm, tasks import it themselves: %s: %s", name, type(error).__name__, error)
        return False
    return True


def _initialise_task_sdk() -> None:
    """Load once what each task process would load again: plugins with their listeners, coordinators."""
    from airflow.sdk.execution_time.coordinator import get_coordinator_manager
    from airflow.sdk.listener import get_listener_manager

    try:
        get_listener_manager()
        get_coordinator_manager().for_queue("default")
    except Exception as error:
        log.warning("the task SDK is not warm, tasks initialise it themselves: %s: %s", type(error).__name__, error)


def _warn_of_threads(before: dict[int, str]) -> None:
    """Threads do not survive a fork, and a lock that one of them holds stays locked in the child for ever."""
    started = sorted(
        name for ident, name in running_threads().items() if ident not in before and name not in FORK_SAFE_THREADS
    )
    if started:
        log.warning("threads started by the warm imports, missing in forked tasks: %s", ", ".join(started))


def _resident_megabytes() -> int:
    return int(psutil.Process().memory_info().rss) // 2**20
