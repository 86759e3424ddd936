"""Lets the API server do one change at a time where Airflow's database is SQLite.

SQLite has one writer. Airflow 3.3 writes its audit log on the event loop (`action_logging`); when another request
holds the write lock at that moment and needs the loop to commit, both wait until SQLite's timeout: every REST call
that changes something, made while tasks run, may stop the whole API for seconds and then fail. Taking turns costs
nothing, for SQLite would not let two of them write either. Registered as a plugin's `fastapi_root_middlewares`.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from airflow.configuration import conf
from airflow.plugins_manager import AirflowPlugin

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, MutableMapping

    Message = MutableMapping[str, Any]
    App = Callable[[Message, Callable[[], Awaitable[Message]], Callable[[Message], Awaitable[None]]], Awaitable[None]]

READING = frozenset({"GET", "HEAD", "OPTIONS"})


class OneWriter:
    """ASGI middleware: requests that may write take turns, from when they are there whole to the commit after the answer."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._turn = asyncio.Lock()

    async def __call__(
        self,
        scope: Message,
        receive: Callable[[], Awaitable[Message]],
        send: Callable[[Message], Awaitable[None]],
    ) -> None:
        """Pass the request on, at once where it only reads."""
        if scope["type"] != "http" or scope["method"] in READING:
            await self._app(scope, receive, send)
            return
        whole = await _whole(receive)
        async with self._turn:
            await self._app(scope, whole, send)


async def _whole(receive: Callable[[], Awaitable[Message]]) -> Callable[[], Awaitable[Message]]:
    """What gives a request's body again once all of it is there: who sends his slowly holds up nobody else."""
    messages = [await receive()]
    while messages[-1]["type"] == "http.request" and messages[-1].get("more_body"):
        messages.append(await receive())
    waiting = iter(messages)

    async def again() -> Message:
        return next(waiting, None) or await receive()

    return again


class OneWriterPlugin(AirflowPlugin):
    """Registers the middleware where the database is SQLite, and nothing elsewhere."""

    name = "evenkeel_one_writer"
    fastapi_root_middlewares = (
        [{"middleware": OneWriter, "args": [], "kwargs": {}, "name": "One writer at a time"}]
        if conf.get("database", "sql_alchemy_conn").startswith("sqlite")
        else []
    )
