"""What the sanitiser lets in, what it never does, and what it refuses before parsing."""

import re
from html.parser import HTMLParser

import nh3
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from publisher.errors import HostileContent
from publisher.lib.nesting import measure
from publisher.lib.sanitise import ATTRIBUTES, MAX_BYTES, MAX_OPEN, TAGS, safe_url, sanitise_html
from publisher.lib.text import scrub

BASE = "https://slow.example"


def clean(html: str) -> str:
    return sanitise_html(html, base_url=BASE)


ATTACKS = [
    "<script>alert(1)</script>",
    "<ScRiPt/src=//evil.example/x.js></sCrIpT>",
    "<scr\x00ipt>alert(1)</scr\x00ipt>",
    "<scr<script>ipt>alert(1)</scr</script>ipt>",
    "<img src=x onerror=alert(1)>",
    "<img src='x' onerror\n=\n'alert(1)'>",
    "<img/src=x/onerror=alert(1)//>",
    '<img src="`><script>alert(1)</script>">',
    "<svg onload=alert(1)>",
    "<svg><script>alert(1)</script></svg>",
    "<svg><animate attributeName=href values=javascript:alert(1) /><a id=x><text y=20>x</text></a></svg>",
    "<svg><style><img src=x onerror=alert(1)></style></svg>",
    "<svg></p><style><a id='</style><img src=1 onerror=alert(1)>'>",
    "<math><mtext><table><mglyph><style><!--</style><img title='--&gt;&lt;img src=1 onerror=alert(1)&gt;'>",
    "<math><annotation-xml encoding='text/html'><style><img src onerror=alert(1)></style></annotation-xml></math>",
    "<form><math><mtext></form><form><mglyph><style></math><img src onerror=alert(1)>",
    "<noscript><p title='</noscript><img src=x onerror=alert(1)>'></noscript>",
    "<textarea><img title='</textarea><img src=x onerror=alert(1)>'></textarea>",
    "<title><a title='</title><img src=x onerror=alert(1)>'></title>",
    "<xmp><p title='</xmp><img src=x onerror=alert(1)>'></xmp>",
    "<iframe srcdoc='<script>alert(1)</script>'></iframe>",
    "<iframe src='javascript:alert(1)'></iframe>",
    "<object data='data:text/html;base64,PHNjcmlwdD4='></object><embed src='javascript:alert(1)'>",
    "<a href='javascript:alert(1)'>x</a>",
    "<a href='jav&#9;ascript:alert(1)'>x</a>",
    "<a href='java\nscript:alert(1)'>x</a>",
    "<a href=' &#1; javascript:alert(1)'>x</a>",
    "<a href='JaVaScRiPt&colon;alert(1)'>x</a>",
    "<a href='data:text/html,<script>alert(1)</script>'>x</a>",
    "<a href='vbscript:msgbox(1)'>x</a>",
    "<a href='https:\\\\evil.example'>x</a>",
    "<a href='\\\\evil.example\\x'>x</a>",
    "<a href='https://slow.example@evil.example/'>x</a>",
    "<p style='background:url(javascript:alert(1))' id=a class=b name=c>x</p>",
    "<style>@import 'https://evil.example/x.css';</style>",
    "<link rel=stylesheet href=//evil.example/x.css>",
    "<base href='https://evil.example/'><a href='/x'>x</a>",
    "<meta http-equiv=refresh content='0;url=https://evil.example'>",
    "<form action='https://evil.example'><input name=p><button formaction='javascript:alert(1)'>x</button></form>",
    "<video src=x onerror=alert(1)><source onerror=alert(1)></video>",
    "<details open ontoggle=alert(1)><summary>x</summary></details>",
    "<marquee onstart=alert(1)>x</marquee>",
    "<!--[if mso]><script>alert(1)</script><![endif]--><p>x</p>",
    "<![CDATA[<script>alert(1)</script>]]>",
    "<?php echo 1 ?><p>x</p>",
    "<template><script>alert(1)</script></template>",
    "<select><template><img src=x onerror=alert(1)></template></select>",
    "<table><td background='javascript:alert(1)' colspan=999999999>x</td></table>",
    "<a href='https://ok.example/' target=_blank ping=https://evil.example rel=opener>x</a>",
    "<img src='https://ok.example/a.png' srcset='javascript:alert(1) 2x' usemap=#m>",
    "\u202e<p>\u2066moc.elpmaxe\u2069</p>&#x202e;&#8238;",
    "<p>&#0;&#xFFFE;&#xD800;&#x1;x</p>",
]


