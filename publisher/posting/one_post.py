"""One post of a held channel: published, looked for when its outcome is unknown, or changed in place.

::

    publish(held, row)   row is claimed  → published, or what a failure leads to
    look(held, row)      row is unknown  → published, or queued when it is not there often enough
    edit(held, row)      row is published, its article was edited

Each returns whether the channel may go on with its next post. One commit is made before and one after each request
that publishes. What a failure leads to is decided in :mod:`publisher.posting.failures`.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from publisher.channels import Draft, Line, Remote
from publisher.errors import ChannelError, CredentialsRefused, MastheadError, OutcomeUnknown, SettingsError
from publisher.model import PostStatus
from publisher.posting.claiming import instant
from publisher.posting.compose import draft_of, fitted
from publisher.posting.failures import after_failed_edit, after_failed_look, after_look, after_try
from publisher.posting.held import HeldChannel, log
from publisher.posting.pictures import add_pictures, same_picture
from publisher.store import channels as channel_rows
from publisher.store import post_claims, posts
from publisher.store.posts import PostChanges, PostRow

#: A post whose preparation (uploads) has taken longer is put off rather than published near the lease's end.
PREPARE_SECONDS = 90.0


def publish(held: HeldChannel, row: PostRow) -> bool:
    """Send a claimed post once, and write down what became of it."""
    try:
        line, draft = _line(held, row), _draft(held, row)
        line.until = held.clock() + timedelta(seconds=PREPARE_SECONDS)
        held.channel.learn(line)
        draft = _refit(held, row, draft)
        draft = add_pictures(draft, row, held.channel, held.table, line, held.fetch)
        remote = held.channel.publish(draft, line)
    except MastheadError as error:
        return _failed(held, row, error)
    except Exception as error:  # a bug of ours must not leave the row claimed, nor call it unsent
        log.exception("channel %s: post %s", held.name, row.id)
        return _failed(held, row, OutcomeUnknown(f"{type(error).__name__} while posting"))
    _published(held, row, remote)
    return True


def look(held: HeldChannel, row: PostRow) -> bool:
    """Find out what became of an unknown post, or send it again where that is safe."""
    channel = held.channel
    found: Remote | None = None
    changes: PostChanges
    try:
        if channel.looks:
            found = channel.find(_draft(held, row), _line(held, row))
    except CredentialsRefused as error:
        held.pause(held.masked(error))
        return False
    except SettingsError:
        raise
    except MastheadError as error:
        changes = after_failed_look(error, held.masked(error), held.now())
    else:
        if found is not None:
            _published(held, row, found)
            return True
        changes = after_look(row.looks + 1, channel.looks or 0, held.now())
    with held.store.begin() as tx:
        post_claims.settle(tx, row.id, None, **changes)
    held.report.deferred += 1
    return True


def edit(held: HeldChannel, row: PostRow) -> bool:
    """Change a published post in place."""
    remote = Remote(row.remote_id, row.remote_url, row.remote_version)
    try:
        line = _line(held, row)
        draft = same_picture(_draft(held, row), row, held.table, line)
        updated = held.channel.update(remote, draft, line)
    except CredentialsRefused as error:
        held.pause(held.masked(error))
        return False
    except ChannelError as error:
        changes = after_failed_edit(error, held.masked(error), row.edit_attempts, held.now())
        with held.store.begin() as tx:
            posts.change(tx, row.id, **changes)
            if changes["edit_due"]:
                channel_rows.change(tx, held.name, wait_until=changes["edit_due"])
        return False
    held.report.edited += 1
    with held.store.begin() as tx:
        version, url = updated.version, updated.url
        posts.change(tx, row.id, edit_due=None, remote_url=url, remote_version=version, reason="")
    return True


def _published(held: HeldChannel, row: PostRow, remote: Remote) -> None:
    with held.store.begin() as tx:
        post_claims.settle(
            tx,
            row.id,
            None,
            status=PostStatus.PUBLISHED,
            published=held.now(),
            remote_id=remote.id,
            remote_url=remote.url,
            remote_version=remote.version,
            due=None,
            reason="",
        )
        channel_rows.change(tx, held.name, reason="", wait_until=None)
    held.report.published += 1


def _failed(held: HeldChannel, row: PostRow, error: MastheadError) -> bool:
    reason = held.masked(error)
    after = after_try(error, reason, row.id, row.attempts, held.channel.looks, held.now())
    changes: PostChanges = {"status": after.status, "due": after.due, "reason": reason}
    match after.status:
        case PostStatus.UNKNOWN:
            changes["looks"] = 0
            held.report.unknown += 1
        case PostStatus.FAILED:
            held.report.failed += 1
        case _:
            held.report.deferred += 1
    with held.store.begin() as tx:
        post_claims.settle(tx, row.id, held.token, **changes)
        if after.wait_until is not None:
            channel_rows.change(tx, held.name, wait_until=after.wait_until, reason=reason)
    if after.alert:
        held.report.alert(f"channel {held.name}: {after.alert}")
    if isinstance(error, CredentialsRefused):
        held.pause(reason)
    elif isinstance(error, SettingsError):
        raise error
    return after.goes_on


def _line(held: HeldChannel, row: PostRow) -> Line:
    progress = row.progress

    def save() -> None:
        with held.store.begin() as tx:
            posts.change(tx, row.id, progress=progress)
            channel_rows.change(tx, held.name, memory=held.memory)

    return Line(held.http, held.channel.vault, held.clock, held.memory, progress, save)


def _draft(held: HeldChannel, row: PostRow) -> Draft:
    draft = draft_of(
        row.content,
        key=row.key,
        text=row.text,
        part=row.part,
        created=datetime.fromtimestamp(row.created, UTC),
        article_id=row.article_id,
        revision=row.revision,
    )
    draft = replace(draft, since=instant(row.first_sent))
    if row.part == 0:
        return draft
    with held.store.read() as tx:
        thread = posts.of_article(tx, held.name, row.article_id)
    before = [Remote(other.remote_id, other.remote_url, other.remote_version) for other in thread]
    earlier = tuple(remote.id for remote in before[: row.part])
    return replace(draft, root=before[0], reply_to=before[row.part - 1], before=earlier)


def _refit(held: HeldChannel, row: PostRow, draft: Draft) -> Draft:
    """A post that no longer fits what the platform told us meanwhile is cut anew; one that was tried stays."""
    if row.parts != 1 or row.attempts > 1 or held.channel.fits(draft.text):
        return draft
    (text,) = fitted(row.whole, draft.url, held.channel, held.table.model_copy(update={"thread": 1}))
    with held.store.begin() as tx:
        posts.change(tx, row.id, text=text)
    return replace(draft, text=text)
