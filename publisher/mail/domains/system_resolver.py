"""The DNS servers that this machine is set up with, asked by dnspython."""

from __future__ import annotations

import dns.exception
import dns.resolver
import dns.reversename

from publisher.mail.domains.resolver import LookupFailed

#: For one look-up, all its tries together.
LOOKUP_SECONDS = 5.0


class SystemResolver:
    """A :class:`publisher.mail.domains.resolver.Resolver`; may be shared by threads."""

    def __init__(self) -> None:
        self._resolver: dns.resolver.Resolver | None = None
        try:
            self._resolver = dns.resolver.Resolver()
            self._resolver.lifetime = LOOKUP_SECONDS
        except dns.exception.DNSException:
            pass  # said at the first look-up

    def txt(self, name: str) -> list[str]:
        return [b"".join(record.strings).decode("utf-8", "replace") for record in self._ask(name, "TXT")]

    def addresses(self, name: str) -> list[str]:
        return [record.address for kind in ("A", "AAAA") for record in self._ask(name, kind)]

    def mail_hosts(self, name: str) -> list[str]:
        found = sorted(self._ask(name, "MX"), key=lambda record: int(record.preference))
        return [record.exchange.to_text(omit_final_dot=True) for record in found]

    def names(self, address: str) -> list[str]:
        try:
            name = dns.reversename.from_address(address)
        except (dns.exception.DNSException, ValueError):
            return []
        return [record.target.to_text(omit_final_dot=True) for record in self._ask(name.to_text(), "PTR")]

    def _ask(self, name: str, kind: str) -> list:  # type: ignore[type-arg]  # dnspython types each record by its class
        if self._resolver is None:
            raise LookupFailed("this machine names no DNS server in /etc/resolv.conf")
        try:
            return list(self._resolver.resolve(name, kind, search=False))
        except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
            return []
        except dns.exception.DNSException as error:
            raise LookupFailed(f"{name}: {error}") from None
        except ValueError as error:  # a name that cannot be one
            raise LookupFailed(f"{name}: {error}") from None
