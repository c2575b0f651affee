"""A notice as a message: two alternatives, no list headers, marked as sent by a program (RFC 3834)."""

from __future__ import annotations

import hashlib
from datetime import datetime

from publisher.mail import headers
from publisher.mail.quoted_printable import encode


def notice_message(
    *,
    key: str,
    from_name: str,
    from_address: str,
    to: str,
    subject: str,
    text: str,
    html: str,
    date: datetime,
    language: str = "",
    reply_to: str = "",
    one_click_url: str = "",
) -> tuple[bytes, str]:
    """The message and its Message-ID (without ``<>``); the same arguments give the same bytes.

    :param key: makes the Message-ID; one a notice.
    :param date: aware; the instant the notice was asked for, kept when it is tried again.
    :param one_click_url: for mail that can be unsubscribed from (RFC 8058): the welcome.
    :raises DeliveryError: permanent; an address cannot stand in a header.
    """
    domain = headers.header_address(from_address).rpartition("@")[2]
    message_id = headers.message_id("notice", key, domain)
    boundary = "notice-" + hashlib.sha256(key.encode()).hexdigest()[:24]
    fields = [
        ("From", headers.mailbox(from_name, from_address)),
        ("To", headers.mailbox("", to)),
        ("Subject", headers.unstructured(subject)),
        ("Date", headers.date(date)),
        ("Message-ID", message_id.encode("ascii")),
        ("Auto-Submitted", b"auto-generated"),
        ("MIME-Version", b"1.0"),
        ("Content-Type", b'multipart/alternative;\r\n boundary="%s"' % boundary.encode("ascii")),
    ]
    if language:
        fields.insert(6, ("Content-Language", language.encode("ascii", "ignore")))
    if reply_to:
        fields.insert(1, ("Reply-To", headers.mailbox("", reply_to)))
    if one_click_url:
        fields += [("List-Unsubscribe", headers.angle_url(one_click_url)), *headers.one_click(one_click_url)]
    mark = b"--" + boundary.encode("ascii")
    parts = [headers.header_block(fields)]
    for subtype, content in ((b"plain", text), (b"html", html)):
        parts.append(
            b"\r\n%s\r\nContent-Type: text/%s; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n%s"
            % (mark, subtype, encode(content.rstrip("\n") + "\n"))
        )
    return b"".join(parts) + b"\r\n" + mark + b"--\r\n", message_id.strip("<>")
