"""SPF (RFC 7208): the record of an envelope domain, counted as a receiver counts it.

A receiver gives up with ``permerror`` at the eleventh mechanism that needs the DNS (§4.6.4) and at the third that
finds nothing; then SPF fails for every message, whoever sent it.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from publisher.lib.findings import Finding, fault, ok, unknown, warning
from publisher.mail.domains.resolver import LookupFailed, Resolver

#: RFC 7208 §4.6.4.
MAX_LOOKUPS = 10
MAX_VOID_LOOKUPS = 2
#: Mechanisms and modifiers that cost a look-up.
_COSTLY = ("include", "a", "mx", "ptr", "exists", "redirect")


@dataclass
class _Count:
    lookups: int = 0
    voids: int = 0
    problems: list[str] = field(default_factory=list)


def records(resolver: Resolver, domain: str) -> list[str]:
    """The SPF records of a domain; more than one is a fault of its own (§4.5). :raises LookupFailed:"""
    return [text for text in resolver.txt(domain) if text.lower() == "v=spf1" or text.lower().startswith("v=spf1 ")]


def check(resolver: Resolver, domain: str) -> Finding:
    """Whether a receiver can use the SPF record of ``domain``, and what it says about everybody else."""
    name = f"SPF of {domain}"
    try:
        found = records(resolver, domain)
        if not found:
            return fault(
                name, "no record", f'publish a TXT record at {domain}, as "v=spf1 a:<your relay> -all"; ask your relay'
            )
        if len(found) > 1:
            return fault(name, f"{len(found)} records", "keep one: with two, receivers treat SPF as broken")
        count = _Count()
        _count(resolver, domain, found[0], count, seen=frozenset())
    except LookupFailed as error:
        return unknown(name, f"the DNS gave no answer ({error})", "try again; check the machine's DNS")
    last = _all_of(found[0])
    said = f"{count.lookups} look-ups of at most {MAX_LOOKUPS}"
    if count.problems:
        return fault(name, f"{count.problems[0]} ({said})", "mend the record: receivers treat SPF as broken")
    if count.lookups > MAX_LOOKUPS:
        return fault(name, said, "drop an include, or write the addresses as ip4: and ip6:")
    if last == "+":
        return warning(name, "it ends in +all: it lets everybody send", "end it in -all or ~all")
    if last == "?" or (not last and not _redirects(found[0])):
        end = "in ?all" if last else "without all"
        return warning(name, f"it ends {end}: it says nothing about others", "end it in -all or ~all")
    return ok(name, f"{said}, ends in {last or 'redirect'}{'all' if last else ''}")


def _terms(record: str) -> list[str]:
    return record.split()[1:]


def _all_of(record: str) -> str:
    for term in _terms(record):
        bare = term.lstrip("+-~?").lower()
        if bare == "all":
            return term[0] if term[0] in "+-~?" else "+"
    return ""


def _redirects(record: str) -> bool:
    return any(term.lower().startswith("redirect=") for term in _terms(record))


def _count(resolver: Resolver, domain: str, record: str, count: _Count, seen: frozenset[str]) -> None:
    if domain in seen:
        count.problems.append(f"{domain} includes itself")
        return
    redirect = ""
    for term in _terms(record):
        bare = term.lstrip("+-~?")
        kind = bare.replace("=", ":", 1).partition(":")[0].partition("/")[0].lower()
        target = bare.replace("=", ":", 1).partition(":")[2].partition("/")[0] or domain
        if kind not in _COSTLY:
            continue
        if kind == "redirect":
            redirect = target
            continue
        if not _spend(count):
            return
        if "%" in target:
            continue  # a macro: it depends on the message
        if kind == "include":
            _follow(resolver, target, count, seen | {domain}, f"include:{target}")
        elif kind == "mx":
            _void(count, bool(resolver.mail_hosts(target)))
        elif kind in ("a", "exists"):
            _void(count, bool(resolver.addresses(target)))
    if redirect and not _all_of(record) and "%" not in redirect and _spend(count):
        _follow(resolver, redirect, count, seen | {domain}, f"redirect={redirect}")


def _spend(count: _Count) -> bool:
    """Count one look-up; false when a receiver would have given up long ago, which also ends hostile chains."""
    count.lookups += 1
    return count.lookups <= 4 * MAX_LOOKUPS


def _void(count: _Count, found: bool) -> None:
    count.voids += not found
    if count.voids > MAX_VOID_LOOKUPS:
        count.problems.append(f"more than {MAX_VOID_LOOKUPS} names in it do not exist")


def _follow(resolver: Resolver, target: str, count: _Count, seen: frozenset[str], term: str) -> None:
    found = records(resolver, target)
    if len(found) != 1:
        count.problems.append(f"{term} leads to {len(found) or 'no'} SPF record{'s' if len(found) > 1 else ''}")
        return
    _count(resolver, target, found[0], count, seen)
