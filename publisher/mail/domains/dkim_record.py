"""The DKIM key record (RFC 6376 §3.6.1) at ``<selector>._domainkey.<domain>``, held against our private key."""

from __future__ import annotations

from publisher.lib.findings import Finding, fault, ok, unknown, warning
from publisher.mail.dkim import Key
from publisher.mail.domains.resolver import LookupFailed, Resolver
from publisher.mail.domains.tags import read_tags


def check(resolver: Resolver, domain: str, key: Key) -> Finding:
    """Whether the DNS holds the public half of ``key``, so that receivers can verify what we sign."""
    place = f"{key.selector}._domainkey.{domain}"
    name = f"DKIM at {place}"
    wanted = key.dns_record()
    publish = f"publish this TXT record at {place}: {wanted}"
    try:
        found = resolver.txt(place)
    except LookupFailed as error:
        return unknown(name, f"the DNS gave no answer ({error})", "try again; check the machine's DNS")
    if not found:
        return fault(name, "no record: every signature fails", publish)
    if len(found) > 1:
        return fault(name, f"{len(found)} records: receivers take any of them", "keep one; " + publish)
    tags, ours = read_tags(found[0]), read_tags(wanted) or {}
    if tags is None or tags.get("v", "DKIM1") != "DKIM1":
        return fault(name, "the record cannot be read", publish)
    if not tags.get("p"):
        return fault(name, "the key is revoked (p= is empty)", publish)
    if tags.get("k", "rsa") != ours["k"] or "".join(tags["p"].split()) != ours["p"]:
        return fault(name, "the record holds another key than the one we sign with", publish)
    if "y" in tags.get("t", "").split(":"):
        return warning(name, "the record says t=y: receivers treat the mail as unsigned", "remove t=y when it works")
    return ok(name, f"the record holds our {ours['k']} key")
