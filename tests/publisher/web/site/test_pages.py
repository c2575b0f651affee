"""The public pages: what visitors find, under which address, and what a response says to browsers."""

from __future__ import annotations

import json
import re

import pytest
from lxml import etree, html

from publisher.web.site.pages import related


def page(answer):
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    return html.document_fromstring(answer.text)


def test_the_home_page_leads_with_the_newest_article(far, add, article_of):
    add(*(article_of(n) for n in range(1, 6)))
    answer = far.get("/")
    assert answer.status_code == 200
    found = page(answer).xpath("//article//*[contains(@class,'card-title')]/a/text()")
    assert found == [f"Piece number {n}" for n in (5, 4, 3, 2, 1)]


def test_an_empty_publication_says_so(far):
    assert "Nothing is published yet" in far.get("/").text


def test_an_article_stands_under_its_key_and_slug(far, add, article_of):
    add(article_of(1, html="<p>Body <em>text</em>.</p>"))
    answer = far.get("/articles/piece-1/piece-number-1")
    tree = page(answer)
    assert tree.xpath("//h1/text()") == ["Piece number 1"]
    assert "<p>Body <em>text</em>.</p>" in answer.text
    assert tree.xpath("//link[@rel='canonical']/@href") == ["https://slow.example/articles/piece-1/piece-number-1"]
    assert "By Ada Moretti" in " ".join(tree.xpath("//*[@class='byline']")[0].text_content().split())


@pytest.mark.parametrize("path", ["/articles/piece-1", "/articles/piece-1/an-older-slug", "/articles/piece-1/"])
def test_a_wrong_or_missing_slug_leads_to_the_right_one(far, add, article_of, path):
    add(article_of(1))
    answer = far.get(path)
    assert answer.status_code == 301
    target = far.get(answer.headers["location"])
    if target.status_code == 301:  # first the slash goes, then the slug comes
        target = far.get(target.headers["location"])
    assert target.status_code == 200


def test_a_slug_of_any_script_round_trips(far, add, article_of):
    add(article_of(1, title="Über die Küste · 海岸"))
    answer = far.get("/articles/piece-1")
    assert answer.status_code == 301
    assert answer.headers["location"].isascii()
    assert far.get(answer.headers["location"]).status_code == 200


def test_a_withdrawn_or_unknown_article_is_not_found(far, add, article_of, store):
    from publisher.store import articles

    add(article_of(1))
    with store.begin() as tx:
        articles.withdraw(tx, ["piece-1"], now=1.0)
    assert far.get("/articles/piece-1/piece-number-1").status_code == 404
    assert far.get("/articles/nothing/here").status_code == 404


def test_what_an_article_says_is_shown_and_never_run(far, add, article_of):
    add(
        article_of(
            1, title="<script>alert(1)</script> {{ 7*7 }}", summary="</title><svg onload=x>", html="<p>{{ 7*7 }}</p>"
        )
    )
    for path in ("/", far.get("/articles/piece-1").headers["location"], "/sections/coast"):
        answer = far.get(path)
        assert "{{ 7*7 }}" in answer.text
        scripts = [s for s in page(answer).xpath("//script") if s.get("type") != "application/ld+json"]
        assert scripts == []
        assert page(answer).xpath("//svg") == []


def test_structured_data_survives_a_title_that_closes_its_element(far, add, article_of):
    add(article_of(1, title="</script><script>alert(1)</script>"))
    tree = page(far.get(far.get("/articles/piece-1").headers["location"]))
    (data,) = tree.xpath("//script[@type='application/ld+json']/text()")
    assert json.loads(data)["headline"] == "</script><script>alert(1)</script>"


def test_social_previews_name_title_address_and_picture(far, add, article_of, picture):
    add(article_of(1, image=picture))
    tree = page(far.get("/articles/piece-1/piece-number-1"))
    meta = {m.get("property") or m.get("name"): m.get("content") for m in tree.xpath("//meta")}
    assert meta["og:title"] == "Piece number 1"
    assert meta["og:url"] == "https://slow.example/articles/piece-1/piece-number-1"
    assert meta["og:image"] == "https://slow.example/media/quay.jpg"
    assert meta["og:image:alt"] == "The quay at dawn"
    assert meta["twitter:card"] == "summary_large_image"
    assert meta["description"] == "What piece 1 is about."


