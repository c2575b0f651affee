"""Saved pages: what each line is, told by its place and its form alone."""

from datetime import date
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from publisher.articles.sources import open_source
from publisher.articles.sources.page import find_subheads, read_page, share_targets
from publisher.errors import SourceError
from publisher.settings.publication import PublicationSettings, SourceSettings

HEADLINE = "The harbour that learned to wait"
STANDFIRST = "A small port gave up two metres of quay, and got its fishermen back."
DATE = "March 03, 2025"
SHARE = "Facebook X Reddit"
ONE = "For forty years the quay grew by a metre a year. Each metre took a little light. Nobody had asked for it at all."
TWO = "Then the council measured what the quay was for. Half of it held nothing but rain, and the rest held it badly."
SUBHEAD = "A shorter wall makes room for talk."
THREE = "So they took two metres away, in daylight. The boats came back because there was somewhere to sit at noon."
RELATED = ["Related Articles", "How a ferry timetable became the most read page.", "February 11, 2025"]
PARTS = {
    "headline": [HEADLINE],
    "standfirst": [STANDFIRST],
    "date": [DATE],
    "line of share targets": [SHARE],
    "paragraphs": [ONE, TWO, SUBHEAD, THREE],
    "related articles": RELATED,
}


def parse(text: str):
    publication = PublicationSettings(title="The Slow Post", base_url="https://slow.example", timezone="Europe/Rome")
    return open_source(SourceSettings(kind="page", path="pages"), Path("/nonexistent"), publication).parse(
        text, "pages/a.txt"
    )


def page(*without: str) -> str:
    return "\n".join(line for name, lines in PARTS.items() if name not in without for line in lines)


def test_a_whole_page_has_every_part_and_no_warning():
    document, problems = parse(page())
    assert problems == []
    assert (document.title, document.summary) == (HEADLINE, STANDFIRST)
    assert document.share_targets == ("facebook", "x", "reddit")
    assert document.html == f"<p>{ONE}</p>\n<p>{TWO}</p>\n<h2>{SUBHEAD}</h2>\n<p>{THREE}</p>"
    assert [(r.summary, r.published) for r in document.related] == [(RELATED[1], date(2025, 2, 11))]


@pytest.mark.parametrize("part", ["standfirst", "date", "line of share targets", "paragraphs", "related articles"])
def test_a_page_that_lacks_a_part_gives_an_article_without_it_and_a_warning_that_names_it(part):
    whole, _ = parse(page())
    document, problems = parse(page(part))
    assert [problem.refused for problem in problems] == [False]
    assert f"the page has no {part}" in str(problems[0])
    attribute = {
        "standfirst": "summary", "date": "published", "line of share targets": "share_targets", "paragraphs": "html",
        "related articles": "related",
    }  # fmt: skip
    for name in ("title", *attribute.values()):
        if name == attribute[part]:
            assert not getattr(document, name)
        else:
            assert getattr(document, name) == getattr(whole, name)


def test_a_page_without_a_headline_is_called_by_its_first_words():
    long = (
        STANDFIRST[:-1] + ", which surprised everyone who had ever sat there on a Friday, and a few who never had " * 2
    )
    document, problems = parse("\n".join([long, DATE, SHARE, ONE, TWO, *RELATED]))
    assert document.summary == " ".join(long.split())
    assert document.title.startswith("For forty years the quay grew")
    assert "the page has no headline" in str(problems[0])


def test_with_neither_date_nor_share_targets_the_head_is_told_by_its_form():
    document, problems = parse(page("date", "line of share targets"))
    assert (document.title, document.summary) == (HEADLINE, STANDFIRST)
    assert document.html.count("<p>") == 3
    assert len(problems) == 2


def test_related_articles_are_found_though_their_heading_is_missing():
    document, problems = parse("\n".join([page("related articles"), *RELATED[1:]]))
    assert len(document.related) == 1
    assert document.html.endswith(f"<p>{THREE}</p>")
    assert problems == []


def test_a_related_article_without_a_date_is_kept_and_named_with_its_line():
    text = "\n".join([page(), "What the keeper wrote.", "Why gulls return.", "January 30, 2025"])
    document, problems = parse(text)
    assert [related.published for related in document.related] == [date(2025, 2, 11), None, date(2025, 1, 30)]
    (problem,) = problems
    assert text.split("\n")[problem.line - 1] == "What the keeper wrote."


def test_an_empty_page_is_set_aside():
    for text in ("", "\n \n", "ADVERTISEMENT\n"):
        with pytest.raises(SourceError, match="it holds no text"):
            parse(text)


@pytest.mark.parametrize(
    ("line", "kinds"),
    [
        ("Facebook X Reddit", ("facebook", "x", "reddit")),
        ("Share: Twitter | LinkedIn, WhatsApp · E-mail", ("x", "linkedin", "whatsapp", "email")),
        ("Share this article on Facebook Copy link", ("facebook",)),
        ("hacker news Bluesky", ("hackernews", "bluesky")),
        ("Facebook changed its rules", None),
        ("X marks the spot", None),
        ("Xerox", None),
        ("", None),
    ],
)
def test_a_line_of_share_targets_is_nothing_but_names_of_them(line, kinds):
    assert share_targets(line) == kinds


