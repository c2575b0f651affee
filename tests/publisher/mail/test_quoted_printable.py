"""Quoted-printable in pieces: any pieces joined decode to the texts joined."""

import quopri

from hypothesis import given, settings
from hypothesis import strategies as st

from publisher.mail.dkim import relaxed_body
from publisher.mail.quoted_printable import encode, piece

texts = st.text(
    st.one_of(st.characters(exclude_categories=["Cs"], exclude_characters="\r"), st.sampled_from(" \n.=\tF")),
    max_size=400,
) | st.sampled_from(["From me", ".", "..\n.\nFrom x", " " * 200, "=" * 100, "x" * 76, "x" * 75 + ".", "é" * 90])


@settings(max_examples=400, deadline=None)
@given(st.lists(texts, max_size=6), texts)
def test_pieces_joined_decode_to_the_texts_joined(parts, last):
    joined = b"".join(map(piece, parts)) + encode(last)
    assert quopri.decodestring(joined).replace(b"\r\n", b"\n").decode() == "".join([*parts, last])


@settings(max_examples=400, deadline=None)
@given(st.lists(texts, max_size=6), texts)
def test_a_body_is_seven_bit_in_short_lines_that_no_relay_needs_to_touch(parts, last):
    body = b"".join(map(piece, parts)) + encode(last) + b"\r\n"
    assert body.isascii()
    assert b"\n" not in body.replace(b"\r\n", b"")
    for line in body.split(b"\r\n"):
        assert len(line) <= 76
        assert not line.startswith((b".", b"From "))
        assert not line.endswith((b" ", b"\t"))
        assert b"  " not in line
        assert b"\t" not in line


@settings(max_examples=200, deadline=None)
@given(st.lists(texts, min_size=1, max_size=4))
def test_the_relaxed_canonical_form_of_a_body_is_the_body(parts):
    body = b"".join(map(piece, parts)) + b"end\r\n"
    assert relaxed_body(body) == body
