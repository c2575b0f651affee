"""What an operator does by hand: preview, dry run, post now, test a channel, decide what nobody can tell."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from publisher.channels import BaseChannel, Line, PlatformRequest, open_channel, open_client
from publisher.errors import ChannelError, MastheadError
from publisher.model import Article, PostStatus
from publisher.posting.compose import compose, content_of, draft_of, key_of
from publisher.posting.held import Clock, SendReport
from publisher.posting.opening import channel_table, open_known
from publisher.posting.pictures import Fetch
from publisher.posting.queueing import post_rows
from publisher.posting.rounds import send_channel, utc_now
from publisher.settings import Settings
from publisher.settings.channels import ChannelSettings
from publisher.store import Store, articles, posts
from publisher.store import channels as channel_rows


@dataclass(frozen=True, slots=True)
class Preview:
    """What a channel would get of an article; ``price`` in US dollars, ``problem`` empty when it can go."""

    channel: str
    kind: str
    label: str
    texts: tuple[str, ...]
    counts: tuple[int, ...]
    limit: int
    url: str
    price: float = 0.0
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Posted:
    """What became of a post that was sent by hand."""

    channel: str
    status: PostStatus
    url: str = ""
    reason: str = ""
    alerts: tuple[str, ...] = ()


def preview(article: Article, channel: BaseChannel, table: ChannelSettings, settings: Settings) -> Preview:
    """The post that ``article`` would become on a channel of :func:`open_known`: rendered and cut as the real one."""
    try:
        made = compose(article, channel, table, settings.as_publication(), settings.directory)
    except MastheadError as error:
        return Preview(table.name, table.kind, channel.label, (), (), channel.limit, article.url, problem=str(error))
    counts = tuple(channel.count(text) for text in made.texts)
    return Preview(table.name, table.kind, channel.label, made.texts, counts, channel.limit, made.url, made.price / 1e6)


def dry_run(
    article: Article,
    channel: BaseChannel,
    table: ChannelSettings,
    settings: Settings,
    now: datetime,
    *,
    revision: str = "",
) -> bytes:
    """Every request that would be sent, byte for byte as HTTP/1.1, with each secret masked as ``***``.

    What only a reply gives (an id, an access token) stands as ``{name}``; images are not fetched for a look.

    :param channel: of :func:`open_known`, with ``dry_run``.
    :param revision: the article's, see :mod:`publisher.store.articles`.
    :raises ChannelError: no cut makes it fit.
    """
    publication = settings.as_publication()
    made = compose(article, channel, table, publication, settings.directory)
    content = content_of(article, made, publication)
    found: list[PlatformRequest] = []
    for part, text in enumerate(made.texts):
        key = key_of(table.name, article.id, part)
        draft = draft_of(content, key=key, text=text, part=part, created=now, article_id=article.id, revision=revision)
        found += channel.requests(draft)
    return b"\n\n".join(channel.vault.mask_bytes(request.to_bytes()) for request in found) + b"\n"


def post_now(
    store: Store,
    settings: Settings,
    article: Article,
    name: str,
    *,
    fetch: Fetch | None = None,
    clock: Clock = utc_now,
) -> Posted:
    """Post ``article`` on one channel now, whatever window and spacing say; never a second time.

    :raises SettingsError: there is no such channel, or it is set up wrongly.
    :raises ChannelError: it is on the channel already, or may be.
    """
    table = channel_table(settings, name)
    with store.begin() as tx:
        channel_rows.see(tx, name, table.kind, clock().timestamp())
        channel = open_known(tx, settings, table)
        posts.unskip(tx, name, article.id)
        before = posts.of_article(tx, name, article.id)
        if any(row.status == PostStatus.PUBLISHED for row in before):
            raise ChannelError(f"already on {name}: {before[0].remote_url or before[0].remote_id}")
        if any(row.status in (PostStatus.UNKNOWN, PostStatus.SENDING) for row in before):
            raise ChannelError(f"a post on {name} may be published already; decide on post {before[0].id} first")
        if not posts.remove_unsent(tx, name, article.id):
            for row in before:
                posts.change(tx, row.id, status=PostStatus.QUEUED, due=clock().timestamp())
        revision = articles.revision_of(tx, article.id)
        posts.add(tx, post_rows(article, revision, channel, table, settings, clock()))
        rows = posts.of_article(tx, name, article.id)
    report = SendReport()
    if not table.dry_run:
        ids = [row.id for row in rows]
        report = send_channel(store, settings, name, fetch=fetch, clock=clock, only=ids)
    with store.read() as tx:
        rows = posts.of_article(tx, name, article.id)
    worst = next((row for row in rows if row.status != PostStatus.PUBLISHED), rows[0])
    return Posted(name, worst.status, rows[0].remote_url, worst.reason, tuple(report.alerts))


def ask_channel(store: Store, settings: Settings, name: str, *, clock: Clock = utc_now) -> str:
    """Ask a channel who we are. Nothing is published, and nothing is written but what its kind remembers: an access
    token that was renewed for the question is kept, because the old one may be worth nothing afterwards.

    :raises SettingsError: there is no such channel, or it is set up wrongly.
    :raises ChannelError: what the platform says is wrong.
    """
    table = channel_table(settings, name)
    channel = open_channel(table, settings.directory, dry_run=False)
    with store.read() as tx:
        state = channel_rows.get(tx, name)
    memory = state.memory if state else {}

    def save() -> None:
        with store.begin() as tx:
            channel_rows.see(tx, name, table.kind, clock().timestamp())
            channel_rows.change(tx, name, memory=memory)

    try:
        with open_client(settings.net.allow_private) as http:
            return channel.test(Line(http, channel.vault, clock, memory, {}, save))
    except MastheadError as error:
        error.args = (channel.vault.mask(str(error)),)
        raise


def try_channel(store: Store, settings: Settings, name: str, *, clock: Clock = utc_now) -> str:
    """Ask a channel who we are, publishing nothing; when it answers, a paused channel goes on.

    :raises SettingsError: there is no such channel, or it is set up wrongly.
    :raises ChannelError: what the platform says is wrong.
    """
    line = ask_channel(store, settings, name, clock=clock)
    with store.begin() as tx:
        channel_rows.see(tx, name, channel_table(settings, name).kind, clock().timestamp())
        channel_rows.change(tx, name, paused=None, wait_until=None, reason="")
    return line


Decision = Literal["published", "failed", "send"]
#: What a person may decide about a post, by its status.
DECISIONS: dict[PostStatus, tuple[Decision, ...]] = {
    PostStatus.UNKNOWN: ("published", "send", "failed"),
    PostStatus.FAILED: ("send", "published"),
}


def decide(store: Store, post_id: int, outcome: Decision, *, url: str = "", now: datetime) -> None:
    """A person says what became of a post that nobody else can tell, or has a failed one sent again.

    :raises ChannelError: the post is not in doubt and has not failed, or has failed already.
    """
    with store.begin() as tx:
        row = posts.by_id(tx, post_id)
        if row is None or outcome not in DECISIONS.get(PostStatus(row.status), ()):
            state = "not there" if row is None else row.status
            raise ChannelError(f"post {post_id} is {state}; only an unknown or failed post can be decided")
        if outcome == "published":
            at = now.timestamp()
            posts.change(tx, post_id, status=PostStatus.PUBLISHED, published=at, remote_url=url, due=None, reason="")
        elif outcome == "failed":
            posts.change(tx, post_id, status=PostStatus.FAILED, due=None)
        else:
            posts.change(tx, post_id, status=PostStatus.QUEUED, due=now.timestamp(), looks=0, attempts=0)


def resume(store: Store, settings: Settings, name: str) -> None:
    """Let a paused channel go on without asking it.

    :raises SettingsError: there is no such channel.
    """
    channel_table(settings, name)
    with store.begin() as tx:
        channel_rows.change(tx, name, paused=None, wait_until=None, reason="")
