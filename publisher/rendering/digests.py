"""An edition becomes the three parts of a digest: subject, HTML with inlined styles, text.

::

    edition + language + template ──values──▶ render (ours: here; an operator's: in a child) ──▶ inline ──▶ fits?
                                      ▲                                                                   │no
                                      └──────── the last articles as headline and "continue on the web" ──┘

It is done once per variant (language × set of articles), never per subscriber. Personal values are *sentinels*:
words of random digits that no article can know and that mean nothing to Jinja, HTML or CSS. Their number is the
same before and after inlining, or the edition is refused.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from publisher.errors import CompositionRefused, RenderError
from publisher.model import Edition
from publisher.rendering.digest_values import ArticleBody, ShareLinks, Shown, article_body, digest_values
from publisher.rendering.fitting import CLOSE, FitReport, Parts, fit
from publisher.rendering.inlining import inline
from publisher.rendering.languages import Speech, speech_for
from publisher.rendering.sandbox import has_own_templates, render_confined
from publisher.rendering.templates import environment, packaged_templates, render
from publisher.settings import Settings
from publisher.settings.digests import DigestSettings

#: Gmail cuts a message whose HTML part is longer than about 102 KB, and the unsubscribe link with it.
MAX_HTML = 100_000
#: Room for personal values, which are longer than their sentinels.
PERSONAL = 2_000
#: A mail of plain text is not cut by anyone, but nobody wants megabytes of it.
MAX_TEXT = 400_000
#: The operator is warned from here on.
WARN_HTML = round(MAX_HTML * CLOSE)

__all__ = ["MAX_HTML", "WARN_HTML", "FitReport", "RenderedDigest", "render_digest"]

SUBSCRIBER_FIELDS = ("name", "greeting", "address", "unsubscribe_url", "preferences_url", "web_url", "reason")


@dataclass(frozen=True, slots=True)
class RenderedDigest:
    """``sentinels`` gives the subscriber's field that each sentinel in the parts stands for."""

    subject: str
    html: str
    text: str
    sentinels: dict[str, str]
    speech: Speech
    report: FitReport


def render_digest(
    edition: Edition,
    settings: Settings,
    digest: DigestSettings,
    *,
    language: str = "",
    share_links: ShareLinks | None = None,
    text_only: bool = False,
    finish: Callable[[str], str] | None = None,
    nonce: str = "",
) -> RenderedDigest:
    """Render ``edition`` for one variant; its articles are those of the variant.

    :param language: of the frame, the subscriber's; empty means the publication's.
    :param share_links: by article id, ``(label, url)`` of each target.
    :param text_only: no HTML is made; the text may then be as long as :data:`MAX_TEXT`.
    :param finish: changes the inlined HTML, and with it its length, for links that are counted.
    :param nonce: 16 hexadecimal digits that make the sentinels; random unless a test wants the same bytes again.
    :raises RenderError: a template is missing or wrong; names file and line.
    :raises CompositionRefused: a count or limit does not hold; nothing of the edition may be sent.
    """
    if not edition.articles:
        raise CompositionRefused("the edition has no articles")
    speech = speech_for(language, settings.publication.language, settings.directory)
    prefix = "zq" + (nonce or secrets.token_hex(8))
    subscriber = {name: f"{prefix}{index:02d}" for index, name in enumerate(SUBSCRIBER_FIELDS)}
    bodies = {article.id: article_body(article) for article in edition.articles}
    renderer = _renderer(settings, digest.template)

    def values(shown: Sequence[Shown], bodies: Mapping[str, ArticleBody]) -> dict[str, object]:
        return digest_values(
            edition, settings, digest, speech, bodies, shown, share_links=share_links or {}, subscriber=subscriber
        )

    def attempt(shown: Sequence[Shown]) -> Parts:
        given = values(shown, bodies)
        _refuse_forged(given, prefix, subscriber)
        subject, html, text = renderer(given)
        for part in (subject, html, text):
            _check_sentinels(part, prefix, subscriber)
        if text_only:
            return Parts(subject, "", text)
        if len(html.encode("utf-8")) > MAX_HTML * 2:
            return Parts(subject, html, text)  # cannot fit: inlining only adds
        inlined = inline(html, marks=subscriber.values())
        return Parts(subject, finish(inlined) if finish else inlined, text)

    def shows_bodies() -> bool:
        probe = {article.id: ArticleBody(f"{prefix}probe", f"{prefix}probe") for article in edition.articles[:1]}
        _, html, text = renderer(values([Shown(edition.articles[0])], probe))
        return f"{prefix}probe" in (text if text_only else html)

    parts, report = fit(
        edition.articles,
        {id: len(body.text.encode("utf-8")) if text_only else body.size for id, body in bodies.items()},
        attempt,
        limit=MAX_TEXT if text_only else MAX_HTML,
        room=PERSONAL,
        shows_bodies=shows_bodies,
    )
    sentinels = {mark: name for name, mark in subscriber.items()}
    return RenderedDigest(parts.subject, parts.html, parts.text, sentinels, speech, report)


def _renderer(settings: Settings, template: str) -> Callable[[dict[str, object]], tuple[str, str, str]]:
    names = tuple(f"email/{template}/{part}" for part in ("subject.txt", "body.html", "body.txt"))
    folders = [settings.directory / "templates", packaged_templates()]
    if not any((folder / names[1]).is_file() for folder in folders):
        known = sorted({path.parent.name for f in folders for path in f.glob("email/[!_]*/body.html")})
        raise RenderError(f'no template "{template}" in templates/email; there are: {", ".join(known)}')
    if has_own_templates(settings.directory):
        return lambda values: _three(render_confined(folders, names, values))
    env = environment(None)
    return lambda values: _three([render(env, name, values) for name in names])


def _three(parts: Sequence[str]) -> tuple[str, str, str]:
    subject, html, text = parts
    return " ".join(subject.split()), html, _tidy(text)


def _tidy(text: str) -> str:
    # Blank lines come and go with what an article has; one is shown at a time.
    lines = "\n".join(line.rstrip() for line in text.splitlines())
    return re.sub(r"\n{3,}", "\n\n", lines).strip("\n") + "\n"


def _refuse_forged(values: dict[str, object], prefix: str, subscriber: dict[str, str]) -> None:
    if prefix in repr({**values, "subscriber": None, "reader": None}).lower():
        raise CompositionRefused("an article holds this edition's secret mark; compose the edition again")


def _check_sentinels(part: str, prefix: str, subscriber: dict[str, str]) -> None:
    whole = sum(part.count(mark) for mark in subscriber.values())
    if len(re.findall(prefix, part, re.IGNORECASE)) != whole:
        raise CompositionRefused(
            "the template changes a personal value with a filter; values of subscriber are put in after rendering"
        )
