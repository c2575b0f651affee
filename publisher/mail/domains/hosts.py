"""Hosts: the relay's addresses and their names (PTR), and the mail hosts of the return domain."""

from __future__ import annotations

import ipaddress

from publisher.lib.findings import Finding, fault, ok, unknown, warning
from publisher.mail.domains.resolver import LookupFailed, Resolver


def check_names(resolver: Resolver, host: str) -> Finding:
    """Whether each address of ``host`` has a name that leads back to it (RFC 1912 §2.1); else receivers refuse it."""
    name = f"PTR of {host}"
    try:
        addresses = [host] if _is_address(host) else resolver.addresses(host)
        if not addresses:
            return unknown(name, "the DNS has no address of it: a name of this machine or its network")
        if all(ipaddress.ip_address(address).is_private for address in addresses):
            return ok(name, "a private address: what leaves to the outside is the relay's matter")
        for address in addresses:
            names = resolver.names(address)
            if not any(address in resolver.addresses(back) for back in names):
                seen = (
                    f"{address} has no name" if not names else f"{address} is called {names[0]}, which is another host"
                )
                return warning(name, seen, "ask whoever runs the relay's network for a PTR record that matches")
    except LookupFailed as error:
        return unknown(name, f"the DNS gave no answer ({error})", "try again; check the machine's DNS")
    return ok(name, f"{len(addresses)} address{'es' if len(addresses) > 1 else ''}, each with a name that leads back")


def check_return_domain(resolver: Resolver, domain: str) -> Finding:
    """Whether mail to the return domain reaches a host at all; else every bounce is lost."""
    name = f"MX of {domain}"
    try:
        hosts = resolver.mail_hosts(domain) or ([domain] if resolver.addresses(domain) else [])
    except LookupFailed as error:
        return unknown(name, f"the DNS gave no answer ({error})", "try again; check the machine's DNS")
    if not hosts:
        return fault(name, "no mail host: bounces cannot come back", f"publish an MX record at {domain}")
    return ok(name, f"mail goes to {', '.join(hosts[:3])}")


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
