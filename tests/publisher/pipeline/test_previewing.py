"""A look at the next edition changes nothing."""

from __future__ import annotations

import mailbox
import re

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from publisher.errors import BadAddress, SiteError
from publisher.lib.tokens import Purpose, read
from publisher.mail.feedback import read_mail, verp
from publisher.pipeline import previewing
from publisher.pipeline.publishing import publish
from publisher.pipeline.site import open_site
from publisher.store import articles, editions
from publisher.subscribers.personal_links import keyring_of
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


def test_a_test_message_is_signed_like_the_real_thing_and_its_links_are_about_nobody(site, tmp_path):
    key = rsa.generate_private_key(65537, 2048)
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (tmp_path / "dkim.pem").write_bytes(pem)
    (tmp_path / "reports").mkdir()
    dkim = {"key": {"file": "dkim.pem"}}
    mail = {"return_domain": "bounce.example", "dkim": dkim}
    write_site(tmp_path, digests=[{"name": "letter"}], mail=mail, feedback={"mailbox": "maildir", "path": "reports"})
    site = open_site(tmp_path)
    (tmp_path / "subscribers.csv").write_text("address\nanna@example.org\n")
    write(site, "one")
    previewing.send_test(site, "letter", ["editor@example.org"])
    publish(site)
    messages = {
        message["To"]: message for message in mailbox.Maildir(str(site.settings.state / "outbox"), create=False)
    }
    site.close()
    trial, real = messages["editor@example.org"], messages["anna@example.org"]
    assert [name for name in trial if name != "Subject"] == [name for name in real if name != "Subject"]
    for name in ("DKIM-Signature", "List-Unsubscribe", "Return-Path"):
        assert bool(trial[name]) == bool(real[name])
    assert "v=1" in trial["DKIM-Signature"]
    keys = keyring_of(site.store)
    tokens = re.findall(r"/(unsubscribe)/([\w-]+)", trial["List-Unsubscribe"])
    assert [read(keys, Purpose.UNSUBSCRIBE, token, 2) for _, token in tokens] == [(0, 0)]
    body = trial.get_payload(0).get_payload(decode=True).decode()
    opened = dict(re.findall(r"/(preferences|view)/([\w-]+)", body))
    assert read(keys, Purpose.PREFERENCES, opened["preferences"], 1) == (0,)
    found = read_mail(b"To: " + verp.unsubscribe_address(keys, "bounce.example", 0, 0).encode() + b"\n\n", keys)
    assert found is not None
    assert (found.subscriber_id, found.edition_id) == (0, 0)


def test_one_wrong_address_stops_the_whole_test_before_anything_is_sent(site):
    write(site, "one")
    with pytest.raises(BadAddress):
        previewing.send_test(site, "letter", ["editor@example.org", "nobody"])
    assert not (site.settings.state / "outbox").exists()


def test_without_an_article_it_says_what_to_do(site):
    with pytest.raises(SiteError, match="write one"):
        previewing.preview(site)
