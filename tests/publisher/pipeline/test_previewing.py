"""A look at the next edition changes nothing."""

from __future__ import annotations

import mailbox

import pytest

from publisher.errors import BadAddress, SiteError
from publisher.pipeline import previewing
from publisher.pipeline.publishing import publish
from publisher.pipeline.site import open_site
from publisher.store import articles, editions

PUBLICATION = """
[publication]
title = "The Slow Post"
base_url = "https://slow.example"
[sender]
address = "post@slow.example"
[[digests]]
name = "letter"
"""


@pytest.fixture
def context(tmp_path):
    (tmp_path / "articles").mkdir()
    (tmp_path / "publication.toml").write_text(PUBLICATION)
    (tmp_path / "subscribers.csv").write_text("address\nanna@example.org\n")
    opened = open_site(tmp_path)
    yield opened
    opened.close()


def write(context, name: str) -> None:
    text = f"---\ntitle: {name}\ndate: 2026-11-01\n---\nWords of {name}.\n"
    (context.settings.directory / "articles" / f"{name}.md").write_text(text)


def test_before_anything_was_published_it_shows_the_first_edition_and_saves_nothing(context):
    write(context, "one")
    shown, fresh = previewing.preview(context, "letter")
    assert fresh
    assert "one" in shown.subject
    assert "Words of one." in shown.text
    with context.store.read() as tx:
        assert articles.known(tx) == []
        assert editions.listing(tx) == []
    assert not (context.settings.state / "outbox").exists()


def test_after_an_edition_it_shows_only_what_is_new_and_says_when_nothing_is(context):
    write(context, "one")
    publish(context)
    write(context, "two")
    shown, fresh = previewing.preview(context)
    assert fresh
    assert "Words of two." in shown.text
    assert "Words of one." not in shown.text
    (context.settings.directory / "articles" / "two.md").unlink()
    assert previewing.preview(context)[1] is False


def test_a_test_message_is_marked_and_the_ledger_knows_nothing_of_it(context):
    write(context, "one")
    (result,) = previewing.send_test(context, "letter", ["Editor@example.org"])
    assert result[1].outcome == "sent"
    (message,) = mailbox.Maildir(str(context.settings.state / "outbox"), create=False)
    assert message["Subject"].startswith("[Test] ")
    with context.store.read() as tx:
        assert editions.listing(tx) == []
    assert publish(context).sent == 1


def test_one_wrong_address_stops_the_whole_test_before_anything_is_sent(context):
    write(context, "one")
    with pytest.raises(BadAddress):
        previewing.send_test(context, "letter", ["editor@example.org", "nobody"])
    assert not (context.settings.state / "outbox").exists()


def test_without_an_article_it_says_what_to_do(context):
    with pytest.raises(SiteError, match="write one"):
        previewing.preview(context)
