"""What follows from a try, a look or an edit that did not go well. Pure functions of the failure and the instant.

::

    try      may be out there  → unknown   looked for later; a person decides where nobody can look
             asked to wait     → queued    the channel waits until then
             our set-up        → queued    the channel is paused, or waits until it is mended
             refused for good  → failed
             anything else     → queued    and the channel waits, longer each time
    look     not found often enough → queued, else looked for again
    edit     tried again later, until it is refused for good
"""

from __future__ import annotations

from dataclasses import dataclass

from publisher.errors import ChannelError, CredentialsRefused, MastheadError, OutcomeUnknown, RateLimited, SettingsError
from publisher.model import PostStatus
from publisher.posting import timing
from publisher.store.posts import PostChanges

#: Seconds until the next look after one that could not tell.
NO_TELLING_SECONDS = 3600.0


@dataclass(frozen=True, slots=True)
class FailedTry:
    """``status`` and ``due`` of the post after it, and when the channel may go on; ``alert`` where a person must know.

    ``goes_on`` says whether the channel may turn to its next post at once.
    """

    status: PostStatus
    due: float | None
    wait_until: float | None = None
    alert: str = ""
    goes_on: bool = True


def after_try(
    error: MastheadError, reason: str, post_id: int, attempts: int, looks: int | None, now: float
) -> FailedTry:
    """What becomes of a post that could not be published.

    :param reason: what ``error`` says, without secrets.
    :param looks: how often the channel can be looked at for a post, as :class:`publisher.channels.BaseChannel` says.
    """
    if isinstance(error, OutcomeUnknown):
        nobody_can = looks is None or timing.BACK_OFF.gives_up(attempts)
        pause = max(timing.LOOKS_SECONDS[0], timing.BACK_OFF.wait(attempts))
        alert = f"post {post_id} may or may not be published: {reason}" if nobody_can else ""
        # A platform in trouble is left alone for a while.
        wait_until = now + timing.LOOKS_SECONDS[0]
        return FailedTry(PostStatus.UNKNOWN, None if nobody_can else now + pause, wait_until, alert, goes_on=False)
    if isinstance(error, RateLimited):
        at = asked_at(error, now)
        return FailedTry(PostStatus.QUEUED, at, at, goes_on=False)
    if isinstance(error, (CredentialsRefused, SettingsError)):
        return FailedTry(PostStatus.QUEUED, now, goes_on=False)
    if error.permanent or timing.BACK_OFF.gives_up(attempts):
        return FailedTry(PostStatus.FAILED, None, alert=f"post {post_id} failed: {reason}")
    at = now + timing.BACK_OFF.wait(attempts)
    return FailedTry(PostStatus.QUEUED, at, at, goes_on=False)


def after_look(looks: int, enough: int, now: float) -> PostChanges:
    """What becomes of an unknown post that look number ``looks`` did not find."""
    if looks >= enough:
        reason = "not found on the platform: sent again"
        return {"looks": looks, "status": PostStatus.QUEUED, "due": now, "reason": reason}
    waits = timing.LOOKS_SECONDS
    return {"looks": looks, "due": now + waits[min(looks, len(waits) - 1)]}


def after_failed_look(error: MastheadError, reason: str, now: float) -> PostChanges:
    """When to look again after a look that could not tell; such a look does not count."""
    if isinstance(error, RateLimited):
        return {"due": asked_at(error, now)}
    return {"due": now + NO_TELLING_SECONDS, "reason": reason}


def after_failed_edit(error: ChannelError, reason: str, attempts: int, now: float) -> PostChanges:
    """When an edit is tried again, after ``attempts`` failed ones before; never where that cannot help."""
    at = now + timing.BACK_OFF.wait(attempts + 1)
    counted = attempts + 1
    if isinstance(error, RateLimited):
        at, counted = asked_at(error, now), attempts
    again = not error.permanent and not timing.BACK_OFF.gives_up(counted)
    return {"edit_due": at if again else None, "edit_attempts": counted, "reason": f"not edited: {reason}"}


def asked_at(error: RateLimited, now: float) -> float:
    """The instant that the platform asked us to wait for, at least a second away."""
    return max(error.retry_at.timestamp(), now + 1)
