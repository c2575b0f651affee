"""What pages show of an article, as plain values: pure functions from the model to dicts for templates."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import urlsplit

from publisher.channels import share_links
from publisher.lib.direction import direction
from publisher.lib.text import reading_minutes, shorten, strip_tags
from publisher.model import Article, Publication
from publisher.rendering.languages import Speech
from publisher.rendering.pages import trusted_html
from publisher.web.frame.body import Origins, page_body
from publisher.web.frame.paths import article_path, author_path, section_path, tag_path

#: An update is worth showing when it came this long after publication: dates alone are shown.
LATER = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a page is being shown, and what it speaks: for links, pictures and marks of other languages."""

    root: str
    origins: Origins
    publication: Publication
    speech: Speech


def card(article: Article, place: Place) -> dict[str, object]:
    """An article as lists show it."""
    return {
        "key": article.key,
        "title": article.title,
        "href": place.root + article_path(article),
        "summary": article.summary or shorten(strip_tags(article.html), 220),
        "published": article.published,
        "section": _link(article.section, section_path, place),
        "authors": [author.name for author in article.authors],
        "minutes": reading_minutes(article.html),
        "image": _image(article, place),
        **_tongue(article, place),
    }


def article_view(
    article: Article, place: Place, *, targets: Iterable[str], more: Iterable[Article] = ()
) -> dict[str, object]:
    """An article as its own page shows it.

    :param targets: share targets of the publication, for an article that names none.
    :param more: articles of ours that belong beside it.
    """
    return card(article, place) | {
        "summary": article.summary,
        "body": trusted_html(page_body(article.html, place.origins)),
        "updated": article.updated if article.updated - article.published >= LATER else None,
        "bylines": [{"label": a.name, "href": place.root + author_path(a.name)} for a in article.authors],
        "tags": [_link(tag, tag_path, place) for tag in article.tags],
        "share": [
            {"kind": link.kind, "label": link.label, "href": link.url}
            for link in share_links.links_for(article, targets)
        ],
        "enclosures": [
            {
                "href": place.origins.local(e.url) or e.url,
                "title": e.title or e.url.rsplit("/", 1)[-1],
                "type": e.media_type,
                "megabytes": round(e.length / 1_000_000, 1),
                "minutes": round(e.duration / 60),
                "audio": place.origins.local(e.url) if e.media_type.startswith("audio/") else None,
            }
            for e in article.enclosures
        ],
        "elsewhere": [
            {"summary": r.summary, "published": r.published, "href": r.url} for r in article.related if r.summary
        ],
        "more": [card(other, place) for other in more],
    }


def social(article: Article, publication: Publication) -> dict[str, object]:
    """OpenGraph, Twitter card and JSON-LD (schema.org Article) of an article; addresses absolute."""
    description = article.summary or shorten(strip_tags(article.html), 200)
    image = article.image
    data: dict[str, object] = {
        "@context": "https://schema.org",
        "@type": "Article",
        "headline": shorten(article.title, 110),
        "description": description,
        "datePublished": article.published.isoformat(timespec="seconds"),
        "dateModified": article.updated.isoformat(timespec="seconds"),
        "mainEntityOfPage": article.url,
        "author": [{"@type": "Person", "name": a.name} | ({"url": a.url} if a.url else {}) for a in article.authors]
        or {"@type": "Organization", "name": publication.title},
        "publisher": {"@type": "Organization", "name": publication.title, "url": publication.base_url + "/"},
        "inLanguage": article.language or publication.language,
    }
    if image:
        data["image"] = image.url
    return {
        "type": "article",
        "title": article.title,
        "description": description,
        "url": article.url,
        "image": image.url if image else publication.logo_url,
        "image_alt": image.alt if image else "",
        "image_width": image.width if image else 0,
        "image_height": image.height if image else 0,
        "large": image is not None,
        "published": article.published,
        "updated": article.updated,
        "section": article.section,
        "tags": list(article.tags),
        "data": data,
    }


def _link(label: str, path: Callable[[str], str], place: Place) -> dict[str, str] | None:
    return {"label": label, "href": place.root + path(label)} if label else None


def _image(article: Article, place: Place) -> dict[str, object] | None:
    if article.image is None:
        return None
    image, source = article.image, place.origins.local(article.image.url)
    if source is None:
        return {"src": None, "href": image.url, "host": urlsplit(image.url).hostname, "alt": image.alt}
    return {"src": source, "alt": image.alt, "width": image.width, "height": image.height}


def _tongue(article: Article, place: Place) -> dict[str, str | None]:
    """Language and direction, where they differ from the page's."""
    language = article.language or place.publication.language
    if place.speech.speaks(language):
        return {"language": None, "direction": None}
    return {"language": language, "direction": direction(language)}
