"""A resolver that reads a zone file: the DNS of the tests."""

from __future__ import annotations

import dns.name
import dns.rdatatype
import dns.reversename
import dns.zone

from publisher.mail.domains.resolver import LookupFailed


class ZoneResolver:
    """Answers from the text of a zone file whose origin is the root; names below ``broken.`` fail."""

    def __init__(self, text: str) -> None:
        head = "$ORIGIN .\n$TTL 60\n@ IN SOA ns. mail. 1 1 1 1 1\n@ IN NS ns.\n"
        self._zone = dns.zone.from_text(head + text, origin=".", relativize=False)
        self.asked = 0

    def txt(self, name: str) -> list[str]:
        return [b"".join(record.strings).decode() for record in self._records(name, "TXT")]

    def addresses(self, name: str) -> list[str]:
        return [record.address for kind in ("A", "AAAA") for record in self._records(name, kind)]

    def mail_hosts(self, name: str) -> list[str]:
        found = sorted(self._records(name, "MX"), key=lambda record: record.preference)
        return [record.exchange.to_text(omit_final_dot=True) for record in found]

    def names(self, address: str) -> list[str]:
        name = dns.reversename.from_address(address).to_text()
        return [record.target.to_text(omit_final_dot=True) for record in self._records(name, "PTR")]

    def _records(self, name: str, kind: str) -> list:
        self.asked += 1
        if name.rstrip(".").endswith("broken"):
            raise LookupFailed(f"{name}: timed out")
        found = self._zone.get_rdataset(dns.name.from_text(name), dns.rdatatype.from_text(kind))
        return list(found) if found is not None else []
