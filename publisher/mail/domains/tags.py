"""Tag lists ``a=b; c=d`` of DKIM and DMARC records (RFC 6376 §3.2). Pure."""

from __future__ import annotations


def read_tags(text: str) -> dict[str, str] | None:
    """The tags of a record, names in lower case, values trimmed; ``None`` where it is no tag list."""
    tags: dict[str, str] = {}
    for part in text.split(";"):
        if not part.strip():
            continue
        name, equals, value = part.partition("=")
        name = name.strip().lower()
        if not equals or not name or name in tags:
            return None
        tags[name] = value.strip()
    return tags or None