class Reader(HTMLParser):
    """Another parser's view of the result."""

    def __init__(self) -> None:
        super().__init__()
        self.starts: list[tuple[str, dict[str, str | None]]] = []
        self.other: list[str] = []

    def handle_starttag(self, tag, attrs):
        self.starts.append((tag, dict(attrs)))

    def handle_comment(self, data):
        self.other.append(data)

    handle_decl = handle_pi = unknown_decl = handle_comment


def assert_inert(html: str) -> None:
    reader = Reader()
    reader.feed(html)
    reader.close()
    assert not reader.other
    for tag, attributes in reader.starts:
        assert tag in TAGS
        allowed = ATTRIBUTES.get(tag, set()) | ATTRIBUTES["*"] | {"rel", "align"}
        assert set(attributes) <= allowed
        for name in ("href", "src", "cite"):
            value = attributes.get(name)
            assert value is None or re.match(r"https?://[a-z0-9]|mailto:", value), value
    assert scrub(html) == html


@pytest.mark.parametrize("attack", ATTACKS)
def test_nothing_active_survives(attack):
    result = clean(attack)
    assert_inert(result)
    assert clean(result) == result
    assert "evil.example/x" not in result


FRAGMENTS = st.sampled_from(
    [*ATTACKS, "<p>", "</p>", "<b>", "</b>", "<a href='/x'>", "</a>", "<table>", "<td>", "</table>", "<ul>", "<li>",
     "<pre>\n", "</pre>", "&amp;", "&lt;", "&nbsp;", "<br>", "<img alt='a > b'>", "\u0338", ">", "<", '"', "'",
     "<ruby>", "<rt>", "<div>", "</div>", "<h2>", "<svg>", "<math>", "<style>", "<select>", "<template>", "text", "\n"]
)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(st.lists(st.one_of(FRAGMENTS, st.text(max_size=20)), max_size=12))
def test_sanitising_twice_is_sanitising_once_and_what_comes_out_is_inert(pieces):
    try:
        result = clean("".join(pieces))
    except HostileContent:
        return
    assert_inert(result)
    assert clean(result) == result


def test_ordinary_prose_keeps_its_form():
    html = (
        "<h2>Bread</h2><p>Flour, <em>water</em>, <strong>salt</strong> &amp; <code>time</code>.</p>"
        '<blockquote cite="https://slow.example/q"><p>Wait.</p></blockquote><ol start="3"><li>Knead</li></ol>'
        '<figure><img src="https://slow.example/a.png" alt="A loaf" width="600" height="400">'
        "<figcaption>The loaf</figcaption></figure>"
        '<table><thead><tr><th align="right">g</th></tr></thead><tbody><tr><td colspan="2">5</td></tr></tbody></table>'
        '<p lang="ar" dir="rtl">خبز</p><p>{{ 7*7 }}</p>'
    )
    assert clean(html) == html


def test_relative_urls_become_absolute_and_fragments_go():
    html = clean(
        '<a href="/a b?c=d&e">x</a><a href="//cdn.example/y">y</a><img src="media/p.png" alt="p"><a href="#n">n</a>'
    )
    assert 'href="https://slow.example/a%20b?c=d&amp;e"' in html
    assert 'href="https://cdn.example/y"' in html
    assert 'src="https://slow.example/media/p.png"' in html
    assert "#n" not in html


def test_a_protocol_relative_url_becomes_https_even_where_we_are_served_over_http():
    html = sanitise_html('<img src="//cdn.example/y.png" alt="">', base_url="http://127.0.0.1:8000")
    assert 'src="https://cdn.example/y.png"' in html


