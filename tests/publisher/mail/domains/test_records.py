"""DKIM, DMARC, PTR and MX of the domains we send from."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa

from publisher.lib.findings import Level
from publisher.mail.dkim import Key
from publisher.mail.domains import dkim_record, dmarc, hosts
from tests.publisher.mail.domains.zone import ZoneResolver

OURS = Key("masthead", ed25519.Ed25519PrivateKey.from_private_bytes(b"1" * 32))
OTHER = Key("masthead", ed25519.Ed25519PrivateKey.from_private_bytes(b"2" * 32))


def zone_with(text: str) -> str:
    """A TXT record, cut into strings of 200 characters as the DNS wants them."""
    parts = " ".join(f'"{text[at : at + 200]}"' for at in range(0, len(text), 200))
    return f"masthead._domainkey.a.example. IN TXT {parts}"


@pytest.mark.parametrize(
    ("zone", "level", "seen"),
    [
        (zone_with(OURS.dns_record()), Level.OK, "our ed25519 key"),
        ("", Level.FAULT, "no record"),
        (zone_with(OTHER.dns_record()), Level.FAULT, "another key"),
        (zone_with("v=DKIM1; k=ed25519; p="), Level.FAULT, "revoked"),
        (zone_with("v=DKIM1 p"), Level.FAULT, "cannot be read"),
        (zone_with(OURS.dns_record() + "; t=y"), Level.WARNING, "t=y"),
        (zone_with(OURS.dns_record()) + "\n" + zone_with(OTHER.dns_record()), Level.FAULT, "2 records"),
    ],
)
def test_the_dkim_record_is_held_against_our_key(zone, level, seen):
    found = dkim_record.check(ZoneResolver(zone), "a.example", OURS)
    assert (found.level, seen in found.seen) == (level, True), found
    assert found.todo or level is Level.OK


def test_a_long_rsa_key_in_several_strings_is_read():
    key = Key("masthead", rsa.generate_private_key(65537, 2048))
    assert dkim_record.check(ZoneResolver(zone_with(key.dns_record())), "a.example", key).level is Level.OK


def test_a_record_that_is_missing_is_printed_to_be_published():
    assert OURS.dns_record() in dkim_record.check(ZoneResolver(""), "a.example", OURS).todo


@pytest.mark.parametrize(
    ("zone", "level", "seen"),
    [
        ('_dmarc.news.a.example. IN TXT "v=DMARC1; p=none"', Level.OK, "_dmarc.news.a.example"),
        ('_dmarc.a.example. IN TXT "v=DMARC1; p=reject"', Level.OK, "_dmarc.a.example"),
        ("", Level.FAULT, "no record"),
        ('_dmarc.a.example. IN TXT "v=DMARC1; p=maybe"', Level.FAULT, "no usable p="),
        ('_dmarc.a.example. IN TXT "v=DMARC1; p=none; pct=50"', Level.WARNING, "pct="),
        ('_dmarc.a.example. IN TXT "v=spf1 -all"', Level.FAULT, "no record"),
    ],
)
def test_the_policy_of_the_from_domain_is_found_up_the_tree(zone, level, seen):
    found = dmarc.check(ZoneResolver(zone), "news.a.example")
    assert (found.level, seen in found.seen) == (level, True), found


@pytest.mark.parametrize(
    ("record", "domain", "level"),
    [
        ("v=DMARC1; p=none", "a.example", Level.OK),
        ("v=DMARC1; p=none", "bounce.a.example", Level.OK),
        ("v=DMARC1; p=none; adkim=s", "bounce.a.example", Level.FAULT),
        ("v=DMARC1; p=none", "b.example", Level.FAULT),
    ],
)
def test_a_signature_counts_for_the_from_domain(record, domain, level):
    zone = f'_dmarc.a.example. IN TXT "{record}"'
    assert dmarc.check_alignment(ZoneResolver(zone), "DKIM", domain, "a.example").level is level


@pytest.mark.parametrize(
    ("zone", "domain", "level"),
    [
        ("", "a.example", Level.OK),  # the same domain needs no policy
        ("", "b.a.example", Level.UNKNOWN),
        # A record of its own further down does not make another organisation of it: the topmost record counts.
        ('_dmarc.b.a.example. IN TXT "v=DMARC1; p=reject"', "b.a.example", Level.OK),
        # It says so itself: the organisation begins here.
        ('_dmarc.b.a.example. IN TXT "v=DMARC1; p=reject; psd=n"', "b.a.example", Level.FAULT),
        # Below a public suffix every name is an organisation of its own.
        ('_dmarc.example. IN TXT "v=DMARC1; p=none; psd=y"', "b.example", Level.FAULT),
    ],
)
def test_organisations_are_told_apart_by_the_walk_up_the_tree(zone, domain, level):
    own = '_dmarc.a.example. IN TXT "v=DMARC1; p=none"\n' if zone else ""
    assert dmarc.check_alignment(ZoneResolver(own + zone), "DKIM", domain, "a.example").level is level


@pytest.mark.parametrize(
    ("zone", "place", "organisation"),
    [
        ('_dmarc.a.example. IN TXT "v=DMARC1; p=none"', "a.example", "a.example"),
        ('_dmarc.example. IN TXT "v=DMARC1; p=none; psd=y"', "example", "a.example"),
        (
            '_dmarc.b.a.example. IN TXT "v=DMARC1; p=none"\n_dmarc.a.example. IN TXT "v=DMARC1; p=reject"',
            "a.example",
            "a.example",
        ),
        ('_dmarc.c.b.a.example. IN TXT "v=DMARC1; p=none; psd=y"', "c.b.a.example", "c.b.a.example"),
    ],
)
def test_the_policy_is_the_domains_own_or_its_organisations(zone, place, organisation):
    found = dmarc.policy(ZoneResolver(zone), "c.b.a.example")
    assert (found.place, found.organisation) == (place, organisation)


def test_the_walk_up_a_long_name_is_short():
    resolver = ZoneResolver("")
    assert dmarc.policy(resolver, ".".join("abcdefghijklmnopqrstuvwxyz")) is None
    assert resolver.asked == dmarc.MAX_WALK


@pytest.mark.parametrize(
    ("zone", "level", "seen"),
    [
        ("r.example. IN A 198.51.100.7\n7.100.51.198.in-addr.arpa. IN PTR r.example.", Level.OK, "leads back"),
        ("r.example. IN A 8.8.4.4\n4.4.8.8.in-addr.arpa. IN PTR r.example.", Level.OK, "leads back"),
        ("r.example. IN A 8.8.4.4", Level.WARNING, "has no name"),
        ("r.example. IN A 8.8.4.4\n4.4.8.8.in-addr.arpa. IN PTR x.example.", Level.WARNING, "another host"),
        ("r.example. IN A 10.0.0.7", Level.OK, "private"),
        ("", Level.UNKNOWN, "no address"),
    ],
)
def test_the_relay_has_a_name_that_leads_back(zone, level, seen):
    found = hosts.check_names(ZoneResolver(zone), "r.example")
    if "198.51.100" in zone:
        assert found.level is Level.OK  # an address of documentation counts as private
        return
    assert (found.level, seen in found.seen) == (level, True), found


def test_a_return_domain_without_a_mail_host_loses_every_bounce():
    assert hosts.check_return_domain(ZoneResolver(""), "b.a.example").level is Level.FAULT
    zone = "b.a.example. IN MX 10 mx.a.example."
    assert hosts.check_return_domain(ZoneResolver(zone), "b.a.example").seen == "mail goes to mx.a.example"


@pytest.mark.parametrize(
    "check",
    [
        lambda resolver: dkim_record.check(resolver, "a.broken", OURS),
        lambda resolver: dmarc.check(resolver, "a.broken"),
        lambda resolver: dmarc.check_alignment(resolver, "SPF", "b.broken", "a.broken"),
        lambda resolver: hosts.check_names(resolver, "r.broken"),
        lambda resolver: hosts.check_return_domain(resolver, "a.broken"),
    ],
)
def test_a_dns_that_is_away_is_said_and_is_no_fault(check):
    found = check(ZoneResolver(""))
    assert found.level is Level.UNKNOWN
    assert "timed out" in found.seen
