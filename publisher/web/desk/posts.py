"""The post each channel gets of an article, what became of it, and how each channel is doing.

::

    newest articles × [[channels]] ─→ the rows there are, else a preview ─→ cards on the desk
    POST /desk/posts/{id}/{outcome}         published | failed | send: a person decides
    POST /desk/channels/{name}/resume       a paused channel goes on

The text is the very text that the channel is sent, counted by the channel's own count.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from typing import cast, get_args

from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from publisher import posting
from publisher.channels import BaseChannel
from publisher.errors import ChannelError, MastheadError, SettingsError
from publisher.model import Article, PostStatus
from publisher.posting.by_hand import DECISIONS, Decision
from publisher.settings import Settings
from publisher.settings.channels import ChannelSettings
from publisher.store import Tx, posts
from publisher.store import channels as channel_rows
from publisher.store.posts import PostRow
from publisher.web.frame import problems
from publisher.web.frame.access import DESK
from publisher.web.frame.frame import Frame, root_of
from publisher.web.frame.paths import article_path
from publisher.web.frame.routes import PostForm

#: Articles whose posts the front page shows.
MAX_ARTICLES = 2
#: Posts that wait for a person, listed on the front page.
MAX_WAITING = 20
#: What a decision is called on its button, by the post's status.
LABELS: dict[PostStatus, dict[Decision, str]] = {
    PostStatus.UNKNOWN: {"published": "It was published", "send": "It was not: send it", "failed": "Leave it"},
    PostStatus.FAILED: {"send": "Send again", "published": "It is there"},
}


def count_view(channel: BaseChannel, text: str) -> dict[str, object]:
    """A text with its length in the channel's own unit."""
    count = channel.count(text)
    return {"text": text, "count": count, "limit": channel.limit, "over": count > channel.limit}


def post_view(row: PostRow, channel: BaseChannel) -> dict[str, object]:
    """A post that is on record."""
    status = PostStatus(row.status)
    url = row.remote_url if re.match(r"https?://", row.remote_url) else ""
    return {
        "id": row.id,
        "status": status.value,
        "reason": row.reason,
        "url": url,
        "price": row.price / 1e6,
        "texts": [count_view(channel, row.text)],
        "part": row.part + 1 if row.parts > 1 else None,
        "decisions": [{"name": name, "label": LABELS[status][name]} for name in DECISIONS.get(status, ())],
    }


def preview_view(frame: Frame, article: Article, table: ChannelSettings, channel: BaseChannel) -> dict[str, object]:
    """What the channel would get of an article that it has no post of."""
    seen = posting.preview(article, channel, table, frame.site.settings)
    return {
        "id": None,
        "status": "preview",
        "reason": seen.problem,
        "url": "",
        "price": seen.price,
        "texts": [count_view(channel, text) for text in seen.texts],
        "part": None,
        "decisions": [],
    }


def channel_view(
    tx: Tx, settings: Settings, table: ChannelSettings, channel: BaseChannel, now: datetime
) -> dict[str, object]:
    """One channel: is it running, what has it done, what does it cost."""
    state = channel_rows.get(tx, table.name)
    counts = posts.counts(tx).get(table.name, {})
    waits = state.wait_until if state else None
    cap = channel.monthly_cap / 1e6
    return {
        "name": table.name,
        "label": channel.label,
        "dry_run": table.dry_run,
        "paused": bool(state and state.paused is not None),
        "waits": datetime.fromtimestamp(waits, now.tzinfo) if waits and waits > now.timestamp() else None,
        "reason": state.reason if state else "",
        "counts": [{"status": str(status), "number": number} for status, number in sorted(counts.items())],
        "spent": posting.spent_this_month(tx, settings, table.name, now) / 1e6,
        "cap": cap,
        "priced": bool(cap),
    }


def part(frame: Frame, root: str, newest: Sequence[Article]) -> dict[str, object]:
    """Everything that the front page shows of channels and posts."""
    channels, broken = _open_all(frame)
    now = frame.site.now_utc()
    with frame.site.store.read() as tx:
        states = [channel_view(tx, frame.site.settings, table, channel, now) for table, channel in channels]
        recorded = {article.id: posts.newest(tx, article_id=article.id) for article in newest[:MAX_ARTICLES]}
        waiting = posts.of_status(tx, PostStatus.UNKNOWN, limit=MAX_WAITING)
    by_name = {table.name: channel for table, channel in channels}
    articles = []
    for article in newest[:MAX_ARTICLES]:
        cards = []
        for table, channel in channels:
            rows = [row for row in recorded[article.id] if row.channel == table.name]
            rows.sort(key=lambda row: row.part)
            shown = [post_view(row, channel) for row in rows] or [preview_view(frame, article, table, channel)]
            # Some platforms take the link beside the text.
            link = article.url if channel.link_apart else ""
            cards.append({"name": table.name, "label": channel.label, "posts": shown, "link": link})
        articles.append({"title": article.title, "href": root + article_path(article), "cards": cards})
    return {
        "channels": states,
        "broken": broken,
        "articles": articles,
        "waiting": [
            post_view(row, by_name[row.channel]) | {"label": by_name[row.channel].label}
            for row in waiting
            if row.channel in by_name
        ],
    }


def _open_all(frame: Frame) -> tuple[list[tuple[ChannelSettings, BaseChannel]], list[dict[str, str]]]:
    """Every channel of the settings; one that is set up wrongly is named with its reason."""
    opened, broken = [], []
    with frame.site.store.read() as tx:
        for table in frame.site.settings.channels:
            try:
                opened.append((table, posting.open_known(tx, frame.site.settings, table, dry_run=True)))
            except MastheadError as error:
                broken.append({"name": table.name, "reason": str(error)})
    return opened, broken


def decide(frame: Frame, request: Request, form: FormData) -> Response:
    given, outcome = request.path_params["id"], request.path_params["outcome"]
    if not re.fullmatch(r"[0-9]{1,18}", given) or outcome not in get_args(Decision):
        raise HTTPException(404)
    try:
        posting.decide(frame.site.store, int(given), cast(Decision, outcome), now=frame.site.now_utc())
    except ChannelError as error:
        return problems.problem(frame, request, 409, what="That is decided already", todo=str(error))
    return RedirectResponse(f"{root_of(request)}/#posts", 303)


def resume(frame: Frame, request: Request, form: FormData) -> Response:
    try:
        posting.resume(frame.site.store, frame.site.settings, request.path_params["name"])
    except SettingsError:
        raise HTTPException(404) from None
    return RedirectResponse(f"{root_of(request)}/#posts", 303)


ROUTES = (
    PostForm("/desk/posts/{id}/{outcome}", decide, DESK),
    PostForm("/desk/channels/{name}/resume", resume, DESK),
)
