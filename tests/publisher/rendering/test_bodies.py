"""An article's body in a mail: what clients can show, and nothing else."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from publisher.lib.sanitise import sanitise_html
from publisher.rendering.bodies import mail_html, mail_text
from publisher.rendering.inlining import inline

BASE = "https://slow.example/a/"


def html(body: str) -> str:
    return mail_html(body, base_url=BASE, width=560)


def text(body: str) -> str:
    return mail_text(body, base_url=BASE)


@pytest.mark.parametrize(
    ("body", "made"),
    [
        ("<h1>A</h1><h2>B</h2><h3>C</h3>", "<h3>A</h3><h3>B</h3><h4>C</h4>"),
        ("<p class='x' id='y' style='color:red'>A</p>", "<p>A</p>"),
        ("<p><a href='/x'>A</a></p>", '<p><a href="https://slow.example/x">A</a></p>'),
        ("<p><a href='javascript:x'>A</a></p>", "<p>A</p>"),
        ("<section><p>A</p></section>", "<p>A</p>"),
        ("<p>A<!-- x -->B<script>x</script>C</p>", "<p>ABC</p>"),
        (
            "<video src='https://a.example/v.mp4'>no</video>",
            '<a href="https://a.example/v.mp4">https://a.example/v.mp4</a>',
        ),
        ("A &lt;b&gt; &amp; C", "A &lt;b&gt; &amp; C"),
        ("", ""),
    ],
)
def test_a_body_holds_only_what_mail_clients_show(body, made):
    assert html(body) == made


@pytest.mark.parametrize(
    ("image", "attributes"),
    [
        ('width="1200" height="600"', 'width="560" height="280"'),
        ('width="300" height="200"', 'width="300" height="200"'),
        ('width="100%"', 'width="560"'),
        ("", 'width="560"'),
    ],
)
def test_every_picture_gets_a_numeric_width_that_fits_the_column(image, attributes):
    made = html(f'<img src="https://a.example/i.png" {image}>')
    assert made == f'<img src="https://a.example/i.png" alt="" {attributes}>'


def test_a_counting_pixel_is_left_out():
    assert html('<p>A<img src="https://a.example/p.gif" width="1" height="1">B</p>') == "<p>AB</p>"


def test_links_are_numbered_once_each_and_listed_at_the_end():
    made = text('<p><a href="https://a.example">A</a> and <a href="/b">B</a> and <a href="https://a.example">A</a></p>')
    assert made == "A [1] and B [2] and A [1]\n\n[1] https://a.example\n[2] https://slow.example/b"


def test_a_link_that_is_its_own_text_is_written_once():
    assert text('<p><a href="https://a.example/x">https://a.example/x</a></p>') == "https://a.example/x"


@pytest.mark.parametrize(
    ("body", "made"),
    [
        ("<p>A</p><p>B</p>", "A\n\nB"),
        ("<p>A<br>B</p>", "A\n\nB"),
        ("<h2>Title</h2><p>A</p>", "Title\n-----\n\nA"),
        ("<ul><li>A</li><li>B<ul><li>C</li></ul></li></ul>", "- A\n- B\n  - C"),
        ("<ol start='3'><li>A</li><li>B</li></ol>", "3. A\n4. B"),
        ("<blockquote><p>A</p><p>B</p></blockquote>", "> A\n>\n> B"),
        ("<pre>a\n  b</pre>", "    a\n      b"),
        ("<table><tr><th>A</th><th>B</th></tr><tr><td>1</td><td>2</td></tr></table>", "A | B\n1 | 2"),
        ("<hr>", "* * *"),
        ('<p><img src="https://a.example/i.png" alt="A boat"></p>', "[A boat]"),
        ("loose <b>words</b><p>A</p>", "loose words\n\nA"),
    ],
)
def test_the_text_part_keeps_the_structure(body, made):
    assert text(body) == made


PIECES = (
    "<p>|</p>|<b>|</b>|<ul><li>|</li></ul>|<table><tr><td>|</td></tr></table>|<pre>|</pre>|<blockquote>|</blockquote>|"
    "<a href='/x'>|</a>|<br>|<img src='https://a.example/i' alt='z'>|&amp;|word |<!--|-->|<script>|</script>|ü |"
    "{{ 7*7 }} |<div>|</div>|</body>|<"
)
pieces = st.lists(st.sampled_from(PIECES.split("|")), max_size=25).map("".join)


@settings(max_examples=150, deadline=None)
@given(pieces)
def test_no_sanitised_body_breaks_the_mail_or_loses_its_words(body):
    clean = sanitise_html(body, base_url=BASE)
    made = html(clean)
    assert re.search(r"<(?:script|style|!--)", made) is None
    assert len(re.findall("word", made)) == len(re.findall("word", clean))
    assert len(re.findall("word", text(clean))) == len(re.findall("word", clean))
    assert mail_html(made, base_url=BASE, width=560) == made


@settings(max_examples=120, deadline=None)
@given(pieces)
def test_no_sanitised_body_makes_the_inlining_refuse_an_edition(body):
    made = html(sanitise_html(body, base_url=BASE))
    style = "<style>p {margin: 0;}</style>"
    page = f"<html><head>{style}</head><body><table><tr><td>{made}</td></tr></table>zq1</body></html>"
    assert inline(page, marks=["zq1"]).count("zq1") == 1
