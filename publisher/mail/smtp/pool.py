"""The connections to all relays, kept between rounds of sending, and what is known of the relays."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

from publisher.lib.backoff import BackOff
from publisher.mail.smtp.connection import Connection
from publisher.mail.smtp.pace import Pace
from publisher.mail.smtp.relays import PAUSES, ActiveRelay, Relays
from publisher.mail.smtp.session import Login, Patience, Session
from publisher.mail.smtp.values import Domain, Relay
from publisher.mail.transport import Outgoing, Reserve, unlimited


class Pool:
    """Connections to ``relays``.

    :param rate: messages a second in all; 0 is no limit.
    :param hello: our name in EHLO; empty is the address literal of our end of the connection.
    :param reserve: books sends against rates that all clients share.
    :param pauses: how long a relay in trouble is left in peace.
    :param clock: monotonic seconds.
    """

    def __init__(
        self,
        relays: Iterable[Relay],
        *,
        domains: Iterable[Domain] = (),
        rate: float = 0.0,
        hello: str = "",
        reserve: Reserve = unlimited,
        patience: Patience | None = None,
        pauses: BackOff = PAUSES,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.patience = patience or Patience()
        self.clock = clock
        self.relays = Relays(
            (
                ActiveRelay(one, _login(one, hello), Pace(f"relay:{one.address}", one.rate, reserve, clock))
                for one in relays
            ),
            clock,
            pauses,
        )
        self.pace = Pace("mail", rate, reserve, clock)
        self.domains = {
            one.name.lower(): (one, Pace(f"domain:{one.name.lower()}", one.rate, reserve, clock)) for one in domains
        }
        self.connections: list[tuple[Connection, ActiveRelay]] = []

    def open(
        self, relay: ActiveRelay, before_content: Callable[[Outgoing], Outgoing | None]
    ) -> tuple[Connection, ActiveRelay]:
        """Start one more connection to ``relay``."""
        session = Session(relay.login, before_content)
        connection = Connection(relay.relay.host, relay.relay.port, session, relay.relay.tls, self.patience, self.clock)
        relay.open += 1
        self.connections.append((connection, relay))
        return self.connections[-1]

    def drop(self, connection: Connection, relay: ActiveRelay) -> None:
        """Forget a connection that is over."""
        connection.close()
        relay.open -= 1
        self.connections.remove((connection, relay))

    def close(self) -> None:
        """Say QUIT on every connection and let go."""
        for connection, relay in list(self.connections):
            connection.session.quit()
            self.drop(connection, relay)

    def let_go_of_the_busy(self) -> None:
        """Drop connections that are in the middle of a message, or over."""
        # Only reached with busy connections when the caller went away in the middle: what is in flight is in doubt.
        # Those that are still being opened stay: the next call may need them.
        for connection, relay in list(self.connections):
            if connection.session.current is not None or connection.session.over:
                self.drop(connection, relay)


def _login(relay: Relay, hello: str) -> Login:
    return Login(
        relay=relay.address,
        hello=hello,
        starttls=relay.security == "starttls",
        tls_from_start=relay.security == "tls",
        username=relay.username,
        password=relay.password,
    )
