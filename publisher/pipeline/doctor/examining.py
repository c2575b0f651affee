"""Everything that is looked at of one site."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from publisher.errors import SettingsError
from publisher.lib.findings import Finding, Level, Look, fault, ok
from publisher.mail import transports
from publisher.mail.domains.resolver import Resolver
from publisher.net import ANY_PORT, Guard, client
from publisher.pipeline.checks import check_members
from publisher.pipeline.doctor import channels, machine, mail, outside
from publisher.pipeline.doctor.looking import look_at_all
from publisher.pipeline.site import Progress, silent
from publisher.settings import Settings, load_settings

#: For all looks together; each look has shorter bounds of its own where it can.
TOTAL_SECONDS = 30.0


def examine(
    directory: Path,
    *,
    resolver: Resolver | None = None,
    clock: Callable[[], float] = time.time,
    seconds: float = TOTAL_SECONDS,
    told: Progress = silent,
) -> list[Finding]:
    """Look at the site in ``directory``; nothing of it is changed or made.

    :param resolver: the DNS to ask. Default: this machine's.
    :param clock: UTC epoch seconds.
    :param seconds: for everything.
    """
    try:
        settings = load_settings(directory)
    except SettingsError as error:
        return [fault("settings", str(error), "mend publication.toml; nothing else can be looked at")]
    if resolver is None:
        from publisher.mail.domains.system_resolver import SystemResolver

        resolver = SystemResolver()
    return look_at_all(looks(settings, resolver, clock), seconds=seconds, told=told)


def looks(settings: Settings, resolver: Resolver, clock: Callable[[], float]) -> list[Look]:
    """What there is to look at, in the order in which it is told."""

    def now_utc() -> datetime:
        return datetime.fromtimestamp(clock(), UTC)

    def public_address() -> list[Finding]:
        # The operator wrote this address: it may be one of their own network.
        everywhere = Guard.of(("0.0.0.0/0", "::/0"), ANY_PORT)
        with client(everywhere, follow_redirects=False) as http:
            return outside.check_public_address(settings.publication.base_url, http, clock)

    return [
        Look("settings", lambda: [check_settings(settings)]),
        Look("secrets", lambda: [machine.check_secrets(settings)]),
        Look("permissions", lambda: [machine.check_permissions(settings)]),
        Look("disk of state/", lambda: [machine.check_disk(settings)]),
        Look("state/ and the journal", lambda: [machine.check_writable(settings)]),
        Look("database", lambda: machine.look_at_schema(settings)),
        # A large database takes its time to be read through, which is no fault of it.
        Look("database integrity", lambda: machine.look_at_integrity(settings), late=Level.UNKNOWN),
        Look("public address", public_address),
        Look("proxies", lambda: [outside.check_web(settings)]),
        *_transport(settings, resolver),
        *mail.looks(settings, resolver),
        *channels.looks(settings, now_utc),
    ]


def check_settings(settings: Settings) -> Finding:
    """Whether every kind and option that the settings name exists."""
    try:
        check_members(settings)
    except SettingsError as error:
        return fault("settings", str(error), "mend publication.toml: masthead starts only when it is right")
    return ok("settings", "every kind and option that they name is there")


def _transport(settings: Settings, resolver: Resolver) -> list[Look]:
    try:
        return transports.looks(settings, resolver)
    except SettingsError:
        return []  # said by the look at the settings
