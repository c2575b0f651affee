"""``python -m publisher.web --site DIR [--fd N | --host H --port P]``: serve the pages until TERM.

Started by :mod:`publisher.cli.supervisor` with a bound socket, or alone behind nginx.
"""

from __future__ import annotations

import argparse
import logging
import os
import signal
import sys
import threading
from pathlib import Path

import uvicorn

from publisher.errors import MastheadError
from publisher.lib.networks import parse_network
from publisher.pipeline.site import open_site
from publisher.settings.reach import start_lines
from publisher.web.app import create_app
from publisher.web.serving.account import Account
from publisher.web.serving.protocol import BACKLOG, connections_allowed, limited
from publisher.web.serving.summary import Summary


def leave_with_parent() -> None:
    """Stop when standard input closes: the supervisor that held its other end is gone."""

    def watch() -> None:
        while os.read(0, 4096):
            pass
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, daemon=True, name="parent-watch").start()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m publisher.web", description="Serve a site's pages.")
    parser.add_argument("--site", type=Path, default=Path())
    parser.add_argument("--fd", type=int, default=None, help="a listening socket that is open already")
    parser.add_argument("--host", default=None)
    parser.add_argument("--port", type=int, default=None)
    options = parser.parse_args()
    try:
        site = open_site(options.site)
        app = create_app(site)
    except MastheadError as error:
        sys.exit(f"masthead web: {error}")
    if options.fd is not None:
        leave_with_parent()
    settings = site.settings
    if options.fd is None:  # else the supervisor has said it
        for line in start_lines(settings):
            print(f"masthead web: {line}", file=sys.stderr, flush=True)
    summary = Summary()
    trusted = tuple(map(parse_network, settings.web.trusted_proxies))
    config = uvicorn.Config(
        app,
        http=limited(Account(connections_allowed(), shared=trusted), summary),
        ws="none",
        backlog=BACKLOG,
        fd=options.fd,
        host=options.host or settings.web.host,
        port=options.port or settings.web.port,
        log_level="warning",
        access_log=False,
        server_header=False,
        date_header=True,
        proxy_headers=False,
        timeout_graceful_shutdown=2,
    )
    for noisy in ("uvicorn.error", "asyncio"):
        logging.getLogger(noisy).addFilter(summary)
    try:
        uvicorn.Server(config).run()
    finally:
        summary.say()
        site.close()


if __name__ == "__main__":
    main()
