"""Header fields: whatever the value, the header names are ours and the From address is ours."""

import base64
import re
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.header import decode_header, make_header

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from publisher.errors import DeliveryError
from publisher.lib.text import one_line
from publisher.mail import headers

HOSTILE = [
    "a\r\nBcc: e@evil.example",
    "a\nBcc: e@evil.example",
    "a\rBcc: e@evil.example",
    "a\u2028Bcc: e@evil.example",
    "a\u2029Bcc: e",
    "a\x85Bcc: e",
    "a\x0bBcc: e\x0cX: y",
    "=?utf-8?q?=0ABcc:_e@evil.example?=",
    "=?utf-8?b?DQpCY2M6IGU=?=",
    "x =?utf-8?q?=0ABcc:_e?= y",
    "\x00\x00",
    "\ud800 lone",
    "x" * 10_000,
    "é" * 10_000,
    "👩‍👩‍👧‍👦" * 300,
    '"<evil@evil.example>" \\',
    "a, b; c: d <e@f>",
    "  ",
    "",
    "\t\t",
]

anything = st.one_of(
    st.sampled_from(HOSTILE),
    st.text(max_size=200),
    st.lists(
        st.sampled_from(
            ["=?utf-8?q?=0ABcc:_e?=", "\r\n", "\n ", " ", "é", "x" * 80, "=?", "?=", "\x00", "<", ">", '"', ",", "@"]
        ),
        max_size=12,
    ).map("".join),
)


def decoded(value: bytes) -> str:
    return str(make_header(decode_header(value.decode("ascii").replace("\r\n ", " "))))


@settings(max_examples=700, deadline=None)
@given(title=anything, name=anything, tag=anything)
@example(title=HOSTILE[0], name=HOSTILE[7], tag=HOSTILE[12])
def test_no_title_name_or_tag_makes_a_header_that_is_not_ours(title, name, tag):
    block = headers.header_block(
        (
            ("From", headers.mailbox(name, "post@slow.example")),
            ("To", headers.mailbox(tag, "reader@example.org")),
            ("Subject", headers.unstructured(title)),
        )
    )
    lines = block.decode("ascii").removesuffix("\r\n").split("\r\n")
    assert [line.partition(":")[0] for line in lines if not line.startswith(" ")] == ["From", "To", "Subject"]
    assert all(0 < len(line) <= 78 for line in lines)
    assert not re.search(r"[^\x20-\x7e]", "".join(lines))
    parsed = message_from_bytes(block + b"\r\n", policy=policy.compat32)
    assert parsed.keys() == ["From", "To", "Subject"]
    assert parsed["From"].replace("\r\n", "").endswith("post@slow.example>") or parsed["From"] == "post@slow.example"


@settings(max_examples=400, deadline=None)
@given(st.text(max_size=120))
def test_a_subject_decodes_to_the_text_that_went_in(text):
    assert decoded(headers.unstructured(text)) == one_line(text)


@settings(max_examples=400, deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=80))
def test_an_encoded_word_is_at_most_75_characters_and_never_splits_a_character(text):
    value = headers.unstructured("é" + text)
    for word in value.split(b"\r\n "):
        assert len(word) <= 75
        base64.b64decode(word.removeprefix(b"=?utf-8?B?").removesuffix(b"?=")).decode("utf-8")


def test_a_plain_subject_stays_readable_and_is_folded_at_spaces():
    value = headers.unstructured("The harbour at dawn, " * 8)
    assert b"=?" not in value
    assert value.count(b"\r\n ") == 2


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("Ada Lovelace", b"Ada Lovelace <a@b.example>"),
        ("Lovelace, Ada", b'"Lovelace, Ada" <a@b.example>'),
        ('Ada "B" \\', b'"Ada \\"B\\" \\\\" <a@b.example>'),
        ("", b"a@b.example"),
        ("Ádá", b"=?utf-8?B?w4Fkw6E=?= <a@b.example>"),
    ],
)
def test_a_display_name_is_atoms_a_quoted_string_or_encoded_words(name, written):
    assert headers.mailbox(name, "a@b.example") == written


@pytest.mark.parametrize(
    "address",
    [
        "c@d>\r\nRCPT TO:<e@f",
        "a@b, c@d",
        "a@evil.example(<b@c>)",
        '"a@b"@c.example',
        "a@b@c",
        "a b@c.example",
        "@c.example",
        "a@",
        "a@-b.example",
        "a..b@c.example",
        ".a@c.example",
        "a@[127.0.0.1]",
        "x" * 65 + "@c.example",
        "a@" + "b" * 64 + ".example",
        "a@c.example\n",
        "",
    ],
)
def test_an_address_that_a_relay_could_read_in_two_ways_is_refused_for_good(address):
    with pytest.raises(DeliveryError) as caught:
        headers.header_address(address)
    assert caught.value.permanent
    assert address == "" or address not in str(caught.value)


def test_a_domain_of_any_script_goes_out_in_its_a_label_and_a_local_part_asks_for_smtputf8():
    assert headers.header_address("ada@bücher.example") == "ada@xn--bcher-kva.example"
    assert not headers.needs_smtputf8("ada@bücher.example")
    assert headers.header_address("ådå@bücher.example") == "ådå@xn--bcher-kva.example"
    assert headers.needs_smtputf8("ådå@bücher.example")


def test_a_block_with_the_same_field_twice_or_with_a_bare_line_end_is_refused():
    with pytest.raises(DeliveryError):
        headers.header_block((("To", b"a@b.example"), ("To", b"c@d.example")))
    for value in (b"a\r\nBcc: e", b"a\nb", b"a\rb", b"a\x00b", b" a", b"a\r\n ", b"a\r\n \r\n b"):
        with pytest.raises(DeliveryError):
            headers.header_block((("Subject", value),))
    with pytest.raises(DeliveryError):
        headers.header_block((("Subject", b"a " * 600),))


def test_a_message_id_is_made_of_edition_and_subscriber_alone():
    first = headers.message_id("edition", "42", "slow.example")
    assert first == headers.message_id("edition", "42", "slow.example")
    assert re.fullmatch(r"<[0-9a-f]{32}@slow\.example>", first)
    others = {headers.message_id("edition", str(key), "slow.example") for key in range(1000)}
    assert len(others) == 1000


def test_a_date_has_a_numeric_zone():
    assert headers.date(datetime(2026, 11, 23, 9, tzinfo=UTC)) == b"Mon, 23 Nov 2026 09:00:00 +0000"
    with pytest.raises(ValueError, match="aware"):
        headers.date(datetime(2026, 11, 23, 9))  # noqa: DTZ001


@pytest.mark.parametrize(
    "url", ["https://a.example/x y", "javascript:alert(1)", "https://a.example/>,<mailto:e@f", "https://é"]
)
def test_a_list_header_takes_only_a_plain_url(url):
    with pytest.raises(DeliveryError):
        headers.angle_url(url)
