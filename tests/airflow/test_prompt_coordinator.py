"""The end of a task process is noticed at once."""

from __future__ import annotations

import os
import time
import uuid

from airflow.sdk.execution_time.supervisor import MIN_HEARTBEAT_INTERVAL, WatchedSubprocess

from evenkeel.airflow.prompt_coordinator import PromptSubprocess


def _close_everything_and_linger() -> None:
    """What a busy machine does to a task: its channels are closed well before its process can be reaped."""
    os.closerange(0, 256)
    time.sleep(0.3)
    os._exit(7)


def test_a_process_that_closes_its_channels_before_it_ends_is_waited_for() -> None:
    """The supervisor returns with the exit code as soon as there is one, not a heartbeat interval later."""
    start = vars(WatchedSubprocess)["start"].__func__  # ActivitySubprocess.start would need an API server
    process = start(PromptSubprocess, id=uuid.uuid4(), client=None, target=_close_everything_and_linger)
    process._last_heartbeat_attempt = process._last_successful_heartbeat = time.monotonic()
    started = time.monotonic()
    process._monitor_subprocess()
    assert process._exit_code == 7
    assert time.monotonic() - started < MIN_HEARTBEAT_INTERVAL - 0.5
