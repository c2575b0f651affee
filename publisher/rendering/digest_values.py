"""What a digest's templates are given: plain dicts of text, decided here and nowhere else.

An operator's template may be hostile or broken, so it never sees an object of ours: only strings, numbers,
lists and dicts. Article text is a value; nothing in it is ever read as a template.

::

    publication  title url description logo copyright language direction
    sender       name postal_address
    digest       name title intro
    edition      title headline number date
    articles     [{title url section standfirst html text authors byline date minutes image share related …}]
    omitted      how many articles only the web has
    subscriber   name greeting address unsubscribe_url preferences_url web_url reason      (sentinels; also as reader)
    words        the frame's words in the subscriber's language (publisher/rendering/words.py)
    light, dark  colours: ground panel rule text muted accent link on_accent
    design       logo logo_dark logo_width font_body font_heading
    language, direction, preheader, content
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from markupsafe import Markup

from publisher.lib.direction import direction
from publisher.lib.text import one_line, reading_minutes, shorten, strip_tags
from publisher.model import Article, Edition
from publisher.rendering.bodies import fitted, mail_html, mail_text
from publisher.rendering.colours import palette
from publisher.rendering.languages import Speech
from publisher.settings import Settings
from publisher.settings.digests import DigestSettings

#: Width of the text column in CSS pixels; body pictures are at most this wide.
COLUMN = 560
#: What an inbox shows beside the subject.
MAX_PREHEADER = 110

#: Of the first article's title in the subject; an inbox shows 40 to 90 characters.
MAX_HEADLINE = 90

ShareLinks = Mapping[str, Sequence[tuple[str, str]]]


@dataclass(frozen=True, slots=True)
class Shown:
    """How much of an article a variant shows: ``full``, or only its headline and standfirst."""

    article: Article
    full: bool = True


def digest_values(
    edition: Edition,
    settings: Settings,
    digest: DigestSettings,
    speech: Speech,
    bodies: Mapping[str, ArticleBody],
    shown: Sequence[Shown],
    *,
    share_links: ShareLinks,
    subscriber: Mapping[str, str],
) -> dict[str, object]:
    """The values for one rendering.

    :param bodies: by article id, as :func:`article_body` made them.
    :param share_links: by article id, ``(label, url)`` of each of its targets.
    :param subscriber: the sentinel of each personal value.
    """
    p, design = settings.publication, settings.design
    zone = ZoneInfo(p.timezone)
    title = digest.title or p.title
    items = [
        _article(item, settings, digest, speech, bodies[item.article.id], zone, share_links.get(item.article.id, ()))
        for item in shown
    ]
    words = {key: text.replace("{title}", p.title) for key, text in speech.words.items()}
    return {
        "publication": {
            "title": p.title,
            "url": p.base_url,
            "description": p.description,
            "logo": design.logo,
            "copyright": p.copyright,
            "language": p.language,
            "direction": direction(p.language),
        },
        "sender": {"name": settings.sender.name or p.title, "postal_address": settings.sender.postal_address},
        "digest": {"name": digest.name, "title": title, "intro": digest.intro},
        "edition": {
            "title": edition.title or title,
            "headline": shorten(one_line(edition.articles[0].title), MAX_HEADLINE),
            "number": words["number"].replace("{number}", str(edition.number)),
            "date": speech.date(edition.created.astimezone(zone)),
        },
        "articles": items,
        "omitted": len(edition.articles) - len(shown),
        "subscriber": dict(subscriber),
        "reader": dict(subscriber),  # its name until 0.1, which templates of a site may use
        "words": words,
        "light": palette(design.ground, design.ink, design.accent),
        "dark": palette(design.ground_dark, design.ink_dark, design.accent_dark),
        "design": {
            "logo": design.logo,
            "logo_dark": design.logo_dark,
            "logo_width": design.logo_width,
            # Checked by the settings to hold nothing that could end a declaration; quotes must stay quotes.
            "font_body": Markup(design.font_body),  # noqa: S704
            "font_heading": Markup(design.font_heading),  # noqa: S704
        },
        "language": speech.language,
        "direction": speech.direction,
        "preheader": preheader(edition),
        "content": digest.content,
    }


@dataclass(frozen=True, slots=True)
class ArticleBody:
    """An article's body for both parts, made once per variant."""

    html: str
    text: str

    @property
    def size(self) -> int:
        return len(self.html.encode("utf-8"))


def article_body(article: Article) -> ArticleBody:
    """The body fitted to the column, and as wrapped text."""
    return ArticleBody(
        mail_html(article.html, base_url=article.url, width=COLUMN), mail_text(article.html, base_url=article.url)
    )


def preheader(edition: Edition) -> str:
    """At most 110 characters: the first standfirst, or the other headlines where the subject has the first."""
    first = edition.articles[0] if edition.articles else None
    if first is None:
        return ""
    text = first.summary or strip_tags(first.html[:20_000])
    if len(edition.articles) > 1 and not text:
        text = " · ".join(article.title for article in edition.articles[1:4])
    return shorten(one_line(text), MAX_PREHEADER)


def _article(
    item: Shown,
    settings: Settings,
    digest: DigestSettings,
    speech: Speech,
    body: ArticleBody,
    zone: ZoneInfo,
    share: Sequence[tuple[str, str]],
) -> dict[str, object]:
    article = item.article
    language = article.language or settings.publication.language
    authors = [author.name for author in article.authors if author.name] or (
        [settings.publication.author] if settings.publication.author else []
    )
    standfirst = one_line(article.summary) or shorten(strip_tags(article.html[:20_000]), 240)
    repeated = bool(article.summary) and strip_tags(article.html[:4000]).startswith(one_line(article.summary))
    return {
        "title": one_line(article.title),
        "url": article.url,
        "section": article.section,
        "tags": list(article.tags),
        "standfirst": "" if item.full and (repeated or not article.summary) and body.html else standfirst,
        "summary": standfirst,
        "html": Markup(body.html) if item.full else "",  # noqa: S704  # sanitised at the door, rebuilt by bodies.py
        "text": body.text if item.full else "",
        "full": item.full and bool(body.html),
        "authors": authors,
        "byline": speech.words["by"].replace("{authors}", speech.listed(authors)) if authors else "",
        "date": speech.date(article.published.astimezone(zone)),
        "minutes": speech.words["minutes"].replace("{minutes}", str(reading_minutes(article.html)))
        if article.html
        else "",
        "image": _image(article),
        "share": [{"label": label, "url": url} for label, url in share],
        "related": [
            {
                "title": one_line(related.summary),
                "url": related.url,
                "date": speech.short_date(datetime.combine(related.published, datetime.min.time(), zone))
                if related.published
                else "",
            }
            for related in article.related[: digest.related]
        ],
        "enclosures": [{"url": item.url, "title": item.title} for item in article.enclosures],
        "language": language,
        "direction": direction(language),
    }


def _image(article: Article) -> dict[str, object] | None:
    image = article.image
    if image is None or not image.url.startswith(("https://", "http://", "data:")):
        return None
    # A lead picture fills the column; a width of a few pixels is a mistake of the page it came from.
    width, height = fitted(image.width if image.width >= 40 else 0, image.height, COLUMN)
    # The picture is a link to the article, and a link without words says nothing to who cannot see it.
    alt = one_line(image.alt) or one_line(article.title)
    return {"url": image.url, "alt": alt, "width": width, "height": height}
