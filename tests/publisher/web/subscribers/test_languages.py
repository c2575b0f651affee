"""The pages a subscriber lands on speak the subscriber's language, or what the browser asks for."""

from __future__ import annotations

import re

import pytest
from lxml import html

from publisher.lib import links
from publisher.lib.tokens import Purpose
from publisher.rendering.words import known_tags, languages
from publisher.store import subscribers
from publisher.subscribers import personal_links
from publisher.subscribers.wishes import Wishes

NOW = 1_800_000_000.0
ENGLISH = re.compile(r"\b(you|your|the|and|of|Choose|Subscribe|Nothing|Back)\b")
NAMES = ("Europe", "Africa", "The Slow Post", "html", "text")


@pytest.fixture
def subscriber(store):
    """Makes a subscriber who speaks a language; returns their paths by purpose."""

    def make(language: str) -> dict[str, str]:
        with store.begin() as tx:
            who = subscribers.add(tx, "ada@example.org", now=NOW, language=language)
            subscribers.subscribe(tx, who, "digest", now=NOW, **Wishes(sections=("Coast",)).columns(NOW))
        ring = personal_links.keyring_of(store)
        return {
            "preferences": links.preferences_url("", ring, who),
            "unsubscribe": links.unsubscribe_url("", ring, who),
        }

    return make


def read(answer):
    tree = html.document_fromstring(answer.text)
    return tree, (tree.get("lang"), tree.get("dir"))


def visible(tree):
    """The words of the page's own: no names of zones, articles or the publication."""
    for one in tree.xpath("//script | //style | //select | //header[@class='masthead'] | //footer//p"):
        one.drop_tree()
    return tree.xpath("//body")[0].text_content()


@pytest.mark.parametrize("language", known_tags())
def test_every_page_behind_a_link_speaks_the_subscribers_language(far, subscriber, language):
    own = subscriber(language)
    settled = (language, "rtl" if language == "ar" else "ltr")
    paths = [own["preferences"] + rest for rest in ("", "/data", "/erase", "/feed")] + [own["unsubscribe"]]
    titles = set()
    for path in paths:
        answer = far.get(path, headers={"accept-language": "de" if language != "de" else "it"})
        assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store")
        tree, found = read(answer)
        assert found == settled, path
        titles.add(tree.xpath("//h1")[0].text_content())
        assert "{" not in visible(tree)
        if language not in ("en", "fr"):  # French has "a", "on" …, and English is English
            assert not ENGLISH.search(visible(tree).replace("The Slow Post", "").replace("by the link", "")), path
    assert len(titles) == len(paths)


@pytest.mark.parametrize("language", known_tags())
def test_what_is_said_after_a_press_speaks_it_too(far, subscriber, language):
    own = subscriber(language)
    presses = [
        (own["preferences"], {"cadence": "daily"}, 200),
        (own["preferences"], {"cadence": "hourly"}, 422),
        (own["preferences"] + "/feed", {"choice": "issue"}, 200),
        (own["preferences"] + "/feed", {"choice": "revoke"}, 200),
        (own["unsubscribe"], {"choice": "all"}, 200),
        (own["unsubscribe"], {"choice": "undo"}, 200),
        (own["unsubscribe"], {"choice": "some", "topic": "Coast"}, 200),
        (own["preferences"] + "/erase", {"choice": "erase"}, 200),
    ]
    for path, form, status in presses:
        answer = far.post(path, data=form)
        assert answer.status_code == status
        assert read(answer)[1] == (language, "rtl" if language == "ar" else "ltr"), (path, form)


def test_a_problem_with_a_field_is_said_in_the_language_of_the_page(far, subscriber):
    own = subscriber("de")
    text = far.post(own["preferences"], data={"hour": "25", "paused_until": "soon", "language": "xx"}).text
    assert "Erwartet wird eine Zahl von 0 bis 23." in text
    assert "Erwartet wird ein Datum wie 2027-01-31." in text
    assert "Wählen Sie eine Sprache aus der Liste." in text


def test_a_language_that_the_subscriber_changes_to_speaks_at_once(far, subscriber):
    own = subscriber("en")
    answer = far.post(own["preferences"], data={"language": "ar"})
    assert read(answer)[1] == ("ar", "rtl")
    assert "تم الحفظ" in answer.text


@pytest.mark.parametrize("accept", ["it", "ar", "pl"])
def test_the_form_and_its_reply_speak_the_browsers_language(far, accept):
    headers = {"accept-language": accept}
    expected = {"it": "Controlla la posta", "ar": "تفقّد بريدك", "pl": "Check your mail"}[accept]
    tree, settled = read(far.get("/subscribe", headers=headers))
    assert settled[0] == (accept if accept != "pl" else "en")
    assert tree.xpath("//select[@name='language']/option[@selected]/@value") == [settled[0]]
    tree, settled = read(far.post("/subscribe", data={"address": "ada@example.org"}, headers=headers))
    assert tree.xpath("//h1/text()") == [expected]


def test_the_confirmation_speaks_the_language_that_was_asked_for(far, store):
    far.post("/subscribe", data={"address": "ada@example.org", "language": "fr"}, headers={"accept-language": "de"})
    with store.begin() as tx:
        created = tx.exec_driver_sql("SELECT created FROM signup").scalar()
    ring = personal_links.keyring_of(store)
    from publisher.lib.tokens import issue
    from publisher.subscribers.personal_links import CONFIRM_SECONDS

    path = f"/confirm/{issue(ring, Purpose.CONFIRM, 1, int(created + CONFIRM_SECONDS))}"
    for answer in (far.get(path), far.post(path), far.get(path)):
        assert read(answer)[1] == ("fr", "ltr")


def test_a_link_that_is_void_speaks_the_browsers_language(far):
    answer = far.get("/preferences/nonsense", headers={"accept-language": "es"})
    assert answer.status_code == 404
    assert "Este enlace ya no es válido" in answer.text


def test_a_made_up_language_is_offered_and_spoken(far, site_dir, subscriber):
    folder = site_dir / "templates" / "words"
    folder.mkdir(parents=True)
    (folder / "xx.toml").write_text('autonym = "Xish"\n[preferences]\ntitle = "Xwhat"\n', encoding="utf-8")
    own = subscriber("en")
    tree, _ = read(far.get(own["preferences"]))
    offered = {one.get("value"): one.text for one in tree.xpath("//select[@name='language']/option")}
    assert offered == {**languages(), "xx": "Xish"}
    tree, settled = read(far.post(own["preferences"], data={"language": "xx"}))
    assert settled == ("xx", "ltr")
    assert tree.xpath("//h1/text()") == ["Xwhat"]
    assert read(far.get("/subscribe", headers={"accept-language": "xx"}))[1] == ("xx", "ltr")
