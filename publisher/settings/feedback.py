"""``[feedback]``: where bounces, complaints and requests to unsubscribe come back to."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from publisher.settings.base import Secret, Table


class FeedbackSettings(Table):
    mailbox: Literal["off", "maildir", "imap", "lmtp"] = Field(
        default="off", description="Where reports are read from; the other settings say where it is."
    )
    path: str = Field(default="", description="maildir: the folder, relative to the site.")
    host: str = Field(default="127.0.0.1", description="imap: the server. lmtp: the address to listen on.")
    port: int = Field(default=993, ge=0, le=65535, description="imap: the port (TLS). lmtp: the port to listen on.")
    username: str = Field(default="", description="imap: the user.")
    password: Secret | None = Field(default=None, description="imap: the password.")
    folder: str = Field(default="INBOX", description="imap: the folder.")
    every_seconds: float = Field(default=60.0, ge=1, description="maildir, imap: how often it is looked at.")
    ses_topics: tuple[str, ...] = Field(
        default=(), description="ARNs of the SNS topics that may report for SES; none: the address does not exist."
    )
    mailgun_key: Secret | None = Field(default=None, description="Mailgun's HTTP webhook signing key.")
    postmark_username: str = Field(default="", description="User name of Postmark's webhook (basic auth).")
    postmark_password: Secret | None = Field(default=None, description="Password of Postmark's webhook.")
    sendgrid_key: str = Field(default="", description="SendGrid's verification key (public, base64).")
    warn_complaints: float = Field(
        default=0.001, gt=0, lt=1, description="Complaints ÷ delivered of an edition at which the desk warns."
    )
    stop_complaints: float = Field(
        default=0.003, gt=0, lt=1, description="Complaints ÷ delivered of an edition at which its sending pauses."
    )
