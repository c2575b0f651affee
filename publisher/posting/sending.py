"""Posts leave: one holder a channel, one claim a post, one commit before and one after each send.

::

    take the channel (lease) ─→ what a killed process left in "sending" is now unknown
        loop: unknown, due ─→ look: found → published; not there often enough → queued; else look later
              edit due ─────→ change in place
              queued, due ──→ window? spacing? cap? ─→ claim (commit) ─→ publish ─→ settle (commit)
    let the channel go

A wait is a time in a row, never a sleep. Channels do not share anything: each is worked on in a thread of its own,
and what is wrong with one is written into its row and nobody else's.
"""

from __future__ import annotations

import logging
import secrets
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import httpx

from publisher.channels import BaseChannel, Draft, Line, Remote, open_channel, open_client
from publisher.errors import (
    ChannelError,
    CredentialsRefused,
    MastheadError,
    OutcomeUnknown,
    RateLimited,
    SettingsError,
)
from publisher.lib.schedules import WhenReady, parse_rule
from publisher.model import PostStatus
from publisher.posting import timing
from publisher.posting.compose import draft_of, fitted
from publisher.posting.opening import spent_this_month
from publisher.posting.pictures import Fetch, add_pictures, same_picture
from publisher.settings import Settings
from publisher.settings.channels import ChannelSettings
from publisher.store import Store, Tx, posts
from publisher.store import channels as channel_rows
from publisher.store.posts import PostChanges, PostRow

log = logging.getLogger("publisher.posting")

#: How long a channel is held; every claim renews it. Longer than any one post can take.
LEASE_SECONDS = 300.0
#: A post whose preparation (uploads) has taken longer is put off rather than published near the lease's end.
PREPARE_SECONDS = 90.0
#: After this one call takes no further post; the next tick goes on.
PATIENCE_SECONDS = 60.0


@dataclass(slots=True)
class SendReport:
    """What one round did; ``alerts`` are lines for the operator, each said once."""

    published: int = 0
    edited: int = 0
    failed: int = 0
    unknown: int = 0
    deferred: int = 0
    alerts: list[str] = field(default_factory=list)

    def add(self, other: SendReport) -> None:
        self.published += other.published
        self.edited += other.edited
        self.failed += other.failed
        self.unknown += other.unknown
        self.deferred += other.deferred
        self.alerts += other.alerts


Clock = Callable[[], datetime]


def utc_now() -> datetime:
    return datetime.now(UTC)


def due_channels(store: Store, settings: Settings, now: datetime) -> list[str]:
    """Names of the channels that :func:`send_channel` has something to do for."""
    live = {table.name for table in settings.channels if not table.dry_run}
    with store.read() as tx:
        return [name for name in posts.due_channels(tx, now.timestamp()) if name in live]


def send_due(
    store: Store,
    settings: Settings,
    *,
    fetch: Fetch | None = None,
    clock: Clock = utc_now,
) -> SendReport:
    """Send what is due on every channel, each in a thread of its own.

    :param fetch: gets the bytes of an image's URL; without it posts go out without images.
    """
    report = SendReport()
    names = due_channels(store, settings, clock())
    if not names:
        return report
    with ThreadPoolExecutor(max_workers=min(len(names), 16), thread_name_prefix="channel") as pool:

        def work(name: str) -> SendReport:
            return send_channel(store, settings, name, fetch=fetch, clock=clock)

        for done in pool.map(work, names):
            report.add(done)
    return report


def send_channel(
    store: Store,
    settings: Settings,
    name: str,
    *,
    fetch: Fetch | None = None,
    clock: Clock = utc_now,
    only: Iterable[int] | None = None,
) -> SendReport:
    """Send what is due on one channel; nothing while somebody else works on it.

    :param only: ids of the posts that an operator sends by hand, now, whatever window and spacing say.
    """
    table = next((table for table in settings.channels if table.name == name), None)
    if table is None or (table.dry_run and only is None):
        return SendReport()
    token = secrets.token_hex(16)
    with store.begin() as tx:
        now = clock().timestamp()
        if not channel_rows.take(tx, name, token, now, now + LEASE_SECONDS):
            return SendReport()
    try:
        with open_client(settings.net.allow_private) as http:
            return _Sender(store, settings, table, token, fetch, clock, http, only).run()
    except SettingsError as error:
        return _set_up_wrongly(store, name, str(error), clock())
    finally:
        with store.begin() as tx:
            channel_rows.release(tx, name, token)


