"""Make a site in the middle of its life and keep it, as the version that runs this leaves it.

Run once with the version whose state is to be kept, before the next one is begun::

    PYTHONPATH=. python -m tests.upgrade.make_site            # writes tests/upgrade/v<version>/

The clock stands still where it is told to, every secret is made up and the same at every run, nothing leaves the
machine: mail is kept in memory, channels and hubs are answered by a function. What is kept holds text only, so
that two runs can be compared; :mod:`tests.upgrade.restoring` makes a site of it again.

::

    20 Nov 08:00  six articles; letter no. 1 sent to all, harbour no. 1 with one message in doubt; posts published
    20 Nov 18:00  a seventh; letter no. 2 stops after two subscribers; one post waits for its window
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import random
import secrets
import shutil
import sqlite3
import struct
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from unittest import mock

import httpx

import publisher
from publisher import delivery, posting
from publisher.lib import links
from publisher.lib.tokens import Purpose, issue
from publisher.mail.transport import SENT, OneByOne, Outcome, Outgoing, Result
from publisher.model import Cadence
from publisher.pipeline.collecting import collect
from publisher.pipeline.mailing import drain
from publisher.pipeline.planning import freeze_due, plan_editions
from publisher.pipeline.site import Site, open_site
from publisher.posting import rounds
from publisher.store import articles, keys, private_feeds, subscribers, websub
from publisher.store import tracking as tracking_rows
from publisher.store.subscribers import SubscriberStatus
from publisher.subscribers import leaving
from publisher.web.frame.paths import article_path, edition_mail_path, edition_path

HERE = Path(__file__).parent
EXAMPLES = HERE.parents[1] / "examples"
MORNING = datetime(2026, 11, 20, 8, tzinfo=UTC).timestamp()
EVENING = datetime(2026, 11, 20, 18, tzinfo=UTC).timestamp()
BASE = "https://slow.example"

PUBLICATION = """\
[publication]
title = "The Slow Post"
description = "Notes from a small harbour town."
base_url = "https://slow.example"
id = "tag:slow.example,2025:publication"
timezone = "Europe/Rome"
author = "The Slow Post"

[sender]
address = "post@slow.example"
name = "The Slow Post"
postal_address = "4 Ropewalk Steps, Portaluce"

[mail]
transport = "memory"

[[sources]]
kind = "markdown"
path = "articles"

[[sources]]
kind = "page"
path = "pages"
section = "Harbour"

[[feeds]]
name = "sounds"
title = "The Slow Post: sounds"
podcast = true

[websub]
hubs = ["https://hub.example/"]

[tracking]
clicks = "aggregate"

[[digests]]
name = "letter"
template = "headlines"

[[digests]]
name = "harbour"
title = "Harbour notes"
template = "headlines"
in_doubt = "report"

[[channels]]
name = "hook"
kind = "webhook"
backfill = "all"
[channels.options]
url = "https://hook.example/masthead"
secret = { file = "secrets/hook" }

[[channels]]
name = "toots"
kind = "mastodon"
backfill = "newest"
windows = ["07:00-12:00"]
[channels.options]
base_url = "https://social.example"
token = { file = "secrets/toots" }
"""

ARTICLES = {
    "salt.md": """\
---
title: Salt and pepper
date: 2026-11-02 09:00
section: Kitchen
tags: [bread, salt]
---
Nobody asked for the recipe, so here it is. Salt comes **first**, and pepper when the pan is off.

- a pinch
- a *second* pinch
""",
    "tide.md": """\
---
id: tide-table
title: The tide table has four mistakes
summary: Three of them are kept on purpose.
date: 2026-11-05 07:30
updated: 2026-11-09 18:15
author: Nora Lindqvist
section: Harbour
tags: [ferry]
posts:
  hook: "Four mistakes: {title} {url}"
---
| day | high |
|-----|-----:|
| Mon | 3.1  |

Read it [on the quay](/media/harbour.png), not at home.
""",
    "bell.md": """\
---
title: Listening to the fog bell
summary: Half a second of the bell on the north mole.
date: 2026-11-10 19:20
authors: [Nora Lindqvist, Tomás Ferreira]
section: Harbour
tags: [sound, weather]
image:
  url: /media/harbour.png
  alt: A small sailing boat on still water
  width: 1200
  height: 675
enclosures:
  - url: /media/bell.wav
    type: audio/wav
    duration: 1
    title: The bell
---
Nobody rings it. The sea does.
""",
    "rough.md": """\
---
title: Copied from an old page
date: 2026-11-12
section: Archive
language: it
slug: vecchia-pagina
---
<div class="old" style="color:red" onclick="alert(1)"><p>Prima & dopo <b>la pioggia
<script>alert(2)</script>
<a href="javascript:alert(3)">no</a> <a href="/articles">sì</a> <img src="/media/harbour.png" onerror="alert(4)">
</div>
""",
    "undated.md": """\
# A note without a date

It was put here one morning, and that is when it appeared.
""",
}
LATER = {
    "lamps.md": """\
