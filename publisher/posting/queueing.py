"""New and edited articles become rows: each article once per channel, for ever.

::

    articles ─ not known to the channel ──→ queued (or recorded, in a dry run)
             ─ known, revision changed ──→ not yet tried: its text is replaced
                                           published: an edit is due, where the channel can
             ─ there before the channel ─→ skipped, as backfill says
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from publisher.channels import BaseChannel, open_channel
from publisher.errors import ChannelError, RenderError
from publisher.model import Article, PostStatus
from publisher.posting.compose import Composition, compose, content_of, key_of
from publisher.posting.opening import open_known
from publisher.settings import Settings
from publisher.settings.channels import ChannelSettings
from publisher.store import Store, Tx, posts
from publisher.store import articles as article_rows
from publisher.store import channels as channel_rows
from publisher.store.posts import NewPost, PostChanges, PostRow

#: Articles that are queued in one transaction.
BATCH = 50


@dataclass(slots=True)
class QueueReport:
    """What was decided: posts queued, recorded by dry runs, and edits due; ``problems`` are one line each."""

    queued: int = 0
    recorded: int = 0
    edits: int = 0
    problems: list[str] = field(default_factory=list)

    @property
    def total(self) -> int:
        return self.queued + self.recorded


def check_channels(settings: Settings) -> None:
    """Refuse a channel whose kind or options are wrong, before anything is done.

    :raises SettingsError: one line that names channel, option, value and what was expected.
    """
    for table in settings.channels:
        open_channel(table, settings.directory)


def queue_posts(
    store: Store, settings: Settings, articles: Iterable[Article], now: datetime, *, old: Collection[str] = ()
) -> QueueReport:
    """Queue what is new on each channel; nothing is sent. Run again, it queues nothing.

    :param articles: those that are offered now, in any order.
    :param old: ids of articles that are no news, such as an imported archive: only a channel whose ``backfill``
        is ``all`` (a dry run's default) posts them.
    :raises SettingsError: a channel's table is wrong.
    """
    report = QueueReport()
    ordered = sorted(articles, key=lambda article: (article.published, article.id))
    with store.read() as tx:
        revisions = article_rows.revisions(tx)
    for table in settings.channels:
        try:
            _queue_channel(store, settings, table, ordered, now, report, old, revisions)
        except RenderError as error:  # a template of one channel stops no other
            report.problems.append(f"channel {table.name}: {error}")
    return report


def _queue_channel(
    store: Store,
    settings: Settings,
    table: ChannelSettings,
    articles: list[Article],
    now: datetime,
    report: QueueReport,
    old: Collection[str],
    revisions: Mapping[str, str],
) -> None:
    wanted = [article for article in articles if _wanted(article, table)]
    with store.begin() as tx:
        channel = open_known(tx, settings, table)
        if channel_rows.see(tx, table.name, table.kind, now.timestamp()):
            posts.skip(tx, table.name, [article.id for article in _there_before(articles, wanted, table)])
        known = posts.known_articles(tx, table.name)
    due = []
    for article in wanted:
        revision = known.get(article.id)
        if revision in ("", revisions[article.id]):
            continue
        if revision is None and article.id in old and _backfill(table) != "all":
            continue
        due.append((article, revision is None))
    for start in range(0, len(due), BATCH):
        # Composed before the transaction opens: nobody waits for a template.
        made = [
            (*one, post_rows(one[0], revisions[one[0].id], channel, table, settings, now))
            for one in due[start : start + BATCH]
        ]
        with store.begin() as tx:
            for article, fresh, rows in made:
                _put(tx, article, channel, table, rows, fresh, now, report)


def _put(
    tx: Tx,
    article: Article,
    channel: BaseChannel,
    table: ChannelSettings,
    rows: list[NewPost],
    fresh: bool,
    now: datetime,
    report: QueueReport,
) -> None:
    """Queue one article's posts, or carry its edit to those that are there."""
    if not fresh and not posts.remove_unsent(tx, table.name, article.id):
        report.edits += _edit(tx, article, channel, table, rows, now)
        return
    added = posts.add(tx, rows)
    if not fresh or not added:
        return
    if rows[0].status == PostStatus.FAILED:
        report.problems.append(f"channel {table.name}: {article.title}: {rows[0].reason}")
    elif table.dry_run:
        report.recorded += added
    else:
        report.queued += added


def _wanted(article: Article, table: ChannelSettings) -> bool:
    in_section = not table.sections or article.section in table.sections
    return in_section and (not table.tags or bool(set(article.tags) & set(table.tags)))


def _there_before(articles: list[Article], wanted: list[Article], table: ChannelSettings) -> list[Article]:
    """What a channel that is seen for the first time does not post."""
    if _backfill(table) == "all":
        return []
    kept = wanted[-1:] if _backfill(table) == "newest" else []
    return [article for article in articles if article not in kept]


def _backfill(table: ChannelSettings) -> str:
    return table.backfill or ("all" if table.dry_run else "none")


def post_rows(
    article: Article,
    revision: str,
    channel: BaseChannel,
    table: ChannelSettings,
    settings: Settings,
    now: datetime,
) -> list[NewPost]:
    """The rows of an article's posts; one that cannot be made to fit is failed from the start, with its reason.

    :raises RenderError: the template failed.
    """
    publication = settings.as_publication()
    reason = ""
    status = PostStatus.RECORDED if table.dry_run else PostStatus.QUEUED
    try:
        composition = compose(article, channel, table, publication, settings.directory)
    except ChannelError as error:
        composition, status, reason = Composition("", ("",), article.url, 0), PostStatus.FAILED, str(error)
    content = content_of(article, composition, publication)
    return [
        NewPost(
            channel=table.name,
            article_id=article.id,
            part=part,
            parts=len(composition.texts),
            revision=revision,
            status=status,
            key=key_of(table.name, article.id, part),
            whole=composition.whole,
            text=text,
            content=content,
            article_published=article.published.timestamp(),
            created=now.timestamp(),
            due=now.timestamp() if status is PostStatus.QUEUED else None,
            price=channel.price(text),
            reason=reason,
        )
        for part, text in enumerate(composition.texts)
    ]


def _edit(
    tx: Tx,
    article: Article,
    channel: BaseChannel,
    table: ChannelSettings,
    rows: list[NewPost],
    now: datetime,
) -> int:
    """Carry an edit to posts that were tried already; returns how many edits are now due.

    A thread keeps its number of posts: an edit never makes a new one. A post that is queued for another try
    keeps its text, because the first try may have been carried out.
    """
    edits = 0
    new = {row.part: row for row in rows}
    for old in posts.of_article(tx, table.name, article.id):
        values: PostChanges = {"revision": rows[0].revision}
        row = new.get(old.part)
        changed = row is not None and row.text and _shown(old) != _shown(row)
        can = channel.edits and table.updates and old.status == PostStatus.PUBLISHED and old.remote_id
        if row is not None and changed and can and len(rows) == old.parts:
            values |= {"text": row.text, "whole": row.whole, "content": row.content}
            values |= {"edit_due": now.timestamp(), "edit_attempts": 0}
            edits += 1
        posts.change(tx, old.id, **values)
    return edits


def _shown(row: NewPost | PostRow) -> tuple[str, ...]:
    """What an edit changes visibly."""
    return row.text, row.content["title"], row.content["summary"], row.content["url"]
