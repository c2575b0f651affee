"""Articles and settings for tests: complete and plain, so that a test states only what matters to it."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from publisher.model import Article
from publisher.settings import Settings

BASE_URL = "https://slow.example"
WHEN = datetime(2026, 3, 1, 9, tzinfo=UTC)


def article(number: int = 1, **values: Any) -> Article:
    """An article with only what every article has; of two, the one with the higher number is the newer."""
    when = values.get("published", WHEN + timedelta(minutes=number))
    given = {
        "id": f"article-{number}",
        "title": f"Article {number}",
        "url": f"{BASE_URL}/articles/{number}",
        "published": when,
        "updated": when,
    }
    return Article(**{**given, **values})


def settings(directory: Path = Path("."), **tables: Any) -> Settings:
    """Settings that were never in a file; see :func:`publication_toml`."""
    return Settings.model_validate({"directory": directory, **_complete(tables)})


def publication_toml(**tables: Any) -> str:
    """A ``publication.toml``. ``publication`` and ``sender`` add to what must be there; the others stand as given."""
    return "\n".join(_table(name, table) for name, table in _complete(tables).items())


def write_site(directory: Path, **tables: Any) -> Path:
    """Make ``directory`` a site without articles; see :func:`publication_toml`."""
    (directory / "articles").mkdir(parents=True, exist_ok=True)
    (directory / "publication.toml").write_text(publication_toml(**tables), encoding="utf-8")
    return directory


def _complete(tables: dict[str, Any]) -> dict[str, Any]:
    publication = {"title": "The Slow Post", "base_url": BASE_URL, **tables.get("publication", {})}
    sender = {"address": "post@slow.example", **tables.get("sender", {})}
    return {**tables, "publication": publication, "sender": sender}


def _table(name: str, table: Any) -> str:
    if isinstance(table, dict):
        return f"[{name}]\n" + "".join(f"{key} = {_toml(value)}\n" for key, value in table.items())
    return "\n".join(f"[{_table(name, one).replace(']', ']]', 1)}" for one in table)


def _toml(value: Any) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {_toml(one)}" for key, one in value.items()) + " }"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_toml, value))}]"
    return json.dumps(value, ensure_ascii=False)
