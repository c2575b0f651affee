"""What may go on the wire, octet by octet."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from publisher.mail.smtp.wire import (
    AddressRefused,
    ContentRefused,
    PlainBytes,
    is_plain,
    plain_join,
    stuffed,
    wire_address,
)
from tests.publisher.digests import digest_example as example

OCTETS = st.lists(st.sampled_from([b"\r", b"\n", b"\r\n", b".", b"a", b"..", b"\0", b"=\r\n"]), max_size=12).map(
    b"".join
)


def bare(octets: bytes) -> bool:
    rest = octets.replace(b"\r\n", b"")
    return b"\r" in rest or b"\n" in rest or b"\0" in rest


@settings(max_examples=400, deadline=None)
@given(OCTETS)
def test_content_is_refused_exactly_when_a_line_end_stands_alone_and_undone_to_what_it_was(octets: bytes) -> None:
    whole = octets if octets.endswith(b"\r\n") else octets + b"\r\n"
    if bare(whole):
        with pytest.raises(ContentRefused):
            stuffed(octets)
        return
    on_the_wire = stuffed(octets)
    assert b"\r\n.\r\n" not in b"\r\n" + on_the_wire
    lines = [line.removeprefix(b".") for line in on_the_wire.split(b"\r\n")]
    assert b"\r\n".join(lines) == whole


@settings(max_examples=400, deadline=None)
@given(st.lists(st.tuples(OCTETS, st.booleans()), max_size=6))
def test_what_is_joined_as_plain_needs_no_change_whatever_stands_beside_it(parts: list[tuple[bytes, bool]]) -> None:
    known = [octets for octets, fresh in parts if not fresh and is_plain(octets)]
    fresh = [octets for octets, is_fresh in parts if is_fresh]
    joined = plain_join(fresh, known + fresh)
    if isinstance(joined, PlainBytes):
        assert stuffed(bytes(joined)) == stuffed(joined)


def test_a_composed_message_is_plain_so_that_the_wire_need_not_look_at_it_again() -> None:
    from publisher.digests.composing import compose

    hostile = example.article(1, html="<p>.</p><pre>\n.\n..\nFrom x\n.\r\n</pre>", title=". dot")
    compiled = compose(example.edition(hostile), example.settings()).compiled
    message = compiled.message(example.recipient(name=".\r\n.\r\n"))
    assert type(message) is PlainBytes
    assert stuffed(bytes(message)) == message


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=30), st.booleans())
def test_an_address_on_the_wire_holds_nothing_that_ends_a_command(text: str, smtputf8: bool) -> None:
    for address in (text, f"{text}@example.net", f"a@{text}"):
        try:
            octets = wire_address(address, smtputf8=smtputf8)
        except AddressRefused:
            continue
        assert not set(octets) & set(b'\r\n\0<> \t,;:"\\()[]')
        assert octets.count(b"@") == 1
        assert smtputf8 or octets.isascii()
