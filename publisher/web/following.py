"""The application of a site as ``publication.toml`` is now: a change needs no restart and refuses no connection."""

from __future__ import annotations

import logging
import threading
from pathlib import Path

from starlette.applications import Starlette
from starlette.types import Receive, Scope, Send

from publisher.errors import MastheadError
from publisher.pipeline.following import Followed
from publisher.pipeline.site import Site
from publisher.web.app import create_app
from publisher.web.frame.security import FormToken

log = logging.getLogger(__name__)

#: How often the file is looked at.
LOOK_SECONDS = 1.0


class FollowingApp:
    """An ASGI application; a request is served to its end by the settings that it came under.

    :raises MastheadError: the site cannot be opened.
    """

    def __init__(self, directory: Path) -> None:
        token = FormToken()  # a form that is open in a browser outlives a change of settings

        def make(site: Site) -> Starlette:
            return create_app(site, token=token)

        self._followed = Followed(directory, make)
        self._followed.refresh()
        self._over = threading.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with self._followed.current(fresh=False) as app:
            await app(scope, receive, send)

    def keep_looking(self) -> None:
        """Follow the file from a thread of its own: opening a site takes a while, and requests do not wait for it."""
        threading.Thread(target=self._look, daemon=True, name="settings").start()

    def _look(self) -> None:
        while not self._over.wait(LOOK_SECONDS):
            try:
                self._followed.refresh()
            except MastheadError as error:
                log.error("%s", error)
            except Exception:
                log.exception("the settings could not be followed")

    def close(self) -> None:
        """Look no more, and close the site."""
        self._over.set()
        self._followed.close()
