"""What the doctor sees of our mail in the DNS."""

from __future__ import annotations

import pytest

from publisher.lib.findings import Level
from publisher.pipeline.doctor import mail
from tests import factories
from tests.publisher.mail.domains.zone import ZoneResolver

ZONE = "bounces.slow.example. IN MX 10 mx.slow.example."


@pytest.mark.parametrize(
    ("domain", "mailbox", "zone", "level", "seen"),
    [
        ("bounces.slow.example", "lmtp", ZONE, Level.OK, "mx.slow.example"),
        ("bounces.slow.example", "off", ZONE, Level.WARNING, "no mailbox is read"),
        ("bounces.slow.example", "lmtp", "", Level.FAULT, "bounces cannot come back"),
        ("", "off", ZONE, Level.WARNING, "bounces go to post@slow.example"),
    ],
)
def test_bounces_come_back_and_are_read(domain, mailbox, zone, level, seen):
    settings = factories.settings(mail={"return_domain": domain}, feedback={"mailbox": mailbox})
    found = mail.check_return_domain(settings, ZoneResolver(zone))
    assert (found.level, seen in found.seen, bool(found.todo)) == (level, True, level is not Level.OK)


def test_a_key_that_cannot_be_read_is_told_without_it(tmp_path):
    (tmp_path / "dkim.pem").write_text("-----BEGIN PRIVATE KEY-----\nswordfish\n-----END PRIVATE KEY-----\n")
    settings = factories.settings(tmp_path, mail={"dkim": {"key": {"file": "dkim.pem"}}})
    (found,) = mail.check_signatures(settings, "slow.example", ZoneResolver(""))
    assert found.level is Level.FAULT
    assert "mail.dkim.key" in found.seen
    assert "swordfish" not in f"{found}"


def test_mail_that_we_do_not_sign_is_a_warning(tmp_path):
    (found,) = mail.check_signatures(factories.settings(tmp_path), "slow.example", ZoneResolver(""))
    assert (found.level, "masthead dkim new" in found.todo) == (Level.WARNING, True)


SMTP = {"transport": "smtp", "host": "relay.example", "return_domain": "bounces.slow.example"}
FED_BACK = {"mailbox": "maildir", "path": "reports", "complaints_to": ["fbl@slow.example"]}


@pytest.mark.parametrize(
    ("transport", "feedback", "level", "seen"),
    [
        ({}, {"mailbox": "off"}, Level.OK, "nothing comes back and nothing is read while mail stays on this machine"),
        ({}, FED_BACK, Level.OK, "nothing comes back while mail stays on this machine"),
        (SMTP, FED_BACK, Level.OK, "bounces, complaints and requests to unsubscribe are read"),
        (SMTP, {"mailbox": "off"}, Level.WARNING, "are not read"),
    ],
)
def test_what_comes_back_is_said_to_be_read_only_where_it_is(tmp_path, transport, feedback, level, seen):
    found = mail.check_feedback(factories.settings(tmp_path, mail=transport, feedback=feedback))
    assert (found[0].level, seen in found[0].seen) == (level, True), found[0].seen
