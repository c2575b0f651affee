"""The operator's desk: who sees it, and that it trusts nothing it shows."""

from __future__ import annotations

import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import html
from starlette.testclient import TestClient

from publisher.digests.composing import compose
from publisher.mail.personal import Recipient
from publisher.mail.transport import Outgoing
from publisher.mail.transports.maildir import MaildirTransport, file_name
from publisher.model import EditionStatus
from publisher.pipeline import waiting
from publisher.pipeline.site import Site
from publisher.settings import load_settings
from publisher.settings.base import Table
from publisher.store import articles, editions, troubles
from publisher.web.app import create_app
from publisher.web.frame.messages import MAX_BYTES, read_message

DESK_PAGES = ("/desk/outbox", "/desk/outbox/nothing", "/desk/outbox/nothing/html")


@pytest.fixture
def edition(site_dir, store, add, article_of):
    """An edition that was composed and sent to two subscribers' files in the outbox."""
    options = load_settings(site_dir)
    add(article_of(1, html='<p>Words <img src="https://t.example/p.gif" alt="Map"></p>'), article_of(2))
    with store.begin() as tx:
        number = editions.create(tx, "digest", "The Slow Post", articles.newest(tx), now=1_770_000_000.0)
        made = editions.get(tx, number)
        compiled = compose(made, options).compiled
        editions.save_variant(tx, number, "en", compiled.to_bytes(), now=0.0)
        editions.move(tx, number, EditionStatus.DRAFT, to=EditionStatus.DONE)
    transport = MaildirTransport(Table(), options)
    for key, name in (("1", "Mara Lindqvist"), ("2", "Tomás Ó Néill")):
        subscriber = Recipient(
            key=key,
            address=f"reader{key}@post.example",
            name=name,
            unsubscribe_url="https://slow.example/u/abcdefghijklmnopqrstuvwx",
            preferences_url="https://slow.example/p/abcdefghijklmnopqrstuvwx",
            web_url="https://slow.example/editions/1/mail",
            date=made.created,
        )
        message_id = compiled.message_id(key)
        transport.send(Outgoing(0, "post@slow.example", subscriber.address, compiled.message(subscriber), message_id))
    return number


def test_the_operator_sees_articles_feeds_edition_and_outbox_on_the_front_page(near, edition):
    tree = html.document_fromstring(near.get("/").text)
    assert tree.xpath("//section[contains(@class,'desk-part')]/@id")[:4] == ["articles", "feeds", "edition", "outbox"]
    formats = tree.xpath("//section[@id='feeds']//h3/text()")
    assert formats == ["RSS 2.0", "Atom 1.0", "JSON Feed 1.1"]
    assert len(tree.xpath("//section[@id='edition']//iframe[@sandbox]")) == 2
    recipients = tree.xpath("//section[@id='outbox']//*[@class='fold-to']/text()")
    assert sorted(recipients) == ["Mara Lindqvist <reader1@post.example>", "Tomás Ó Néill <reader2@post.example>"]
    assert "List-Unsubscribe: " in tree.xpath("//section[@id='outbox']")[0].text_content()


def test_a_visitor_sees_no_message_at_the_same_address(far, near, edition):
    for answer in (far.get("/"), near.get("/?as=visitor")):
        assert answer.status_code == 200
        assert "post.example" not in answer.text
        assert "/desk/" not in answer.text


@pytest.mark.parametrize("path", DESK_PAGES)
def test_the_desk_does_not_exist_for_others(far, app, path, edition):
    assert far.get(path).status_code == 404
    rebound = TestClient(app, base_url="http://rebound.example:8000", client=("127.0.0.1", 1))
    assert rebound.get(path).status_code == 404
    proxied = TestClient(app, base_url="http://127.0.0.1:8000", client=("127.0.0.1", 1))
    assert proxied.get(path, headers={"x-forwarded-for": "203.0.113.9"}).status_code == 404


def test_the_desk_can_be_switched_off(site_dir, store, edition):
    with (site_dir / "publication.toml").open("a") as file:
        file.write('[web]\ndesk = "off"\n')
    client = TestClient(
        create_app(Site(load_settings(site_dir), store)), base_url="http://127.0.0.1:8000", client=("127.0.0.1", 1)
    )
    assert client.get("/desk/outbox").status_code == 404
    assert "post.example" not in client.get("/").text


