"""Why nothing leaves: what the relays said last and since when, kept where every process and the desk see it.

::

    transport ─ results ─→ WatchedTransport ─ last word of one ``deliver`` ─→ trouble row ─→ status, desk, publish
    a channel that its platform refused ─→ channel row ──────────────────────────────────↗

A relay that took a message, or refused one for its recipient, works: that clears the row.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from publisher.errors import DeliveryError, StoreError
from publisher.mail.transport import Cause, Outcome, Outgoing, Result, Transport, never
from publisher.pipeline.site import Site
from publisher.store import Store, Tx, channels, notices, troubles

log = logging.getLogger(__name__)

#: The name of the trouble that sign-ups wait.
SIGNUPS = "sign-ups"


@dataclass(frozen=True, slots=True)
class Trouble:
    """What holds mail, or one channel, up. ``since`` in UTC epoch seconds."""

    name: str
    reply: str
    since: float
    times: int = 1

    def __str__(self) -> str:
        since = datetime.fromtimestamp(self.since, UTC).strftime("%Y-%m-%d %H:%M UTC")
        said = {troubles.MAIL: "mail does not leave", SIGNUPS: "sign-ups wait"}
        what = said.get(self.name, f"{self.name} is paused")
        return f"{what}, since {since}: {self.reply}"

    def to_dict(self) -> dict[str, object]:
        """For scripts; keys are never taken away, only added."""
        return {"name": self.name, "reply": self.reply, "since": self.since, "times": self.times}


def mail_trouble(tx: Tx, transport: str) -> Trouble | None:
    """Why mail does not leave by ``transport``; ``None`` when the last that was tried found its relay working.

    What another transport met, which is no longer the one that is set, holds nothing up. A row of an older version does
    not say whose it is: it is shown until a message leaves.
    """
    row = troubles.get(tx, troubles.MAIL)
    if row is None or row.by not in ("", transport):
        return None
    return Trouble(troubles.MAIL, row.reply, row.since, row.times)


def standing_troubles(site: Site, tx: Tx) -> tuple[Trouble, ...]:
    """Everything that holds mail, sign-ups or a channel up now."""
    mail = mail_trouble(tx, site.settings.mail.transport)
    names = {table.name for table in site.settings.channels if not table.dry_run}
    paused = (
        Trouble(f"channel {row.name}", row.reason or "paused", row.paused)
        for row in channels.every(tx)
        if row.name in names and row.paused is not None
    )
    waiting = waiting_signups(site, tx)
    return tuple(one for one in (mail, waiting) if one) + tuple(paused)


def waiting_signups(site: Site, tx: Tx) -> Trouble | None:
    """The confirmations that were put off because more were asked for than a day's budget."""
    number, since = notices.postponed(tx, now=site.now())
    if since is None:
        return None
    reply = (
        f"{number} confirmations go on a later day, or once a proof of work is done: more were asked for than "
        "[subscribing] per_domain or per_day"
    )
    return Trouble(SIGNUPS, reply, since, number)


def word_of(result: Result) -> str | None:
    """What one result says of the relays: a reason of theirs, ``""`` where they work, ``None`` where it says nothing;
    pure."""
    if result.outcome in (Outcome.RELEASED, Outcome.DEFERRED) and result.cause in (Cause.RELAY, Cause.OURS):
        said = result.reply if not result.code or result.reply.startswith(str(result.code)) else ""
        return said or " ".join(part for part in (str(result.code), result.status, result.reply) if part)
    if result.outcome in (Outcome.SENT, Outcome.FAILED, Outcome.DEFERRED):
        return ""
    return None


class WatchedTransport:
    """A transport, set as ``name``, whose trouble is noted; see :class:`publisher.mail.transport.Transport`."""

    def __init__(self, transport: Transport, store: Store, clock: Callable[[], float], *, name: str) -> None:
        self._transport = transport
        self._name = name
        self._store = store
        self._clock = clock

    def deliver(
        self,
        messages: Iterable[Outgoing],
        *,
        intent: Callable[[Outgoing], None],
        stop: Callable[[], bool] = never,
    ) -> Iterator[tuple[Outgoing, Result]]:
        """As :meth:`publisher.mail.transport.Transport.deliver`."""
        worked, trouble = False, ""
        try:
            for outgoing, result in self._transport.deliver(messages, intent=intent, stop=stop):
                word = word_of(result)
                if word is not None:
                    worked, trouble = worked or not word, word
                yield outgoing, result
        except DeliveryError as error:
            trouble = str(error)
            raise
        finally:
            self._note(worked, trouble)

    def close(self) -> None:
        """As :meth:`publisher.mail.transport.Transport.close`."""
        self._transport.close()

    def _note(self, worked: bool, trouble: str) -> None:
        try:
            if worked:
                self._over()
            if trouble:
                with self._store.begin() as tx:
                    before = troubles.note(tx, troubles.MAIL, trouble, now=self._clock(), by=self._name)
                if before is None or before.reply != trouble:
                    log.error("mail does not leave: %s", trouble)
        except StoreError as error:
            log.warning("what holds mail up (%s) cannot be noted: %s", trouble or "nothing", error)

    def _over(self) -> None:
        with self._store.read() as tx:
            if troubles.get(tx, troubles.MAIL) is None:
                return
        with self._store.begin() as tx:
            before = troubles.clear(tx, troubles.MAIL)
        if before is not None:
            log.info("mail leaves again, after %.0f s", max(0.0, self._clock() - before.since))
