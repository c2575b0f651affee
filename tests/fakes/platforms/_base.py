"""A fake platform: real HTTP on the loopback interface, with faults on request.

::

    with FakeX() as fake:
        fake.faults.append("lost")       the next publishing request is carried out; its answer never comes
        …
        fake.holds                       what people on the platform would see

A fake is one class per kind: it answers the platform's own paths with its own bodies and errors, refuses what the
platform refuses (a wrong token, a text that is too long), and counts what it holds. Faults strike only requests
that publish; ``dead`` strikes every one.
"""

from __future__ import annotations

import json
import socket
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar
from urllib.parse import parse_qs, unquote, urlsplit

#: A publishing request is: carried out, but the connection is cut before the answer; carried out and answered 500;
#: cut before it is carried out; answered 500 without being carried out; answered 429; carried out, and the answer
#: held back until :meth:`Fake.release`.
FAULTS = ("lost", "error_after", "cut", "error_before", "rate_limit", "hold")


@dataclass
class Call:
    """A request as it came in; ``raw`` is every byte of it."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes
    raw: bytes = b""

    def json(self) -> dict[str, Any]:
        return json.loads(self.body or b"{}")

    def form(self) -> dict[str, str]:
        return {k: v[0] for k, v in parse_qs(self.body.decode(), keep_blank_values=True).items()}


@dataclass
class Reply:
    status: int = 200
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)


class Fake:
    """The common part: a server, a list of faults, a list of what is held."""

    kind: ClassVar[str]
    token: ClassVar[str] = "s3cret-token-of-the-channel"
    wait_seconds: ClassVar[int] = 120

    def __init__(self) -> None:
        self.faults: list[str] = []
        self.dead = False
        #: Whether the platform refuses the same text twice; off, a double send shows as a second post.
        self.refuses_duplicates = False
        #: So many read-backs do not show the newest posts yet.
        self.lag = 0
        self.holds: list[dict[str, Any]] = []
        self.calls: list[Call] = []
        self.arrived = threading.Event()
        self._released = threading.Event()
        self._lock = threading.Lock()
        fake = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_any(self) -> None:
                fake._handle(self)

            do_GET = do_POST = do_PUT = do_PATCH = handle_any

            def log_message(self, *_: Any) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_: Any) -> None:
                pass  # a client that was killed is part of the game

        self.server = Server(("127.0.0.1", 0), Handler)
        self.base = f"http://127.0.0.1:{self.server.server_address[1]}"
        self._thread = threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True)

    def __enter__(self) -> Any:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._released.set()
        self.server.shutdown()
        self.server.server_close()
        self._thread.join(5)

    # What a kind says of itself.

    def options(self) -> dict[str, Any]:
        """``[channels.options]`` that lead to this fake; secrets by the names of :meth:`environment`."""
        raise NotImplementedError

    def environment(self) -> dict[str, str]:
        return {f"FAKE_{self.kind.upper()}_TOKEN": self.token}

    def secret(self) -> dict[str, str]:
        return {"env": f"FAKE_{self.kind.upper()}_TOKEN"}

    def publishes(self, call: Call) -> bool:
        """Whether carrying out this request makes a post that people see."""
        raise NotImplementedError

    def authorised(self, call: Call) -> bool:
        return call.headers.get("authorization") == f"Bearer {self.token}"

    def refusal(self) -> Reply:
        """What a dead token is answered."""
        return Reply(401, {"error": "unauthorized"})

    def rate_limit(self) -> Reply:
        """What one who asks too often is answered: wait :attr:`wait_seconds`."""
        return Reply(429, {"error": "slow down"}, {"Retry-After": str(self.wait_seconds)})

    def answer(self, call: Call) -> Reply:
        """Carry the request out."""
        raise NotImplementedError

    def visible(self) -> list[dict[str, Any]]:
        """What a read-back shows, the newest first."""
        if self.lag:
            self.lag -= 1
            return []
        return list(reversed(self.holds))

    def release(self) -> None:
        self._released.set()

    # The server.

    def _handle(self, handler: BaseHTTPRequestHandler) -> None:
        length = int(handler.headers.get("Content-Length") or 0)
        body = handler.rfile.read(length) if length else b""
        parts = urlsplit(handler.path)
        query = {k: v[0] for k, v in parse_qs(parts.query, keep_blank_values=True).items()}
        headers = {k.lower(): v for k, v in handler.headers.items()}
        lines = [f"{handler.requestline}", *(f"{k}: {v}" for k, v in handler.headers.items())]
        raw = "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body
        call = Call(handler.command, unquote(parts.path), query, headers, body, raw)
        with self._lock:
            self.calls.append(call)
            publishing = self.publishes(call)
            fault = self.faults.pop(0) if publishing and self.faults else ""
            if self.dead or not self.authorised(call):
                reply, fault = self.refusal(), ""
            elif fault == "cut":
                reply = Reply(0)
            elif fault == "error_before":
                reply = Reply(503, {"error": "over capacity"})
            elif fault == "rate_limit":
                reply = self.rate_limit()
            else:
                reply = self.answer(call)
        if publishing:
            self.arrived.set()
        if fault == "hold":
            self._released.wait(30)
        if fault in ("lost", "cut"):
            handler.connection.shutdown(socket.SHUT_RDWR)
            handler.close_connection = True
            return
        if fault == "error_after":
            reply = Reply(500, {"error": {"message": "Please retry your request later", "code": 2}})
        self._write(handler, reply)

    @staticmethod
    def _write(handler: BaseHTTPRequestHandler, reply: Reply) -> None:
        data = reply.body if isinstance(reply.body, bytes) else json.dumps(reply.body).encode()
        handler.send_response(reply.status)
        for name, value in reply.headers.items():
            handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(data)))
        handler.end_headers()
        handler.wfile.write(data)
