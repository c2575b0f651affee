"""An article becomes the text of a post: pure, and the same for a preview, a dry run and the real thing.

::

    article ─ url with UTM ─┐
            ─ hashtags ─────┼─ template, or the article's own text ─→ whole ─ the channel cuts ─→ texts
            ─ title, summary┘
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from urllib.parse import quote, urlsplit
from zoneinfo import ZoneInfo

from publisher.channels import BaseChannel, Draft
from publisher.errors import ChannelError
from publisher.lib.text import one_line, slugify
from publisher.model import Article, Publication
from publisher.rendering.posts import post_text, tidy
from publisher.settings.channels import ChannelSettings
from publisher.store.posts import PostContent

_WORD = re.compile(r"[^\W_]+")
_PLACEHOLDER = re.compile(r"\{(title|summary|url|hashtags)\}")


@dataclass(frozen=True, slots=True)
class Composition:
    """``whole`` is the text before any cut; ``texts`` what goes out, one a post; ``price`` in millionths of
    a US dollar.
    """

    whole: str
    texts: tuple[str, ...]
    url: str
    price: int


def compose(
    article: Article, channel: BaseChannel, settings: ChannelSettings, publication: Publication, site: Path | None
) -> Composition:
    """What ``article`` becomes on ``channel``.

    :raises ChannelError: no cut makes it fit (its URL alone is too long).
    :raises RenderError: the template failed.
    """
    url = with_utm(article.url, channel.kind, article) if settings.utm else article.url
    tags = hashtags(article.tags, channel.hashtags if settings.hashtags is None else settings.hashtags)
    whole = _own_text(article, settings, url, tags)
    if whole is None:
        zone = ZoneInfo(publication.timezone)
        values: dict[str, object] = {
            "title": article.title,
            "summary": article.summary,
            "url": url,
            "hashtags": " ".join(f"#{tag}" for tag in tags),
            "section": article.section,
            "tags": article.tags,
            "authors": tuple(author.name for author in article.authors),
            "published": article.published.astimezone(zone).date(),
            "publication": publication.title,
        }
        whole = post_text(site, settings.template or channel.kind, values)
    elif url and url not in whole and not channel.link_apart:
        whole = f"{whole}\n\n{url}"
    texts = fitted(whole, url, channel, settings)
    return Composition(whole, texts, url, sum(channel.price(text) for text in texts))


def fitted(whole: str, url: str, channel: BaseChannel, settings: ChannelSettings) -> tuple[str, ...]:
    """The posts that ``whole`` becomes.

    :raises ChannelError: no cut makes it fit.
    """
    texts = tuple(channel.split(whole, url, settings.thread if channel.threads else 1))
    for text in texts:
        if not text.strip():
            raise ChannelError(f"{channel.label}: there is no text to post")
        if not channel.fits(text):
            raise ChannelError(f"{channel.label} takes {channel.limit}; the link alone has {channel.count(text)}")
    return texts


def _own_text(article: Article, settings: ChannelSettings, url: str, tags: tuple[str, ...]) -> str | None:
    """The article's own text for this channel, by its name or its kind, with ``{title}`` and the like filled in."""
    own = dict(article.post_texts)
    text = own.get(settings.name) or own.get(settings.kind)
    if not text:
        return None
    values = {
        "title": article.title,
        "summary": article.summary,
        "url": url,
        "hashtags": " ".join(f"#{tag}" for tag in tags),
    }
    return tidy(_PLACEHOLDER.sub(lambda match: values[match[1]], text))


def hashtags(tags: tuple[str, ...], most: int) -> tuple[str, ...]:
    """At most ``most`` tags as hashtags without ``#``: ``climate change`` is ``ClimateChange``, ``2024`` is none."""
    found: dict[str, str] = {}
    for tag in tags:
        words = _WORD.findall(unicodedata.normalize("NFC", tag))
        joined = words[0] if len(words) == 1 else "".join(word[:1].upper() + word[1:] for word in words)
        if joined and not joined.isdigit():
            found.setdefault(joined.casefold(), joined)
    return tuple(found.values())[:most]


def with_utm(url: str, source: str, article: Article) -> str:
    """``url`` with utm_source, utm_medium and utm_campaign; one that has a utm_ value already stays as it is.

    Nothing else changes, byte for byte: not the query that is there, not the fragment.
    """
    parts = urlsplit(url)
    if any(pair.partition("=")[0].casefold().startswith("utm_") for pair in parts.query.split("&")):
        return url
    campaign = article.slug or slugify(article.title)
    added = f"utm_source={quote(source, safe='')}&utm_medium=social&utm_campaign={quote(campaign[:40], safe='')}"
    base, hash_mark, fragment = url.partition("#")
    joint = "" if base.endswith(("?", "&")) else "&" if "?" in base else "?"
    return f"{base}{joint}{added}{hash_mark}{fragment}"


def content_of(article: Article, composition: Composition, publication: Publication) -> PostContent:
    """What a post needs of its article, frozen with the row."""
    image = article.image
    return {
        "title": one_line(article.title),
        "summary": one_line(article.summary),
        "url": composition.url,
        "language": article.language or publication.language,
        "tags": list(article.tags),
        "image": {"url": image.url, "alt": image.alt} if image else None,
    }


def key_of(channel: str, article_id: str, part: int) -> str:
    """The post's own key (64 hex digits): the same for every try of the same post, and for no other."""
    return hashlib.sha256(f"{channel}\n{part}\n{article_id}".encode("utf-8", "surrogatepass")).hexdigest()


def draft_of(
    content: PostContent, *, key: str, text: str, part: int, created: datetime, article_id: str, revision: str
) -> Draft:
    """The draft of a row, without what only sending knows: images, and what it replies to."""
    return Draft(
        key=key,
        title=content["title"],
        url=content["url"],
        text=text,
        created=created,
        summary=content["summary"],
        language=content["language"],
        tags=tuple(content["tags"]),
        article_id=article_id,
        revision=revision,
        part=part,
    )
