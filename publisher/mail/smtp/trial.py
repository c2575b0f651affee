"""A trial of one relay: connect, protect, sign in and leave, by the same client that sends; nothing is sent."""

from __future__ import annotations

import select
import time
from collections.abc import Callable
from typing import NamedTuple

from publisher.lib.findings import Finding, fault, ok, warning
from publisher.mail.smtp.client import Client
from publisher.mail.smtp.connection import Connection
from publisher.mail.smtp.replies import Phase
from publisher.mail.smtp.session import Patience
from publisher.mail.smtp.values import Relay
from publisher.mail.transport import Outgoing, Result

#: For everything together, and for each of its steps.
TRIAL_SECONDS = 20.0
STEP_SECONDS = 10.0
GLANCE_SECONDS = 0.05
#: What to do, by the step that went wrong.
TODO = {
    "resolving": "check the relay's host in [mail], and this machine's DNS",
    "connecting": "check host and port in [mail], that the relay runs, and that no firewall is between",
    "shaking hands": "check that host is the name in the certificate; ca_file is for an authority of your own",
    Phase.GREETING: 'check host, port and security in [mail]: 587 with "starttls", 465 with "tls"',
    Phase.EHLO: 'check security, port and username in [mail]: 587 with "starttls", 465 with "tls"',
    Phase.STARTTLS: 'check security in [mail]: 587 with "starttls", 465 with "tls"',
    Phase.AUTH: "check username and password in [mail]",
}


class Trial(NamedTuple):
    """How far it went: ``step`` is a stage of the connection, or the command that the last reply was to."""

    step: str
    tls_version: str
    trouble: Result | None


def check_relay(relay: Relay, hello: str, *, clock: Callable[[], float] = time.monotonic) -> Finding:
    """Whether ``relay`` would take mail from us now, as far as it can be told without sending any.

    :param hello: our name in EHLO.
    :param clock: monotonic seconds.
    """
    name = f"relay {relay.address}"
    trial = try_relay(relay, hello, clock)
    if trial.trouble is not None:
        code = f"{trial.trouble.code} " if trial.trouble.code else ""
        status = f"{trial.trouble.status} " if trial.trouble.status else ""
        return fault(name, f"{trial.step}: {code}{status}{trial.trouble.reply}", TODO[trial.step])
    who = f"signed in as {relay.username}" if relay.username else "without signing in"
    if trial.tls_version:
        return ok(name, f"ready, {trial.tls_version}, {who}")
    if relay.host in ("localhost", "127.0.0.1", "::1"):
        return ok(name, f"ready, on this machine, {who}")
    return warning(name, f"ready, in the clear, {who}", 'set security = "starttls" if the relay offers it')


def try_relay(relay: Relay, hello: str, clock: Callable[[], float] = time.monotonic) -> Trial:
    """Open a connection to ``relay`` until it would take a message, and say QUIT."""
    patience = Patience(connect=STEP_SECONDS, greeting=STEP_SECONDS, command=STEP_SECONDS, tls=STEP_SECONDS)
    client = Client([relay], hello=hello, patience=patience, clock=clock)
    connection, _ = client.open(client.relays.all[0], _nothing_follows)
    session, until, tls_version = connection.session, clock() + TRIAL_SECONDS, ""
    try:
        while not (session.ready or session.over):
            if clock() > until:
                connection.give_up(f"not ready within {TRIAL_SECONDS:g} s")
                break
            connection.check()
            _move(connection)
            tls_version = connection.tls_version or tls_version
        in_words = connection.failed_at in ("", "open")
        return Trial(session.about if in_words else connection.failed_at, tls_version, session.fault)
    finally:
        client.close()


def _move(connection: Connection) -> None:
    """Let it go on by one event, or until the next look at the clock."""
    if connection.descriptor < 0:
        time.sleep(GLANCE_SECONDS)
        return
    poll = select.poll()
    poll.register(connection.descriptor, connection.events)
    for _, events in poll.poll(GLANCE_SECONDS * 1000):
        connection.ready(events)


def _nothing_follows(outgoing: Outgoing) -> Outgoing | None:
    return None
