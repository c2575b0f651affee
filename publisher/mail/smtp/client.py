"""The SMTP client: several relays, several connections to each, kept between calls, in one thread.

::

    messages ─→ Queue ─→ a connection with nothing to do ─→ Session ─→ results ─→ yield
                  ↑   (limits: global, relay, domain)         │
                  └──────── returned: not the message's fault ┘

A :class:`~publisher.mail.smtp.pool.Pool` keeps connections and what is known of the relays; each call of
:meth:`Client.deliver` is a :class:`~publisher.mail.smtp.round.Round`. It knows no settings: it is told relays and
domains as plain values.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from publisher.mail.smtp.pool import Pool
from publisher.mail.smtp.round import Round
from publisher.mail.transport import Outgoing, Result, never


class Client(Pool):
    """Sends through all of its relays; a :class:`publisher.mail.transport.Transport`."""

    def deliver(
        self,
        messages: Iterable[Outgoing],
        *,
        intent: Callable[[Outgoing], None],
        stop: Callable[[], bool] = never,
    ) -> Iterator[tuple[Outgoing, Result]]:
        """As :meth:`publisher.mail.transport.Transport.deliver`.

        ``stop`` is asked at least every quarter of a second, also while nothing moves: a good place to renew a lease.
        """
        one_round = Round(self, iter(messages), intent, stop)
        try:
            yield from one_round.run()
        finally:
            self.let_go_of_the_busy()
