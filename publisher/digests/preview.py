"""See a digest before it goes: the real message, as a page or as pictures, or sent to oneself.

::

    Edition + Settings ──compose──▶ message for an example subscriber ──taken apart again──▶ Preview
    Preview ──preview_page──────▶ one self-contained HTML page
            ──preview_pictures──▶ PNG files

What is shown was parsed out of the very bytes that a transport would be given, so the preview cannot be kinder
than the mail.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from email import message_from_bytes, policy
from pathlib import Path

from publisher.digests.composing import Composition, Recipient, compose, digest_named
from publisher.model import Edition
from publisher.rendering.digest_values import ShareLinks
from publisher.rendering.digests import MAX_HTML, WARN_HTML
from publisher.rendering.lint import Finding, lint
from publisher.rendering.pictures import SCHEMES, WIDTHS, in_scheme, take_pictures
from publisher.rendering.templates import environment, render
from publisher.settings import Settings


@dataclass(frozen=True, slots=True)
class Preview:
    """One digest as one subscriber would get it. ``headers`` are unfolded and decoded, in their order."""

    digest: str
    template: str
    language: str
    subject: str
    headers: tuple[tuple[str, str], ...]
    html: str
    text: str
    message_bytes: int
    composition: Composition
    findings: tuple[Finding, ...]

    @property
    def html_bytes(self) -> int:
        return len(self.html.encode("utf-8"))


def example_recipient(
    settings: Settings, *, date: datetime, address: str = "reader@example.org", name: str = ""
) -> Recipient:
    """A subscriber whose links lead to the publication's own page and can change nothing.

    :param date: aware; becomes the Date header.
    """
    page = f"{settings.publication.base_url}/"
    return Recipient(
        key="preview",
        address=address,
        unsubscribe_url=page,
        preferences_url=page,
        web_url=page,
        date=date,
        name=name,
    )


def preview(
    edition: Edition,
    settings: Settings,
    *,
    date: datetime,
    template: str = "",
    language: str = "",
    share_links: ShareLinks | None = None,
    recipient: Recipient | None = None,
) -> Preview:
    """Compose ``edition`` as it would be sent and take the message apart.

    :param date: aware; becomes the Date header of the example subscriber's message.
    :raises RenderError: a template is wrong; names file and line.
    :raises CompositionRefused: the edition could not be sent as it is.
    """
    composition = compose(edition, settings, language=language, share_links=share_links, template=template)
    message = composition.compiled.message(recipient or example_recipient(settings, date=date))
    parsed = message_from_bytes(message, policy=policy.default)
    parts = {
        part.get_content_type(): bytes(part.get_payload(decode=True) or b"").decode("utf-8").replace("\r\n", "\n")
        for part in parsed.walk()
        if not part.is_multipart()
    }
    used = template or digest_named(settings, edition.digest).template
    return Preview(
        digest=edition.digest,
        template=used,
        language=composition.compiled.language,
        subject=str(parsed["Subject"] or ""),
        headers=tuple((name, str(value)) for name, value in parsed.items()),
        html=parts.get("text/html", ""),
        text=parts.get("text/plain", ""),
        message_bytes=len(message),
        composition=composition,
        findings=tuple(lint(used, settings.directory)),
    )


def preview_page(shown: Preview) -> str:
    """One HTML page that needs nothing else: frames at three widths in both schemes, text, headers, size, lint."""
    share = min(100, round(shown.html_bytes * 100 / MAX_HTML))
    values = {
        "subject": shown.subject,
        "digest": shown.digest,
        "template": shown.template,
        "language": shown.language,
        "schemes": [{"name": scheme, "html": _in_a_frame(in_scheme(shown.html, scheme))} for scheme in SCHEMES],
        "widths": list(WIDTHS),
        "text": shown.text,
        "headers": [{"name": name, "value": value} for name, value in shown.headers],
        "html_kb": f"{shown.html_bytes / 1000:.1f}",
        "limit_kb": f"{MAX_HTML / 1000:.0f}",
        "message_kb": f"{shown.message_bytes / 1000:.1f}",
        "share": share,
        "close": shown.html_bytes >= WARN_HTML,
        "report": shown.composition.report.message,
        "findings": [
            {"file": item.file, "line": item.line, "severity": item.severity, "message": item.message}
            for item in shown.findings
        ],
    }
    return render(environment(None), "preview/page.html", values)


def preview_pictures(shown: Preview, folder: Path, *, offline: bool = False) -> list[Path]:
    """PNG files at three widths in both schemes, named ``<digest>-<width>-<scheme>.png``.

    :param offline: pictures in the digest are not fetched.
    :raises RenderError: Chromium is missing or failed.
    """
    return take_pictures(shown.html, folder, stem=shown.digest, offline=offline)


def trial_message(
    edition: Edition,
    settings: Settings,
    recipient: Recipient,
    *,
    language: str = "",
    share_links: ShareLinks | None = None,
) -> bytes:
    """The digest for one recipient; unsigned.

    :raises DeliveryError: the address cannot stand in a header.
    """
    composition = compose(edition, settings, language=language, share_links=share_links)
    return composition.compiled.message(recipient)


def _in_a_frame(html: str) -> str:
    # A link opens beside the preview, not inside the frame; a scroll bar must not take from the width.
    return html.replace("<head>", '<head><base target="_blank"><style>html {scrollbar-width: none;}</style>', 1)
