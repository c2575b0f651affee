"""JSON of others: where a value is not of the kind that was expected, it counts as not given."""

from __future__ import annotations


def under(value: object, *path: str) -> object:
    """The value under nested keys, ``None`` where one is missing."""
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def mapping(value: object) -> dict[str, object]:
    """``value`` as an object; ``{}`` where it is anything else."""
    return value if isinstance(value, dict) else {}


def objects(value: object) -> list[dict[str, object]]:
    """The objects in a list; nothing where ``value`` is none."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
