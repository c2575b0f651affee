"""Slow clients against the real web process: they are cut off, others are served, and the log stays small."""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from publisher.web.serving.protocol import HEADER_SECONDS
from tests.factories import write_site

pytestmark = pytest.mark.server
ROOT = Path(__file__).parents[2]
#: Open files that the process may have, as a service usually starts.
FILES = 1024
SLOW = 3_000 if os.environ.get("FAULTS") == "long" else 1_100


@dataclass
class Web:
    port: int
    log: Path
    process: subprocess.Popen[bytes]

    def lines(self) -> list[str]:
        return self.log.read_text().splitlines()

    def connect(self, start: bytes) -> socket.socket:
        found = socket.create_connection(("127.0.0.1", self.port), timeout=10)
        found.sendall(start)
        return found

    def seconds(self) -> float:
        """How long a healthy request takes."""
        begun = time.monotonic()
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/healthz", timeout=20) as response:
            assert response.status == 200
        return time.monotonic() - begun


@pytest.fixture(scope="module")
def web(tmp_path_factory) -> Iterator[Web]:
    folder = tmp_path_factory.mktemp("slow")
    write_site(folder / "site")
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 8192), hard))
    with (folder / "log").open("wb") as log:
        arguments = [sys.executable, "-m", "publisher.web", "--site", str(folder / "site"), "--port", str(port)]
        process = subprocess.Popen(
            ["/bin/sh", "-c", f'ulimit -n {FILES}; exec "$@"', "sh", *arguments],
            stdout=log,
            stderr=log,
            cwd=ROOT,
        )
    served = Web(port, folder / "log", process)
    deadline = time.monotonic() + 60
    while True:
        try:
            served.seconds()
            break
        except OSError:
            assert process.poll() is None, served.lines()
            assert time.monotonic() < deadline, served.lines()
            time.sleep(0.2)
    try:
        yield served
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(20)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


#: What a slow client sends and then no more, or a byte now and then.
STARTS = {
    "nothing": b"",
    "half a header": b"GET / HTTP/1.1\r\nHost: slow.example\r\nX-Slow: ",
    "half a body": b"POST /subscribe HTTP/1.1\r\nHost: slow.example\r\n"
    b"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 5000\r\n\r\naddress=",
}


@pytest.mark.parametrize("kind", STARTS)
def test_a_healthy_request_is_served_beside_a_thousand_slow_ones(web, kind):
    before = len(web.lines())
    with contextlib.ExitStack() as stack:
        for number in range(SLOW):
            stack.enter_context(web.connect(STARTS[kind]))
            if number % 100 == 99:
                assert web.seconds() < 2
        assert max(web.seconds() for _ in range(5)) < 2
    time.sleep(0.5)
    assert web.process.poll() is None
    assert len(web.lines()) - before <= 4, web.lines()[before : before + 20]


def test_a_byte_now_and_then_does_not_keep_a_connection_open(web):
    with web.connect(STARTS["half a header"]) as slow:
        begun = time.monotonic()
        slow.settimeout(1)
        while time.monotonic() - begun < HEADER_SECONDS + 10:
            try:
                slow.sendall(b"x")
                if not slow.recv(1):
                    break
            except TimeoutError:
                continue
            except OSError:
                break
        assert HEADER_SECONDS - 2 < time.monotonic() - begun < HEADER_SECONDS + 5


def test_posts_that_are_broken_off_write_nothing(web):
    before = len(web.lines())
    for path in ("/subscribe", "/api/subscribe", "/webhooks/ses", "/unsubscribe/" + "A" * 32):
        for kind in ("application/x-www-form-urlencoded", "multipart/form-data; boundary=b", "application/json"):
            head = f"POST {path} HTTP/1.1\r\nHost: slow.example\r\nContent-Type: {kind}\r\nContent-Length: 900\r\n"
            for _ in range(3):
                web.connect(f"{head}\r\n--b\r\n".encode()).close()
    assert web.seconds() < 2
    time.sleep(0.5)
    assert web.lines()[before:] == []


def test_what_is_no_http_is_no_line_each(web):
    before = len(web.lines())
    for _ in range(100):
        with web.connect(b"\x16\x03\x01\x02\x00\x01 what is this\r\n\r\n") as odd:
            odd.recv(10)
        with web.connect(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n") as odd:
            odd.recv(10)
    assert len(web.lines()) - before <= 1, web.lines()[before:]