def test_a_page_of_the_desk_is_kept_nowhere(near, edition):
    for path in ("/", "/desk/outbox"):
        assert near.get(path).headers["cache-control"] == "no-store"


def test_a_message_is_shown_in_a_sandbox_that_runs_nothing_and_loads_nothing_of_others(near, edition):
    tree = html.document_fromstring(near.get("/desk/outbox").text)
    (source, *_) = tree.xpath("//iframe/@src")
    answer = near.get(source)
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("sandbox allow-popups ")
    assert "allow-scripts" not in policy
    assert "allow-same-origin" not in policy
    assert "frame-ancestors 'self'" in policy
    assert answer.headers["x-frame-options"] == "SAMEORIGIN"
    assert "t.example/p.gif" not in "".join(html.document_fromstring(answer.text).xpath("//img/@src"))
    again = near.get(source, headers={"if-none-match": answer.headers["etag"]})
    assert again.status_code == 304
    assert again.headers["content-security-policy"] == policy  # a 304 replaces the headers that were kept


@pytest.mark.parametrize("name", ["..", "../../masthead.db", ".hidden", "%2e%2e%2fmasthead.db", "a" * 400, "a:2,S"])
def test_only_messages_are_found_in_the_outbox(near, site_dir, edition, name):
    (site_dir / "state" / "outbox" / "new" / ".hidden").write_text("x")
    assert near.get(f"/desk/outbox/{name}").status_code == 404


def test_a_link_out_of_the_outbox_is_not_followed(near, site_dir, edition):
    (site_dir / "secret").write_text("Subject: secret\n\nsecret")
    (site_dir / "state" / "outbox" / "new" / "link").symlink_to(site_dir / "secret")
    assert near.get("/desk/outbox/link").status_code == 404
    assert "secret" not in near.get("/desk/outbox").text


def test_a_message_that_was_read_elsewhere_is_still_found(near, site_dir, edition):
    box = site_dir / "state" / "outbox"
    (first, *_) = sorted((box / "new").iterdir())
    first.rename(box / "cur" / f"{first.name}:2,S")
    assert near.get(f"/desk/outbox/{first.name}").status_code == 200


def test_a_long_outbox_comes_in_pages_the_newest_first(near, site_dir):
    new = site_dir / "state" / "outbox" / "new"
    new.mkdir(parents=True)
    for number in range(45):
        file = new / file_name(str(number))
        file.write_text(f"Subject: message {number}\nTo: a@b.example\n\nx\n")
        os.utime(file, (1_700_000_000 + number,) * 2)
    subjects = []
    for page in (1, 2, 3):
        tree = html.document_fromstring(near.get(f"/desk/outbox?page={page}").text)
        subjects += tree.xpath("//*[@class='fold-subject']/text()")
    assert subjects == [f"message {number}" for number in range(44, -1, -1)]
    assert near.get("/desk/outbox?page=4").status_code == 404


def test_the_archive_lists_what_was_sent_and_nothing_that_was_not(far, store, edition, add, article_of):
    add(article_of(3))
    with store.begin() as tx:
        editions.create(tx, "digest", "A draft", [article_of(3)], now=1.0)
    page = far.get("/editions")
    assert "The Slow Post" in page.text
    assert "A draft" not in page.text
    assert far.get(f"/editions/{edition}").status_code == 200
    assert far.get(f"/editions/{edition + 1}").status_code == 404
    for odd in ("0", "x", "-1", "9" * 30, "1/mail/nothing"):
        assert far.get(f"/editions/{odd}").status_code == 404


def test_the_web_version_is_the_mail_without_anybodys_values(far, edition):
    answer = far.get(f"/editions/{edition}/mail")
    assert answer.status_code == 200
    assert "Piece number 2" in answer.text
    for personal in ("Mara", "post.example", "abcdefghijklmnopqrstuvwx"):
        assert personal not in answer.text
    assert answer.headers["content-security-policy"].startswith("sandbox")
    assert far.get(f"/editions/{edition}/mail/en").status_code == 200


