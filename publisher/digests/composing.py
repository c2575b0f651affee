"""An edition becomes messages: render once, compile once, join bytes for each subscriber.

::

    Edition + Settings + language ──rendering.digests──▶ html, text, subject with sentinels
                                  ──mail.compiling─────▶ CompiledEdition ──.message(Recipient)──▶ bytes
                                                           │
                                                           └─ .to_bytes() is what the ledger keeps

The two rooms do not know each other; this module hands the one's result to the other.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

from publisher.errors import SettingsError
from publisher.mail.compiled import CompiledEdition, Envelope
from publisher.mail.compiling import compile_edition
from publisher.mail.dkim import Signer, load_signers
from publisher.mail.headers import header_address
from publisher.mail.personal import Recipient
from publisher.mail.phrases import Phrases
from publisher.model import Edition
from publisher.rendering.digest_values import ShareLinks
from publisher.rendering.digests import FitReport, render_digest
from publisher.rendering.languages import Speech
from publisher.settings import Settings
from publisher.settings.digests import DigestSettings

__all__ = ["CompiledEdition", "Composition", "Recipient", "compose", "digest_named", "signer_for"]


#: ``rewrite(html, prefix of all sentinels, sentinel of the mark)``; see :mod:`publisher.subscribers.tracking`.
Rewrite = Callable[[str, str, str], str]


@dataclass(frozen=True, slots=True)
class Composition:
    """What is sent, and what the operator should know about it. ``html`` and ``text`` still hold the sentinels."""

    compiled: CompiledEdition
    report: FitReport
    subject: str
    html: str
    text: str


def compose(
    edition: Edition,
    settings: Settings,
    *,
    language: str = "",
    share_links: ShareLinks | None = None,
    template: str = "",
    archive_url: str = "",
    text_only: bool = False,
    nonce: str = "",
    rewrite: Rewrite | None = None,
) -> Composition:
    """One variant of ``edition``, whose articles are those of the variant.

    :param language: the subscribers'; empty means the publication's.
    :param share_links: by article id, ``(label, url)`` of each of the article's targets.
    :param template: another than the digest's, for a preview.
    :param archive_url: where the public archive is (RFC 2369 List-Archive); empty leaves it out.
    :param text_only: for the subscribers who asked for plain text.
    :param rewrite: changes the finished HTML, for links that are counted.
    :param nonce: fixes the sentinels and the boundary (16 hexadecimal digits), for tests.
    :raises RenderError: a template is wrong; names file and line.
    :raises CompositionRefused: a count or limit does not hold; nothing may be sent.
    """
    digest = digest_named(settings, edition.digest)
    if template:
        digest = digest.model_copy(update={"template": template})
    nonce = nonce or secrets.token_hex(8)
    prefix, mark = f"zq{nonce}", f"zq{nonce}99"
    counted = rewrite is not None and not text_only

    def finish(html: str) -> str:
        return rewrite(html, prefix, mark) if rewrite is not None else html

    rendered = render_digest(
        edition,
        settings,
        digest,
        language=language,
        share_links=share_links,
        text_only=text_only,
        finish=finish if counted else None,
        nonce=nonce,
    )
    html, sentinels = rendered.html, {**rendered.sentinels, **({mark: "mark"} if counted else {})}
    compiled = compile_edition(
        envelope=envelope(edition, settings, digest, archive_url=archive_url),
        language=rendered.speech.language,
        subject=rendered.subject,
        text=rendered.text,
        html=html,
        sentinels=sentinels,
        phrases=phrases(rendered.speech, settings.publication.title),
        # "=_" cannot stand in quoted-printable text, so the boundary never occurs in a part (RFC 2045 section 6.7).
        boundary=f"=_{nonce}",
        text_only=text_only,
    )
    return Composition(compiled, rendered.report, rendered.subject, html, rendered.text)


def digest_named(settings: Settings, name: str) -> DigestSettings:
    """:raises SettingsError: no digest has that name; the message lists those there are."""
    for digest in settings.digests:
        if digest.name == name:
            return digest
    known = ", ".join(digest.name for digest in settings.digests)
    raise SettingsError(f'no [[digests]] has the name "{name}"; there are: {known}')


def envelope(edition: Edition, settings: Settings, digest: DigestSettings, *, archive_url: str = "") -> Envelope:
    """The headers that all messages of the edition share (RFC 2369, 2919, 8058; Google's Feedback-ID)."""
    sender, publication = settings.sender, settings.as_publication()
    title = digest.title or publication.title
    identity = f"{publication.id}\n{digest.name}\n{edition.id}\n{edition.number}"
    return Envelope(
        edition_key=hashlib.sha256(identity.encode()).hexdigest(),
        from_name=sender.name or publication.title,
        from_address=sender.address,
        reply_to=sender.reply_to,
        list_id=digest.list_id or f"{digest.name}.{_list_domain(settings)}",
        list_title=title,
        feedback_id=f"{edition.number}:{digest.name}:digest:{sender_id(settings)}",
        unsubscribe_mailto="",
        archive_url=archive_url,
    )


def sender_id(settings: Settings) -> str:
    """Feedback-ID's last field: 5 to 15 characters, the same for every message of the publication."""
    if settings.mail.feedback_id:
        return settings.mail.feedback_id
    identity = settings.as_publication().id
    return "mh" + hashlib.sha256(identity.encode()).hexdigest()[:10]


def phrases(speech: Speech, publication_title: str) -> Phrases:
    """The frame's words that hold something personal, for the compiled edition."""
    return Phrases(
        greeting_named=speech.words["greeting_named"],
        greeting_plain=speech.words["greeting_plain"],
        because_all=speech.words["because_all"].replace("{title}", publication_title),
        because_topics=speech.words["because_topics"],
        list_patterns=speech.list_patterns,
        right_to_left=speech.direction == "rtl",
    )


def signer_for(settings: Settings) -> Signer | None:
    """What signs our messages, or None where ``[mail.dkim]`` has no key.

    :raises SettingsError: a key cannot be read or is too weak.
    """
    dkim = settings.mail.dkim
    if dkim.key is None and dkim.ed25519_key is None:
        return None
    domain = dkim.domain or header_address(settings.sender.address).rpartition("@")[2].lower()
    return load_signers(
        domain=domain,
        rsa=(dkim.selector, dkim.key.reveal(settings.directory)) if dkim.key else None,
        ed25519=(dkim.ed25519_selector, dkim.ed25519_key.reveal(settings.directory)) if dkim.ed25519_key else None,
    )


def _list_domain(settings: Settings) -> str:
    # The id outlives a change of base_url, so it comes first; RFC 2919 wants a domain, which an IP address is not.
    for url in (settings.as_publication().id, settings.publication.base_url):
        host = (urlsplit(url).hostname or "").lower()
        if re.fullmatch(r"[a-z0-9_-]+(\.[a-z0-9_-]+)*\.[a-z][a-z0-9-]*", host):
            return host
    return header_address(settings.sender.address).rpartition("@")[2].lower()