def test_share_links_stand_on_the_article_page(far, add, article_of):
    add(article_of(1, share_targets=("mastodon", "reddit")))
    tree = page(far.get("/articles/piece-1/piece-number-1"))
    (first, *_) = tree.xpath("//nav[@class='share']")
    assert first.xpath(".//a/text()") == ["Mastodon", "Reddit"]


def test_sections_tags_and_authors_have_pages_that_hold_their_articles_only(far, add, article_of):
    add(*(article_of(n) for n in range(1, 5)))
    for path, expected in (
        ("/sections/coast", ["Piece number 3", "Piece number 1"]),
        ("/tags/rain", ["Piece number 4", "Piece number 2"]),
        ("/authors/ada-moretti", [f"Piece number {n}" for n in (4, 3, 2, 1)]),
    ):
        tree = page(far.get(path))
        assert tree.xpath("//main//*[contains(@class,'card-title')]/a/text()") == expected
    assert far.get("/sections/nothing").status_code == 404


def test_a_long_list_is_cut_into_pages_that_lead_to_one_another(far, add, article_of):
    add(*(article_of(n) for n in range(1, 61)))
    seen, path = [], "/articles"
    while path:
        tree = page(far.get(path))
        seen += tree.xpath("//main//*[contains(@class,'card-title')]/a/text()")
        path = next(iter(tree.xpath("//a[@rel='next']/@href")), None)
    assert seen == [f"Piece number {n}" for n in range(60, 0, -1)]
    for wrong in ("0", "-1", "9", "x", "٣", "1" * 40):
        assert far.get("/articles", params={"page": wrong}).status_code == 404


def test_an_unchanged_page_costs_a_304(far, add, article_of):
    add(article_of(1))
    first = far.get("/")
    again = far.get("/", headers={"if-none-match": f"W/{first.headers['etag']}"})
    assert (again.status_code, again.content) == (304, b"")
    add(article_of(2))
    assert far.get("/", headers={"if-none-match": first.headers["etag"]}).status_code == 200


def test_every_answer_forbids_scripts_third_parties_and_framing(far, add, article_of):
    add(article_of(1))
    for path in ("/", "/articles", "/nope", "/robots.txt", "/sitemap.xml", "/healthz"):
        headers = far.get(path).headers
        assert headers["content-security-policy"].startswith("default-src 'none';")
        assert "script-src" not in headers["content-security-policy"]
        assert "unsafe" not in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"
        assert headers["referrer-policy"] == "same-origin"
        assert headers["strict-transport-security"]


def test_hsts_is_said_over_https_only(near):
    assert "strict-transport-security" not in near.get("/").headers


def test_errors_are_pages_in_the_same_look_that_say_what_to_do(far):
    for answer, status in ((far.get("/nope"), 404), (far.post("/articles"), 405)):
        assert answer.status_code == status
        tree = page(answer)
        assert tree.xpath("//p[contains(@class,'masthead-title')]/a/text()") == ["The Slow Post"]
        assert len(tree.xpath("//h1")) == 1
    assert set(far.post("/articles").headers["allow"].split(", ")) == {"GET", "HEAD"}
    assert far.get("/nope", headers={"accept": "application/json"}).json()["error"] == "There is no such page"


def test_a_failure_of_ours_shows_no_traceback(far, add, article_of, site_dir):
    add(article_of(1))
    own = site_dir / "templates" / "web"
    own.mkdir(parents=True)
    (own / "article.html").write_text("{% extends 'web/_base.html' %}{% block main %}{{ missing }}{% endblock %}")
    answer = far.get("/articles/piece-1/piece-number-1")
    assert answer.status_code == 500
    assert "Traceback" not in answer.text
    assert "missing" not in answer.text
    assert answer.headers["content-security-policy"].startswith("default-src 'none'")


def test_a_database_that_is_gone_is_an_error_page_and_an_unhealthy_answer(far, store, monkeypatch):
    from contextlib import contextmanager

    from publisher.errors import StoreError

    @contextmanager
    def gone(self):
        raise StoreError("the database is gone")
        yield

    monkeypatch.setattr(type(store), "read", gone)
    assert far.get("/").status_code == 500
    assert far.get("/healthz").status_code == 503