---
title: The lamps go out at eleven
date: 2026-11-20 17:00
section: Harbour
tags: [light, ferry]
---
The council voted for the dark. [The minutes](https://council.example/minutes?no=12&year=2026) are four lines long.
""",
}
#: Address, name, language, digests, wishes. Who is mailed what follows from it.
SUBSCRIBERS: tuple[tuple[str, str, str, tuple[str, ...], dict[str, object]], ...] = (
    ("ada@reader.example", "Ada Moretti", "", ("letter",), {}),
    ("bruno@reader.example", "Bruno Conti", "", ("letter",), {}),
    ("chiara@reader.example", "", "", ("letter",), {"sections": '["Harbour"]'}),
    ("dora@reader.example", "Dora Blau", "", ("harbour",), {}),
    ("emil@reader.example", "Emil Ek", "", ("letter",), {}),
    ("fatima@reader.example", "Fatima", "", ("letter", "harbour"), {"tags": '["ferry"]'}),
    ("gone@reader.example", "Gone Already", "", ("letter",), {}),
    ("dead@reader.example", "", "", ("letter",), {}),
    (
        "hal@reader.example",
        "Hal Weekly",
        "",
        ("letter",),
        {
            "cadence": Cadence.WEEKLY.value,
            "weekday": 3,
            "hour": 7,
            "timezone": "Europe/Rome",
            "next_due": datetime(2026, 11, 26, 6, tzinfo=UTC).timestamp(),
        },
    ),
    ("ines@reader.example", "Inês", "", ("letter",), {}),
)


class Mail(OneByOne):
    """Takes messages; ``doubtful`` is an address whose answer never comes, ``most`` how many are taken."""

    def __init__(self, doubtful: str = "", most: int = 10_000) -> None:
        self.taken: list[Outgoing] = []
        self.doubtful, self.most = doubtful, most

    def full(self) -> bool:
        return len(self.taken) >= self.most

    def send(self, outgoing: Outgoing) -> Result:
        self.taken.append(outgoing)
        return Result(Outcome.IN_DOUBT, reply="the answer never came") if outgoing.recipient == self.doubtful else SENT


@contextlib.contextmanager
def platforms(*_: object) -> Iterator[httpx.Client]:
    """A webhook's receiver and a Mastodon server that take everything."""
    numbers = iter(range(9001, 9999))

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.host == "hook.example":
            return httpx.Response(202, json={"url": f"https://hook.example/seen/{next(numbers)}"})
        if request.method == "GET":
            statuses = {"max_characters": 500, "characters_reserved_per_url": 23}
            return httpx.Response(200, json={"configuration": {"statuses": statuses}})
        number = str(next(numbers))
        return httpx.Response(200, json={"id": number, "url": f"https://social.example/@slow/{number}"})

    with httpx.Client(transport=httpx.MockTransport(answer)) as client:
        yield client


def write_sources(site: Path, found: dict[str, str], at: float) -> None:
    for name, text in found.items():
        (site / "articles" / name).write_text(text, encoding="utf-8")
    for path in site.rglob("*"):
        if path.is_file() and "state" not in path.relative_to(site).parts and path.stat().st_mtime > EVENING:
            os.utime(path, (at, at))


def begin(site: Path) -> None:
    """Settings, articles, media and secrets; nothing is read yet."""
    for name in ("articles", "pages", "media", "secrets"):
        (site / name).mkdir(parents=True)
    (site / "publication.toml").write_text(PUBLICATION, encoding="utf-8")
    (site / "secrets" / "hook").write_text("whsec_bWFkZSB1cCBmb3IgYSB0ZXN0IG9ubHk=\n")
    (site / "secrets" / "toots").write_text("made-up-token\n")
    shutil.copyfile(EXAMPLES / "pages" / "quay.txt", site / "pages" / "quay.txt")
    shutil.copyfile(EXAMPLES / "media" / "harbour.png", site / "media" / "harbour.png")
    tone = b"".join(struct.pack("<B", 128 + int(60 * math.sin(i / 4))) for i in range(1000))
    head = struct.pack(
        "<4sI4s4sIHHIIHH4sI", b"RIFF", 36 + 1000, b"WAVE", b"fmt ", 16, 1, 1, 2000, 2000, 1, 8, b"data", 1000
    )
    (site / "media" / "bell.wav").write_bytes(head + tone)
    write_sources(site, ARTICLES, MORNING - 3600)


def join(site: Site) -> None:
    """Subscribers in every state, and one who follows a feed through our hub."""
    now = site.now() - 86_400
    with site.store.begin() as tx:
        for address, name, language, digests, wishes in SUBSCRIBERS:
            who = subscribers.add(
                tx, address, now=now, name=name, language=language, status=SubscriberStatus.CONFIRMED, origin="form"
            )
            for digest in digests:
                subscribers.subscribe(tx, who, digest, now=now, **wishes)
        subscribers.add(tx, "pending@reader.example", now=now, origin="form")
        subscribers.suppress(tx, "dead@reader.example", "bounced", now=now, detail="5.1.1 no such user")
        topic = f"{BASE}/feed.atom"
        websub.ask(
            tx,
            "subscribe",
            topic,
            "https://reader.example/callback",
            host="reader.example",
            secret="made-up-hub-secret",
            lease_seconds=30 * 86_400,
            now=now,
        )
        for request in websub.claim_requests(tx, now=now, until=now + 1, limit=9):
            websub.confirm(tx, request, now=now)


def told(site: Site) -> None:
    """Every hub and subscriber took its news."""
    with site.store.begin() as tx:
        moment = site.now()
        for news in websub.claim_announcements(tx, now=moment, until=moment + 1, limit=99):
            websub.announced(tx, news)
        websub.delivered(tx, websub.claim_deliveries(tx, now=moment, until=moment + 1, limit=99))


def round_of(site: Site, mail: Mail, *, batch: int = 1000) -> None:
    """One tick of the worker, without a network."""
    collect(site)
    told(site)
    plan_editions(site)
    freeze_due(site)
    drain(site, mail.full, transport=mail, options=delivery.Options(batch=batch))
    delivery.sweep(site.store, site.settings.journal, site.clock)
    with mock.patch.object(rounds, "open_client", platforms):
        posting.send_due(site.store, site.settings, clock=site.now_utc)


def facts_of(site: Site, token: str) -> dict[str, object]:
    """Addresses that subscribers hold by now, and that no table could tell again."""
    with site.store.begin() as tx:
        ring = keys.keyring(tx)
        offered = articles.newest(tx)
        editions = [1, 2, 3, 4]
        clicks = {}
        for edition in editions:
            for number in (1, 2):
                url = tracking_rows.url_of(tx, edition, number)
                clicks[f"/c/{issue(ring, Purpose.CLICK, edition, number)}/a"] = url
    own = (links.unsubscribe_url(BASE, ring, 1, 1), links.preferences_url(BASE, ring, 1))
    pages = [article_path(article) for article in offered]
    pages += [path for edition in editions for path in (edition_path(edition), edition_mail_path(edition))]
    return {
        "private_feed": f"/feeds/private/{token}",
        "personal": [url.removeprefix(BASE) for url in own],
        "views": [links.web_version_url(BASE, ring, edition, 0).removeprefix(BASE) for edition in editions],
        "pages": sorted(pages),
        "clicks": clicks,
    }


def keep(site: Path, facts: dict[str, object], target: Path) -> None:
    """Everything that cannot be derived, as text where it is a database."""
    shutil.rmtree(target, ignore_errors=True)
    times = {}
    for path in sorted(site.rglob("*")):
        name = path.relative_to(site).as_posix()
        derived = path.suffix in (".gz", ".br") or "/journal" in name or path.name in ("lock", "broker.db")
        if not path.is_file() or derived or ".db" in path.name:
            continue
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target / name)
        times[name] = int(min(path.stat().st_mtime, EVENING))
    for name in ("masthead", "feed-cache/entries"):
        with contextlib.closing(sqlite3.connect(site / "state" / f"{name}.db")) as database:
            if name == "masthead":  # it is made of the place, and restoring makes it anew
                database.execute("UPDATE meta SET value = ? WHERE name = 'sources.fingerprint'", ("0" * 64,))
            else:
                database.execute("UPDATE entry SET used = ?", (EVENING,))
            dump = "\n".join(database.iterdump()) + "\n"
        (target / "state" / f"{name}.sql").write_text(dump, encoding="utf-8")
    for name, value in (("times", times), ("facts", facts)):
        (target / f"{name}.json").write_text(json.dumps(value, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def make(directory: Path) -> dict[str, object]:
    """Live through the two days; returns what subscribers hold."""
    now = [MORNING]
    begin(directory)
    site = open_site(directory, clock=lambda: now[0])
    try:
        join(site)
        round_of(site, Mail(doubtful="dora@reader.example"))
        with site.store.begin() as tx:
            token = private_feeds.issue(tx, 1, now=now[0])
            row = subscribers.by_address(tx, "gone@reader.example")
            assert row is not None
        leaving.leave(site.store, row.id, now=now[0] + 60, how="page")
        now[0] = EVENING
        write_sources(directory, LATER, EVENING - 60)
        round_of(site, Mail(most=2), batch=1)
        return facts_of(site, token)
    finally:
        site.close()


def main() -> None:
    chance = random.Random(1)
    made_up = {
        "token_hex": lambda n=32: chance.randbytes(n).hex(),
        "token_urlsafe": lambda n=32: "".join(
            chance.choices("abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789", k=n)
        ),
        "token_bytes": lambda n=32: chance.randbytes(n),
    }
    target = HERE / f"v{publisher.__version__}"
    with tempfile.TemporaryDirectory() as folder, mock.patch.multiple(secrets, **made_up):
        site = Path(folder, "site")
        keep(site, make(site), target)
    print(f"{target}: {sum(path.stat().st_size for path in target.rglob('*') if path.is_file()) // 1024} kB")


if __name__ == "__main__":
    start = time.monotonic()
    main()
    print(f"{time.monotonic() - start:.1f} s")
