"""DNS look-ups as the checks need them: a few record types as text, and three ways to get none.

The checks take a :class:`Resolver`: :class:`publisher.mail.domains.system_resolver.SystemResolver`, or in a test one
that reads a zone file.
"""

from __future__ import annotations

from typing import Protocol


class LookupFailed(Exception):
    """The DNS could not be asked, or failed; this says nothing about whether there is a record."""


class Resolver(Protocol):
    """Asks the DNS. An empty list means that there is no such name or no record of this type.

    :raises LookupFailed: of every method; no answer could be had.
    """

    def txt(self, name: str) -> list[str]:
        """TXT records, the strings of each joined without a space (RFC 7208 §3.3)."""
        ...

    def addresses(self, name: str) -> list[str]:
        """A and AAAA records."""
        ...

    def mail_hosts(self, name: str) -> list[str]:
        """Hosts of MX records, the preferred first, without the trailing dot."""
        ...

    def names(self, address: str) -> list[str]:
        """PTR records of an IP address, without the trailing dot."""
        ...
