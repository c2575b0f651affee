"""The second lock: what looks clean is what the sanitiser would leave alone, and nothing else passes unlooked."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from feeds.body import is_plainly_clean, safe_body
from publisher.errors import HostileContent
from publisher.lib.sanitise import sanitise_html

BASE = "https://slow.example/letters/1"
LINK = '<a href="https://slow.example/x" rel="noopener noreferrer">'
PIECES = st.sampled_from(
    [
        "<p>", "</p>", "<b>", "</b>", "<i>", "</i>", "<em>", "</em>", LINK, "</a>", "<ul>", "</ul>", "<li>", "</li>",
        "<ol>", "</ol>", "<blockquote>", "</blockquote>", "<h2>", "</h2>", "<div>", "</div>", "<br>", "<hr>", "</br>",
        "<table>", "</table>", "<tr>", "<td>", "<pre>", "</pre>", "<script>", "<p >", "<P>", "<p/>", "<figure>",
        "</figure>", "<figcaption>", "</figcaption>", '<img src="https://slow.example/a.jpg" alt="a">', "<img>",
        '<img src="/a.jpg" alt="">', '<a href="javascript:x" rel="noopener noreferrer">', '<a href="https://x">',
        "<span>",
        '<p style="x">', "words", " ", "\n", "&amp;", "&lt;", "&", "&nbsp;", "\xa0", "&copy;", '"', ">", "<", "e\u0301",
        "\u0338", "\x00", "\u202e", "<small>", "</small>", "<code>", "</code>", "<q>", "</q>", "<sub>", "</sub>",
    ]
)  # fmt: skip


@settings(max_examples=400, deadline=None)
@given(st.lists(PIECES, max_size=14).map("".join))
@example("<p><b>x</b></p><ul><li><p>y</p></li></ul>")
@example("<li>x</li>")
@example("<ul>x<li>y</li></ul>")
@example("<figcaption>x</figcaption>")
@example("<b><p>x</p></b>")
def test_what_looks_clean_is_what_the_sanitiser_leaves_alone(html):
    if is_plainly_clean(html):
        assert sanitise_html(html, base_url=BASE) == html


@pytest.mark.parametrize(
    "html",
    [
        f"<p>One {LINK}link</a>, <b><i>two</i></b>.</p><h2>More</h2><ul><li>x</li><li><p>y</p></li></ul>",
        "<blockquote><p>x &amp; y &lt;z&gt;</p></blockquote><hr><p>a<br>b</p>",
        '<figure><img src="https://slow.example/a.jpg" alt="A pot of tea"><figcaption>Tea</figcaption></figure>',
        "no element at all",
    ],
)
def test_an_ordinary_clean_body_is_known_for_one(html):
    assert is_plainly_clean(html)
    assert safe_body(html, BASE) == html


@pytest.mark.parametrize(
    "html",
    [
        "<script>x</script>", '<p onclick="x">x</p>', '<a href="javascript:x" rel="noopener noreferrer">x</a>', "<p>x",
        '<a href="/x" rel="noopener noreferrer">x</a>', '<a href="//x/y" rel="noopener noreferrer">x</a>',
        "<svg></svg>",
        "<p>a</p></p>", "<p><div>x</div></p>", "<style>x</style>", "<p>\x00</p>", "<p>\u202e</p>", "<iframe></iframe>",
        '<a href="https://u:p@x.example/" rel="noopener noreferrer">x</a>',
        '<img src="https://x.example/" alt="" onerror="x">',
    ],
)  # fmt: skip
def test_anything_else_is_sanitised(html):
    assert not is_plainly_clean(html)
    assert safe_body(html, BASE) == sanitise_html(html, base_url=BASE).strip()


def test_what_the_door_would_refuse_leaves_as_its_words():
    html = "<div>" * 2_000 + "deep &amp; down"
    with pytest.raises(HostileContent):
        sanitise_html(html, base_url=BASE)
    assert safe_body(html, BASE) == "<p>deep &amp; down</p>"
