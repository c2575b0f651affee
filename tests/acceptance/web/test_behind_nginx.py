"""A proxy that says nothing about itself opens nothing: real nginx configurations, as they are found in the wild."""

from __future__ import annotations

import os
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from publisher.web.app import PARTS
from publisher.web.frame.routes import Get
from tests.acceptance.feeds.conftest import program, serve
from tests.feeds.conftest import make_article

pytestmark = pytest.mark.server
#: The plainest proxy there is, and the line that most pages recommend to add.
LOCATIONS = {"bare": "", "host": "proxy_set_header Host $host;"}
HOSTS = ["slow.example", "localhost", "127.0.0.1", "localhost:8000", "[::1]"]
ENTRIES = [entry for part in PARTS for entry in part.ROUTES if entry.access.who in ("desk", "metrics")]
#: What stands on every page of the desk or of the metrics, and on no other page.
MARKS = (b"The desk", b"/desk/", b"outbox", b"masthead_", b'name="token"')


@pytest.fixture(scope="module", params=LOCATIONS)
def outside(request, tmp_path_factory) -> Iterator[httpx.Client]:
    """A client of nginx, which stands before a site with a public ``base_url``."""
    folder = tmp_path_factory.mktemp("proxied")
    nginx = program("nginx")
    for published in serve(folder, lambda port: "https://slow.example"):
        published.publish(make_article(1))
        with socket.create_server(("127.0.0.1", 0)) as probe:
            port = probe.getsockname()[1]
        process = _start(nginx, folder, published.url, port, LOCATIONS[request.param])
        try:
            with httpx.Client(base_url=f"http://127.0.0.1:{port}") as client:
                _wait_for(client, process)
                yield client
        finally:
            process.terminate()
            process.wait(20)


def _start(nginx: str, folder: Path, app: str, port: int, more: str) -> subprocess.Popen[bytes]:
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    temporary = "".join(f"{name}_temp_path {folder}/{name};\n" for name in kinds)
    (folder / "nginx.conf").write_text(
        f"daemon off;\nworker_processes 1;\npid {folder}/pid;\nerror_log {folder}/error.log;\n"
        + ("user root;\n" if os.geteuid() == 0 else "")
        + f"events {{ }}\nhttp {{\naccess_log off;\n{temporary}"
        + f"server {{ listen 127.0.0.1:{port}; location / {{ proxy_pass {app}; {more} }} }}\n}}\n",
        encoding="utf-8",
    )
    command = [nginx, "-p", str(folder), "-e", f"{folder}/error.log", "-c", str(folder / "nginx.conf")]
    return subprocess.Popen(command, stderr=subprocess.DEVNULL)


def _wait_for(client: httpx.Client, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 20
    while True:
        try:
            client.get("/robots.txt")
            return
        except httpx.ConnectError:
            assert process.poll() is None
            assert time.monotonic() < deadline, "nginx did not start"
            time.sleep(0.05)


@pytest.mark.parametrize("host", HOSTS)
def test_nothing_of_the_desk_gets_out(outside, host):
    for entry in ENTRIES:
        path = entry.path.replace("{id}", "1").replace("{action}", "pause").replace("{name}", "x")
        method = "GET" if isinstance(entry, Get) else "POST"
        response = outside.request(
            method, path, headers={"host": host}, data={"token": "x"} if method == "POST" else {}
        )
        assert response.status_code == 404, (method, path)
        assert not [mark for mark in MARKS if mark in response.content], (method, path)


@pytest.mark.parametrize("host", HOSTS)
@pytest.mark.parametrize("path", ["/", "/articles", "/subscribe", "/editions", "/feeds", "/nothing"])
def test_a_public_page_is_public_whatever_host_is_asked_for(outside, host, path):
    response = outside.get(path, headers={"host": host})
    assert response.status_code == (404 if path == "/nothing" else 200)
    whole = response.content + repr(sorted(response.headers.items())).encode()
    assert not [mark for mark in MARKS if mark in whole]
