"""Real receivers on this machine, for tests that send: an SMTP server and a web server that keep what they were sent.

A test that starts an Airflow of its own (an e2e) gives it a webhook route by two things: the route in the spec, such as
`{kind: webhook, connection: evenkeel_webhook}`, and the connection in the environment of Airflow's processes:

    with webhook() as received:
        environment["AIRFLOW_CONN_EVENKEEL_WEBHOOK"] = received.connection
        ...
    assert received.messages[0]["what"] == "rolled_back"
"""

from __future__ import annotations

import contextlib
import email
import email.policy
import json
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

from aiosmtpd.controller import Controller

from evenkeel.local.stack import free_ports

if TYPE_CHECKING:
    from collections.abc import Iterator

TOKEN = "only-for-this-test-5f2c"
"""Part of every connection: the password of the mail server, and in a header of the web server."""


@dataclass
class Webhook:
    """A web server that takes what is posted, or answers 500 where `broken`."""

    port: int
    messages: list[dict[str, Any]] = field(default_factory=list)
    tokens: list[str | None] = field(default_factory=list)
    broken: bool = False

    @property
    def connection(self) -> str:
        """The Airflow connection, as its environment variable holds it."""
        extra = {"Authorization": f"Bearer {TOKEN}"}
        return json.dumps({"conn_type": "http", "host": f"http://127.0.0.1:{self.port}/alerts", "extra": extra})

    @property
    def slack_connection(self) -> str:
        """The same address as a Slack Incoming Webhook, whose token is the end of it."""
        host = f"http://127.0.0.1:{self.port}/services"
        return json.dumps({"conn_type": "slackwebhook", "host": host, "password": TOKEN})


@dataclass
class Mailbox:
    """A mail server that takes everything."""

    port: int
    messages: list[email.message.EmailMessage] = field(default_factory=list)

    @property
    def connection(self) -> str:
        """The Airflow connection, as its environment variable holds it."""
        extra = {"disable_ssl": True, "disable_tls": True, "from_email": "evenkeel@example.com", "retry_limit": 0}
        return json.dumps({"conn_type": "smtp", "host": "127.0.0.1", "port": self.port, "extra": extra})

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802 - aiosmtpd's name
        """Keep a message."""
        self.messages.append(email.message_from_bytes(envelope.content, policy=email.policy.default))
        return "250 OK"


@contextlib.contextmanager
def webhook() -> Iterator[Webhook]:
    """A web server for as long as the block runs."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            content = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if not received.broken:
                received.messages.append(content)
                received.tokens.append(self.headers.get("Authorization") or self.path)
            self.send_response(500 if received.broken else 200)
            self.end_headers()
            self.wfile.write(b"ok")

        def log_message(self, *args: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    received = Webhook(server.server_address[1])
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield received
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextlib.contextmanager
def mailbox() -> Iterator[Mailbox]:
    """A mail server for as long as the block runs."""
    received = Mailbox(free_ports(1)[0])  # aiosmtpd wants to be told one
    controller = Controller(received, hostname="127.0.0.1", port=received.port, ready_timeout=60)
    controller.start()
    try:
        yield received
    finally:
        controller.stop()
