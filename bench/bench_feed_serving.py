"""Serving feeds: answering 200 and 304 from our own server against nginx, one worker each, over the same file."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from rich.table import Table

from bench.feed_site import article, console, free_port, process, settings_of


def serving() -> None:
    wrk, nginx = shutil.which("wrk"), shutil.which("nginx", path="/usr/sbin:/usr/bin:/usr/local/bin")
    if wrk is None or nginx is None:
        console.print("Serving: not measured, wrk and nginx are needed (Debian packages of these names)")
        return
    with tempfile.TemporaryDirectory() as name:
        site = Path(name)
        settings = settings_of(site)
        import feeds

        feeds.write_all(settings, [article(number) for number in range(50)])
        ours, theirs = free_port(), free_port()
        with _app(site, ours), _nginx(nginx, site, theirs):
            rates: dict[tuple[str, str], float] = {}
            for _ in range(2):
                for door, port in (("nginx", theirs), ("ours", ours)):
                    tag = _etag(port)
                    for kind, headers in (("200", []), ("304", ["-H", f"If-None-Match: {tag}"])):
                        rate = _wrk(wrk, port, headers)
                        rates[door, kind] = max(rate, rates.get((door, kind), 0.0))
    table = Table(title="Serving /feed.rss, one worker each, wrk on the same cores (requests/s)")
    for column in ("answer", "nginx, same file", "our server", "of nginx"):
        table.add_column(column, justify="right")
    for kind in ("200", "304"):
        theirs_rate, ours_rate = rates["nginx", kind], rates["ours", kind]
        table.add_row(kind, f"{theirs_rate:,.0f}", f"{ours_rate:,.0f}", f"{ours_rate / theirs_rate:.3f}x")
    console.print(table)


@contextlib.contextmanager
def _app(site: Path, port: int) -> Iterator[None]:
    code = (
        "import sys, uvicorn\nfrom pathlib import Path\nfrom bench.feed_site import settings_of\n"
        "from publisher.pipeline import Site\nfrom publisher.store import open_store\n"
        "from publisher.web.app import create_app\n"
        "settings = settings_of(Path(sys.argv[1]))\n"
        "app = create_app(Site(settings, open_store(settings.database_url)))\n"
        "uvicorn.run(app, port=int(sys.argv[2]), log_level='error', access_log=False, lifespan='off')\n"
    )
    with process([sys.executable, "-c", code, str(site), str(port)], port):
        yield


@contextlib.contextmanager
def _nginx(nginx: str, site: Path, port: int) -> Iterator[None]:
    folder = site / "nginx"
    folder.mkdir()
    text = (Path(__file__).parents[1] / "deploy" / "nginx.conf").read_text(encoding="utf-8")
    text = text.replace("/srv/masthead/state/feeds", f"{site}/state/feeds").replace("listen 80;", f"listen {port};")
    text = re.sub(r"\n\s*limit_req zone[^\n]*", "", text)  # what is measured is how fast, not how often
    module = Path("/usr/lib/nginx/modules/ngx_http_brotli_static_module.so")
    load = f"load_module {module};\n" if module.exists() else ""
    text = text if load else text.replace("brotli_static on;", "")
    places = "".join(
        f"{name}_temp_path {folder}/{name};\n" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    user = "user root;\n" if os.geteuid() == 0 else ""
    (folder / "nginx.conf").write_text(
        f"{load}{user}daemon off;\nworker_processes 1;\npid {folder}/pid;\nerror_log {folder}/error.log;\n"
        f"events {{ }}\nhttp {{\naccess_log off;\n{places}{text}\n}}\n",
        encoding="utf-8",
    )
    command = [nginx, "-p", str(folder), "-e", f"{folder}/error.log", "-c", f"{folder}/nginx.conf"]
    with process(command, port):
        yield


def _etag(port: int) -> str:
    import httpx

    headers = {"accept-encoding": "identity", "host": "slow.example"}
    return str(httpx.get(f"http://127.0.0.1:{port}/feed.rss", headers=headers).headers["etag"])


def _wrk(wrk: str, port: int, headers: list[str]) -> float:
    command = [wrk, "-t1", "-c32", "-d3", "-H", "Host: slow.example", *headers, f"http://127.0.0.1:{port}/feed.rss"]
    out = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    if "Non-2xx" in out and not headers:
        raise SystemExit(f"the server refused: {out}")
    match = re.search(r"Requests/sec:\s+([\d.]+)", out)
    return float(match[1]) if match else 0.0


def main() -> None:
    serving()


if __name__ == "__main__":
    main()
