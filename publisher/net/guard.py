"""Which addresses may be reached: pure decisions over what a resolver found."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from publisher.errors import RefusedAddress

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

#: The ports of the web, for addresses that come from outside.
WEB_PORTS = frozenset({80, 443})
#: For addresses that the operator wrote: a Matrix server at port 8448 is as good as any.
ANY_PORT: frozenset[int] = frozenset()
#: What Python 3.11.7 calls global and is not, or what only carries another address (RFC 6890 and its registries).
_SPECIAL = tuple(
    ipaddress.ip_network(text)
    for text in (
        "192.0.0.0/24", "192.88.99.0/24", "100.64.0.0/10", "198.18.0.0/15", "240.0.0.0/4", "224.0.0.0/4",
        "ff00::/8", "fe80::/10", "fec0::/10", "fc00::/7", "::/96", "::ffff:0:0:0/96", "64:ff9b::/96", "64:ff9b:1::/48",
        "2001::/23", "2002::/16", "2001:db8::/32", "3fff::/20", "5f00::/16", "100::/64",
    )
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Guard:
    """Who may be reached.

    :param allowed: networks that may be reached although they are not public; the operator's word.
    :param ports: those of public addresses, or :data:`ANY_PORT`; inside ``allowed`` any port may be reached.
    """

    allowed: tuple[Network, ...] = ()
    ports: frozenset[int] = WEB_PORTS

    @classmethod
    def of(cls, networks: Iterable[str], ports: frozenset[int] = WEB_PORTS) -> Guard:
        """A guard with exceptions, as CIDR texts such as ``127.0.0.0/8`` or ``10.1.2.3``."""
        return cls(tuple(ipaddress.ip_network(text, strict=False) for text in networks), ports)

    def admits(self, address: str, port: int) -> bool:
        """Whether this address, a literal as the resolver gives it, may be connected to."""
        found = parse(address)
        if found is None:
            return False
        if any(found.version == network.version and found in network for network in self.allowed):
            return True
        return (self.ports == ANY_PORT or port in self.ports) and is_public(found)

    def choose(self, host: str, port: int, found: Sequence[str]) -> list[str]:
        """The addresses to try, in the resolver's order.

        One that is refused refuses the name: it would be a matter of luck otherwise.

        :raises RefusedAddress: its message names the host, not what it resolved to: whoever wrote the host may be a
            stranger. Its ``address`` is for messages to the operator.
        """
        for address in found:
            if not self.admits(address, port):
                reason = "is not a public address" if not _public(address) else "is not a port of the web"
                raise RefusedAddress(
                    f"{host}:{port} {reason}; if it is yours, name its network in [net] allow_private", address=address
                )
        return list(dict.fromkeys(found))


def _public(address: str) -> bool:
    found = parse(address)
    return found is not None and is_public(found)


def is_public(address: Address) -> bool:
    """Whether ``address`` is one that anybody on the internet could reach, and nothing else under a disguise."""
    if isinstance(address, ipaddress.IPv6Address):
        if address.scope_id:
            return False
        inner = address.ipv4_mapped
        if inner is not None:
            return is_public(inner)
    if any(address.version == network.version and address in network for network in _SPECIAL):
        return False
    return address.is_global and not (
        address.is_multicast or address.is_private or address.is_reserved or address.is_unspecified
    )


def parse(address: str) -> Address | None:
    """A literal address, or None for a name."""
    try:
        return ipaddress.ip_address(address)
    except ValueError:
        return None
