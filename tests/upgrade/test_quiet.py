"""An upgrade is quiet: whatever a new version does to how a source is rendered, nobody is told of it.

The site is one that an older version left in the middle of its life (:mod:`tests.upgrade.make_site`). The present
code opens it, brings its database up to date and does everything a tick does; what subscribers hold, what platforms
show and what feeds say of when and what must be as it was.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest import mock
from xml.etree import ElementTree

import httpx
import pytest
from sqlalchemy import select, text
from starlette.testclient import TestClient

from publisher import delivery, posting
from publisher.articles import sources
from publisher.articles.documents import Document
from publisher.mail.transport import SENT, OneByOne, Outgoing, Result
from publisher.pipeline.collecting import Collected, collect
from publisher.pipeline.mailing import drain
from publisher.pipeline.planning import freeze_due, plan_editions
from publisher.pipeline.site import Site, open_site
from publisher.posting import rounds
from publisher.store.tables import article
from publisher.web.app import create_app
from tests.upgrade.restoring import AFTERWARDS, VERSIONS, Kept, dump_of, move_to_postgresql, restore

BASE = "https://slow.example"
ATOM = "{http://www.w3.org/2005/Atom}"
#: What a feed says of an entry that a feed reader keeps, sorts or follows.
HELD_BY_FEED_READERS = {
    f"{ATOM}id", f"{ATOM}updated", f"{ATOM}published", f"{ATOM}link",
    "id", "url", "home_page_url", "feed_url", "external_url", "date_published", "date_modified",
    "guid", "link", "pubDate", "lastBuildDate", "enclosure", "attachments",
}  # fmt: skip


@dataclass
class Tick:
    """A restored site, opened by the present code, with everything that leaves it recorded."""

    kept: Kept
    opened: Site
    mailed: list[Outgoing] = field(default_factory=list)
    called: list[httpx.Request] = field(default_factory=list)

    def collect(self) -> Collected:
        found = collect(self.opened)
        assert found is not None
        return found

    def send(self) -> None:
        """Everything after collecting, but for the hubs: what they are owed is in rows."""
        plan_editions(self.opened)
        freeze_due(self.opened)
        drain(self.opened, transport=Mail(self.mailed))
        delivery.sweep(self.opened.store, self.opened.settings.journal, self.opened.clock)
        self.post(self.opened.now_utc)

    def post(self, clock: Callable[[], datetime]) -> None:
        with mock.patch.object(rounds, "open_client", self.platforms):
            posting.send_due(self.opened.store, self.opened.settings, clock=clock)

    @contextmanager
    def platforms(self, *_: object) -> Iterator[httpx.Client]:
        def answer(request: httpx.Request) -> httpx.Response:
            self.called.append(request)
            return httpx.Response(200, json={"id": "1", "url": "https://social.example/1"})

        with httpx.Client(transport=httpx.MockTransport(answer)) as client:
            yield client

    def answer(self, path: str) -> httpx.Response:
        app = create_app(self.opened)
        client = TestClient(app, base_url=BASE, client=("203.0.113.9", 4711), follow_redirects=False)
        return client.get(path, headers={"user-agent": "Mozilla/5.0"})


class Mail(OneByOne):
    def __init__(self, taken: list[Outgoing]) -> None:
        self.taken = taken

    def send(self, outgoing: Outgoing) -> Result:
        self.taken.append(outgoing)
        return SENT


@pytest.fixture(params=VERSIONS)
def kept(request: pytest.FixtureRequest, tmp_path: Path) -> Kept:
    """The site as an older version left it; the present code has not seen it yet."""
    return restore(request.param, tmp_path / "site")


@pytest.fixture
def tick(kept: Kept) -> Iterator[Tick]:
    opened = open_site(kept.site, clock=lambda: AFTERWARDS)
    yield Tick(kept, opened)
    opened.close()


def held(path: Path) -> Any:
    """What a feed says that subscribers hold, in its order; texts and bodies are left out."""
    if path.suffix == ".json":
        return _held_in(json.loads(path.read_bytes()))
    root = ElementTree.fromstring(path.read_bytes())
    elements = [element for element in root.iter() if element.tag in HELD_BY_FEED_READERS]
    return [(element.tag, (element.text or "").strip(), sorted(element.attrib.items())) for element in elements]


def _held_in(value: Any) -> Any:
    if isinstance(value, list):
        return [_held_in(each) for each in value]
    found = {name: each for name, each in value.items() if name in HELD_BY_FEED_READERS}
    return found | ({"items": _held_in(value["items"])} if "items" in value else {})


def feeds_in(folder: Path) -> dict[str, Any]:
    found = sorted(path for path in folder.rglob("*") if path.suffix in (".atom", ".rss", ".json"))
    return {path.relative_to(folder).as_posix(): held(path) for path in found}


#: Columns of an article by which it is known, found and dated; the rest may follow a new rendering.
KNOWN_BY = ("id", "key", "slug", "title", "section", "published", "updated", "position", "first_seen", "withdrawn")


def known_by(kept: Kept) -> list[tuple[Any, ...]]:
    return [tuple(row[name] for name in KNOWN_BY) for row in kept.rows("article")]


def assert_quiet(tick: Tick) -> None:
    """One tick of the present code moves nothing that anybody outside would notice."""
    kept = tick.kept
    posts, editions, known = kept.rows("post"), kept.rows("edition"), known_by(kept)
    never = {row["address_hash"] for row in kept.rows("suppression")}
    waiting = [row["id"] for row in kept.rows("delivery", "state = 0") if row["address_hash"] not in never]

    found = tick.collect()
    assert (found.new, found.changed, found.withdrawn, found.posts_queued, found.refused) == ([], [], 0, 0, [])
    assert found.unchanged == len(known)
    assert known_by(kept) == known
    assert feeds_in(kept.site / "state" / "feeds") == feeds_in(kept.source / "state" / "feeds")
    assert kept.rows("post") == posts
    assert kept.rows("websub_announcement") == kept.rows("websub_delivery") == []

    tick.send()
    assert tick.called == []
    assert [(row["id"], row["digest"], row["number"]) for row in kept.rows("edition")] == [
        (row["id"], row["digest"], row["number"]) for row in editions
    ]
    assert sorted(message.delivery for message in tick.mailed) == waiting


@pytest.mark.parametrize("version", VERSIONS)
def test_the_kept_databases_are_restored_to_the_letter(version: str, tmp_path: Path) -> None:
    kept = restore(version, tmp_path / "site", moved=True)
    for dump in sorted((kept.source / "state").rglob("*.sql")):
        database = (kept.site / dump.relative_to(kept.source)).with_suffix(".db")
        assert dump_of(database) == dump.read_text(encoding="utf-8")


def test_what_is_kept_is_small_and_names_no_place_of_the_machine_that_made_it() -> None:
    for version in VERSIONS:
        files = [path for path in (Path(__file__).parent / version).rglob("*") if path.is_file()]
        assert sum(path.stat().st_size for path in files) < 400_000
        assert not [path for path in files if re.search(rb"/(tmp|work|home|Users)/", path.read_bytes())]


def test_the_kept_site_is_in_the_middle_of_everything(kept: Kept) -> None:
    assert {row["status"] for row in kept.rows("edition")} == {"sending", "done"}
    assert {row["status"] for row in kept.rows("post")} == {"published", "queued"}
    assert {row["status"] for row in kept.rows("subscriber")} == {"confirmed", "pending", "unsubscribed"}
    assert {row["state"] for row in kept.rows("delivery")} == {0, 2, 5, 6}  # queued, sent, suppressed, in doubt
    assert kept.rows("websub_subscription")
    assert kept.rows("suppression")
    assert kept.rows("private_feed")


def test_opening_it_brings_the_database_up_to_date_and_forgets_nothing(kept: Kept) -> None:
    tables = [row["name"] for row in kept.rows("sqlite_master", "type = 'table'")]
    before = {name: kept.rows(name) for name in tables if name != "alembic_version"}
    open_site(kept.site, clock=lambda: AFTERWARDS).close()
    for name, rows in before.items():
        after = kept.rows(name)
        assert len(after) == len(rows), name
        for old, new in zip(rows, after, strict=True):
            shared = old.keys() & new.keys()
            assert {key: new[key] for key in shared} == {key: old[key] for key in shared}, name


def test_the_first_tick_after_an_upgrade_reads_and_the_next_finds_nothing_to_read(tick: Tick) -> None:
    assert collect(tick.opened, force=False) is not None
    assert collect(tick.opened, force=False) is None


def test_an_upgrade_moves_nothing(tick: Tick) -> None:
    assert_quiet(tick)


def test_a_second_tick_moves_nothing_and_mails_nobody_again(tick: Tick) -> None:
    assert_quiet(tick)
    tick.mailed.clear()
    assert_quiet(tick)


def test_a_message_in_doubt_waits_for_a_person(tick: Tick) -> None:
    doubtful = tick.kept.rows("delivery", "state = 6")
    tick.collect()
    tick.send()
    assert tick.kept.rows("delivery", "state = 6") == doubtful
    messages = {(message.recipient, message.message_id) for message in tick.mailed}
    assert len(messages) == len(tick.mailed)


def test_every_address_that_a_subscriber_holds_still_opens(tick: Tick) -> None:
    facts = tick.kept.facts
    tick.collect()
    for path in (*facts["pages"], *facts["personal"]):
        assert tick.answer(path).status_code == 200, path
    for path in facts["views"]:
        assert tick.answer(path).status_code == 302, path
    for path, target in facts["clicks"].items():
        assert (tick.answer(path).status_code, tick.answer(path).headers["location"]) == (302, target)


def test_a_private_feed_opens_at_its_address_and_names_the_same_entries(tick: Tick) -> None:
    path = tick.kept.facts["private_feed"]
    wanted = [entry for entry in held(tick.kept.source / "state/feeds/feed.atom") if entry[0] == f"{ATOM}id"][1:]
    tick.collect()
    answer = tick.answer(f"{path}.atom")
    assert answer.status_code == 200
    ids = [entry.findtext(f"{ATOM}id") for entry in ElementTree.fromstring(answer.content).iter(f"{ATOM}entry")]
    assert ids == [text for _, text, _ in wanted]


def test_a_post_that_was_waiting_goes_out_once_when_its_window_opens(tick: Tick) -> None:
    tick.collect()
    (waiting,) = tick.kept.rows("post", "status = 'queued'")
    noon = datetime(2026, 11, 22, 9, tzinfo=UTC)
    for _ in range(2):
        tick.post(lambda: noon)
    sent = [request for request in tick.called if request.method == "POST"]
    assert [request.headers["idempotency-key"] for request in sent] == [waiting["key"]]
    assert json.loads(sent[0].content)["status"] == waiting["text"]


def another_attribute(document: Document) -> Document:
    return dataclasses.replace(document, html=re.sub(r"<(p|table|ul)>", r'<\1 dir="auto">', document.html) + "<hr>")


def another_summary_too(document: Document) -> Document:
    """As when the first sentence is cut elsewhere; a summary that the source itself names stays."""
    own = document.summary in ("Three of them are kept on purpose.", "Half a second of the bell on the north mole.")
    summary = document.summary if own else document.summary.upper()
    return dataclasses.replace(another_attribute(document), summary=summary)


def another_slug_too(document: Document) -> Document:
    """As when words are cut for a URL, or a date is read, by other rules; what the source names itself stays."""
    slug = document.slug or f"{document.url_slug}-2"
    published = document.published and document.published + timedelta(hours=1)
    return dataclasses.replace(another_attribute(document), slug=slug, published=published)


def render_as(monkeypatch: pytest.MonkeyPatch, change: Callable[[Document], Document]) -> None:
    """Let every source be rendered in another way than before, from the same files."""
    plain = sources.read

    def read(*arguments: Any, **more: Any) -> Any:
        reading = plain(*arguments, **more)
        changed = tuple(change(document) for document in reading.documents)
        if any(new.html == old.html for new, old in zip(changed, reading.documents, strict=True)):
            raise ValueError("a document was rendered as before: this test shows nothing")
        return dataclasses.replace(reading, documents=changed)

    monkeypatch.setattr(sources, "read", read)


@pytest.mark.parametrize("change", [another_attribute, another_summary_too, another_slug_too])
def test_another_rendering_of_the_same_sources_moves_nothing(
    tick: Tick, change: Callable[[Document], Document], monkeypatch: pytest.MonkeyPatch
) -> None:
    render_as(monkeypatch, change)
    assert_quiet(tick)


def test_another_rendering_after_the_upgrade_moves_nothing_either(tick: Tick, monkeypatch: pytest.MonkeyPatch) -> None:
    assert_quiet(tick)
    tick.mailed.clear()
    render_as(monkeypatch, another_summary_too)
    assert_quiet(tick)


def test_another_rendering_is_what_feeds_and_pages_show(tick: Tick, monkeypatch: pytest.MonkeyPatch) -> None:
    render_as(monkeypatch, another_attribute)
    tick.collect()
    assert "&lt;p dir=" in (tick.kept.site / "state/feeds/feed.atom").read_text(encoding="utf-8")


@pytest.mark.parametrize("rendered_anew", [False, True])
def test_an_edit_of_one_source_is_an_update_of_that_article(
    tick: Tick, rendered_anew: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    tick.collect()
    edit(tick.kept.site / "articles" / "salt.md")
    if rendered_anew:
        render_as(monkeypatch, another_attribute)
    changed = {article.title: article for article in tick.collect().changed}
    assert changed["Salt and pepper, again"].updated.timestamp() == AFTERWARDS
    assert rendered_anew or len(changed) == 1
    edited = tick.kept.rows("post", "edit_due IS NOT NULL AND channel = 'hook'")
    assert [row["text"].splitlines()[0] for row in edited] == ["Salt and pepper, again"]
    assert {row["topic"] for row in tick.kept.rows("websub_announcement")} >= {f"{BASE}/feed.atom"}
    assert tick.kept.rows("websub_delivery")


def test_an_edit_that_was_made_while_nothing_ran_is_an_update_too(tick: Tick) -> None:
    edit(tick.kept.site / "articles" / "salt.md")
    changed = tick.collect().changed
    assert [(article.title, article.updated.timestamp()) for article in changed] == [
        ("Salt and pepper, again", AFTERWARDS)
    ]


def test_of_a_source_that_was_edited_during_an_upgrade_only_that_article_is_updated(
    tick: Tick, monkeypatch: pytest.MonkeyPatch
) -> None:
    render_as(monkeypatch, another_attribute)
    edit(tick.kept.site / "articles" / "salt.md")
    assert [(article.title, article.updated.timestamp()) for article in tick.collect().changed] == [
        ("Salt and pepper, again", AFTERWARDS)
    ]
    assert [row["channel"] for row in tick.kept.rows("post", "edit_due IS NOT NULL")] == ["hook"]


def test_of_sources_that_were_only_touched_during_an_upgrade_none_is_updated(
    tick: Tick, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("publication.toml", "articles/salt.md", "pages/quay.txt"):
        (tick.kept.site / name).touch()
    render_as(monkeypatch, another_attribute)
    assert_quiet(tick)


def test_files_that_swap_their_names_during_an_upgrade_keep_their_articles(
    tick: Tick, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tick.kept.site / "articles"
    (folder / "salt.md").rename(folder / "passing.md")
    (folder / "tide.md").rename(folder / "salt.md")
    (folder / "passing.md").rename(folder / "tide.md")
    render_as(monkeypatch, another_attribute)
    assert_quiet(tick)


@pytest.mark.parametrize("upgraded", [False, True])
def test_a_recording_that_is_replaced_is_an_update_of_its_article(tick: Tick, upgraded: bool) -> None:
    if upgraded:
        tick.collect()
    with (tick.kept.site / "media" / "bell.wav").open("ab") as recording:
        recording.write(b"\x80" * 100)
    changed = tick.collect().changed
    assert [[enclosure.length for enclosure in article.enclosures] for article in changed] == [[1144]]


def test_an_article_that_is_edited_back_has_a_revision_of_its_own(tick: Tick) -> None:
    path = tick.kept.site / "articles" / "salt.md"
    text = path.read_text(encoding="utf-8")

    def revision() -> str:
        tick.collect()
        (row,) = tick.kept.rows("article", "slug LIKE 'salt%'")
        return str(row["revision"])

    seen = [revision()]
    for each in (text + "\nAnd again.\n", text):
        path.write_text(each)
        seen.append(revision())
    assert len(set(seen)) == 3


def edit(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("title: Salt and pepper", "title: Salt and pepper, again") + "\nAnd again.\n")


@pytest.mark.server
def test_on_postgresql_another_rendering_moves_nothing_and_an_edit_does(
    kept: Kept, cluster: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = cluster.database()
    move_to_postgresql(kept, url)
    monkeypatch.setenv("MASTHEAD_DATABASE__URL", url)
    known, revisions = known_by(kept), [row["revision"] for row in kept.rows("article")]
    render_as(monkeypatch, another_attribute)
    with contextlib.closing(open_site(kept.site, clock=lambda: AFTERWARDS)) as opened:
        tick = Tick(kept, opened)
        found = tick.collect()
        assert (found.new, found.changed, found.withdrawn, found.posts_queued) == ([], [], 0, 0)
        assert (found.unchanged, found.rendered) == (len(known), len(known))
        with opened.store.read() as tx:
            rows = tx.execute(select(article).order_by(article.c.id)).mappings().all()
            assert tx.scalar(text("SELECT count(*) FROM websub_announcement")) == 0
        assert [tuple(row[name] for name in KNOWN_BY) for row in rows] == known
        assert [row["revision"] for row in rows] == revisions
        edit(kept.site / "articles" / "salt.md")
        assert [one.title for one in tick.collect().changed] == ["Salt and pepper, again"]
