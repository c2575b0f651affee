"""What the three formats say of an article, and that they say the same."""

import json

import feedparser
import pytest

import feeds
from feeds.formats import formats
from publisher.settings.feeds import FeedSettings, FeedsSettings

from .reading import NS, read, xml

FORMATS = sorted(formats())


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_gives_back_everything_an_article_says(publication, article, name):
    [said] = read(name, feeds.build(publication, [article(3)])[f"feed.{name}"])
    assert said == {
        "id": feeds.entry_id("article-3", publication.id),
        "title": "Letter 3: tea & toast",
        "url": "https://slow.example/letters/3",
        "published": "2025-01-02T05:00:00Z",
        "updated": "2025-01-02T05:05:00Z",
        "summary": "What letter 3 says & why",
        "body": article(3).html,
        "authors": ["Ann Lee", "Bo Öst"],
        "tags": ["Letters", "tea", "Slow Living"],
        "enclosures": [
            ("https://slow.example/letter.mp3", "audio/mpeg", 12345),
            ("https://slow.example/letter.pdf", "application/pdf", 777),
        ],
        "image": "https://slow.example/tea.jpg",
    }


@pytest.mark.parametrize("title", ["Post 3 & <em>more</em>", "AT&T", "a < b", "&lt;literally&gt;", "x &amp; y", "1 <2"])
@pytest.mark.parametrize("name", FORMATS)
def test_a_title_that_looks_like_markup_is_read_as_it_was_written(publication, article, name, title):
    assert read(name, feeds.build(publication, [article(title=title)])[f"feed.{name}"])[0]["title"] == title


@pytest.mark.parametrize("name", ["rss", "atom"])
def test_feedparser_shows_markup_in_a_title_as_text(publication, article, name):
    [entry] = feedparser.parse(feeds.build(publication, [article(title="the <em> element")])[f"feed.{name}"]).entries
    assert entry.title == "the &lt;em&gt; element"
    assert entry.title_detail.type == "text/html"


@pytest.mark.parametrize("name", FORMATS)
def test_a_feed_of_summaries_holds_no_body(publication, article, name):
    out = feeds.build(publication, [article()], feed=FeedSettings(content="summary"))[f"feed.{name}"]
    [said] = read(name, out)
    assert said["body"] == ""
    assert said["summary"] == "What letter 0 says & why"
    assert b"Body of" not in out


def test_atom_links_say_rel_type_and_length(publication, article):
    root = xml(feeds.build(publication, [article()])["feed.atom"])
    links = [dict(link.attrib) for link in root.findall("a:entry/a:link", NS)]
    assert links == [
        {"rel": "alternate", "type": "text/html", "href": "https://slow.example/letters/0"},
        {
            "rel": "enclosure",
            "type": "audio/mpeg",
            "length": "12345",
            "title": "Read aloud",
            "href": "https://slow.example/letter.mp3",
        },
        {"rel": "enclosure", "type": "application/pdf", "length": "777", "href": "https://slow.example/letter.pdf"},
    ]


def test_rss_names_itself_its_hubs_and_its_home(publication, articles):
    channel = xml(feeds.build(publication, articles(70), hubs=("https://hub.example/",))["feed.rss"])[0]
    links = {link.get("rel"): link.get("href") for link in channel.findall("a:link", NS)}
    assert links["self"] == "https://slow.example/feed.rss"
    assert links["hub"] == "https://hub.example/"
    assert links["prev-archive"].startswith("https://slow.example/feeds/archive/feed/")
    assert channel.findtext("link") == "https://slow.example/"
    assert channel.findtext("ttl") == "60"
    assert channel.findtext("language") == "en"


def test_rss_authors_are_names_in_dc_creator_because_author_must_be_an_address(publication, article):
    item = next(xml(feeds.build(publication, [article()])["feed.rss"]).iter("item"))
    assert item.find("author") is None
    assert [creator.text for creator in item.findall("dc:creator", NS)] == ["Ann Lee", "Bo Öst"]


