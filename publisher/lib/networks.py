"""IP addresses and networks as they stand in headers and settings: pure."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
#: Characters kept of a text that is no IP address (a proxy may write "unknown" or a name).
MAX_TEXT = 64


def plain_address(text: str) -> str:
    """An address without port, brackets and zone, IPv4 where it is mapped into IPv6; other text cut short."""
    text = text.strip().strip('"')
    host = text[1:].partition("]")[0] if text.startswith("[") else text
    if host.count(":") == 1:
        host = host.partition(":")[0]
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return text[:MAX_TEXT]
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    return str(address)


def parse_network(text: str) -> Network:
    """``10.0.0.0/8``, ``::1``; bits beyond the mask are ignored.

    :raises ValueError: it is neither an address nor a network.
    """
    return ipaddress.ip_network(text, strict=False)


def is_among(text: str, networks: tuple[Network, ...]) -> bool:
    """Whether ``text`` is an address in one of the networks."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return False
    return any(address in network for network in networks)


def is_loopback(text: str) -> bool:
    """Whether ``text`` is a loopback address."""
    try:
        return ipaddress.ip_address(text).is_loopback
    except ValueError:
        return False


def is_public(text: str) -> bool:
    """Whether ``text`` is an address that the whole Internet can reach."""
    try:
        return ipaddress.ip_address(text).is_global
    except ValueError:
        return False


def is_loopback_host(host: str) -> bool:
    """Whether the host of a URL or a ``Host`` header names this machine: ``localhost`` or a loopback address."""
    try:
        name = urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return False
    return name == "localhost" or ("%" not in name and is_loopback(name))
