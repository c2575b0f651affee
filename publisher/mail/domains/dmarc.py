"""DMARC (RFC 9989): the policy of the From domain, and whether what we sign and bounce to is aligned with it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from publisher.lib.findings import Finding, fault, ok, unknown, warning
from publisher.mail.domains.resolver import LookupFailed, Resolver
from publisher.mail.domains.tags import read_tags

#: Labels of a domain at which the walk up the tree begins at most (RFC 9989 §4.10).
MAX_WALK = 8
#: Tags of RFC 7489 that RFC 9989 has no more.
_GONE = ("pct", "rf", "ri")
POLICIES = ("none", "quarantine", "reject")


class Policy(NamedTuple):
    """The record that holds for a domain, where it stands, and the domain's organisational domain (§4.10)."""

    place: str
    tags: dict[str, str]
    organisation: str


def policy(resolver: Resolver, domain: str) -> Policy | None:
    """What holds for ``domain``: its own record, else that of its organisational domain; ``None`` where there is none.

    :raises LookupFailed: the DNS could not be asked.
    """
    found = list(_walk(resolver, domain))
    if not found:
        return None
    organisation = found[-1][0]  # the last of the walk, with the fewest labels
    for place, tags in found:
        if tags.get("psd", "").lower() == "n":
            organisation = place
            break
        if tags.get("psd", "").lower() == "y" and place != domain:
            below = len(place.split(".")) + 1
            organisation = ".".join(domain.split(".")[-below:])
            break
    for place, tags in found:
        if place in (domain, organisation):
            return Policy(place, tags, organisation)
    return Policy(*found[-1], organisation)  # that of a public suffix


def _walk(resolver: Resolver, domain: str) -> Iterator[tuple[str, dict[str, str]]]:
    """The usable records from ``domain`` up the tree; of a long name, some of the steps."""
    labels = domain.split(".")
    while labels:
        name = ".".join(labels)
        texts = [text for text in resolver.txt(f"_dmarc.{name}") if (read_tags(text) or {}).get("v") == "DMARC1"]
        if len(texts) == 1:
            tags = read_tags(texts[0]) or {}
            yield name, tags
            if tags.get("psd", "").lower() in ("n", "y") and name != domain:
                return
        labels = labels[1:] if len(labels) <= MAX_WALK else labels[-(MAX_WALK - 1) :]


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
    tags = found.tags
    if tags.get("p", "").lower() not in POLICIES:
        return fault(name, f"the record at _dmarc.{found.place} has no usable p=", begin)
    wish = f"p={tags['p']}"
    if found.place != domain and "sp" in tags:
        wish = f"sp={tags['sp']}"
    old = [tag for tag in _GONE if tag in tags]
    if old:
        gone = ", ".join(f"{tag}=" for tag in old)
        return warning(name, f"{wish}, with {gone} of the old DMARC", f"remove {gone}: RFC 9989 has it no more")
    return ok(name, f"{wish} at _dmarc.{found.place}")


def check_alignment(resolver: Resolver, what: str, domain: str, from_domain: str) -> Finding:
    """Whether ``domain`` (of a signature, or of the envelope) counts for ``from_domain`` (§4.4, relaxed unless asked).

    :param what: ``DKIM`` or ``SPF``; it names the check and the tag that may ask for strict alignment.
    """
    name = f"{what} alignment"
    if domain == from_domain:
        return ok(name, f"{domain} is the sender's own domain")
    try:
        ours, theirs = policy(resolver, from_domain), policy(resolver, domain)
    except LookupFailed as error:
        return unknown(name, f"the DNS gave no answer ({error})", "try again; check the machine's DNS")
    if ours is None:
        return unknown(name, f"{from_domain} has no DMARC policy that {domain} could count for")
    strict = ours.tags.get("adkim" if what == "DKIM" else "aspf", "r").lower() == "s"
    if not strict and theirs is not None and theirs.organisation == ours.organisation:
        return ok(name, f"{domain} counts for {from_domain}")
    return fault(
        name,
        f"{domain} does not count for {from_domain}{' (the policy asks for the same domain)' if strict else ''}",
        f"use a domain under the one of the From address, {from_domain}",
    )
