"""The outbox message by message: rendered HTML, text part and headers, read from the Maildir.

::

    state/outbox/{new,cur}/NAME ─→ newest(…) ─→ read_message ─→ page

Only the operator sees it. A message's HTML has an address of its own, sent in a sandbox without scripts,
and is shown in a frame; a file is named by an entry of the directory, never by a path.
"""

from __future__ import annotations

import heapq
import os
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from publisher.web.frame.access import DESK
from publisher.web.frame.frame import NEVER_KEPT, Frame, root_of
from publisher.web.frame.mailview import mail_response
from publisher.web.frame.messages import MAX_BYTES, ShownMessage, read_message
from publisher.web.frame.routes import Get
from publisher.web.site.pages import page_number, pager

#: Messages on one page of the outbox.
PAGE = 20
_NAME = re.compile(r"[A-Za-z0-9_=+,-][A-Za-z0-9._=+,:-]{0,199}")


@dataclass(frozen=True, slots=True)
class Stored:
    """A message file. ``name`` is its unique name without flags; ``written`` in UTC."""

    name: str
    path: Path
    written: datetime


def scan(folder: Path) -> list[tuple[float, str, str]]:
    """``(time, path, name)`` of every message, in no order; nothing where there is no Maildir."""
    found = []
    for part in ("new", "cur"):
        try:
            with os.scandir(folder / part) as entries:
                for entry in entries:
                    if _NAME.fullmatch(entry.name) and entry.is_file(follow_symlinks=False):
                        found.append((entry.stat(follow_symlinks=False).st_mtime, entry.path, entry.name))
        except OSError:
            continue
    return found


def newest(folder: Path, limit: int, offset: int = 0) -> tuple[list[Stored], int]:
    """``limit`` messages after the newest ``offset``, and how many there are in all."""
    found = scan(folder)
    chosen = heapq.nlargest(offset + limit, found)[offset:]
    stored = [Stored(name.partition(":")[0], Path(path), datetime.fromtimestamp(t, UTC)) for t, path, name in chosen]
    return stored, len(found)


def find(folder: Path, name: str) -> Stored | None:
    """The message of this unique name, in ``new`` or ``cur``, flags or not."""
    if not _NAME.fullmatch(name) or ":" in name:
        return None
    for time, path, full in scan(folder):
        if full.partition(":")[0] == name:
            return Stored(name, Path(path), datetime.fromtimestamp(time, UTC))
    return None


def load(stored: Stored) -> ShownMessage | None:
    """The message, or ``None`` when it has gone since it was listed."""
    try:
        with stored.path.open("rb") as file:
            return read_message(file.read(MAX_BYTES))
    except OSError:
        return None


def message_view(stored: Stored, message: ShownMessage, root: str) -> dict[str, object]:
    """A message as templates show it."""
    return {
        "name": stored.name,
        "href": f"{root}/desk/outbox/{stored.name}",
        "frame": f"{root}/desk/outbox/{stored.name}/html" if message.html else None,
        "subject": message.subject or "(no subject)",
        "sender": message.sender,
        "recipient": message.recipient,
        "date": message.date,
        "written": stored.written,
        "kilobytes": max(1, round(message.size / 1000)),
        "headers": message.headers,
        "text": message.text,
    }


def views(folder: Path, root: str, limit: int, offset: int = 0) -> tuple[list[dict[str, object]], int]:
    """The newest messages for a page, and how many there are."""
    stored, total = newest(folder, limit, offset)
    loaded = [(each, load(each)) for each in stored]
    return [message_view(each, message, root) for each, message in loaded if message is not None], total


def folder_of(frame: Frame) -> Path:
    """The Maildir that the transport ``maildir`` writes into."""
    return frame.site.settings.state / "outbox"


def _wanted(frame: Frame, request: Request) -> tuple[Stored, ShownMessage]:
    stored = find(folder_of(frame), request.path_params["name"])
    message = load(stored) if stored else None
    if stored is None or message is None:
        raise HTTPException(404)
    return stored, message


def listing(frame: Frame, request: Request) -> Response:
    number, root = page_number(request), root_of(request)
    messages, total = views(folder_of(frame), root, PAGE, (number - 1) * PAGE)
    pages = max(1, -(-total // PAGE))
    if number > pages:
        raise HTTPException(404)
    values = {
        "title": "Outbox",
        "messages": messages,
        "total": total,
        "pager": pager(f"{root}/desk/outbox", number, pages),
        "robots": "noindex",
    }
    return frame.page(request, "desk/outbox.html", values, cache=NEVER_KEPT, frames=True)


def message_page(frame: Frame, request: Request) -> Response:
    stored, message = _wanted(frame, request)
    view = message_view(stored, message, root_of(request))
    values = {"title": message.subject, "message": view, "robots": "noindex"}
    return frame.page(request, "desk/message.html", values, cache=NEVER_KEPT, frames=True)


def message_html(frame: Frame, request: Request) -> Response:
    _, message = _wanted(frame, request)
    if not message.html:
        raise HTTPException(404)
    return mail_response(frame, request, message.html, framed=True)


ROUTES = (
    Get("/desk/outbox", listing, DESK),
    Get("/desk/outbox/{name}", message_page, DESK),
    Get("/desk/outbox/{name}/html", message_html, DESK),
)