def _set_up_wrongly(store: Store, name: str, reason: str, now: datetime) -> SendReport:
    """A secret that is not set heals by itself when it is: the channel waits, and says so once."""
    report = SendReport(deferred=1)
    with store.begin() as tx:
        state = channel_rows.get(tx, name)
        if state is None or state.reason != reason:
            report.alerts.append(f"channel {name} cannot post: {reason}")
        channel_rows.change(tx, name, wait_until=now.timestamp() + 60, reason=reason)
    for line in report.alerts:
        log.error(line)
    return report


class _Sender:
    """The work on one channel, while the lease is held."""

    def __init__(
        self,
        store: Store,
        settings: Settings,
        table: ChannelSettings,
        token: str,
        fetch: Fetch | None,
        clock: Clock,
        http: httpx.Client,
        only: Iterable[int] | None,
    ) -> None:
        self.store, self.settings, self.table, self.token = store, settings, table, token
        self.fetch, self.clock, self.http = fetch, clock, http
        self.only = None if only is None else set(only)
        self.zone = ZoneInfo(settings.publication.timezone)
        self.report = SendReport()
        self.channel: BaseChannel = open_channel(table, settings.directory, dry_run=False)
        self.memory: dict[str, Any] = {}

    def run(self) -> SendReport:
        with self.store.begin() as tx:
            state = channel_rows.get(tx, self.table.name)
            if state is None or (state.paused is not None and self.only is None):
                return self.report
            self.memory = state.memory
            first_look = self._now() + timing.LOOKS[0]
            due = None if self.channel.looks is None else first_look if self.channel.looks else self._now()
            self.report.unknown += posts.orphan(
                tx, self.table.name, due, "the process ended before it knew whether this was published"
            )
        self.channel.recall(self.memory)
        started = time.monotonic()
        while time.monotonic() - started < PATIENCE_SECONDS and self._one():
            pass
        return self.report

    def _now(self) -> float:
        return self.clock().timestamp()

    def _one(self) -> bool:
        """Do the next thing there is to do; ``False`` when there is none, or the channel has to wait."""
        now = self._now()
        with self.store.begin() as tx:
            if not channel_rows.keep(tx, self.table.name, self.token, now + LEASE_SECONDS):
                return False
            state = channel_rows.get(tx, self.table.name)
            if state is None or (self.only is None and (state.paused or (state.wait_until or 0) > now)):
                return False
            unknown = posts.next_unknown(tx, self.table.name, now)
            edit = None if unknown else posts.next_edit(tx, self.table.name, now)
            row = None if unknown or edit else self._claim_next(tx, now)
        if unknown:
            return self._look(unknown)
        if edit:
            return self._edit(edit)
        return self._publish(row) if row else False

    def _claim_next(self, tx: Tx, now: float) -> PostRow | None:
        """The next post, claimed; ``None`` when none may go now."""
        row = posts.next_queued(tx, self.table.name, now)
        if self.only is not None:
            rows = [found for post_id in sorted(self.only) if (found := posts.by_id(tx, post_id))]
            row = next((found for found in rows if found.status != PostStatus.PUBLISHED), None)
            if row is not None and row.status != PostStatus.QUEUED:
                return None  # the next of a thread waits for the one before
        if row is None or not (self._may_go(tx, row) and posts.claim(tx, row.id, self.token, now)):
            return None
        return posts.by_id(tx, row.id)

    def _scheduled_at(self, tx: Tx, row: PostRow, moment: datetime) -> datetime:
        """When the channel's schedule lets this post go."""
        rule = parse_rule(self.table.schedule)
        released = row.created <= self.memory.get("released", 0.0)
        waiting = posts.waiting(tx, self.table.name) if isinstance(rule, WhenReady) and not released else 0
        queued = datetime.fromtimestamp(row.created, UTC)
        at = timing.scheduled_at(moment, rule, self.zone.key, queued=queued, released=released, waiting=waiting)
        if at <= moment and isinstance(rule, WhenReady) and not released:
            # All that wait now go, also when those that went first leave fewer than the rule asks for.
            self.memory["released"] = moment.timestamp()
            channel_rows.change(tx, self.table.name, memory=self.memory)
        return at

    def _may_go(self, tx: Tx, row: PostRow) -> bool:
        """Whether window, spacing and cap let this post go; else it is put off until they may."""
        moment = self.clock()
        at, reason = moment, ""
        if self.only is None and row.part == 0 and row.first_sent is None:
            last = posts.last_sent(tx, self.table.name)
            at = timing.spaced_at(moment, _instant(last), self.table.spacing_minutes)
            at = timing.opens_at(at, self.table.windows, self.zone)
            at = max(at, self._scheduled_at(tx, row, moment))
        cap = self.channel.monthly_cap
        if cap and row.first_sent is None:
            spent = spent_this_month(tx, self.settings, self.table.name, moment)
            if spent + row.price > cap:
                at = max(at, timing.next_month(moment, self.zone))
                reason = f"the monthly cap of ${cap / 1e6:.2f} is reached (${spent / 1e6:.3f} spent)"
        if at <= moment:
            return True
        posts.change(tx, row.id, due=at.timestamp(), reason=reason)
        month = moment.astimezone(self.zone).strftime("%Y-%m")
        if reason and self.memory.get("cap_told") != month:
            self.memory["cap_told"] = month
            channel_rows.change(tx, self.table.name, memory=self.memory)
            self._alert(f"channel {self.table.name}: {reason}; its posts wait for the next month")
        self.report.deferred += 1
        return False

    # One post.

    def _publish(self, row: PostRow) -> bool:
        try:
            line, draft = self._line(row), self._draft(row)
            line.until = self.clock() + timedelta(seconds=PREPARE_SECONDS)
            self.channel.learn(line)
            draft = self._refit(row, draft)
            draft = add_pictures(draft, row, self.channel, self.table, line, self.fetch)
            remote = self.channel.publish(draft, line)
        except MastheadError as error:
            return self._went_wrong(row, error)
        except Exception as error:  # a bug of ours must not leave the row claimed, nor call it unsent
            log.exception("channel %s: post %s", self.table.name, row.id)
            return self._went_wrong(row, OutcomeUnknown(f"{type(error).__name__} while posting"))
        self._published(row, remote)
        return True

    def _published(self, row: PostRow, remote: Remote) -> None:
        with self.store.begin() as tx:
            posts.settle(
                tx,
                row.id,
                None,
                status=PostStatus.PUBLISHED,
                published=self._now(),
                remote_id=remote.id,
                remote_url=remote.url,
                remote_version=remote.version,
                due=None,
                reason="",
            )
            channel_rows.change(tx, self.table.name, reason="", wait_until=None)
        self.report.published += 1

    def _went_wrong(self, row: PostRow, error: MastheadError) -> bool:
        """Write down a failure; whether the channel may go on with its next post."""
        now, reason = self._now(), self.channel.vault.mask(str(error))
        wait: float | None = None
        values: PostChanges
        alert = ""
        if isinstance(error, OutcomeUnknown):
            pause = max(timing.LOOKS[0], timing.BACK_OFF.wait(row.attempts))
            nobody_can = self.channel.looks is None or timing.BACK_OFF.gives_up(row.attempts)
            due = None if nobody_can else now + pause
            values = {"status": PostStatus.UNKNOWN, "due": due, "looks": 0}
            self.report.unknown += 1
            wait = now + timing.LOOKS[0]  # a platform in trouble is left alone for a while
            if due is None:
                alert = f"channel {self.table.name}: post {row.id} may or may not be published: {reason}"
        elif isinstance(error, RateLimited):
            wait = max(error.retry_at.timestamp(), now + 1)
            values = {"status": PostStatus.QUEUED, "due": wait}
            self.report.deferred += 1
        elif isinstance(error, (CredentialsRefused, SettingsError)):
            values = {"status": PostStatus.QUEUED, "due": now}
            self.report.deferred += 1
        elif error.permanent or timing.BACK_OFF.gives_up(row.attempts):
            values = {"status": PostStatus.FAILED, "due": None}
            self.report.failed += 1
            alert = f"channel {self.table.name}: post {row.id} failed: {reason}"
        else:
            wait = now + timing.BACK_OFF.wait(row.attempts)
            values = {"status": PostStatus.QUEUED, "due": wait}
            self.report.deferred += 1
        with self.store.begin() as tx:
            values["reason"] = reason
            posts.settle(tx, row.id, self.token, **values)
            if wait is not None:
                channel_rows.change(tx, self.table.name, wait_until=wait, reason=reason)
        if alert:
            self._alert(alert)
        if isinstance(error, CredentialsRefused):
            self._pause(reason)
        elif isinstance(error, SettingsError):
            raise error
        return wait is None and not isinstance(error, CredentialsRefused)

    def _look(self, row: PostRow) -> bool:
        """Find out what became of an unknown post, or send it again where that is safe."""
        looks = row.looks + 1
        found: Remote | None = None
        values: PostChanges = {"looks": looks}
        try:
            if self.channel.looks:
                found = self.channel.find(self._draft(row), self._line(row))
        except RateLimited as error:
            values = {"due": max(error.retry_at.timestamp(), self._now() + 1)}
        except CredentialsRefused as error:
            self._pause(self.channel.vault.mask(str(error)))
            return False
        except SettingsError:
            raise
        except MastheadError as error:  # this look could not tell: it does not count
            values = {"due": self._now() + 3600, "reason": self.channel.vault.mask(str(error))}
        else:
            if found is not None:
                self._published(row, found)
                return True
            if looks >= (self.channel.looks or 0):
                values |= {"status": PostStatus.QUEUED, "due": self._now()}
                values["reason"] = "not found on the platform: sent again"
            else:
                values["due"] = self._now() + timing.LOOKS[min(looks, len(timing.LOOKS) - 1)]
        with self.store.begin() as tx:
            posts.settle(tx, row.id, None, **values)
        self.report.deferred += 1
        return True

    def _edit(self, row: PostRow) -> bool:
        remote = Remote(row.remote_id, row.remote_url, row.remote_version)
        values: PostChanges = {"edit_due": None}
        keep_on = True
        try:
            line = self._line(row)
            draft = same_picture(self._draft(row), row, self.table, line)
            updated = self.channel.update(remote, draft, line)
        except CredentialsRefused as error:
            self._pause(self.channel.vault.mask(str(error)))
            return False
        except ChannelError as error:
            reason = self.channel.vault.mask(str(error))
            attempts = row.edit_attempts + 1
            at = self._now() + timing.BACK_OFF.wait(attempts)
            if isinstance(error, RateLimited):
                at, attempts = max(error.retry_at.timestamp(), self._now() + 1), row.edit_attempts
            again = not error.permanent and not timing.BACK_OFF.gives_up(attempts)
            values = {"edit_due": at if again else None, "edit_attempts": attempts, "reason": f"not edited: {reason}"}
            keep_on = False
        else:
            values |= {"remote_url": updated.url, "remote_version": updated.version, "reason": ""}
            self.report.edited += 1
        with self.store.begin() as tx:
            posts.change(tx, row.id, **values)
            if not keep_on and values["edit_due"]:
                channel_rows.change(tx, self.table.name, wait_until=values["edit_due"])
        return keep_on

    # Help.

    def _line(self, row: PostRow) -> Line:
        progress: dict[str, Any] = row.progress

        def save() -> None:
            with self.store.begin() as tx:
                posts.change(tx, row.id, progress=progress)
                channel_rows.change(tx, self.table.name, memory=self.memory)

        return Line(self.http, self.channel.vault, self.clock, self.memory, progress, save)

    def _draft(self, row: PostRow) -> Draft:
        draft = draft_of(
            row.content,
            key=row.key,
            text=row.text,
            part=row.part,
            created=datetime.fromtimestamp(row.created, UTC),
            article_id=row.article_id,
            revision=row.revision,
        )
        draft = replace(draft, since=_instant(row.first_sent))
        if row.part == 0:
            return draft
        with self.store.read() as tx:
            thread = posts.of_article(tx, self.table.name, row.article_id)
        before = [Remote(other.remote_id, other.remote_url, other.remote_version) for other in thread]
        earlier = tuple(remote.id for remote in before[: row.part])
        return replace(draft, root=before[0], reply_to=before[row.part - 1], before=earlier)

    def _refit(self, row: PostRow, draft: Draft) -> Draft:
        """A post that no longer fits what the platform told us meanwhile is cut anew; one that was tried stays."""
        if row.parts != 1 or row.attempts > 1 or self.channel.fits(draft.text):
            return draft
        (text,) = fitted(row.whole, draft.url, self.channel, self.table.model_copy(update={"thread": 1}))
        with self.store.begin() as tx:
            posts.change(tx, row.id, text=text)
        return replace(draft, text=text)

    def _pause(self, reason: str) -> None:
        with self.store.begin() as tx:
            fresh = channel_rows.pause(tx, self.table.name, self._now(), reason)
        if fresh:
            self._alert(
                f"channel {self.table.name} is paused: {reason}; "
                f"when it is mended, run: masthead channels test {self.table.name}"
            )

    def _alert(self, line: str) -> None:
        self.report.alerts.append(line)
        log.error(line)


def _instant(value: float | None) -> datetime | None:
    return None if value is None else datetime.fromtimestamp(value, UTC)
