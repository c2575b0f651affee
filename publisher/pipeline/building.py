"""Articles → feeds on this machine: built when the articles moved past what its ``state/`` was built from.

::

    articles (database), feed settings, our version ─→ one mark ─ as in state/feed-cache/built? ─→ nothing to do
                                                          └ another ─→ files ─→ hubs are told ─→ the mark is kept

Whoever read the articles, every machine that shares the database builds its own files. Each tells the hubs when its
own are new, so the last of them to build is the one that is heard last.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import feeds
import publisher
from feeds.publishing import OPML
from publisher import websub
from publisher.model import Article
from publisher.pipeline.site import Progress, Site, silent
from publisher.store import Tx
from publisher.store import articles as article_rows

#: What stands in the place of the mark from the first file to the last announcement.
_BEGUN = "begun"


@dataclass(frozen=True, slots=True)
class Built:
    """The files that were written, and the articles that they were made of, newest first."""

    report: feeds.WriteReport
    offered: list[Article]


def build_feeds(
    site: Site, *, force: bool = False, news: Collection[str] = (), progress: Progress = silent
) -> Built | None:
    """Bring the feed files of this machine up to date; ``None`` when they are.

    :param force: look at each file, whatever the mark says.
    :param news: see :func:`feeds.write_all`.
    """
    path = site.settings.state / "feed-cache" / "built"
    before = _kept(path)
    if not force and (site.settings.state / "feeds" / OPML).exists():
        with site.store.read() as tx:
            if before == _mark(site, tx):
                return None
    with site.store.read() as tx:
        mark, offered, revisions = _mark(site, tx), article_rows.newest(tx), article_rows.revisions(tx)
    progress("building feeds", 0, 1)
    _keep(path, _BEGUN)
    written = feeds.write_all(site.settings, offered, revisions=revisions, news=news)
    # Somebody who died before announcing left its mark: nobody knows which feeds had news, and all are announced.
    announced = tuple(websub.topics(site.settings)) if before == _BEGUN else written.changed
    if announced:
        with site.store.begin() as tx:
            websub.announce(tx, site.settings, announced, now=site.now())
    _keep(path, mark)
    progress("building feeds", 1, 1)
    return Built(written, offered)


def _mark(site: Site, tx: Tx) -> str:
    shape = site.settings.model_dump_json(include={"publication", "design", "feed", "feeds", "websub"})
    text = "\0".join((publisher.__version__, article_rows.version(tx), shape))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _kept(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii")
    except (OSError, ValueError):
        return ""


def _keep(path: Path, mark: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".new")
    temporary.write_text(mark, encoding="ascii")
    temporary.replace(path)
