"""Mail that comes back: bounces, complaints, and requests to unsubscribe.

::

    Maildir | IMAP | LMTP ─ bytes, envelope ─→ read_mail(raw, keyring) ─→ Report | None ─→ subscribers.feedback
    webhooks of mail providers ─────────────────────────────────────────→ Report         ↗

:func:`read_mail` is pure and never raises. What it reports is about a subscriber only if the message proves that
it knows something only our mail held: the MAC in the return path it was sent to (:mod:`.verp`), or in a header
of the message that it brings back. A report without such proof, a vacation reply, garbage: ``None``.
Nothing here sends a reply to a message (RFC 3834).
"""

from publisher.mail.feedback.messages import read_mail
from publisher.mail.feedback.reports import Kind, Report

__all__ = ["Kind", "Report", "read_mail"]
