"""DMARC (RFC 9989): the policy of the From domain, and whether what we sign and bounce to is aligned with it."""

from __future__ import annotations

from publisher.lib.findings import Finding, fault, ok, unknown, warning
from publisher.mail.domains.resolver import LookupFailed, Resolver
from publisher.mail.domains.tags import read_tags

#: Labels of a domain at which the walk up the tree begins at most (RFC 9989 §4.10).
MAX_WALK = 8
#: Tags of RFC 7489 that RFC 9989 has no more.
_GONE = ("pct", "rf", "ri")


def policy(resolver: Resolver, domain: str) -> tuple[str, dict[str, str]] | None:
    """The record that holds for ``domain`` and where it stands, by a walk up the tree (§4.10). :raises LookupFailed:"""
    labels = domain.split(".")
    while len(labels) >= 2:
        name = ".".join(labels)
        texts = [text for text in resolver.txt(f"_dmarc.{name}") if (read_tags(text) or {}).get("v") == "DMARC1"]
        if len(texts) == 1:
            return name, read_tags(texts[0]) or {}
        labels = labels[1:] if len(labels) <= MAX_WALK else labels[-(MAX_WALK - 1) :]
    return None


def check(resolver: Resolver, domain: str) -> Finding:
    """Whether the From domain has a usable DMARC policy; large receivers ask for one of bulk senders."""
    name = f"DMARC of {domain}"
    try:
        found = policy(resolver, domain)
    except LookupFailed as error:
        return unknown(name, f"the DNS gave no answer ({error})", "try again; check the machine's DNS")
    begin = f'publish a TXT record at _dmarc.{domain}, to begin with "v=DMARC1; p=none; rua=mailto:<your address>"'
    if found is None:
        return fault(name, "no record: Google, Yahoo and Microsoft refuse bulk mail without one", begin)
    place, tags = found
    if tags.get("p", "").lower() not in ("none", "quarantine", "reject"):
        return fault(name, f"the record at _dmarc.{place} has no usable p=", begin)
    old = [tag for tag in _GONE if tag in tags]
    if old:
        gone = ", ".join(f"{tag}=" for tag in old)
        return warning(name, f"p={tags['p']}, with {gone} of the old DMARC", f"remove {gone}: RFC 9989 has it no more")
    return ok(name, f"p={tags['p']} at _dmarc.{place}")


def check_alignment(resolver: Resolver, what: str, domain: str, from_domain: str) -> Finding:
    """Whether ``domain`` (of a signature, or of the envelope) counts for ``from_domain`` (§4.4, relaxed unless asked).

    :param what: ``DKIM`` or ``SPF``; it names the check and the tag that may ask for strict alignment.
    """
    name = f"{what} alignment"
    try:
        found = policy(resolver, from_domain)
        strict = found is not None and found[1].get("adkim" if what == "DKIM" else "aspf", "r").lower() == "s"
        aligned = domain == from_domain or (
            not strict and _organisation(resolver, domain) == _organisation(resolver, from_domain)
        )
    except LookupFailed as error:
        return unknown(name, f"the DNS gave no answer ({error})", "try again; check the machine's DNS")
    if aligned:
        return ok(name, f"{domain} counts for {from_domain}")
    return fault(
        name,
        f"{domain} does not count for {from_domain}{' (the policy asks for the same domain)' if strict else ''}",
        f"use a domain under the one of the From address, {from_domain}",
    )


def _organisation(resolver: Resolver, domain: str) -> str:
    """The organisational domain: where the policy stands; without one, the last two labels."""
    found = policy(resolver, domain)
    return found[0] if found else ".".join(domain.split(".")[-2:])
