"""The desk and the commands: one rule for each thing that an operator does."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from sqlalchemy import insert, select
from starlette.testclient import TestClient
from typer.testing import CliRunner

from publisher.channels import open_channel
from publisher.cli import app as commands
from publisher.errors import MastheadError
from publisher.model import EditionStatus
from publisher.pipeline.site import Site
from publisher.settings import load_settings
from publisher.store import editions
from publisher.store.posts import post
from publisher.store.states import State
from publisher.store.tables import chunk, delivery, edition
from publisher.web.app import application
from publisher.web.desk.posts import channel_view
from publisher.web.frame.frame import Frame
from tests.publisher.web.conftest import make_article, on_loopback

HOME = {"origin": "http://127.0.0.1:8000", "sec-fetch-site": "same-origin"}
CHANNEL = '[[channels]]\nname = "x"\nkind = "x"\ndry_run = true\n'


class Desk:
    """Presses a button of the desk."""

    def __init__(self, site_dir, store) -> None:
        self.frame = Frame.of(Site(on_loopback(load_settings(site_dir)), store))
        address = "http://127.0.0.1:8000"
        self.client = TestClient(
            application(self.frame), base_url=address, client=("127.0.0.1", 1), follow_redirects=False
        )

    def __call__(self, *words: str) -> bool:
        form = {"token": self.frame.token.value}
        answer = self.client.post("/desk/" + "/".join(words), data=form, headers=HOME)
        assert answer.status_code in (303, 404, 409), answer.text
        return answer.status_code == 303


class Commands:
    """Gives the commands that do the same."""

    def __init__(self, site_dir, store) -> None:
        self.site_dir = site_dir

    def __call__(self, *words: str) -> bool:
        line = {
            "editions": lambda number, action: [action, f"digest:{number}", *(["--yes"] if action == "cancel" else [])],
            "deliveries": lambda number, how: ["doubts", "digest:1", "--settle", how, "--id", number],
            "posts": lambda number, outcome: ["channels", "decide", number, outcome],
            "channels": lambda name, action: ["channels", action, name],
        }[words[0]](*words[1:])
        done = CliRunner().invoke(commands, [*line, "--site", str(self.site_dir)])
        assert done.exception is None or isinstance(done.exception, MastheadError | SystemExit), done.exception
        return done.exit_code == 0


@pytest.fixture(params=[Desk, Commands])
def operator(request, site_dir, store):
    """Does what the words say; returns whether it was done."""
    with (site_dir / "publication.toml").open("a") as file:
        file.write(CHANNEL)
    return request.param(site_dir, store)


@pytest.fixture
def edition_in(store, add):
    """Makes an edition of a status with a delivery of each of the states."""

    def make(status: str, *states: State) -> int:
        article = make_article(1)
        add(article)
        with store.begin() as tx:
            number = editions.create(tx, "digest", "The Slow Post", [article], now=1.0)
            tx.execute(edition.update().values(status=status, audience=len(states), frozen=1.0))
            counts = {"failed": states.count(State.FAILED), "in_doubt": states.count(State.IN_DOUBT)}
            tx.execute(insert(chunk).values(id=1, edition_id=number, ordinal=0, due=1.0, size=len(states), **counts))
            for index, state in enumerate(states, start=1):
                row = {"id": index, "edition_id": number, "chunk_id": 1, "subscriber_id": index, "state": state}
                row |= {"address": f"a{index}@b.example", "address_hash": str(index), "variant": "0", "attempts": 1}
                tx.execute(insert(delivery).values(**row))
        return number

    return make


def status_of(store, number: int) -> EditionStatus:
    with store.read() as tx:
        return editions.get(tx, number).status


@pytest.mark.parametrize("status", [status.value for status in EditionStatus])
@pytest.mark.parametrize(
    ("action", "allowed", "then"),
    [
        ("pause", {"sending"}, "paused"),
        ("resume", {"paused"}, "sending"),
        ("cancel", {"draft", "scheduled", "sending", "paused"}, "cancelled"),
        ("retry", {"sending", "paused", "done"}, None),
    ],
)
def test_an_edition_is_moved_from_the_same_states(store, operator, edition_in, status, action, allowed, then):
    number = edition_in(status, State.FAILED)
    assert operator("editions", str(number), action) is (status in allowed)
    if status not in allowed:
        assert status_of(store, number) == status
    elif then:
        assert status_of(store, number) == then


def test_what_was_cancelled_for_good_is_never_sent(store, operator, edition_in):
    number = edition_in("cancelled", State.FAILED, State.IN_DOUBT)
    assert not operator("editions", str(number), "retry")
    assert not operator("deliveries", "2", "resend")
    assert status_of(store, number) == EditionStatus.CANCELLED
    with store.read() as tx:
        states = tx.scalars(select(delivery.c.state).order_by(delivery.c.id)).all()
    assert states == [State.FAILED, State.IN_DOUBT]
    assert operator("deliveries", "2", "failed")


def test_trying_again_where_nothing_failed_is_said_and_not_done(store, operator, edition_in):
    assert not operator("editions", str(edition_in("sending", State.QUEUED)), "retry")


@pytest.mark.parametrize("number", ["1", "999"])
def test_a_delivery_that_is_not_in_doubt_is_not_settled(store, operator, edition_in, number):
    edition_in("sending", State.SENT, State.IN_DOUBT)
    assert not operator("deliveries", number, "failed")
    assert operator("deliveries", "2", "sent")


@pytest.mark.parametrize(
    ("status", "outcome", "allowed"),
    [
        ("unknown", "published", True),
        ("unknown", "failed", True),
        ("unknown", "send", True),
        ("failed", "send", True),
        ("failed", "published", True),
        ("failed", "failed", False),
        ("queued", "send", False),
        ("published", "send", False),
    ],
)
def test_a_post_is_decided_by_the_same_table(store, operator, status, outcome, allowed):
    assert operator("posts", str(post_of(store, status=status)), outcome) is allowed


def post_of(store, **values) -> int:
    """A post on the channel ``x``."""
    row = {"channel": "x", "article_id": "a", "part": 0, "parts": 1, "revision": "r", "key": "k", "whole": "w"}
    row |= {"text": "T", "content": "{}", "article_published": 1.0, "created": 1.0, **values}
    with store.begin() as tx:
        return tx.execute(insert(post).values(**row)).inserted_primary_key[0]


@pytest.mark.parametrize(("name", "allowed"), [("x", True), ("nowhere", False)])
def test_only_a_channel_that_is_set_up_goes_on(operator, name, allowed):
    assert operator("channels", name, "resume") is allowed


def test_the_month_of_a_channels_cap_is_the_publications(site_dir, store):
    """Sending counts from the first of the month in the publication's zone, so the desk does."""
    with (site_dir / "publication.toml").open("a") as file:
        file.write(CHANNEL)
    settings = load_settings(site_dir)  # Europe/Rome
    (table,) = settings.channels
    opened = open_channel(table, settings.directory, dry_run=True)
    late = datetime(2026, 6, 30, 22, 30, tzinfo=UTC)  # half past midnight of 1 July in Rome
    before = datetime(2026, 6, 30, 21, 59, tzinfo=UTC)
    post_of(store, status="published", first_sent=before.timestamp(), price=2_000_000)
    with store.read() as tx:
        assert channel_view(tx, settings, table, opened, late)["spent"] == 0.0
        assert channel_view(tx, settings, table, opened, before)["spent"] == 2.0
