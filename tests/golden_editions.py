"""The golden editions of tests/golden/editions, found by file name.

Each ``<name>.json`` holds settings, an edition, its articles and one recipient; beside it stand the parts that were
found right when a person looked at them: ``<name>.<template>.html`` and ``.txt``, ``<name>.headers``.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from publisher.channels.share_links import links_for
from publisher.digests.composing import Composition, Recipient, compose
from publisher.lib.sanitise import sanitise_html
from publisher.model import Edition, article_from_dict
from publisher.settings import Settings

FOLDER = Path(__file__).parent / "golden" / "editions"
NONCE = "0123456789abcdef"
DATE = datetime(2026, 11, 23, 7, 30, tzinfo=UTC)
TOKEN = "AbCdEfGhIjKlMnOpQrStUv"


@dataclass(frozen=True)
class Golden:
    name: str
    template: str
    data: dict[str, Any]

    def __str__(self) -> str:
        return f"{self.name}.{self.template}"

    @property
    def settings(self) -> Settings:
        data = dict(self.data["settings"])
        digest = {"template": self.template, **data.pop("digest", {})}
        return Settings.model_validate({**data, "digests": [digest]})

    @property
    def edition(self) -> Edition:
        values = {**self.data["edition"], "created": datetime.fromisoformat(self.data["edition"]["created"])}
        articles = tuple(
            replace(article, html=sanitise_html(article.html, base_url=article.url))
            for article in map(article_from_dict, self.data["articles"])
        )
        return Edition(digest="digest", articles=articles, **values)

    @property
    def recipient(self) -> Recipient:
        base = self.data["settings"]["publication"]["base_url"]
        return Recipient(
            key="42",
            address="reader@example.org",
            unsubscribe_url=f"{base}/u/{TOKEN}",
            preferences_url=f"{base}/p/{TOKEN}",
            web_url=f"{base}/w/{TOKEN}",
            date=DATE,
            name=self.data["recipient"]["name"],
            topics=tuple(self.data["recipient"]["topics"]),
        )

    def compose(self, nonce: str = NONCE) -> Composition:
        edition, settings = self.edition, self.settings
        targets = settings.publication.share_targets
        links = {a.id: [(link.label, link.url) for link in links_for(a, targets)] for a in edition.articles}
        return compose(edition, settings, language=self.data["language"], share_links=links, nonce=nonce)


def golden_editions() -> list[Golden]:
    """Every golden edition in every template it asks for."""
    found = []
    for path in sorted(FOLDER.glob("*.json")):
        data = json.loads(path.read_text(encoding="utf-8"))
        found += [Golden(path.stem, template, data) for template in data["templates"]]
    return found
