"""``python -m publisher.web --site DIR [--fd N | --host H --port P]``: serve the pages until TERM.

Started by :mod:`publisher.cli.supervisor` with a bound socket, or alone behind nginx. A change of ``publication.toml``
is followed; ``host``, ``port`` and how connections are counted hold from the next start.
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

from publisher.errors import HOPELESS, MastheadError, NewerDatabase, SiteMoved
from publisher.lib.networks import parse_network
from publisher.pipeline.placed import Placed, keep_looking
from publisher.settings import load_settings
from publisher.settings.reach import start_lines
from publisher.web.following import FollowingApp
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
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    try:
        settings = load_settings(options.site)
        app = FollowingApp(options.site)
        placed = Placed(settings)
    except NewerDatabase as error:
        print(f"masthead web: {error}", file=sys.stderr)
        sys.exit(HOPELESS)
    except MastheadError as error:
        sys.exit(f"masthead web: {error}")
    if options.fd is not None:
        leave_with_parent()
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
        lifespan="off",
    )
    server = uvicorn.Server(config)
    moved: list[SiteMoved] = []

    def stop(error: SiteMoved) -> None:
        print(f"masthead web: {error}", file=sys.stderr, flush=True)
        moved.append(error)
        server.should_exit = True

    for noisy in ("uvicorn.error", "asyncio"):
        logging.getLogger(noisy).addFilter(summary)
    keep_looking(placed, stop)
    app.keep_looking()
    try:
        server.run()
    finally:
        summary.say()
        app.close()
    if moved:
        sys.exit(HOPELESS)


if __name__ == "__main__":
    main()
