"""What is not read with these settings is said, and nothing that nobody reads is advertised."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from publisher.mail.feedback.coverage import gaps, reads_mail
from tests import factories

SMTP = {"transport": "smtp", "host": "relay.example"}
MAILBOX = {"mailbox": "maildir", "path": "reports"}


@pytest.mark.parametrize(
    ("mail", "feedback", "said"),
    [
        ({"transport": "maildir"}, {}, ()),
        (SMTP, {}, ("bounces and complaints are not read", "nobody can unsubscribe by mail")),
        (SMTP, {"mailgun": {"key": {"env": "KEY"}}}, ("nobody can unsubscribe by mail",)),
        (SMTP, MAILBOX, ("bounces are understood where they bring", "complaints by mail only unsubscribe")),
        (SMTP | {"return_domain": "bounce.example"}, MAILBOX, ("complaints by mail only unsubscribe",)),
        (SMTP | {"return_domain": "bounce.example"}, MAILBOX | {"complaints_to": ["fbl@a.example"]}, ()),
    ],
)
def test_each_gap_is_one_line(
    tmp_path: Path, mail: dict[str, Any], feedback: dict[str, Any], said: tuple[str, ...]
) -> None:
    settings = factories.settings(tmp_path, mail=mail, feedback=feedback)
    found = gaps(settings)
    assert len(found) == len(said)
    assert all(str(line).startswith(words) for line, words in zip(found, said, strict=True))
    assert reads_mail(settings) == ("mailbox" in feedback)


def test_one_click_over_http_is_said_to_be_missing(tmp_path: Path) -> None:
    mail = SMTP | {"return_domain": "bounce.example"}
    feedback = MAILBOX | {"complaints_to": ["fbl@a.example"]}
    publication = {"base_url": "http://slow.example"}
    (line,) = gaps(factories.settings(tmp_path, mail=mail, feedback=feedback, publication=publication))
    assert "https" in line.todo
