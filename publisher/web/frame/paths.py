"""Where each public page stands: the one place that knows our URL paths.

Paths begin with ``/`` and are relative to the publication's ``base_url``; they hold ASCII only, so that
they stand unchanged in a header.
"""

from __future__ import annotations

from urllib.parse import quote

from publisher.lib.text import slugify
from publisher.model import Article


def article_path(article: Article) -> str:
    """``/articles/{key}/{slug}``: found by key alone, the slug is for people."""
    return keyed_path(article.key, article.slug, article.title)


def keyed_path(key: str, slug: str, title: str) -> str:
    """As :func:`article_path`, of an article that was not read whole."""
    return f"/articles/{key}/{quote(slug or slugify(title), safe='')}"


def section_path(section: str) -> str:
    return f"/sections/{quote(slugify(section), safe='')}"


def tag_path(tag: str) -> str:
    return f"/tags/{quote(slugify(tag), safe='')}"


def author_path(name: str) -> str:
    return f"/authors/{quote(slugify(name), safe='')}"


def edition_path(edition_id: int) -> str:
    return f"/editions/{edition_id}"


def edition_mail_path(edition_id: int, variant: str = "") -> str:
    """The public web version ("view in browser") of an edition, or of one variant of it."""
    path = f"/editions/{edition_id}/mail"
    return f"{path}/{quote(variant, safe='')}" if variant else path