def test_the_lead_image_is_media_content_with_its_alternative_text_and_a_thumbnail(publication, article):
    item = next(xml(feeds.build(publication, [article()])["feed.rss"]).iter("item"))
    [image, _] = item.findall("m:content", NS)
    assert dict(image.attrib) == {
        "url": "https://slow.example/tea.jpg",
        "type": "image/jpeg",
        "medium": "image",
        "width": "640",
        "height": "480",
    }
    assert image.findtext("m:description", namespaces=NS) == "A pot of tea"
    assert item.find("m:thumbnail", NS).get("url") == "https://slow.example/tea.jpg"


def test_an_article_in_another_language_says_so(publication, article):
    out = feeds.build(publication, [article(language="it")])
    assert xml(out["feed.atom"]).find("a:entry", NS).get("{http://www.w3.org/XML/1998/namespace}lang") == "it"
    assert json.loads(out["feed.json"])["items"][0]["language"] == "it"
    assert next(xml(out["feed.rss"]).iter("item")).findtext("dc:language", namespaces=NS) == "it"


def test_an_article_without_author_is_the_publications(publication, article):
    for name in FORMATS:
        [said] = read(name, feeds.build(publication, [article(authors=())])[f"feed.{name}"])
        assert said["authors"] == ["The Editors"]


def test_a_podcast_feed_has_episodes_only_with_itunes_and_podcast_elements(publication, article):
    show = FeedsSettings(name="show", podcast=True, category="Arts > Books", explicit=True)
    written = article(1, enclosures=())
    out = feeds.build(publication, [article(0), written], feeds=[show])
    channel = xml(out["feeds/show.rss"])[0]
    [item] = channel.findall("item")
    assert item.find("enclosure").get("url").endswith(".mp3")
    assert item.findtext("itunes:duration", namespaces=NS) == "61"
    assert item.findtext("itunes:explicit", namespaces=NS) == "true"
    assert channel.find("itunes:category", NS).get("text") == "Arts"
    assert channel.find("itunes:category/itunes:category", NS).get("text") == "Books"
    assert channel.findtext("podcast:guid", namespaces=NS)
    assert b"itunes" not in out["feed.rss"]


def test_opml_lists_every_feed_once(publication, articles):
    out = feeds.build(publication, articles(3), feeds=[FeedsSettings(name="tea-time", title="Tea time", tags=("tea",))])
    outlines = xml(out["feeds.opml"]).findall("body/outline")
    assert [(each.get("text"), each.get("type"), each.get("xmlUrl")) for each in outlines] == [
        ("The Slow Post", "rss", "https://slow.example/feed.rss"),
        ("Tea time", "rss", "https://slow.example/feeds/tea-time.rss"),
        ("The Slow Post: Letters", "rss", "https://slow.example/feeds/section/letters.rss"),
        ("The Slow Post: Slow Living", "rss", "https://slow.example/feeds/tag/slow-living.rss"),
        ("The Slow Post: tea", "rss", "https://slow.example/feeds/tag/tea.rss"),
        ("The Slow Post: Ann Lee", "rss", "https://slow.example/feeds/author/ann-lee.rss"),
        ("The Slow Post: Bo Öst", "rss", "https://slow.example/feeds/author/bo-öst.rss".replace("ö", "%C3%B6")),
    ]


@pytest.mark.parametrize("name", ["rss", "atom"])
def test_an_entry_declares_no_namespace_of_its_own(publication, article, name):
    out = feeds.build(publication, [article()])[f"feed.{name}"]
    head, *entries, _ = formats()[name].split(out)
    assert b"xmlns:media" in head
    assert all(b"xmlns" not in entry for entry in entries[0])


@pytest.mark.parametrize("name", FORMATS)
def test_a_document_cut_at_its_entries_and_joined_is_the_same_document(publication, articles, name):
    for count in (0, 1, 5):
        out = feeds.build(publication, articles(count))[f"feed.{name}"]
        pieces = formats()[name].split(out)
        assert len(pieces.entries) == count
        assert formats()[name].join(pieces) == out


def test_no_build_leaves_another_locale_behind(publication, articles):
    import locale

    before = locale.setlocale(locale.LC_ALL)
    feeds.build(publication, articles(3))
    assert locale.setlocale(locale.LC_ALL) == before