def test_a_message_is_read_in_every_encoding():
    raw = (
        b"Subject: =?utf-8?b?w5xiZXI=?=\nTo: a@b.example\nMIME-Version: 1.0\n"
        b'Content-Type: multipart/alternative; boundary="x"\n\n'
        b"--x\nContent-Type: text/plain; charset=iso-8859-1\nContent-Transfer-Encoding: quoted-printable\n\ncaf=E9\n"
        b"--x\nContent-Type: text/html; charset=utf-8\nContent-Transfer-Encoding: base64\n\nPHA+aGk8L3A+\n--x--\n"
    )
    shown = read_message(raw)
    assert (shown.subject, shown.text.strip(), shown.html) == ("Über", "café", "<p>hi</p>")
    assert shown.headers.startswith("Subject: =?utf-8?b?w5xiZXI=?=\nTo:")


PIECES = [
    b"Content-Type: multipart/mixed; boundary=x\n",
    b"Content-Type: message/rfc822\n",
    b"Content-Type: text/html; charset=none\n",
    b"Content-Transfer-Encoding: base64\n",
    b"Content-Disposition: attachment\n",
    b"Subject: =?bad?q?=ff?=\n",
    b"From: \n",
    *(b"--x\n", b"--x--", b"\n", b"\0", b"\xff\xfe", b"a" * 80),
]


@given(st.lists(st.one_of(st.sampled_from(PIECES), st.binary(max_size=20)), max_size=30).map(b"".join))
@settings(max_examples=300, deadline=None)
def test_no_file_is_too_odd_to_show(raw):
    shown = read_message(raw)
    for text in (shown.subject, shown.headers, shown.text):
        text.encode()


def test_an_enormous_or_deep_message_is_cut():
    deep = b"Content-Type: multipart/mixed; boundary=x\n\n--x\n" * 400
    read_message(deep)
    assert read_message(b"Subject: s\n\n" + b"a" * (MAX_BYTES + 10)).size <= MAX_BYTES


def test_the_link_in_a_mail_leads_to_the_version_without_a_token(far, store, edition):
    from publisher.lib.links import web_version_url
    from publisher.store.keys import keyring

    with store.begin() as tx:
        link = web_version_url("https://slow.example", keyring(tx), edition, 0)
    answer = far.get(link)
    assert answer.status_code == 302
    assert far.get(answer.headers["location"]).status_code == 200
    at = len(link) - 10  # not the last character: some of its bits stand for nothing
    forged = link[:at] + ("A" if link[at] != "A" else "B") + link[at + 1 :]
    assert far.get(forged).status_code == 404
    assert far.get("/view/nonsense").status_code == 404


def test_monitoring_on_this_machine_reads_numbers_and_no_addresses(near, far, edition):
    answer = near.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert 'masthead_editions{status="done"} 1' in answer.text
    assert "masthead_oldest_due_chunk_age_seconds 0" in answer.text
    assert "@" not in answer.text
    assert far.get("/metrics").status_code == 404


def test_the_desk_says_why_nothing_leaves(near, store):
    assert "mail does not leave" not in near.get("/").text
    assert "masthead_mail_trouble_seconds 0\n" in near.get("/metrics").text
    with store.begin() as tx:
        troubles.note(tx, troubles.MAIL, "454 4.7.1 <b>Relay access denied", now=1_790_000_000.0)
    shown = near.get("/").text
    assert "mail does not leave, since 2026-09-21" in shown
    assert "454 4.7.1 &lt;b&gt;Relay access denied" in shown
    told = near.get("/metrics").text
    assert float(told.partition("\nmasthead_mail_trouble_seconds ")[2].split()[0]) > 0
    assert "Relay access denied" not in told


def test_the_desk_says_that_a_restore_waits_for_a_person(near, store):
    assert "masthead restored" not in near.get("/").text
    with store.begin() as tx:
        waiting.mark(tx, waiting.Restored(1_790_000_000.0, 1_790_003_600.0, "0.1.0", {}))
    shown = near.get("/").text
    assert "restored from a backup of 2026-09-21 14:13:20 UTC (gap 1:00:00)" in shown
    assert "masthead restored" in shown
