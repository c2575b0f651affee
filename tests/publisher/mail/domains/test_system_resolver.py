"""The machine's resolver against a DNS server on loopback: records as text, and a failure that is none."""

from __future__ import annotations

import socket
import threading

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.resolver
import dns.rrset
import pytest

from publisher.mail.domains import system_resolver
from publisher.mail.domains.resolver import LookupFailed
from publisher.mail.domains.system_resolver import SystemResolver

RECORDS = {
    ("a.example.", "TXT"): ['"v=spf1 " "-all"', '"caf\\195\\169 \\255"'],
    ("a.example.", "A"): ["192.0.2.1"],
    ("a.example.", "AAAA"): ["2001:db8::1"],
    ("a.example.", "MX"): ["20 second.example.", "10 first.example."],
    ("1.2.0.192.in-addr.arpa.", "PTR"): ["a.example."],
}


@pytest.fixture
def resolver(monkeypatch):
    """Asks a server that knows RECORDS, says nothing of ``mute.example`` and fails at ``broken.example``."""
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind(("127.0.0.1", 0))

    def serve():
        while True:
            try:
                data, peer = server.recvfrom(4096)
            except OSError:
                return
            if data == b"stop":
                return
            query = dns.message.from_wire(data)
            question = query.question[0]
            name, kind = question.name.to_text(), dns.rdatatype.to_text(question.rdtype)
            if name.startswith("mute"):
                continue
            reply = dns.message.make_response(query)
            reply.flags |= dns.flags.RA
            found = RECORDS.get((name, kind))
            if found:
                reply.answer.append(dns.rrset.from_text(question.name, 60, "IN", kind, *found))
            elif name.startswith("broken"):
                reply.set_rcode(dns.rcode.SERVFAIL)
            elif all(known != name for known, _ in RECORDS):
                reply.set_rcode(dns.rcode.NXDOMAIN)
            server.sendto(reply.to_wire(), peer)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    made = dns.resolver.Resolver(configure=False)
    made.nameservers = ["127.0.0.1"]
    made.port = server.getsockname()[1]
    monkeypatch.setattr(dns.resolver, "Resolver", lambda: made)
    monkeypatch.setattr(system_resolver, "LOOKUP_SECONDS", 0.5)
    yield SystemResolver()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as last:
        last.sendto(b"stop", server.getsockname())
    thread.join(5)
    server.close()


def test_records_are_read_as_text(resolver):
    assert sorted(resolver.txt("a.example")) == ["café �", "v=spf1 -all"]
    assert resolver.addresses("a.example") == ["192.0.2.1", "2001:db8::1"]
    assert resolver.mail_hosts("a.example") == ["first.example", "second.example"]
    assert resolver.names("192.0.2.1") == ["a.example"]


def test_no_such_name_and_no_such_record_are_empty(resolver):
    assert resolver.txt("gone.example") == []
    assert resolver.mail_hosts("1.2.0.192.in-addr.arpa") == []
    assert resolver.names("not an address") == []


@pytest.mark.parametrize("name", ["mute.example", "broken.example", "a..example", "x" * 64 + ".example"])
def test_a_failure_says_nothing_about_the_record(resolver, name):
    with pytest.raises(LookupFailed, match=name[:5]):
        resolver.txt(name)


def test_a_machine_without_dns_says_so(monkeypatch):
    def none_set_up():
        raise dns.resolver.NoResolverConfiguration

    monkeypatch.setattr(dns.resolver, "Resolver", none_set_up)
    with pytest.raises(LookupFailed, match="names no DNS server"):
        SystemResolver().txt("a.example")
