"""What a hostile article can do: nothing, anywhere."""

from __future__ import annotations

import json

import feedparser
import pytest
from lxml import etree

HOSTILE = (
    '---\ntitle: "Breaking\\r\\nBcc: victim@example.org\\r\\n\\r\\n<script>alert(1)</script> {{ 7*7 }} '
    '=?utf-8?q?=0ABcc:_e?="\n'
    'date: 2026-11-20\nsummary: "{{ 7*7 }} {% for x in y %} \\u202Egnp.exe"\nsection: "News\\r\\nX-Evil: 1"\n'
    'tags: ["{{ config }}", "a\\r\\nb"]\nauthors: ["Eve\\r\\nBcc: x@example.org"]\n---\n'
    "Before <script>alert('body')</script><img src=x onerror=alert(2)> {{ 7*7 }} {%raw%} ]]> "
    "\x07\x1b[31m \ufffe\u202e\n\n"
    '<a href="javascript:alert(3)">press</a> <iframe src="https://evil.example"></iframe> <svg onload=alert(4)>\n\n'
    '<style>body{display:none}</style><form action="https://evil.example"><input name=p></form>\n\n'
    ".\r\n.\r\nMAIL FROM:<eve@evil.example>\n"
)
ACTIVE = ("<script", "onerror", "onload", "javascript:", "<iframe", "<svg", "<form", "<input", "display:none")


@pytest.fixture
def published(site, publish):
    (site / "articles" / "hostile.md").write_bytes(HOSTILE.encode("utf-8", "surrogatepass"))
    (site / "articles" / "kind.md").write_text("---\ntitle: Kind\ndate: 2026-11-19\n---\nWords.\n")
    return publish()


def test_the_article_appears_and_so_does_its_neighbour(published):
    assert {article.title.split()[0] for article in published.collected.new} == {"Breaking", "Kind"}


def test_every_feed_is_well_formed_and_harmless(published, site):
    for kind in ("rss", "atom"):
        content = (site / "state" / "feeds" / f"feed.{kind}").read_bytes()
        etree.fromstring(content)
        feed = feedparser.parse(content, sanitize_html=False)
        assert not feed.bozo
        assert len(feed.entries) == 2
        for entry in feed.entries:
            bodies = "".join(part.value for part in entry.get("content", ())) + entry.get("summary", "")
            assert not [word for word in ACTIVE if word in bodies.casefold()]
    items = json.loads((site / "state" / "feeds" / "feed.json").read_text())["items"]
    (hostile,) = [item for item in items if item["title"].startswith("Breaking")]
    assert "{{ 7*7 }}" in hostile["title"]
    assert "{{ 7*7 }}" in hostile["content_html"]
    assert not [word for word in ACTIVE if word in hostile["content_html"].casefold()]


def test_the_mail_has_only_headers_of_ours_and_prints_the_braces(published, outbox, part):
    ours = {
        "return-path",
        "delivered-to",
        "from",
        "to",
        "subject",
        "date",
        "message-id",
        "list-unsubscribe",
        "list-unsubscribe-post",
        "mime-version",
        "list-id",
        "precedence",
        "feedback-id",
        "content-type",
        "list-archive",
        "list-help",
    }
    for message in outbox():
        names = [name.casefold() for name in message.keys()]  # noqa: SIM118 - a Message repeats equal names
        assert set(names) <= ours
        assert len(names) == len(set(names))
        html = part(message, "text/html")
        assert "{{ 7*7 }}" in html
        assert "49" not in part(message, "text/plain").replace("{{ 7*7 }}", "").split("https://")[0]
        assert not [word for word in ACTIVE if f"{word}" in html.casefold() and word != "display:none"]


def test_the_page_shows_it_as_words(published, site):
    from starlette.testclient import TestClient

    from publisher.pipeline.site import open_site
    from publisher.web.app import create_app

    opened = open_site(site)
    try:
        client = TestClient(create_app(opened), base_url="https://slow.example")
        (hostile,) = [article for article in published.collected.new if article.title.startswith("Breaking")]
        for path in ("/", hostile.url.removeprefix("https://slow.example")):
            page = client.get(path)
            assert page.status_code == 200
            assert "{{ 7*7 }}" in page.text
            assert "alert(1)</script>" not in page.text
            assert "onerror" not in page.text
            assert "javascript:" not in page.text
    finally:
        opened.close()


def test_the_posts_are_plain_words(published):
    posts = [post for post in published.posts if "Breaking" in post.text]
    assert len(posts) == 3
    for post in posts:
        assert "{{ 7*7 }}" in post.text
        assert "\r" not in post.text
        assert "\u202e" not in post.text
