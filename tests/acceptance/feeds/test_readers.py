"""Real feed readers, as Debian packages them, read every article and are not confused by edits and moves."""

from __future__ import annotations

import email
import email.policy
import sqlite3
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import feedparser
import pytest

import feeds
from publisher.model import Author, Enclosure
from tests.feeds.conftest import make_article

from .conftest import Published, program

COUNT = 12


def articles():
    many = [make_article(number) for number in range(COUNT - 1)]
    mp3 = Enclosure("https://slow.example/a%20b.mp3", "audio/mpeg", 99, "Öffnung & Schluß")
    return [
        *many,
        make_article(COUNT - 1, title="Ünïcode — “quotes” & 中文", authors=(Author("Zoë"),), enclosures=(mp3,)),
    ]


def expected(published: Published):
    identity = published.settings.as_publication().id
    return {feeds.entry_id(article.id, identity): article for article in articles()}


@pytest.mark.parametrize("name", ["rss", "atom"])
def test_feedparser_reads_title_author_date_body_and_enclosure_of_every_article(published, name):
    published.publish(*articles())
    parsed = feedparser.parse(f"{published.url}/feed.{name}")
    assert (parsed.status, parsed.bozo) == (200, False)
    wanted = expected(published)
    assert {entry.id for entry in parsed.entries} == wanted.keys()
    for entry in parsed.entries:
        article = wanted[entry.id]
        assert entry.title == article.title
        assert entry.link == article.url
        assert {author.name for author in entry.authors} >= {author.name for author in article.authors[-1:]}
        assert datetime(*entry.published_parsed[:6], tzinfo=UTC) == article.published
        assert datetime(*entry.updated_parsed[:6], tzinfo=UTC) == article.updated
        assert entry.content[0].value == article.html
        assert entry.enclosures[0].href == article.enclosures[0].url
        assert entry.enclosures[0].type == "audio/mpeg"
    again = feedparser.parse(f"{published.url}/feed.{name}", etag=parsed.etag)
    assert again.status == 304


@pytest.mark.parametrize("name", ["rss", "atom"])
def test_feedparser_takes_a_delta_for_what_it_is(published, name):
    published.publish(*articles())
    before = feedparser.parse(f"{published.url}/feed.{name}")
    published.publish(make_article(50), make_article(0, title="Mended"))
    after = feedparser.parse(f"{published.url}/feed.{name}", etag=before.etag)
    assert after.status == 226
    assert {entry.title for entry in after.entries} == {"Letter 50: tea & toast", "Mended"}


@pytest.mark.server
@pytest.mark.parametrize("name", ["rss", "atom"])
def test_sfeed_reads_title_author_date_body_and_enclosure_of_every_article(published, name):
    sfeed = program("sfeed")
    published.publish(*articles())
    with (published.folder / f"feed.{name}").open("rb") as feed:
        out = subprocess.run([sfeed], stdin=feed, capture_output=True, check=True, timeout=30).stdout.decode()
    wanted = expected(published)
    rows = [line.split("\t") for line in out.splitlines()]
    assert {row[5] for row in rows} == wanted.keys()
    for moment, title, link, content, content_type, identity, author, enclosure, category, *_ in rows:
        article = wanted[identity]
        assert int(moment) == int(article.published.timestamp())
        assert title == article.title
        assert link == article.url
        assert content.replace("\\n", "\n") == article.html
        assert content_type == "html"
        assert author in {each.name for each in article.authors}
        assert enclosure == article.enclosures[0].url
        assert category.split("|") == ["Letters", "tea", "Slow Living"]


@pytest.mark.server
@pytest.mark.parametrize("name", ["rss", "atom"])
def test_newsboat_reads_title_author_date_body_and_enclosure_of_every_article(published, name, tmp_path):
    newsboat = program("newsboat")
    published.publish(*articles())
    home = tmp_path / "newsboat"
    home.mkdir()
    (home / "urls").write_text(f"{published.url}/feed.{name}\n")
    (home / "config").write_text("")
    command = [newsboat, "-u", f"{home}/urls", "-c", f"{home}/cache.db", "-C", f"{home}/config", "-x", "reload"]
    for _ in range(2):  # the second time with the validators of the first
        subprocess.run(command, env={"HOME": str(home)}, check=True, timeout=60, capture_output=True)
    with sqlite3.connect(home / "cache.db") as database:
        columns = "guid, title, author, url, pubDate, content, enclosure_url, enclosure_type"
        rows = database.execute(f"SELECT {columns} FROM rss_item").fetchall()
    database.close()
    wanted = expected(published)
    assert len(rows) == COUNT
    for guid, title, author, url, moment, content, enclosure, enclosure_type in rows:
        article = wanted[guid]
        assert title == article.title
        assert any(each.name in author for each in article.authors)
        assert url == article.url
        assert moment == int(article.published.timestamp())
        assert content == article.html
        assert enclosure in {each.url for each in article.enclosures}
        assert enclosure_type in {each.media_type for each in article.enclosures}


class Rss2Email:
    """rss2email with a home of its own; what it would mail lands in a Maildir."""

    def __init__(self, home: Path, url: str) -> None:
        self.program, self.home = program("r2e"), home
        (home / "mail").mkdir(parents=True)
        (home / "config").write_text(
            "[DEFAULT]\nfrom = reader@slow.example\nto = reader@slow.example\nemail-protocol = maildir\n"
            f"maildir-path = {home}/mail\nmaildir-mailbox = in\nhtml-mail = True\n"
            f"[feed.slow]\nurl = {url}\n"
        )
        self.seen: set[str] = set()

    def run(self) -> list[email.message.EmailMessage]:
        """The mail of one run."""
        command = [self.program, "-c", f"{self.home}/config", "-d", f"{self.home}/data.json", "run"]
        done = subprocess.run(command, env={"HOME": str(self.home), "LANG": "C.UTF-8"}, capture_output=True, timeout=60)
        assert done.returncode == 0, done.stderr.decode()
        assert b"error" not in done.stderr.lower(), done.stderr.decode()
        paths = [path for path in self.home.glob("mail/**/new/*") if str(path) not in self.seen]
        self.seen |= {str(path) for path in paths}
        return [email.message_from_bytes(path.read_bytes(), policy=email.policy.default) for path in paths]


@pytest.mark.server
@pytest.mark.parametrize("name", ["rss", "atom"])
def test_rss2email_mails_every_article_once_and_nothing_again_after_an_edit_a_move_or_a_rebuild(
    published, name, tmp_path
):
    reader = Rss2Email(tmp_path / "r2e", f"{published.url}/feed.{name}")
    published.publish(*articles())
    mails = reader.run()
    assert sorted(str(mail["subject"]) for mail in mails) == sorted(article.title for article in articles())
    texts = [mail.get_body(("html",)).get_content() for mail in mails]
    for article in articles():
        [text] = [text for text in texts if f'"{article.url}"' in text]
        assert article.html in text
        assert article.enclosures[0].url in text
    assert reader.run() == []

    edited = make_article(3, title="Letter 3, mended", html="<p>Mended.</p>", updated=make_article(40).updated)
    published.publish(edited)
    assert reader.run() == []

    moved = make_article(4, slug="elsewhere", url="https://slow.example/letters/elsewhere")
    published.publish(moved)
    assert reader.run() == []

    for path in sorted(published.settings.state.glob("feed*/**/*"), reverse=True):
        path.unlink() if path.is_file() else path.rmdir()
    published.publish()
    assert reader.run() == []

    published.publish(make_article(COUNT))
    assert [str(mail["subject"]) for mail in reader.run()] == [f"Letter {COUNT}: tea & toast"]
