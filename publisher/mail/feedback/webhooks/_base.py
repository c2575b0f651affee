"""What every provider's webhook promises."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from publisher.lib.tokens import Keyring
from publisher.mail.feedback.reports import Report
from publisher.settings.base import Table

#: A time stamp may be so far from our clock.
TOLERANCE_SECONDS = 300.0
#: Reports of one request.
MAX_REPORTS = 2000

#: Gives the body at a URL that a provider has checked; never follows a redirect.
Fetch = Callable[[str], bytes]


class Refused(Exception):
    """The request is not genuine; ``str()`` is for our log, never for the response."""


@dataclass(frozen=True, slots=True)
class Call:
    """What a provider sent: the body, and the headers by their names in lower case."""

    body: bytes
    headers: Mapping[str, str]


class BaseProvider:
    """One provider's webhook; a provider extends it and writes :meth:`ready` and :meth:`read`.

    Nothing is believed before it is known to be signed, of this moment and ours, compared in constant time. A
    provider tried the delivery itself: what it calls a dead address was said to it by the receiving server.

    :cvar Options: the keys of its own table, ``[feedback.<provider>]``.
    """

    Options: ClassVar[type[Table]] = Table

    options: Table

    def __init__(self, options: Table, site: Path, keyring: Keyring, fetch: Fetch) -> None:
        self.options = options
        self.site = site
        self.keyring = keyring
        self.fetch = fetch

    @property
    def ready(self) -> bool:
        """Whether the operator has set it up; without that its address does not exist."""
        raise NotImplementedError

    def read(self, call: Call, now: float) -> list[Report]:
        """What one request reports.

        :param now: UTC epoch seconds.
        :raises Refused: it is not genuine.
        :raises SettingsError: a secret is not to be had.
        """
        raise NotImplementedError


def check_time(stamp: float, now: float) -> None:
    """:raises Refused: ``stamp`` (UTC epoch seconds) is more than :data:`TOLERANCE_SECONDS` from ``now``."""
    if not abs(stamp - now) <= TOLERANCE_SECONDS:  # NaN, too
        raise Refused("the time stamp is not of this moment")
