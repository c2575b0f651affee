"""deploy/nginx.conf in a real nginx gives the same answers as our own server, from the same files."""

from __future__ import annotations

import os
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.feeds.conftest import make_article

from .conftest import Published, program, serve

pytestmark = pytest.mark.server
CONFIGURATION = Path(__file__).parents[3] / "deploy" / "nginx.conf"
SAME = (
    "content-type",
    "content-encoding",
    "etag",
    "last-modified",
    "cache-control",
    "vary",
    "link",
    "location",
    "access-control-allow-origin",
    "x-content-type-options",
    "content-disposition",
    "im",
)


@pytest.fixture
def two_doors(tmp_path: Path) -> Iterator[tuple[Published, httpx.Client, httpx.Client]]:
    """The published site, a client of our own server and a client of nginx before it."""
    nginx = program("nginx")
    for published in serve(tmp_path, lambda port: "https://slow.example"):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        process = start_nginx(nginx, tmp_path / "nginx", published, port)
        try:
            with (
                httpx.Client(base_url=published.url) as ours,
                httpx.Client(base_url=f"http://127.0.0.1:{port}") as theirs,
            ):
                wait_for(theirs, process, tmp_path / "nginx" / "error.log")
                yield published, ours, theirs
        finally:
            process.terminate()
            process.wait(20)


def start_nginx(nginx: str, folder: Path, published: Published, port: int) -> subprocess.Popen[bytes]:
    folder.mkdir()
    text = CONFIGURATION.read_text(encoding="utf-8")
    for old, new in (
        ("127.0.0.1:8000", published.url.removeprefix("http://")),
        ("listen 80;", f"listen 127.0.0.1:{port};"),
        ("/srv/masthead/state/feeds", str(published.folder)),
    ):
        assert old in text
        text = text.replace(old, new)
    module = Path("/usr/lib/nginx/modules/ngx_http_brotli_static_module.so")
    if not module.exists():
        if os.environ.get("CI"):
            pytest.fail("libnginx-mod-http-brotli-static is not installed; .ci/packages names it")
        pytest.skip("nginx has no brotli module here")
    temporary = "".join(
        f"{name}_temp_path {folder}/{name};\n" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    (folder / "nginx.conf").write_text(
        f"load_module {module};\ndaemon off;\nworker_processes 1;\npid {folder}/pid;\nerror_log {folder}/error.log;\n"
        + ("user root;\n" if os.geteuid() == 0 else "")
        + f"events {{ }}\nhttp {{\naccess_log off;\n{temporary}{text}\n}}\n",
        encoding="utf-8",
    )
    command = [nginx, "-p", str(folder), "-e", f"{folder}/error.log", "-c", str(folder / "nginx.conf")]
    return subprocess.Popen(command, stderr=subprocess.DEVNULL)


def wait_for(client: httpx.Client, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 20
    while True:
        try:
            client.get("/websub")
            return
        except httpx.ConnectError:
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, "nginx did not start"
            time.sleep(0.05)


def both(doors, method: str, path: str, headers: dict[str, str]) -> tuple[httpx.Response, dict[str, object]]:
    """The same request at both doors; what nginx answered, after comparing."""
    _, ours, theirs = doors
    headers = {"host": "slow.example", **headers}
    said = []
    for client in (ours, theirs):
        with client.stream(method, path, headers=headers) as answer:
            body = b"".join(answer.iter_raw())
            said.append(
                ({name: answer.headers.get(name) for name in SAME} | {"status": answer.status_code}, body, answer)
            )
    assert said[0][0] == said[1][0], (path, headers)
    assert said[0][1] == said[1][1], (path, headers)
    return said[1][2], said[1][0]


def test_both_doors_give_the_same_answers(two_doors):
    published, _, _ = two_doors
    published.publish(*(make_article(number) for number in range(40)))
    archive = next(published.folder.glob("feeds/archive/feed/*.rss")).relative_to(published.folder).as_posix()
    paths = ["/feed.rss", "/feed.atom", "/feed.json", "/feeds.opml", "/feeds/tag/tea.rss", f"/{archive}"]
    paths += ["/feeds/author/bo-%C3%B6st.atom"]
    for path in paths:
        for encoding in ("identity", "gzip", "br", "gzip, br", "gzip;q=0, br;q=0"):
            for method in ("GET", "HEAD"):
                answer, said = both(two_doors, method, path, {"accept-encoding": encoding})
                assert said["status"] == 200
                assert said["etag"].startswith('"')
                if method == "HEAD":
                    continue
                known = {"accept-encoding": encoding, "if-none-match": answer.headers["etag"]}
                assert both(two_doors, "GET", path, known)[1]["status"] == 304
                weak = {"accept-encoding": encoding, "if-none-match": f'"x", W/{answer.headers["etag"]}'}
                assert both(two_doors, "HEAD", path, weak)[1]["status"] == 304
                since = {"accept-encoding": encoding, "if-modified-since": answer.headers["last-modified"]}
                assert both(two_doors, "GET", path, since)[1]["status"] == 304
                later = {"accept-encoding": encoding, "if-modified-since": "Fri, 01 Jan 2100 00:00:00 GMT"}
                assert both(two_doors, "GET", path, later)[1]["status"] == 304
                other = {**known, "if-none-match": '"other"', "if-modified-since": answer.headers["last-modified"]}
                assert both(two_doors, "GET", path, other)[1]["status"] == 200


def test_what_files_cannot_answer_comes_from_the_app_through_nginx(two_doors):
    published, ours, theirs = two_doors
    assert both(two_doors, "GET", "/feed.rss", {})[0].headers["retry-after"] == "30"
    published.publish(make_article(1))
    known = ours.get("/feed.rss", headers={"accept-encoding": "identity"}).headers["etag"]
    published.publish(make_article(2))
    delta = {"a-im": "feed", "if-none-match": known, "accept-encoding": "identity"}
    assert both(two_doors, "GET", "/feed.rss", delta)[1]["status"] == 226
    navigation = {"sec-fetch-dest": "document", "accept": "text/html"}
    page, _ = both(two_doors, "GET", "/feed.rss", navigation)
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    raw, _ = both(two_doors, "GET", "/feed.rss?raw", navigation)
    assert raw.headers["content-type"] == "application/rss+xml; charset=utf-8"
    agent = {"user-agent": "Feedbin feed-id:1 - 7 subscribers"}
    assert both(two_doors, "GET", "/feed.rss", agent)[1]["status"] == 200
    assert both(two_doors, "GET", "/feeds/nothing.rss", {})[1]["status"] == 404
    assert theirs.get("/feeds/private/none.rss").status_code == 404
    assert theirs.get("/feeds/../masthead.db").status_code == 404
    assert theirs.get("/feed.rss.gz").status_code == 404
    from publisher.store import feed_readers

    with published.store.read() as tx:
        assert [row.subscribers for row in feed_readers.readers(tx, now=time.time())] == [7]


def test_nginx_refuses_too_many_downloads_and_says_when_to_come_back(two_doors):
    published, _, theirs = two_doors
    published.publish(make_article(1))
    answers = [theirs.get("/feed.rss") for _ in range(40)]
    refused = [answer for answer in answers if answer.status_code == 429]
    assert refused
    assert refused[0].headers["retry-after"] == "60"
    assert theirs.get("/feed.rss", headers={"if-none-match": answers[0].headers["etag"]}).status_code == 304
