"""Lines that are said when they are new, and not again while nothing about them changes.

What was said last stands in ``state/said/``, so that every process of the machine and the next start know it.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterable
from pathlib import Path


def unsaid(state: Path, topic: str, lines: Iterable[str]) -> list[str]:
    """Those of ``lines`` that were not among the last of ``topic``; from now on all of them, and no others, were.

    :param topic: a name for a file.
    """
    now = list(dict.fromkeys(lines))
    path = state / "said" / f"{topic}.json"
    try:
        before = json.loads(path.read_bytes())
    except (OSError, ValueError):
        before = []
    if now != before:
        _keep(path, now)
    return [line for line in now if line not in before]


def _keep(path: Path, lines: list[str]) -> None:
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        if not path.parent.parent.is_dir():
            return  # a state/ that was moved away is not made again
        path.parent.mkdir(exist_ok=True)
        temporary.write_text(json.dumps(lines), encoding="utf-8")
        temporary.replace(path)
    except OSError:
        temporary.unlink(missing_ok=True)  # said once too often is better than not at all
