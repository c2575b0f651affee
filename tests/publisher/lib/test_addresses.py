"""Addresses from outside: what is taken, what is refused, what counts as the same."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from publisher.errors import BadAddress
from publisher.lib.addresses import _parse_slowly, is_mixed_script, parse_address


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ada",
        "ada@",
        "@example.org",
        "ada@example",
        "ada@@example.org",
        "ada@b, c@example.org",
        "c@example.org>\r\nRCPT TO:<e@f.example>",
        "ada@evil.example(<b@example.org>)",
        '"a@b"@example.org',
        '"ada"@example.org',
        "Ada <ada@example.org>",
        "<ada@example.org>",
        "ada@[127.0.0.1]",
        "ada@127.0.0.1",
        "ada b@example.org",
        ".ada@example.org",
        "ada.@example.org",
        "a..da@example.org",
        "-oQ/tmp@example.org",
        "-ada@example.org",
        "ada@-example.org",
        "ada@exam_ple.org",
        "ada@example.org.",
        "ada@example.org\nBcc: b@example.org",
        "ada@example.org\x00",
        "a\u202eda@example.org",
        "ada@exa\u2028mple.org",
        "a\ud800@example.org",
        "a" * 65 + "@example.org",
        "a@" + ".".join(["b" * 60] * 5) + ".org",
        "é" * 33 + "@example.org",
        "a" * 5000,
    ],
)
def test_a_malformed_or_dangerous_address_is_refused_without_being_repeated(text: str) -> None:
    with pytest.raises(BadAddress) as refused:
        parse_address(text)
    message = str(refused.value)
    assert "\n" not in message
    assert len(message) < 200
    if len(text) > 6:
        assert text not in message


@pytest.mark.parametrize(
    ("text", "sent", "key"),
    [
        ("Ada.Rossi@Example.ORG", "Ada.Rossi@example.org", "ada.rossi@example.org"),
        ("  ada@example.org\n", "ada@example.org", "ada@example.org"),
        ("ada+news@example.org", "ada+news@example.org", "ada+news@example.org"),
        ("ａｄａ@ｅｘａｍｐｌｅ．ｏｒｇ", "ada@example.org", "ada@example.org"),
        ("ada@example。org", "ada@example.org", "ada@example.org"),
        ("ada@bücher.example", "ada@xn--bcher-kva.example", "ada@xn--bcher-kva.example"),
        ("josé@example.org", "josé@example.org", "josé@example.org"),
        ("JOSE\u0301@example.org", "JOSÉ@example.org", "josé@example.org"),
        ("_x@example.museum", "_x@example.museum", "_x@example.museum"),
        ("o'hara@example.org", "o'hara@example.org", "o'hara@example.org"),
    ],
)
def test_an_address_has_one_form_to_send_to_and_one_to_compare(text: str, sent: str, key: str) -> None:
    found = parse_address(text)
    assert (found.text, found.key) == (sent, key)


def test_a_local_part_outside_ascii_is_kept_and_flagged() -> None:
    assert parse_address("用户@example.org").needs_smtputf8
    assert not parse_address("ada@bücher.example").needs_smtputf8


def test_dots_and_plus_variants_share_one_limit() -> None:
    variants = ["ada.rossi@example.org", "a.d.arossi+1@example.org", "ADAROSSI+x+y@example.org"]
    assert {parse_address(one).limit_key for one in variants} == {"adarossi@example.org"}


@pytest.mark.parametrize(
    ("text", "mixed"),
    [
        ("ada@pаypal.example", True),  # the second letter is Cyrillic
        ("аda@example.org", True),
        ("анна@почта.example", False),
        ("東京たろう@example.org", False),
        ("ada@bücher.example", False),
        ("ada@example.org", False),
    ],
)
def test_a_word_of_several_scripts_is_flagged(text: str, mixed: bool) -> None:
    assert parse_address(text).mixed_script is mixed


def test_a_person_sees_the_domain_in_both_forms() -> None:
    assert parse_address("ada@bücher.example").shown == "ada@bücher.example (xn--bcher-kva.example)"
    assert parse_address("ada@example.org").shown == "ada@example.org"


def test_a_masked_address_cannot_be_written_to() -> None:
    assert parse_address("ada@example.org").masked == "a…@example.org"


_PIECES = st.one_of(
    st.sampled_from(["a", "B", "9", ".", "-", "_", "+", "@", "xn--", "..", " ", "é", "'", "\u202e", "example.org"]),
    st.text(max_size=2),
)


@settings(max_examples=400, deadline=None)
@given(st.lists(_PIECES, max_size=12).map("".join))
def test_the_quick_way_and_the_long_way_agree_and_nothing_else_is_ever_raised(text: str) -> None:
    try:
        quick = parse_address(text)
    except BadAddress:
        quick = None
    try:
        slow = _parse_slowly(text.strip(" \t\r\n"))
    except BadAddress:
        slow = None
    assert quick == slow


@settings(max_examples=200, deadline=None)
@given(st.emails())
def test_what_is_taken_stays_as_it_is_when_taken_again(text: str) -> None:
    try:
        once = parse_address(text)
    except BadAddress:
        return
    assert parse_address(once.text) == once
    assert parse_address(once.key).key == once.key
    assert once.text.count("@") == 1
    assert not any(c.isspace() or c in '<>,;:"()[]\\' for c in once.text)


def test_a_megabyte_of_any_one_character_is_refused_at_once() -> None:
    for character in "a@.-+é":
        with pytest.raises(BadAddress):
            parse_address(character * 1_000_000)
    assert not is_mixed_script("a" * 300)