def test_share_targets_one_a_line_and_a_byline_are_understood():
    head = [HEADLINE, STANDFIRST, "By Ada Rossi", "Published on 3 March 2025", "Facebook", "X", "Reddit"]
    document, problems = parse("\n".join([*head, ONE, TWO, *RELATED]))
    assert document.share_targets == ("facebook", "x", "reddit")
    assert document.summary == STANDFIRST
    assert [author.name for author in document.authors] == ["Ada Rossi"]
    assert document.html == f"<p>{ONE}</p>\n<p>{TWO}</p>"
    assert problems == []


@pytest.mark.parametrize(
    "line",
    ["“It was enough,” she said.", "Three things follow from this:", "• a bench", "– a brass band", '"No."'],
)
def test_speech_lead_ins_and_list_items_are_no_subheads(line):
    assert find_subheads([ONE, line, TWO])[1] == ("p", line)


def test_of_short_lines_in_a_row_only_the_last_can_be_a_subhead():
    assert [tag for tag, _ in find_subheads([ONE, "Bread.", "Salt.", "Water", TWO])] == ["p", "p", "p", "h2", "p"]


def test_a_short_last_line_is_a_paragraph():
    assert find_subheads([ONE, TWO, "It held."])[-1] == ("p", "It held.")


def test_a_page_of_one_sentence_paragraphs_has_no_subheads_but_short_ones():
    line = "The quay grew by a metre a year for forty years and nobody who lived there could say who decided it."
    assert [tag for tag, _ in find_subheads([line] * 4)] == ["p"] * 4
    assert [tag for tag, _ in find_subheads([line, "The bench", line])] == ["p", "h2", "p"]


WORD = st.sampled_from(["quay", "rain", "council", "metre", "boats", "daylight", "friday", "bench", "traffic", "talk"])
SENTENCE = st.lists(WORD, min_size=9, max_size=22).map(lambda words: " ".join(words).capitalize() + ".")
PARAGRAPH = st.lists(SENTENCE, min_size=3, max_size=7).map(" ".join)
SHORT = st.lists(WORD, min_size=3, max_size=9).map(lambda words: " ".join(words).capitalize() + ".")
LINE = st.sampled_from([HEADLINE, STANDFIRST, DATE, SHARE, ONE, SUBHEAD, "ADVERTISEMENT", "Related Articles", ""])
DAY = st.dates(min_value=date(1990, 1, 1), max_value=date(2040, 1, 1))
SECTION = st.tuples(st.none() | SHORT, st.lists(PARAGRAPH, min_size=1, max_size=3))


@settings(max_examples=50, deadline=None)
@given(
    SHORT, SENTENCE, DAY, st.lists(st.sampled_from(["Facebook", "X", "Reddit", "LinkedIn"]), min_size=1, unique=True),
    st.lists(PARAGRAPH, min_size=1, max_size=2), st.lists(SECTION, max_size=4),
    st.lists(st.tuples(SENTENCE, DAY), max_size=6), st.integers(0, 3),
)  # fmt: skip
def test_every_page_of_this_form_is_told_apart(title, standfirst, day, targets, opening, sections, related, adverts):
    body = [("p", text) for text in opening]
    for head, paragraphs in sections:
        body += ([("h2", head)] if head else []) + [("p", text) for text in paragraphs]
    lines = [title, standfirst, f"{day:%B %d, %Y}", " ".join(targets)]
    for index, (_, text) in enumerate(body):
        lines += ["ADVERTISEMENT"] * adverts if index else []
        lines += ["", text]
    lines += ["Related Articles"] + [line for text, when in related for line in (text, f"{when:%B %d, %Y}")]
    read = read_page("\n".join(lines))
    assert (read.headline, read.standfirst, read.day) == (title, standfirst, day)
    assert read.targets == tuple(name.lower() for name in targets)
    assert [text for _, text in read.body] == [text for _, text in body]
    # A sub-head is relative to the page's usual paragraph, so one nearly as long as that is not called one.
    lengths = sorted(len(text) for tag, text in body if tag == "p")
    expected = [tag if len(text) <= lengths[len(lengths) // 2] * 0.4 else None for tag, text in body]
    for (tag, _), (written, _), sure in zip(read.body, body, expected, strict=True):
        assert tag == "p" if written == "p" else tag == "h2" or sure is None
    assert [(one.summary, one.published) for one in read.related] == related


@settings(max_examples=200, deadline=None)
@given(st.lists(LINE | st.text(max_size=30), max_size=25))
def test_any_text_is_a_page_and_no_line_of_it_is_told_twice(lines):
    read = read_page("\n".join(lines))
    said = [read.headline, read.standfirst, *(text for _, text in read.body), *(one.summary for one in read.related)]
    assert "ADVERTISEMENT" not in said
    assert len([text for text in said if text]) <= len([line for line in "\n".join(lines).split("\n") if line.strip()])
