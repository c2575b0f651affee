"""Sending notices: rows of ``notice`` become messages, one at a time.

A notice is claimed for five minutes before it leaves and settled after; a crash in between sends it again, with
the same Message-ID. What is refused for now is tried again at growing distances, and given up after about a day of
trying; a confirmation is void as soon as its link is.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import UTC, datetime

from publisher.digests.composing import signer_for
from publisher.errors import MastheadError
from publisher.lib import links
from publisher.lib.backoff import BackOff
from publisher.lib.tokens import Keyring
from publisher.mail.feedback.verp import bounce_address
from publisher.mail.notices import notice_message
from publisher.mail.transport import Outcome, Outgoing, Result, Transport
from publisher.rendering.notices import render_notice
from publisher.settings import Settings
from publisher.store import Store, notices, signups, subscribers
from publisher.store.notices import NoticeRow, NoticeState
from publisher.subscribers.personal_links import CONFIRM_SECONDS, confirm_url, keyring_of

#: The waits before the tenth try make a day; a notice that was kept for a later day has as many tries as any other.
BACK_OFF = BackOff((60.0, 300.0, 900.0, 3600.0, 4 * 3600.0), tries=10, seconds=86_400.0)

log = logging.getLogger(__name__)


def send_due_notices(
    store: Store, settings: Settings, transport: Transport, *, now: float, limit: int = 50
) -> tuple[int, int]:
    """Send what is due at ``now`` (UTC epoch seconds); returns how many left and how many did not.

    :raises DeliveryError: this machine cannot send at all; what was claimed is tried again in five minutes.
    """
    keys = keyring_of(store)  # made before the claim: the first call writes
    with store.begin() as tx:
        claimed = {row.id: row for row in notices.claim(tx, now=now, limit=limit)}
    if not claimed:
        return 0, 0
    signer = signer_for(settings)
    sent = failed = 0

    def messages() -> Iterator[Outgoing]:
        nonlocal failed
        for row in claimed.values():
            try:
                message, message_id, sender = _compose(store, settings, keys, row, now)
            except _Void as void:
                _settle(store, row, "void", str(void))
                continue
            except MastheadError as error:
                failed += 1
                _settle(store, row, "failed", str(error))
                log.error("notice %d (%s) cannot be composed: %s", row.id, row.kind, error)
                continue
            yield Outgoing(row.id, sender, row.address, signer.sign(message) if signer else message, message_id)

    for outgoing, result in transport.deliver(messages(), intent=lambda outgoing: None):
        row = claimed[outgoing.delivery]
        if result.outcome is Outcome.SENT:
            sent += 1
            with store.begin() as tx:
                notices.settle(tx, row.id, "sent", sent=now)
            continue
        failed += 1
        _postpone(store, row, result, now)
    return sent, failed


class _Void(Exception):
    """The notice is no longer wanted."""


def _compose(store: Store, settings: Settings, keys: Keyring, row: NoticeRow, now: float) -> tuple[bytes, str, str]:
    leave = one_click = ""
    sender = settings.sender.address
    if row.signup_id is not None:  # nobody is subscribed yet
        with store.read() as tx:
            request = signups.get(tx, row.signup_id)
        if request is None or request.confirmed is not None:
            raise _Void("confirmed or forgotten meanwhile")
        if request.created + CONFIRM_SECONDS <= now:
            raise _Void("too old to be confirmed")
        url = confirm_url(settings, keys, request.id, request.created)
    else:
        with store.read() as tx:
            known = None if row.subscriber_id is None else subscribers.get(tx, row.subscriber_id)
            stopped = known is not None and subscribers.suppressed(tx, known.address) is not None
        if known is None or stopped:
            raise _Void("erased or suppressed meanwhile")
        url = links.preferences_url(settings.publication.base_url, keys, known.id)
        leave = one_click = links.unsubscribe_url(settings.publication.base_url, keys, known.id)
        if settings.mail.return_domain:
            sender = bounce_address(keys, settings.mail.return_domain, known.id, 0)
    shown = render_notice(settings, row.kind, row.language, url=url, leave_url=leave)
    message, message_id = notice_message(
        key=str(row.id),
        from_name=settings.sender.name or settings.publication.title,
        from_address=settings.sender.address,
        reply_to=settings.sender.reply_to,
        to=row.address,
        subject=shown.subject,
        text=shown.text,
        html=shown.html,
        language=shown.language,
        date=datetime.fromtimestamp(row.created, UTC),
        one_click_url=one_click,
    )
    return message, message_id, sender


def _postpone(store: Store, row: NoticeRow, result: Result, now: float) -> None:
    wait = BACK_OFF.wait(row.attempts)
    if result.outcome is Outcome.FAILED or BACK_OFF.gives_up(row.attempts, now + wait - row.created):
        _settle(store, row, "failed", result.reply)
        return
    with store.begin() as tx:
        notices.settle(tx, row.id, "queued", reply=result.reply, due=now + max(wait, result.retry_after))


def _settle(store: Store, row: NoticeRow, state: NoticeState, reply: str) -> None:
    with store.begin() as tx:
        notices.settle(tx, row.id, state, reply=reply)
