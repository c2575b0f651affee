"""The clocks of a connection, each shortened: header, body, response; and who is quick is never cut off."""

from __future__ import annotations

import contextlib
import socket
import threading
import time

import pytest
import uvicorn

from publisher.web.serving import protocol
from publisher.web.serving.account import Account
from publisher.web.serving.summary import Summary

MEGABYTES = 40


async def app(scope, receive, send):
    body = b""
    more = scope["type"] == "http" and scope["method"] == "POST"
    while more:
        message = await receive()
        if message["type"] != "http.request":
            return
        body, more = body + message["body"], message["more_body"]
    await send({"type": "http.response.start", "status": 200, "headers": []})
    for _ in range(MEGABYTES if scope["path"] == "/large" else 0):
        await send({"type": "http.response.body", "body": b"x" * 1_000_000, "more_body": True})
    await send({"type": "http.response.body", "body": str(len(body)).encode()})


class Served:
    def __init__(self) -> None:
        self.account: Account = Account(100)
        self.summary = Summary(later=lambda seconds, call: None)
        listening = socket.create_server(("127.0.0.1", 0))
        self.port = listening.getsockname()[1]
        made = protocol.limited(self.account, self.summary)
        config = uvicorn.Config(app, http=made, ws="none", log_level="critical", lifespan="off", timeout_keep_alive=1)
        self.server = uvicorn.Server(config)
        self.thread = threading.Thread(target=self.server.run, kwargs={"sockets": [listening]}, daemon=True)
        self.thread.start()
        while not self.server.started:
            time.sleep(0.02)

    def connect(self, start: bytes) -> socket.socket:
        found = socket.create_connection(("127.0.0.1", self.port), timeout=15)
        found.sendall(start)
        return found

    def empties(self) -> float:
        """Seconds until no connection is open."""
        begun = time.monotonic()
        while len(self.account) and time.monotonic() - begun < 15:
            time.sleep(0.05)
        assert len(self.account) == 0
        return time.monotonic() - begun


@pytest.fixture
def served(monkeypatch):
    for clock in ("HEADER_SECONDS", "BODY_SECONDS", "WRITE_SECONDS"):
        monkeypatch.setattr(protocol, clock, 1.0)
    running = Served()
    yield running
    running.server.should_exit = True
    running.thread.join(10)


@pytest.mark.parametrize(
    ("start", "why"),
    [
        (b"", "sent no whole header"),
        (b"GET / HTTP/1.1\r\nHost", "sent no whole header"),
        (b"GET / HTTP/1.1\r\nHost: x\r\n\r\nGET /", "sent no whole header"),  # the second of two
        (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n123", "sent no whole body"),
        (b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n123\r\n", "sent no whole body"),
        (b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n", "took no response"),
        (b"GET /large HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", "took no response"),
    ],
)
def test_who_is_slow_is_cut_off_and_counted(served, caplog, start, why):
    with served.connect(start):
        time.sleep(0.2)
        assert len(served.account) == 1
        assert served.empties() < 6
    served.summary.say()
    assert [record.getMessage().partition(": ")[2] for record in caplog.records] == [f"1 {why}"]


def test_who_is_quick_is_served_as_often_as_they_like_and_never_counted(served, caplog):
    with served.connect(b"") as quick:
        for number in range(8):  # longer than any clock in all
            body = b"y" * number
            head = f"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: {number}\r\n\r\n".encode()
            quick.sendall(head + body)
            response = b""
            while not response.endswith(b"\r\n0\r\n\r\n"):
                response += quick.recv(4096)
            assert response.startswith(b"HTTP/1.1 200")
            time.sleep(0.3)
    with served.connect(b"GET /large HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n") as large:
        received = 0
        with contextlib.suppress(ConnectionError):
            while part := large.recv(1_000_000):
                received += len(part)
        assert received > MEGABYTES * 1_000_000
    assert served.empties() < 6
    served.summary.say()
    assert caplog.records == []
