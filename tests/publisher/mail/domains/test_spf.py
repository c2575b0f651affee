"""SPF as a receiver counts it."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from publisher.lib.findings import Level
from publisher.mail.domains import spf
from tests.publisher.mail.domains.zone import ZoneResolver

ELEVEN = " ".join(f"include:s{n}.example" for n in range(11))

CASES = [
    ("a record that ends in -all is fine", 'a.example. IN TXT "v=spf1 ip4:192.0.2.1 -all"', Level.OK, "0 look-ups"),
    ("no record is a fault", "b.example. IN A 192.0.2.1", Level.FAULT, "no record"),
    ("another TXT record is no SPF", 'a.example. IN TXT "v=spf10 -all"', Level.FAULT, "no record"),
    (
        "two records are broken",
        'a.example. IN TXT "v=spf1 -all"\na.example. IN TXT "v=spf1 ~all"',
        Level.FAULT,
        "2 records",
    ),
    (
        "strings of one record are joined without a space",
        'a.example. IN TXT "v=spf1 ip4:192.0.2.1" " -all"',
        Level.OK,
        "-all",
    ),
    (
        "the eleventh look-up breaks it",
        f'a.example. IN TXT "v=spf1 {ELEVEN} -all"\n'
        + "\n".join(f's{n}.example. IN TXT "v=spf1 -all"' for n in range(11)),
        Level.FAULT,
        "11 look-ups",
    ),
    (
        "look-ups inside an include count",
        'a.example. IN TXT "v=spf1 include:s.example -all"\ns.example. IN TXT "v=spf1 a:r.example mx -all"\n'
        "r.example. IN A 192.0.2.1\ns.example. IN MX 10 r.example.",
        Level.OK,
        "3 look-ups",
    ),
    (
        "an include without a record is broken",
        'a.example. IN TXT "v=spf1 include:gone.example -all"',
        Level.FAULT,
        "include:gone.example leads to no SPF record",
    ),
    (
        "a circle ends",
        'a.example. IN TXT "v=spf1 include:b.example -all"\nb.example. IN TXT "v=spf1 include:a.example -all"',
        Level.FAULT,
        "includes itself",
    ),
    (
        "a third name that does not exist breaks it",
        'a.example. IN TXT "v=spf1 a:x.example a:y.example a:z.example -all"',
        Level.FAULT,
        "do not exist",
    ),
    ("+all lets everybody send", 'a.example. IN TXT "v=spf1 +all"', Level.WARNING, "lets everybody send"),
    ("all without a sign is +all", 'a.example. IN TXT "v=spf1 all"', Level.WARNING, "lets everybody send"),
    ("?all says nothing", 'a.example. IN TXT "v=spf1 ?all"', Level.WARNING, "says nothing"),
    ("no all says nothing", 'a.example. IN TXT "v=spf1 ip4:192.0.2.1"', Level.WARNING, "says nothing"),
    (
        "a redirect takes the place of all",
        'a.example. IN TXT "v=spf1 redirect=b.example"\nb.example. IN TXT "v=spf1 -all"',
        Level.OK,
        "1 look-ups",
    ),
    ("a macro is not followed", 'a.example. IN TXT "v=spf1 exists:%{i}.x.example -all"', Level.OK, "1 look-ups"),
]


@pytest.mark.parametrize(("zone", "level", "seen"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_the_record_is_judged(zone, level, seen):
    found = spf.check(ZoneResolver(zone), "a.example")
    assert (found.level, seen in found.seen) == (level, True), found


@pytest.mark.parametrize("zone", [case[1] for case in CASES if case[2] is not Level.OK])
def test_what_is_wrong_says_what_to_do(zone):
    assert spf.check(ZoneResolver(zone), "a.example").todo


def test_a_dns_that_is_away_is_no_fault_of_the_record():
    assert spf.check(ZoneResolver(""), "a.broken").level is Level.UNKNOWN


TERMS = ["include:d0.example", "include:d1.example", "include:d2.example", "a", "mx", "~all"]


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.lists(st.sampled_from(TERMS), max_size=10), min_size=3, max_size=3),
)
def test_hostile_chains_of_includes_end(records):
    zone = "\n".join(f'd{n}.example. IN TXT "v=spf1 {" ".join(terms)}"' for n, terms in enumerate(records))
    resolver = ZoneResolver(zone)
    spf.check(resolver, "d0.example")
    assert resolver.asked <= 4 * (4 * spf.MAX_LOOKUPS + 1)
