"""The operator's front page: what was published, and everything that came of it.

::

    articles ─ feeds ─ the edition as its subscribers get it ─ outbox ─ posts

Seen only on this very machine, and where ``base_url`` is loopback (:mod:`publisher.settings.reach`); everybody else
gets the public front page at the same address. Each part of the page is a function of its own that returns plain
values.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import Response

import feeds
from publisher.channels import share_links
from publisher.model import Article
from publisher.pipeline.operating import standing
from publisher.pipeline.troubles import standing_troubles
from publisher.pipeline.waiting import restored
from publisher.store import articles as shelf
from publisher.store import editions, feed_readers, topics, websub
from publisher.web.desk import outbox, posts
from publisher.web.desk.editions import progress_view
from publisher.web.frame.frame import NEVER_KEPT, Frame, root_of
from publisher.web.frame.paths import edition_mail_path
from publisher.web.site.editions import edition_view
from publisher.web.site.pages import place_of
from publisher.web.site.views import card

#: How much of each the front page shows; the rest is a link away.
ARTICLES, MESSAGES, VARIANTS = 7, 8, 12
#: Aggregators in the list of who polls.
MAX_FEED_READERS = 20
#: Characters of a feed's beginning.
MAX_EXCERPT = 1_600


def home(frame: Frame, request: Request) -> Response:
    """The operator's front page."""
    root = root_of(request)
    with frame.site.store.read() as tx:
        newest = shelf.newest(tx, ARTICLES)
        held_up = [str(one) for one in standing_troubles(frame.site, tx)]
    messages, in_outbox = outbox.views(outbox.folder_of(frame), root, MESSAGES)
    values = {
        "title": "The desk",
        "troubles": held_up,
        "robots": "noindex",
        "token": frame.token.value,
        "waits": restored(frame.site),
        **article_part(frame, request, newest),
        "feeds": feed_part(frame, root),
        "edition": edition_part(frame, root),
        "messages": messages,
        "in_outbox": in_outbox,
        "transport": frame.site.settings.mail.transport,
        "posts": posts.part(frame, root, newest),
    }
    return frame.page(request, "desk/home.html", values, cache=NEVER_KEPT, frames=True)


def article_part(frame: Frame, request: Request, newest: Sequence[Article]) -> dict[str, object]:
    """The newest articles with their share links."""
    targets = frame.site.settings.publication.share_targets
    place = place_of(frame, request, frame.english())
    with frame.site.store.read() as tx:
        total = topics.total(tx)
    cards = [
        card(article, place)
        | {"share": [{"label": s.label, "href": s.url} for s in share_links.links_for(article, targets)]}
        for article in newest
    ]
    return {"cards": cards, "total": total}


def feed_part(frame: Frame, root: str) -> dict[str, object]:
    """The publication's own feed in each format, and how many others there are."""
    settings = frame.site.settings
    folder = settings.state / "feeds"
    built = feeds.load_catalogue(settings.state)
    main = built[0] if built else feeds.catalogue(frame.publication, settings.feed, settings.feeds)[0]
    formats = []
    for form, url in feeds.in_formats(main):
        path = urlsplit(url).path.removeprefix(urlsplit(frame.publication.base_url).path)
        formats.append(
            {
                "name": form.title,
                "url": url,
                "href": f"{root}{path}",
                **_file(folder / f"{main.path}.{form.extension}"),
            }
        )
    return {
        "formats": formats,
        "articles": main.articles,
        "updated": main.updated,
        "others": max(len(built) - 1, 0),
        **_who_polls(frame),
    }


def _who_polls(frame: Frame) -> dict[str, object]:
    """Subscribers that aggregators say they poll for, by feed; and the WebSub hub in numbers."""
    now = frame.site.now()
    with frame.site.store.read() as tx:
        rows = feed_readers.readers(tx, now=now)
        hub = websub.account(tx, now=now)
    polled = [
        {"feed": row.feed, "feed_reader": row.reader, "subscribers": row.subscribers, "seen": row.last_seen}
        for row in rows[:MAX_FEED_READERS]
    ]
    return {
        "feed_readers": polled,
        "subscribers": sum(row.subscribers for row in rows),
        "more_feed_readers": max(len(rows) - MAX_FEED_READERS, 0),
        "hub": {"subscriptions": hub.subscriptions, "owed": hub.deliveries + hub.announcements},
    }


def _file(path: Path) -> dict[str, object]:
    try:
        with path.open("rb") as file:
            start = file.read(MAX_EXCERPT).decode("utf-8", "replace")
        return {"kilobytes": max(1, round(path.stat().st_size / 1000)), "excerpt": start}
    except OSError:
        return {"kilobytes": None, "excerpt": ""}


def edition_part(frame: Frame, root: str) -> dict[str, object] | None:
    """The newest edition, whatever its status; ``None`` before the first."""
    with frame.site.store.read() as tx:
        rows = editions.listing(tx, limit=1)
        edition = editions.get(tx, rows[0].id) if rows else None
        if edition is None:
            return None
        names = editions.composed(tx, edition.id, VARIANTS)
        one = standing(frame.site, tx, edition)
    view = edition_view(edition, root)
    view["desk"] = f"{root}/desk/editions/{edition.id}"
    view["sending"] = progress_view(one)
    view["variants"] = [
        {"name": name or "everybody", "href": f"{root}{edition_mail_path(edition.id, name)}?framed"} for name in names
    ]
    view["frame"] = f"{view['mail']}?framed" if names else None
    return view
