"""Public pages speak what the visitor's browser asks for, and mark what is of another language."""

from __future__ import annotations

import pytest
from lxml import html
from starlette.testclient import TestClient

from publisher.pipeline.site import Site
from publisher.settings import load_settings
from publisher.web.app import create_app

PAGES = ["/", "/articles", "/articles/piece-1/piece-number-1", "/sections/coast", "/editions", "/feeds"]


def read(client, path, accept=None):
    answer = client.get(path, headers={"accept-language": accept} if accept else {})
    return answer, html.document_fromstring(answer.text)


def client_of(site_dir, store, language):
    file = site_dir / "publication.toml"
    file.write_text(file.read_text().replace("[publication]", f'[publication]\nlanguage = "{language}"'))
    return TestClient(create_app(Site(load_settings(site_dir), store)), base_url="https://slow.example")


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize(
    ("accept", "language", "direction", "footer"),
    [
        (None, "en", "ltr", "Subscribe"),
        ("it-CH, it;q=0.9, en;q=0.5", "it", "ltr", "Iscriviti"),
        ("pl, de;q=0.2", "de", "ltr", "Abonnieren"),
        ("es", "es", "ltr", "Suscribirse"),
        ("fr-CA", "fr", "ltr", "S’abonner"),
        ("ar", "ar", "rtl", "اشترك"),
        ("pl", "en", "ltr", "Subscribe"),
        ("not a language;q=x, \x7f", "en", "ltr", "Subscribe"),
    ],
)
def test_a_page_speaks_what_the_browser_asks_for(far, add, article_of, path, accept, language, direction, footer):
    add(article_of(1))
    answer, tree = read(far, path, accept)
    assert (tree.get("lang"), tree.get("dir")) == (language, direction)
    assert footer in tree.xpath("//footer[@class='foot']")[0].text_content()
    assert "accept-language" in answer.headers["vary"].lower()
    assert "{" not in tree.xpath("//main")[0].text_content()


@pytest.mark.parametrize("path", PAGES)
def test_each_language_has_an_etag_of_its_own(far, add, article_of, path):
    add(article_of(1))
    tags = {accept: far.get(path, headers={"accept-language": accept}).headers["etag"] for accept in ("en", "it", "ar")}
    assert len(set(tags.values())) == 3
    for accept in tags:
        answer = far.get(path, headers={"accept-language": accept, "if-none-match": tags["it"]})
        assert answer.status_code == (304 if accept == "it" else 200)
        assert "accept-language" in answer.headers["vary"].lower()


def test_an_error_speaks_the_visitors_language(far):
    answer, tree = read(far, "/nowhere", "de")
    assert answer.status_code == 404
    assert tree.xpath("//h1/text()") == ["Diese Seite gibt es nicht"]
    assert far.get("/nowhere", headers={"accept": "application/json", "accept-language": "de"}).json() == {
        "error": "There is no such page",
        "todo": "It may have moved: look for it on the front page.",
    }


def test_the_publications_language_is_the_default(site_dir, store, add, article_of):
    add(article_of(1))
    far = client_of(site_dir, store, "it")
    assert read(far, "/")[1].get("lang") == "it"
    assert read(far, "/", "de")[1].get("lang") == "de"


@pytest.mark.parametrize(
    ("published", "accept", "of_page", "of_article"),
    [("it", "en", "en", "it"), ("ar", "en", "en", "ar"), ("ks-Deva", "ar", "ar", "ks-Deva"), ("pl", "pl", "en", "pl")],
)
def test_what_is_of_another_language_than_the_page_is_marked(
    site_dir, store, add, article_of, published, accept, of_page, of_article
):
    add(article_of(1), article_of(2, language=of_page))
    far = client_of(site_dir, store, published)
    _, tree = read(far, "/", accept)
    way = "rtl" if of_article == "ar" else "ltr"
    assert tree.get("lang") == of_page
    assert [(one.get("lang"), one.get("dir")) for one in tree.xpath("//article")] == [(None, None), (of_article, way)]
    assert [(one.get("lang"), one.get("dir")) for one in tree.xpath("//*[@class='masthead-title']")] == [
        (of_article, way)
    ]
    meta = tree.xpath("//article[@lang]//p[@class='meta']")[0]
    assert meta.get("lang") == of_page
    _, tree = read(far, "/articles/piece-1/piece-number-1", accept)
    assert tree.xpath("//article")[0].get("lang") == of_article
    assert tree.xpath("//*[@class='byline']")[0].get("lang") == of_page


def test_a_language_of_the_site_is_taken_up_unasked(far, site_dir, add, article_of):
    add(article_of(1))
    folder = site_dir / "templates" / "words"
    folder.mkdir(parents=True)
    (folder / "xx.toml").write_text('autonym = "Xish"\n[page]\nsubscribe = "Xscribe"\n', encoding="utf-8")
    _, tree = read(far, "/articles", "xx, en;q=0.5")
    assert tree.get("lang") == "xx"
    assert "Xscribe" in tree.xpath("//footer[@class='foot']")[0].text_content()
    assert tree.xpath("//h1")[0].text_content() == "All articles"  # what it lacks is English


def test_the_desk_speaks_english(near, add, article_of):
    add(article_of(1))
    _, tree = read(near, "/", "ar")
    assert (tree.get("lang"), tree.get("dir")) == ("en", "ltr")


def test_words_of_a_site_cannot_bring_markup_into_a_page(far, site_dir):
    folder = site_dir / "templates" / "words"
    folder.mkdir(parents=True)
    (folder / "en.toml").write_text('[page]\nnothing = "<b>{title}</b>"\n', encoding="utf-8")
    assert "&lt;b&gt;{title}&lt;/b&gt;" in far.get("/").text
