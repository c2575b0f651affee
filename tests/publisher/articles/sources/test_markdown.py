"""Markdown files: front matter field by field, and what becomes of the body."""

from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from publisher.articles.sources import open_source, read
from publisher.articles.sources._bodies import sentences, summarise
from publisher.articles.sources._dates import parse_day, parse_instant
from publisher.articles.sources._yaml import split
from publisher.errors import SourceError
from publisher.model import Author, Enclosure, Image
from publisher.settings.publication import PublicationSettings, SourceSettings

PUBLICATION = PublicationSettings(title="The Slow Post", base_url="https://slow.example", timezone="Europe/Rome")


def parse(text: str, site: Path = Path("/nonexistent"), **publication):
    settings = PUBLICATION.model_copy(update=publication)
    return open_source(SourceSettings(), site, settings).parse(text, "articles/a.md")


def article(matter: str, body: str = "Body."):
    document, problems = parse(f"---\ntitle: T\ndate: 2025-07-16\n{matter}\n---\n{body}\n")
    return document, [str(problem) for problem in problems]


def refusal(matter: str, body: str = "Body.") -> str:
    with pytest.raises(SourceError) as caught:
        parse(f"---\ntitle: T\n{matter}\n---\n{body}\n")
    return f"{caught.value.line}: {caught.value.reason}"


def test_every_field_of_the_front_matter_arrives():
    golden = Path(__file__).parents[3] / "golden" / "sources" / "markdown" / "bread.md"
    document, problems = parse(golden.read_text(encoding="utf-8"))
    assert problems == []
    assert document.title == "Bread, slowly"
    assert document.summary == "Flour, water, salt and a night."
    assert document.published == datetime(2025, 3, 1, 6, 30, tzinfo=UTC)
    assert document.updated == datetime(2025, 3, 2, 7, tzinfo=UTC)
    assert document.authors == (Author("Ada Rossi", "https://ada.example/"),)
    assert document.section == "Kitchen"
    assert document.tags == ("bread", "1984", "no")
    assert document.image == Image(
        "https://slow.example/media/loaf.png", "A dark loaf on a board", media_type="image/png"
    )
    assert document.enclosures == (
        Enclosure("https://slow.example/media/bread.mp3", "audio/mpeg", length=1234, duration=3723),
    )
    assert document.share_targets == ("facebook", "mastodon")
    assert document.post_texts == (("x", "Bread!\nSlowly."),)
    assert '<td align="right">500</td>' in document.html
    assert "<s>rye</s> wheat" in document.html
    assert 'href="https://slow.example/patience"' in document.html


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("2025-07-16", (2025, 7, 15, 22, 0)),
        ("2025-07-16 09:30", (2025, 7, 16, 7, 30)),
        ("2025-07-16T09:30:15Z", (2025, 7, 16, 9, 30, 15)),
        ("2025-07-16T09:30:15.123456+05:30", (2025, 7, 16, 4, 0, 15)),
        ("2025-01-16 9:30 -0500", (2025, 1, 16, 14, 30)),
        ("2025-07-16 09:30 America/New_York", (2025, 7, 16, 13, 30)),
        ("July 16, 2025", (2025, 7, 15, 22, 0)),
        ("16 July 2025", (2025, 7, 15, 22, 0)),
        ("Wed, 16 Jul 2025 09:30:00 +0200", (2025, 7, 16, 7, 30)),
        ("2025-03-30 02:30", (2025, 3, 30, 1, 30)),  # does not exist in Rome: the hour that stands in its place
    ],
)
def test_a_date_with_a_zone_keeps_it_and_one_without_is_the_publications(written, expected):
    assert parse_instant(written, "Europe/Rome") == datetime(*expected, tzinfo=UTC)


@pytest.mark.parametrize(
    "written",
    ["soon", "2025-13-01", "2025-02-30", "03/04/2025", "2025-07-16 25:00", "0001-01-01", "9999-12-31",
     "2025-07-16 09:30 Mars/Olympus", "2025-07-16 09:30 +99:00", "Wed, 16 Jul 2025 99:30:00 +0200",
     "2025-07-16 09:30 ../../etc/passwd", "", "١٢"],
)  # fmt: skip
def test_what_is_no_date_sets_the_article_aside_with_the_line_and_what_was_expected(written):
    message = refusal(f"section: x\ndate: '{written}'")
    assert message.startswith("4: date: ")
    assert "2025-07-16" in message


