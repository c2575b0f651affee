"""Opens and clicks: off by default, counted apart for people and programs, and never a way elsewhere."""

from __future__ import annotations

import json
import re
import shutil

import pytest
from starlette.testclient import TestClient

from publisher.lib.tokens import Purpose, issue
from publisher.pipeline.site import Site
from publisher.settings import load_settings
from publisher.store import open_store, subscribers
from publisher.store import tracking as rows
from publisher.store.subscribers import NewSubscriber
from publisher.store.tables import metadata
from publisher.subscribers import tracking
from publisher.subscribers.personal_links import keyring_of
from publisher.web.app import application
from publisher.web.frame.frame import Frame
from tests.factories import write_site

HTML = (
    '<html><body><p><a href="https://slow.example/a?x=1&amp;y=2">One</a> <a class="b" href="https://other.example/">Two</a>'
    '<a href="https://slow.example/a?x=1&amp;y=2">Again</a><a href="zq0f01">Leave</a>'
    '<a href="mailto:a@b.example">Write</a></p></body></html>'
)
PERSON = {"user-agent": "Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0"}


class World:
    def __init__(self, folder, how: str, migrated) -> None:
        (folder / "state").mkdir()
        shutil.copy(migrated, folder / "state" / "masthead.db")
        write_site(folder, tracking={"opens": how, "clicks": how})
        self.settings = load_settings(folder)
        self.store = open_store(self.settings.database_url)
        with self.store.begin() as tx:
            subscribers.import_list(tx, [NewSubscriber("ada@example.org"), NewSubscriber("bo@example.org")], now=1.0)
        self.keys = keyring_of(self.store)
        self.client = TestClient(
            application(Frame.of(Site(self.settings, self.store))),
            follow_redirects=False,
            client=("203.0.113.9", 1),
        )

    def html(self, who: int = 1, *, declined: bool = False) -> str:
        rewrite = tracking.rewriter(self.store, self.settings, self.keys, 7)
        assert rewrite is not None
        mark = tracking.subscriber_mark(self.settings, self.keys, who, 7, declined=declined)
        return rewrite(HTML, "zq0f", "zq0f99").replace("zq0f99", mark)

    def paths(self, who: int = 1, **more: bool) -> list[str]:
        return re.findall(r"https://slow\.example(/[co]/[^\"]+)", self.html(who, **more))

    def tallies(self) -> list[tuple[str, int, str, int]]:
        with self.store.read() as tx:
            return [(row.kind, row.link, row.who, row.times) for row in rows.of_edition(tx, 7)]


@pytest.fixture
def world(tmp_path, request, migrated):
    made = World(tmp_path, request.param, migrated)
    yield made
    made.store.close()


def how(value: str):
    return pytest.mark.parametrize("world", [value], indirect=True)


@how("off")
def test_by_default_no_link_is_changed_and_nothing_is_counted(world) -> None:
    assert tracking.rewriter(world.store, world.settings, world.keys, 7) is None
    assert tracking.subscriber_mark(world.settings, world.keys, 1, 7, declined=False) == "-"
    assert load_settings(world.settings.directory).tracking.opens == "off"


@how("aggregate")
def test_links_lead_through_us_to_where_they_led(world) -> None:
    html = world.html()
    assert html.count("/c/") == 3
    assert html.count("/o/") == 1
    assert 'href="zq0f01"' in html
    assert 'href="mailto:a@b.example"' in html
    first, second, again, picture = world.paths()
    assert first == again
    assert world.client.get(first, headers=PERSON).headers["location"] == "https://slow.example/a?x=1&y=2"
    assert world.client.get(second, headers=PERSON).headers["location"] == "https://other.example/"
    loaded = world.client.get(picture, headers=PERSON)
    assert loaded.headers["content-type"] == "image/gif"
    assert world.tallies() == [("click", 1, "human", 1), ("click", 2, "human", 1), ("open", 0, "human", 1)]


@how("aggregate")
def test_in_numbers_only_nobody_is_known(world) -> None:
    for path in world.paths():
        world.client.get(path, headers=PERSON)
    with world.store.read() as tx:
        assert rows.of_subscriber(tx, 1) == []
        everything = {name: [repr(row) for row in tx.execute(t.select())] for name, t in metadata.tables.items()}
    assert world.paths(1) == world.paths(2)
    assert "203.0.113" not in json.dumps(everything)
    assert "Firefox" not in json.dumps(everything)


@how("individual")
def test_programs_are_counted_apart_and_never_by_name(world) -> None:
    first = world.paths()[0]
    for headers in ({"user-agent": "Barracuda Sentinel"}, {"user-agent": ""}, {**PERSON, "sec-purpose": "prefetch"}):
        world.client.get(first, headers=headers)
    world.client.head(first, headers=PERSON)
    assert world.tallies() == [("click", 1, "scanner", 4)]
    with world.store.read() as tx:
        assert rows.of_subscriber(tx, 1) == []
    world.client.get(first, headers=PERSON)
    with world.store.read() as tx:
        assert [(row.kind, row.times) for row in rows.of_subscriber(tx, 1)] == [("click", 1)]


@how("individual")
def test_a_subscriber_who_declined_is_not_counted_at_all(world) -> None:
    for path in world.paths(declined=True):
        assert world.client.get(path, headers=PERSON).status_code in (200, 302)
    assert world.tallies() == []
    sent_before = world.paths(2)
    with world.store.begin() as tx:
        tx.execute(metadata.tables["subscriber"].update().values(tracking=False))
    for path in sent_before:
        world.client.get(path, headers=PERSON)
    assert world.tallies() == []


@how("individual")
def test_no_address_leads_to_what_stands_in_the_request(world) -> None:
    token = issue(world.keys, Purpose.CLICK, 7, 99)
    other = issue(world.keys, Purpose.UNSUBSCRIBE, 1, 7)
    wrong = [
        f"/c/{token}/a",
        f"/c/{other}/a",
        "/c/x/a",
        "/c/https:%2F%2Fevil.example/a",
        "/c/%5C%5Cevil.example/a",
        "/c/@evil.example/a",
        "/o/x/a",
    ]
    for path in wrong:
        answer = world.client.get(path, headers=PERSON)
        assert answer.status_code == 404
        assert "location" not in answer.headers


@how("individual")
def test_a_mark_of_another_edition_or_of_our_own_making_counts_nothing(world) -> None:
    path = world.paths()[0].rpartition("/")[0]
    for mark in (
        issue(world.keys, Purpose.SUBSCRIBER, 1, 8),
        issue(world.keys, Purpose.SUBSCRIBER, 999, 7),
        "nonsense",
    ):
        assert world.client.get(f"{path}/{mark}", headers=PERSON).status_code == 302
    assert world.tallies() == []
