"""One change at a time in the API server."""

from __future__ import annotations

import asyncio
from typing import Any

from evenkeel.airflow.one_writer import OneWriter


class Application:
    """An ASGI application that notes how many requests it works on at once."""

    def __init__(self) -> None:
        self.now = 0
        self.most = 0

    async def __call__(self, *_: Any) -> None:
        self.now += 1
        self.most = max(self.most, self.now)
        await asyncio.sleep(0.01)
        self.now -= 1


def most_at_once(method: str) -> int:
    async def send_all() -> int:
        application = Application()
        gate = OneWriter(application)
        scope = {"type": "http", "method": method}
        await asyncio.gather(*(gate(scope, _nothing, _nothing) for _ in range(5)))
        return application.most

    return asyncio.run(send_all())


async def _nothing(*_: Any) -> Any:
    return {"type": "http.request"}


def test_requests_that_write_take_turns() -> None:
    """Two of them at once could wait for each other inside the API server."""
    assert {method: most_at_once(method) for method in ("POST", "PATCH", "PUT", "DELETE")} == dict.fromkeys(
        ("POST", "PATCH", "PUT", "DELETE"), 1
    )


def test_requests_that_read_do_not_wait() -> None:
    """Looking at the UI stays possible while something is written."""
    assert most_at_once("GET") == 5


def test_a_request_whose_body_does_not_come_holds_up_nobody() -> None:
    """It takes its turn once it is there whole; the application is given the body as it came."""
    bodies: list[bytes] = []

    async def read(scope: Any, receive: Any, send: Any) -> None:
        more = True
        while more:
            message = await receive()
            more = message.get("more_body", False)
            bodies.append(message["body"])

    async def slowly() -> Any:
        await asyncio.sleep(3600)

    async def send_two() -> None:
        gate, scope = OneWriter(read), {"type": "http", "method": "POST"}
        stalled = asyncio.create_task(gate(scope, slowly, _nothing))
        parts = iter([{"body": b"one", "more_body": True}, {"body": b"two"}])

        async def quickly() -> Any:
            return {"type": "http.request", **next(parts)}

        await asyncio.wait_for(gate(scope, quickly, _nothing), 5)
        stalled.cancel()

    asyncio.run(send_two())
    assert bodies == [b"one", b"two"]


def test_a_request_that_fails_lets_the_next_one_in() -> None:
    """The turn is given back whatever happens."""

    async def send_two() -> list[Any]:
        async def failing(*_: Any) -> None:
            raise ValueError("broken")

        gate = OneWriter(failing)
        scope = {"type": "http", "method": "POST"}
        calls = (asyncio.wait_for(gate(scope, _nothing, _nothing), 5) for _ in range(2))
        return await asyncio.gather(*calls, return_exceptions=True)

    assert [type(outcome) for outcome in asyncio.run(send_two())] == [ValueError, ValueError]