@settings(deadline=None)
@given(st.text(max_size=40))
def test_any_text_is_a_date_or_a_value_error(text):
    try:
        instant = parse_instant(text, "Europe/Rome")
    except ValueError:
        return
    assert 1900 <= instant.year <= 2200


@settings(deadline=None)
@given(st.dates(min_value=date(1901, 1, 1), max_value=date(2199, 1, 1)))
def test_a_written_out_date_reads_back(day):
    assert parse_day(f"{day:%B} {day.day:02d}, {day.year}") == day
    assert parse_day(f"{day.day} {day:%b} {day.year}") == day
    assert parse_day(day.isoformat()) == day


def test_months_are_read_in_the_publications_language_too():
    assert parse_day("16 luglio 2025", "it") == parse_day("16. Juli 2025", "de") == parse_day("2025年7月16日")
    assert parse_day("16 de julio de 2025", "es") == parse_day("١٦ يوليو ٢٠٢٥", "ar") == parse_day("16 July 2025")


@pytest.mark.parametrize(
    ("matter", "message"),
    [
        ("draft: maybe", "3: draft: 'maybe': expected true or false"),
        ("darft: true", "3: unknown key 'darft'; did you mean draft?"),
        ("id: two words", "3: id: 'two words': expected 1 to 200 characters without white space"),
        ("date: [2025]", "3: date is not a date"),
        ("tags: [a\n", "3: the front matter is not YAML"),
        ("x: y\ntags: 'a", "4: the front matter is not YAML"),
        ("a: b\na: c", "4: the key 'a' stands twice"),
        ("date: 2025-01-01\npublished: 2025-01-02", "4: the key 'published' says date a second time; keep one"),
        ("? [a]\n: b", "3: a key must be plain text"),
        ("x: !!python/object/apply:os.system [id]\ndraft: perhaps", "4: draft: 'perhaps'"),
    ],
)
def test_where_guessing_would_do_harm_the_article_is_set_aside(matter, message):
    assert message in refusal(matter)


@pytest.mark.parametrize(
    ("matter", "warning"),
    [
        ("tagz: a", "articles/a.md:4: unknown key 'tagz' is ignored; did you mean tags?"),
        ("colour: red", "articles/a.md:4: unknown key 'colour' is ignored; expected one of title, summary, date"),
        ("image: 'data:x'", "articles/a.md:4: image.url: 'data:x': expected an http or https URL"),
        ("image: /a.png", "articles/a.md:4: image has no alt text"),
        ("image: {url: /a.png, alt: x, width: wide}", "articles/a.md:4: image.width: 'wide': expected a whole number"),
        ("image:\n  alt: x", "articles/a.md:5: image has no url"),
        ("canonical_url: ftp://x", "articles/a.md:4: canonical_url: 'ftp://x': expected an http or https URL"),
        ("language: english!", "articles/a.md:4: language: 'english!': expected a tag such as en"),
        ("updated: 2025-01-01", "articles/a.md:4: updated is earlier than date"),
        ("authors:\n  - url: /me", "articles/a.md:5: authors: an author without a name is left out"),
        ("enclosures: /a.xyzzy", "articles/a.md:4: enclosures: the type of this file is not known; add type"),
        ("enclosures: {url: /a.mp3, duration: long}", "articles/a.md:4: enclosures.duration: 'long': expected seconds"),
        ("posts: hello", "articles/a.md:4: posts: expected channel: text"),
        ("share: ['not a kind!']", "articles/a.md:4: share: 'not a kind!': expected a name such as facebook"),
        ("slug: A B", "articles/a.md:4: slug: 'A B' cannot stand in a link as it is; 'a-b' is used"),
        ("section: [a, b]", "articles/a.md:4: section names 2; the first, 'a', is used"),
    ],
)  # fmt: skip
def test_anything_else_that_is_wrong_is_a_warning_with_its_line_and_the_article_goes_on(matter, warning):
    document, problems = article(matter)
    assert document.title == "T"
    assert len(problems) == 1
    assert problems[0].startswith(warning)


