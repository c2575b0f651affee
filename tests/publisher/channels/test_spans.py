"""Links, tags and mentions stay whole; a cut text is as long as it may be."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from publisher.channels._spans import cut, spans, split
from publisher.lib.text import graphemes

URL = "https://example.org/a_(b)?c=d&e#f"
pieces = st.lists(
    st.sampled_from(
        [
            "word",
            "漢字かな",
            "👨‍👩‍👧‍👦",
            "#Tag",
            "#日本",
            "@anna@social.example",
            "@bob",
            "https://other.example/x(1)",
            "e\u0301\u0323",
            "A sentence.",
            "\n\n",
            "…",
            "a,",
            "C#",
            "x@y.org",
            "🇮🇹🇫🇷",
        ]
    ),
    max_size=60,
).map(" ".join)


def found(text: str) -> list[tuple[str, str]]:
    return [(span.kind, span.value) for span in spans(text)]


def test_a_link_ends_before_the_sentences_own_marks() -> None:
    assert found("See https://e.org/a_(b), (https://e.org/c) and “https://e.org/d”.") == [
        ("link", "https://e.org/a_(b)"),
        ("link", "https://e.org/c"),
        ("link", "https://e.org/d"),
    ]


def test_tags_and_mentions_are_words_of_their_own() -> None:
    assert found("#One a#two #3 #3rd ＃日本 @anna, @bob@s.example. mail@e.org @") == [
        ("tag", "One"),
        ("tag", "3rd"),
        ("tag", "日本"),
        ("mention", "anna"),
        ("mention", "bob@s.example"),
    ]


def test_what_is_inside_a_link_is_the_links() -> None:
    assert found("https://e.org/@anna#tag") == [("link", "https://e.org/@anna#tag")]


@settings(max_examples=200, deadline=None)
@given(pieces, pieces, st.integers(60, 400))
def test_a_cut_text_fits_keeps_the_url_and_splits_nothing(before: str, after: str, limit: int) -> None:
    text = f"{before}\n\n{URL} {after}".strip()
    made = cut(text, lambda t: len(graphemes(t)) <= limit, URL)
    assert len(graphemes(made)) <= limit
    assert URL in made
    assert {span.value for span in spans(made)} <= {span.value for span in spans(text)}
    assert set(graphemes(made)) <= set(graphemes(text)) | {"…"}
    if len(graphemes(text)) <= limit:
        assert made == text


def test_the_words_after_the_link_go_first_and_its_tags_last() -> None:
    text = f"A title that stays\n\n{URL}\n\nA long remark that can go.\n\n#One #Two"
    size = len(text)
    assert (
        cut(text, lambda t: len(t) <= size - 10, URL) == f"A title that stays\n\n{URL}\n\nA long remark…\n\n#One #Two"
    )
    shorter = cut(text, lambda t: len(t) <= 60, URL)
    assert shorter.startswith("A title")
    assert shorter.endswith(f"{URL}\n\n#One #Two") or URL in shorter
    assert cut(text, lambda t: len(t) <= len(URL) + 8, URL) == f"{URL}\n\n#One"
    assert cut(text, lambda t: len(t) <= 5, URL) == URL


def test_a_cut_at_the_end_of_a_paragraph_shows_no_ellipsis() -> None:
    assert (
        cut(f"First part.\n\nSecond part is longer.\n\n{URL}", lambda t: len(t) <= 52, URL) == f"First part.\n\n{URL}"
    )


@settings(max_examples=100, deadline=None)
@given(pieces, st.integers(80, 300), st.integers(1, 6))
def test_a_thread_loses_no_word_until_its_last_post(text: str, limit: int, most: int) -> None:
    whole = f"{text}\n\n{URL}"
    parts = split(whole, lambda t: len(graphemes(t)) <= limit, URL, most)
    assert 1 <= len(parts) <= most
    assert all(len(graphemes(part)) <= limit for part in parts)
    assert sum(URL in part for part in parts) == 1
    joined = "".join("".join(parts).replace(URL, "").split())
    if "…" not in joined.replace("…", "", text.count("…")) and "…" not in text and "…" not in joined:
        assert joined == "".join(text.split()) or most == 1 or len(parts) == most
