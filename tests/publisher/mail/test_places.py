"""Where a personal value stands decides how it is escaped; where it could do harm the edition is refused."""

import re
from datetime import UTC, datetime
from email.header import decode_header, make_header

import pytest

from publisher.errors import CompositionRefused
from publisher.mail.compiled import CompiledEdition, Envelope
from publisher.mail.compiling import compile_edition
from publisher.mail.personal import FIELDS, Recipient
from publisher.mail.phrases import Phrases

MARKS = {f"zq0123456789abcdef{index:02d}": name for index, name in enumerate(FIELDS)}
NAME, UNSUBSCRIBE = (
    next(mark for mark, name in MARKS.items() if name == wanted) for wanted in ("name", "unsubscribe_url")
)
PHRASES = Phrases("Dear {name},", "Dear reader,", "All.", "You follow {topics}.", ("{0} and {1}",) * 4)
ENVELOPE = Envelope(
    "k", "Post", "post@slow.example", "d.slow.example", "Post", "1:d:d:mh123", "mailto:post@slow.example"
)
PERSON = Recipient(
    "1",
    "ada@reader.example",
    "https://slow.example/u/abc?x=1&y=2",
    "https://slow.example/p",
    "https://slow.example/w",
    datetime(2026, 11, 23, tzinfo=UTC),
    name='Ada "<b>&/?é',
)


def compiled(html: str, text: str = f"{UNSUBSCRIBE}\n", subject: str = "s") -> CompiledEdition:
    return compile_edition(
        envelope=ENVELOPE,
        language="en",
        subject=subject,
        text=text,
        html=f'<a href="{UNSUBSCRIBE}">x</a>{html}',
        sentinels=MARKS,
        phrases=PHRASES,
        boundary="=_b",
    )


def body(edition: CompiledEdition) -> str:
    import quopri

    return quopri.decodestring(edition.message(PERSON).partition(b"\r\n\r\n")[2]).decode()


@pytest.mark.parametrize(
    ("html", "made"),
    [
        (f"<p>{NAME}</p>", "<p>Ada &quot;&lt;b&gt;&amp;/?é</p>"),
        (f'<p title="{NAME}">', '<p title="Ada &quot;&lt;b&gt;&amp;/?é">'),
        (f"<p title='{NAME}'>", "<p title='Ada &quot;&lt;b&gt;&amp;/?é'>"),
        (f'<a href="https://a.example/?n={NAME}">', '<a href="https://a.example/?n=Ada%20%22%3Cb%3E%26%2F%3F%C3%A9">'),
        (f"<title>{NAME}</title>", "<title>Ada &quot;&lt;b&gt;&amp;/?é</title>"),
        (f'<a title="a > b" href="{UNSUBSCRIBE}">', '<a title="a > b" href="https://slow.example/u/abc?x=1&amp;y=2">'),
    ],
)
def test_a_value_is_escaped_for_the_place_where_it_stands(html, made):
    assert made in body(compiled(html))


@pytest.mark.parametrize(
    "html",
    [
        f"<script>{NAME}</script>",
        f"<style>{NAME}</style>",
        f"<!--[if mso]>{NAME}<![endif]-->",
        f"<!-- {NAME} -->",
        f'<p style="{NAME}">',
        f'<p onclick="{NAME}">',
        f'<a href="{NAME}">',
        f"<p {NAME}>",
        f"<p title={NAME}>",
    ],
)
def test_a_value_where_it_could_do_harm_refuses_the_edition(html):
    with pytest.raises(CompositionRefused, match=r"subscriber\.name"):
        compiled(html)


def test_an_edition_without_an_unsubscribe_link_in_both_parts_is_refused():
    with pytest.raises(CompositionRefused, match="text part has no unsubscribe link"):
        compiled("", text="no link")


def test_a_value_in_the_subject_becomes_a_safe_header():
    message = compiled("", subject=f"Hello {NAME}").message(PERSON)
    (subject,) = re.findall(rb"^Subject: (.*)$", message, re.MULTILINE)
    assert str(make_header(decode_header(subject.decode()))) == f"Hello {PERSON.name}"


def test_a_value_that_has_a_line_of_the_text_to_itself_is_wrapped_there():
    reason = next(mark for mark, name in MARKS.items() if name == "reason")
    edition = compiled("", text=f"{reason}\n{UNSUBSCRIBE}\n")
    import dataclasses

    person = dataclasses.replace(PERSON, topics=tuple(f"Topic number {n}" for n in range(8)))
    import quopri

    text = quopri.decodestring(edition.message(person).split(b"\r\n\r\n")[2]).decode()
    lines = [line for line in text.splitlines() if "Topic" in line]
    assert len(lines) > 1
    assert all(len(line) <= 72 for line in lines)
