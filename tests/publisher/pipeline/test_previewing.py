"""A look at the next edition changes nothing."""

from __future__ import annotations

import mailbox

import pytest

from publisher.errors import BadAddress, SiteError
from publisher.pipeline import previewing
from publisher.pipeline.publishing import publish
from publisher.pipeline.site import open_site
from publisher.store import articles, editions
from tests.factories import write_site


@pytest.fixture
def site(tmp_path):
    write_site(tmp_path, digests=[{"name": "letter"}])
    (tmp_path / "subscribers.csv").write_text("address\nanna@example.org\n")
    opened = open_site(tmp_path)
    yield opened
    opened.close()


def write(site, name: str) -> None:
    text = f"---\ntitle: {name}\ndate: 2026-11-01\n---\nWords of {name}.\n"
    (site.settings.directory / "articles" / f"{name}.md").write_text(text)


def test_before_anything_was_published_it_shows_the_first_edition_and_saves_nothing(site):
    write(site, "one")
    shown, fresh = previewing.preview(site, "letter")
    assert fresh
    assert "one" in shown.subject
    assert "Words of one." in shown.text
    with site.store.read() as tx:
        assert articles.known(tx) == []
        assert editions.listing(tx) == []
    assert not (site.settings.state / "outbox").exists()


def test_after_an_edition_it_shows_only_what_is_new_and_says_when_nothing_is(site):
    write(site, "one")
    publish(site)
    write(site, "two")
    shown, fresh = previewing.preview(site)
    assert fresh
    assert "Words of two." in shown.text
    assert "Words of one." not in shown.text
    (site.settings.directory / "articles" / "two.md").unlink()
    assert previewing.preview(site)[1] is False


def test_a_test_message_is_marked_and_the_ledger_knows_nothing_of_it(site):
    write(site, "one")
    (result,) = previewing.send_test(site, "letter", ["Editor@example.org"])
    assert result[1].outcome == "sent"
    (message,) = mailbox.Maildir(str(site.settings.state / "outbox"), create=False)
    assert message["Subject"].startswith("[Test] ")
    with site.store.read() as tx:
        assert editions.listing(tx) == []
    assert publish(site).sent == 1


def test_one_wrong_address_stops_the_whole_test_before_anything_is_sent(site):
    write(site, "one")
    with pytest.raises(BadAddress):
        previewing.send_test(site, "letter", ["editor@example.org", "nobody"])
    assert not (site.settings.state / "outbox").exists()


def test_without_an_article_it_says_what_to_do(site):
    with pytest.raises(SiteError, match="write one"):
        previewing.preview(site)
