"""Frees a worker the moment its task has ended, instead of up to five seconds later.

Airflow 3.3's supervisor waits for a task process on the channels it shares with it. When the last channel closes a
moment before the process can be reaped, which is the rule on a busy machine, there is nothing left to wake it up, and
it sleeps for a whole `[workers] min_heartbeat_interval` (5 s) while its worker could run another task. The coordinator
below waits for the process itself in that case. It is switched on by Airflow's own settings, for any executor:

    AIRFLOW__SDK__COORDINATORS={"prompt": {"classpath": "evenkeel.airflow.prompt_coordinator.PromptCoordinator"}}
    AIRFLOW__SDK__QUEUE_TO_COORDINATOR={"default": "prompt"}
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from airflow.sdk.execution_time.coordinator import BaseCoordinator
from airflow.sdk.execution_time.supervisor import MIN_HEARTBEAT_INTERVAL, ActivitySubprocess

if TYPE_CHECKING:
    from os import PathLike


class PromptCoordinator(BaseCoordinator):
    """Runs a Python task in a forked process, as Airflow's default coordinator does."""

    def execute_task(
        self,
        *,
        what: Any,
        dag_rel_path: str | PathLike[str],
        bundle_info: Any,
        client: Any,
        logger: Any = None,
        sentry_integration: str = "",
        subprocess_logs_to_stdout: bool,
        **_: Any,
    ) -> BaseCoordinator.ExecutionResult:
        """Start the task, wait for its end, and return its exit code and final state."""
        process = PromptSubprocess.start(
            what=what,
            dag_rel_path=dag_rel_path,
            bundle_info=bundle_info,
            client=client,
            logger=logger,
            sentry_integration=sentry_integration,
            subprocess_logs_to_stdout=subprocess_logs_to_stdout,
        )
        return self.ExecutionResult(process.wait(), process.final_state)


class PromptSubprocess(ActivitySubprocess):
    """A task process whose end is noticed at once."""

    def _check_subprocess_exit(self, raise_on_timeout: bool = False, expect_signal: int | None = None) -> int | None:
        if self._exit_code is None and not self._open_sockets:
            # Every channel is closed, so the process is in the middle of its exit; the wait is milliseconds.
            with contextlib.suppress(self._process.TimeoutExpired):
                self._process.wait(timeout=MIN_HEARTBEAT_INTERVAL)
        return super()._check_subprocess_exit(raise_on_timeout=raise_on_timeout, expect_signal=expect_signal)
