"""Processes beside the test's own, forked from a server that has done the heavy imports once: what a test does at once is then
the work and not twenty imports.
"""

from __future__ import annotations

import multiprocessing
import queue
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from multiprocessing.context import ForkServerContext

_PRELOADED = [
    "mlflow.sklearn",
    "tests.gateways.test_lake",
    "tests.gateways.test_registry",
    "tests.workflows.test_ledger",
]
"""For all tests alike: there is one such server a process, and the first who asks for it settles what it holds."""

_SECONDS = 300


def processes() -> ForkServerContext:
    """Where a process comes from that may be killed, or must be another than the test's."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(_PRELOADED)
    return context


def at_once(
    work: Callable[..., Any], *arguments: Sequence[Any], prepare: Callable[..., Any] | None = None
) -> list[Any]:
    """The results, in the order of their arguments, of one process for each of some arguments, all let go by one barrier.

    `prepare` is called with the same arguments before it. Raises RuntimeError with the words of the first that failed.
    """
    context = processes()
    barrier, answers = context.Barrier(len(arguments)), context.Queue()
    workers = [
        context.Process(target=_wait_and_work, args=(barrier, answers, number, work, prepare, tuple(one)))
        for number, one in enumerate(arguments)
    ]
    for worker in workers:
        worker.start()
    try:
        found = dict(answers.get(timeout=_SECONDS) for _ in workers)
    except queue.Empty:
        for worker in workers:
            worker.kill()
        raise
    for worker in workers:
        worker.join()
    failed = [one for one in found.values() if isinstance(one, Exception)]
    if failed:
        raise failed[0]
    return [found[number] for number in range(len(arguments))]


def _wait_and_work(
    barrier: Any,
    answers: Any,
    number: int,
    work: Callable[..., Any],
    prepare: Callable[..., Any] | None,
    arguments: tuple[Any, ...],
) -> None:
    try:
        if prepare is not None:
            prepare(*arguments)
        barrier.wait(_SECONDS)
        answers.put((number, work(*arguments)))
    except Exception as error:
        answers.put((number, RuntimeError(repr(error))))  # the error of another process may not be read here