@pytest.mark.parametrize(
    ("matter", "attribute", "expected"),
    [
        ("canonical: https://x.example/", "canonical_url", "https://x.example/"),
        ("Canonical-URL: /y", "canonical_url", "https://slow.example/y"),
        ("author: Ada", "authors", (Author("Ada"),)),
        ("author: Ada Rossi <ada@slow.example>", "authors", (Author("Ada Rossi", "", "ada@slow.example"),)),
        ("description: Short.", "summary", "Short."),
        ("category: Kitchen", "section", "Kitchen"),
        ("tags: bread, Bread, rye", "tags", ("bread", "rye")),
        ("keywords: [a, b]", "tags", ("a", "b")),
        ("lang: pt_BR", "language", "pt-BR"),
        ("guid: 42", "explicit_id", "42"),
        ("draft: Yes", "draft", True),
        ("draft:", "draft", False),
        ("summary: ~", "summary", "Body."),
        ("image: {src: /a.png, alt: A, width: 600, height: 400}\nid: x", "image",
         Image("https://slow.example/a.png", "A", 600, 400, "image/png")),
        ("cover: /a.webp\nimage_alt: A", "image", Image("https://slow.example/a.webp", "A", media_type="image/webp")),
    ],
)  # fmt: skip
def test_the_words_of_other_programs_are_understood(matter, attribute, expected):
    document, problems = article(matter)
    assert getattr(document, attribute) == expected
    assert problems == []


def test_an_enclosure_of_our_own_knows_its_length(tmp_path):
    (tmp_path / "media").mkdir()
    (tmp_path / "media" / "a b.mp3").write_bytes(b"x" * 321)
    (tmp_path / "secret.mp3").write_bytes(b"x")
    files = "['/media/a b.mp3', /media/../secret.mp3, /media/%2e%2e/secret.mp3]"
    text = f"---\ntitle: T\ndate: 2025-07-16\nenclosures: {files}\n---\nB.\n"
    document, _ = parse(text, tmp_path)
    assert [enclosure.length for enclosure in document.enclosures] == [321, 0, 0]


def test_a_title_that_would_split_a_header_becomes_one_line():
    document, _ = article("summary: |\n  One\n  two\u2028three")
    assert document.summary == "One two three"
    document, problems = parse('---\ntitle: "Hi\\r\\nBcc: x@evil.example\\u202e"\ndate: 2025-07-16\n---\nB.\n')
    assert document.title == "Hi Bcc: x@evil.example"
    assert problems == []


def test_a_title_of_a_megabyte_is_cut_and_said_so():
    document, problems = parse(f"# {'word ' * 80_000}\n\nText.")
    assert len(document.title) <= 300
    long = "---\ntitle: " + "word " * 2_000 + "\ndate: 2025-01-01\n---\nB.\n"
    document, problems = parse(long)
    assert document.title.endswith("…")
    assert "title is longer than 300 characters" in str(problems[0])


def test_without_a_title_the_first_heading_is_it_and_is_not_shown_twice():
    document, _ = parse("# A *walk* & a talk\n\nSix o'clock.")
    assert document.title == "A walk & a talk"
    assert document.html == "<p>Six o'clock.</p>"
    document, _ = parse("Six o'clock.\n\n## Later\n\nSeven.")
    assert document.title == "Later"
    assert "<h2>Later</h2>" in document.html


def test_a_first_heading_that_repeats_the_title_is_not_shown_twice_and_others_move_down():
    document, _ = article("", "# t\n\nOne.\n\n# Two\n\n## Three")
    assert document.html == "<p>One.</p>\n<h2>Two</h2>\n<h3>Three</h3>"


def test_without_title_and_heading_the_article_is_set_aside():
    with pytest.raises(SourceError, match="it has no title; add"):
        parse("Just words.")


def test_without_a_summary_the_first_sentences_are_it():
    document, _ = article("", "![x](y.png)\n\nOne *two*. Three! " + "Word " * 100 + ".")
    assert document.summary == "One two. Three!"
    assert len(summarise(f"<p>{'word ' * 200}</p>")) <= 220