@pytest.mark.parametrize(
    "path", ["//evil.example/", "//evil.example/articles/", "/\\evil.example/", "/%5Cevil.example/"]
)
def test_a_needless_slash_never_leads_to_another_host(far, path):
    answer = far.get(f"https://slow.example{path}")
    assert answer.status_code == 404
    assert "location" not in answer.headers


def test_a_needless_slash_is_cut_off(far):
    answer = far.get("/articles/?page=1")
    assert (answer.status_code, answer.headers["location"]) == (301, "/articles?page=1")


def test_the_sitemap_names_every_article_of_ours(far, add, article_of):
    add(article_of(1), article_of(2, url="https://elsewhere.example/canonical"))
    answer = far.get("/sitemap.xml")
    tree = etree.fromstring(answer.content)
    names = tree.xpath("//s:loc/text()", namespaces={"s": "http://www.sitemaps.org/schemas/sitemap/0.9"})
    assert names == ["https://slow.example/", "https://slow.example/articles/piece-1/piece-number-1"]
    assert "Sitemap: https://slow.example/sitemap.xml" in far.get("/robots.txt").text


def test_related_articles_share_tags_then_section_then_are_new(article_of):
    one = article_of(1, tags=("boats",), section="Coast")
    same_tag = article_of(2, tags=("boats",), section="Hills", authors=())
    same_section = article_of(3, tags=(), section="Coast", authors=())
    newest = article_of(9, tags=(), section="Work", authors=())
    older = article_of(4, tags=(), section="Work", authors=())
    found = related(one, [newest, older, same_section, same_tag, one])
    assert [a.id for a in found] == ["piece-2", "piece-3", "piece-9"]


def test_the_style_sheet_is_kept_for_ever_under_a_name_made_of_its_content(far):
    (path,) = page(far.get("/")).xpath("//link[@rel='stylesheet']/@href")
    assert re.fullmatch(r"/static/style\.[0-9a-f]{16}\.css", path)
    answer = far.get(path)
    assert answer.headers["content-type"] == "text/css; charset=utf-8"
    assert "immutable" in answer.headers["cache-control"]
    assert far.get("/static/style.css").status_code == 404


def test_a_publication_under_a_path_links_under_that_path(site_dir, store, add, article_of):
    from starlette.testclient import TestClient

    from publisher.pipeline.site import Site
    from publisher.settings import load_settings
    from publisher.web.app import create_app

    file = site_dir / "publication.toml"
    file.write_text(file.read_text().replace("https://slow.example", "https://slow.example/post"))
    add(article_of(1, url="https://slow.example/post/articles/piece-1/piece-number-1"))
    client = TestClient(create_app(Site(load_settings(site_dir), store)), base_url="https://slow.example")
    (href,) = page(client.get("/post/")).xpath("//*[contains(@class,'card-title')]/a/@href")
    assert href == "/post/articles/piece-1/piece-number-1"
    assert client.get(href, follow_redirects=False).status_code == 200
    (style,) = page(client.get("/post/")).xpath("//link[@rel='stylesheet']/@href")
    assert client.get(style).status_code == 200


def test_what_every_page_shows_is_asked_for_again_after_its_time():
    from publisher.web.frame.frame import remembered

    now, asked = [0.0], []
    answer = remembered(lambda: asked.append(1) or len(asked), 2.0, lambda: now[0])
    assert [answer(), answer()] == [1, 1]
    now[0] = 2.5
    assert answer() == 2


def test_a_sections_page_announces_the_sections_own_feeds_before_the_publications(far, add, article_of, site_dir):
    import feeds
    from publisher.settings import load_settings

    pieces = [article_of(n) for n in range(1, 4)]
    add(*pieces)
    feeds.write_all(load_settings(site_dir), pieces)
    links = page(far.get("/sections/coast")).xpath("//link[@rel='alternate']/@href")
    assert links == [
        *(f"https://slow.example/feeds/section/coast.{name}" for name in ("rss", "atom", "json")),
        *(f"https://slow.example/feed.{name}" for name in ("rss", "atom", "json")),
    ]