def test_links_do_not_hand_our_window_over():
    assert clean('<a href="https://a.example">x</a>') == '<a href="https://a.example" rel="noopener noreferrer">x</a>'


def test_a_picture_that_may_not_be_shown_leaves_its_description():
    assert clean("<p><img src='javascript:1' alt='A <b> & a pot'></p>") == "<p>A &lt;b&gt; &amp; a pot</p>"


def test_a_combining_overlay_cannot_eat_the_end_of_a_tag():
    assert clean("<p>\u0338x</p>") == "<p>x</p>"
    assert clean("<p>&#824;x</p>") == "<p>x</p>"


def test_mail_addresses_may_be_linked():
    html = clean('<a href="mailto:post@slow.example?subject=A B">write</a><a href="mailto:a@b.example\nBcc:x@y">x</a>')
    assert 'href="mailto:post@slow.example?subject=A%20B"' in html
    assert "Bcc" not in html


def test_a_text_over_the_cap_is_refused_with_file_size_and_cap():
    with pytest.raises(HostileContent) as caught:
        sanitise_html("x" * (MAX_BYTES + 1), base_url=BASE, path="articles/a.md", line=7)
    assert str(caught.value).startswith("articles/a.md:7: the text is 512 KB")


@pytest.mark.parametrize(
    "bomb",
    [
        "<div>" * 100_000,
        "<div></x>" * 50_000,
        "<div><!-- </div> -->" * 20_000,
        "<div title='</div>'>" * 20_000,
        "<div a=\"'\" b='</div>'>" * 20_000,
        "<div><select></div></select>" * 10_000,
        "<div><table><td></div>" * 10_000,
        "<svg><desc><div><style></div></style>" * 10_000,
        "<div><script></div></script>" * 10_000,
        "<div><textarea></div></textarea>" * 10_000,
        "<div><noscript></div></noscript>" * 10_000,
        "<svg><![CDATA[></svg>]]>" * 20_000,
        "<svg><source><source>" * 20_000,
        "<svg></svg>" + "<path/>" * 60_000,
        "<svg><div><path/>" + "<path/>" * 60_000,
        "<b><div></b>" * 20_000,
        "<font color=1><p>" * 20_000,
        "<p>" + "".join(f"<b a={i}>" for i in range(190)) + "</p>" + "<p>x" * 20_000,
        "<rt>" * 10_000,
        "<svg/><select><style><div></div></style></select>" + "<div><select><style></div></style></select>" * 5_000,
        '<svg><title></p a="</title></svg>' + "<div>" * 10_000,
        "&" * 400_000,
    ],
    ids=lambda bomb: repr(bomb[:30]),
)
def test_a_bomb_is_refused_before_it_is_parsed(bomb, monkeypatch):
    monkeypatch.setattr("publisher.lib.sanitise.nh3.clean", lambda *a, **k: pytest.fail("the parser saw it"))
    with pytest.raises(HostileContent):
        clean(bomb)


@pytest.mark.parametrize(
    "html",
    [
        "<p>x" * 20_000,
        "<ul>" + "<li>x" * 20_000 + "</ul>",
        "<ul><li>a<li>b</ul>" * 5_000,
        "<table>" + "<tr><td>1<td>2" * 5_000 + "</table>",
        "<p>one <b>two</b> <a href='/x'>three</a><br>four</p>" * 5_000,
        "<dl>" + "<dt>a<dd>b" * 5_000 + "</dl>",
        "<svg>" + "<path d='M0 0'/>" * 300 + "</svg><p>x</p>",
        "<script>" + "'<div>';" * 3_000 + "</script><p>x</p>",
        "<!-- " + "<div>" * 3_000 + " --><p>x</p>",
        "<div>" * MAX_OPEN + "x" + "</div>" * MAX_OPEN,
    ],
    ids=lambda html: repr(html[:30]),
)
def test_long_but_flat_html_is_let_in(html):
    assert "x" in clean(html) or "1" in clean(html) or "b" in clean(html)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.sampled_from(["div", "b", "em", "blockquote", "ul", "section"]), max_size=60))
