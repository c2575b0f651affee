"""News of our feeds: who is owed them, the subscribers of our own hub and the hubs of others."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from urllib.parse import unquote

from feeds.files import etags
from publisher.settings import Settings
from publisher.store import Tx
from publisher.store import websub as rows


def announce(tx: Tx, settings: Settings, changed: Sequence[str], *, now: float) -> int:
    """Owe the news of ``changed`` feeds (URLs, of :class:`feeds.WriteReport`) to every hub and subscriber.

    :returns: how many notifications are owed.
    """
    versions = {}
    for url in changed:
        path = settings.state / "feeds" / unquote(url.removeprefix(settings.publication.base_url).lstrip("/"))
        with suppress(OSError):
            versions[url] = etags(path)[0]
    return rows.owe(tx, versions, hubs=settings.websub.hubs, now=now)