def test_sentences_are_cut_where_they_end_and_not_at_an_abbreviation():
    assert sentences("Dr. Rossi came at 7.30, e.g. early. She said: “No.” He left!") == [
        "Dr. Rossi came at 7.30, e.g. early.", "She said: “No.”", "He left!",
    ]  # fmt: skip
    assert sentences("雨が降る。風も吹く。") == ["雨が降る。", "風も吹く。"]


@settings(deadline=None)
@given(st.text(alphabet="Ab .!?…。”)\n", max_size=60))
def test_no_sentence_loses_a_word(text):
    line = " ".join(text.split())
    assert "".join("".join(sentences(line)).split()) == "".join(line.split())


def test_no_date_is_a_warning_that_says_what_stands_in():
    document, problems = parse("---\ntitle: T\n---\nB.\n")
    assert document.published is None
    assert "it has no date; the moment it is first published stands in" in str(problems[0])


@pytest.mark.parametrize(
    ("text", "reason", "line"),
    [
        ("---\ntitle: T\nB.\n", "the front matter is not closed", 1),
        ("---\n- a\n- b\n---\nB.\n", "not a list of \"key: value\" lines", 2),
        ("---\njust words\n---\nB.\n", "not a list of \"key: value\" lines", 2),
        ("---\na: &x [1]\nb: [*x, *x]\n---\nB.\n", "aliases", 3),
        ("---\na: " + "[" * 500 + "]" * 500 + "\n---\nB.\n", "nests too deep", 2),
        ("---\n" + "".join(f"k{n}: v\n" for n in range(4000)) + "---\nB.\n", "too many values", 2501),
        ("---\na: '" + "x" * 70_000 + "'\n---\nB.\n", "larger than 64 KB", 1),
        ("\n\n---\ntitle: T\ndate: never\n---\nB.\n", "date: 'never'", 5),
        ("---\n\n\ntitle: T\ndraft: x\n---\nB.\n", "draft: 'x'", 5),
        ("---\ntitle: T\n--- \n" + "x" * 600_000, "larger than 512 KB", 4),
        ("---\ntitle: T\n---\n\n\n" + "<div>" * 300, "more than 200 HTML elements", 6),
        ("---\ntitle: T\n\tx: y\n---\n", "not YAML", 3),
    ],
    ids=lambda value: repr(value)[:24],
)  # fmt: skip
def test_hostile_or_broken_front_matter_is_refused_with_its_line(text, reason, line):
    with pytest.raises(SourceError) as caught:
        parse(text)
    assert reason in caught.value.reason
    assert caught.value.line == line


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet=st.sampled_from("ab:-[]{}&*!|>'\"%@`#,?~ \n\t\x00é\u2028"), max_size=80))
def test_whatever_stands_in_the_front_matter_is_read_or_refused(matter):
    refused = None
    try:
        parse(f"---\ntitle: T\n{matter}\n---\nB.\n")
    except SourceError as error:
        refused = error
    assert refused is None or (refused.line is not None and refused.line >= 1 and "\n" not in str(refused))


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 5), st.integers(0, 5))
def test_lines_are_counted_as_an_editor_counts_them(blank_before, blank_after):
    text = "\n" * blank_before + "---\n# a comment\nkey: value\n---\n" + "\n" * blank_after + "Body.\n"
    matter, body, line = split(text)
    assert text.split("\n")[matter.lines["key"] - 1] == "key: value"
    assert text.split("\n")[line - 1] == "Body."
    assert body == "Body.\n"


def test_a_draft_says_so(tmp_path):
    (tmp_path / "articles").mkdir()
    (tmp_path / "articles" / "a.md").write_text("---\ntitle: T\ndraft: true\n---\nB.\n")
    (document,) = read(SourceSettings(), tmp_path, PUBLICATION).documents
    assert document.draft


def test_line_ends_of_windows_and_a_byte_order_mark_make_no_difference(tmp_path):
    (tmp_path / "articles").mkdir()
    text = "---\ntitle: Tè\ndate: 2025-07-16\n---\nOne.\n\nTwo.\n"
    (tmp_path / "articles" / "a.md").write_bytes(b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode())
    (document,) = read(SourceSettings(), tmp_path, PUBLICATION).documents
    assert (document.title, document.html) == ("Tè", "<p>One.</p>\n<p>Two.</p>")