def test_well_formed_nesting_is_counted_exactly(names):
    html = "".join(f"<{name} a='>'>" for name in names) + "".join(f"</{name}>" for name in reversed(names))
    assert measure(html * 3).depth == len(names)


NAMES = [
    "div", "b", "a href=/x", "a", "p", "table", "td", "tr", "li", "ul", "select", "option", "svg", "math", "style",
    "script", "textarea", "title", "template", "button", "form", "noscript", "font", "h1", "dd", "ruby", "rt", "body",
    "caption", "object", "desc", "foreignobject", "mtext", "mi", "path", "source", "br", "optgroup", "image",
]  # fmt: skip
TOKENS = [token.format(name) for name in NAMES for token in ("<{}>", "</{}>", "<{}/>")] + [
    "<!--",
    "-->",
    "<![CDATA[",
    "]]>",
    "<?",
    "x",
    '<div a="',
    "'>",
    '">',
    '<div a="</div>',
    "<!",
    "</ ",
    "/>",
]
RAW = re.compile(r"<(style|script|textarea|title|noscript)>.*?</\1>", re.DOTALL)


@settings(max_examples=250, deadline=None)
@given(st.lists(st.sampled_from(TOKENS), max_size=3), st.lists(st.sampled_from(TOKENS), min_size=1, max_size=5))
def test_what_is_counted_as_flat_is_not_deep_to_the_parser(before, repeated):
    html = "".join(before) + "".join(repeated) * 100
    counted = measure(html)
    if counted.depth > 100:
        return
    tags = {name.split()[0] for name in NAMES} | {"tbody", "img"}
    parsed = RAW.sub("", nh3.clean(html, tags=tags, clean_content_tags=set(), attributes={}, link_rel=None))
    depth = deepest = 0
    for closing, name in re.findall(r"<(/?)([a-z0-9]+)[^>]*>", parsed):
        if name not in ("br", "img", "source"):
            depth += -1 if closing else 1
            deepest = max(deepest, depth)
    assert deepest <= 4 * counted.depth + 20


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://a.example/b?c=d#e", "https://a.example/b?c=d#e"),
        ("HTTP://A.Example/B", "http://a.example/B"),
        ("/x y", "https://slow.example/x%20y"),
        ("media/ü.png", "https://slow.example/media/%C3%BC.png"),
        ("../../etc/passwd", "https://slow.example/etc/passwd"),
        ("//cdn.example/a", "https://cdn.example/a"),
        ("https://straße.example/", "https://xn--strae-oqa.example/"),
        ("https://[2001:db8::1]:8080/", "https://[2001:db8::1]:8080/"),
        ("https://a.example/100%", "https://a.example/100%25"),
        ("https://a.example/%41?q=a&b=%20", "https://a.example/%41?q=a&b=%20"),
        ("  https://a.example/\n", "https://a.example/"),
        ("https://a.example/?q=1\nhttps://b.example", "https://a.example/?q=1https://b.example"),
        ("javascript:alert(1)", ""),
        ("java\tscript:alert(1)", ""),
        ("\x01javascript:alert(1)", ""),
        ("data:image/png;base64,AAAA", ""),
        ("file:///etc/passwd", ""),
        ("mailto:a@b.example", ""),
        ("#top", ""),
        ("", ""),
        ("https:evil.example", ""),
        ("https:///evil.example", ""),
        ("/\\evil.example", ""),
        ("https://user:secret@a.example/", ""),
        ("https://a.example@evil.example/", ""),
        ("https://a.example:99999/", ""),
        ("https://a b.example/", ""),
        ("https://", ""),
        ("http://[::1", ""),
        ("x" * 5000, ""),
    ],
)
def test_safe_url_is_absolute_ascii_http_or_nothing(url, expected):
    assert safe_url(url, BASE) == expected


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=60) | st.from_regex(r"\A(https?:|//|/)?[^\n]{0,40}\Z"))
def test_safe_url_is_idempotent_and_never_raises(url):
    result = safe_url(url, BASE)
    assert result == "" or (result.isascii() and re.match(r"https?://[^/\s]", result))
    assert result == "" or safe_url(result, BASE) == result
