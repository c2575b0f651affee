"""Invented addresses close sign-up for nobody: kept requests are confirmed after a proof of work, or the next day."""

from __future__ import annotations

import html
import json
import re
from datetime import timedelta

import pytest
from starlette.testclient import TestClient

from publisher.lib import altcha
from publisher.lib.addresses import parse_address
from publisher.pipeline.site import Site
from publisher.pipeline.troubles import standing_troubles
from publisher.store import articles, notices, signups, subscribers
from publisher.subscribers import busy, subscribing
from publisher.subscribers.wishes import Wishes
from publisher.web.app import application
from publisher.web.frame.frame import Frame
from tests.publisher.web.conftest import make_article, on_loopback
from tests.publisher.web.subscribers.test_subscribe import World, path_in

REAL = "mara@post.example"


@pytest.fixture
def usual(site_dir, store, monkeypatch):
    """A site with the usual budgets."""
    monkeypatch.setattr(busy, "WORK", 200)
    return World(site_dir, store)


@pytest.fixture
def world(site_dir, store, monkeypatch):
    """A site where a domain has a small budget."""
    monkeypatch.setattr(busy, "WORK", 200)
    with (site_dir / "publication.toml").open("a") as file:
        file.write(f"[subscribing]\nper_domain = {FEW}\n")
    with store.begin() as tx:
        articles.save(tx, make_article(1), source_path="1.md", now=1.0)
    return World(site_dir, store)


#: The budget of a domain in most tests; the usual one is 500.
FEW = 20


def invent(world, number: int = FEW, *, start: int = 0) -> list:
    """So many requests for addresses that nobody has, each from a network of its own; what each was told."""
    return [
        subscribing.ask(
            world.store,
            world.settings,
            parse_address(f"invented{one}@post.example"),
            Wishes(),
            network=f"10.{one // 250}.{one % 250}.9",
            now=world.now.timestamp(),
        )
        for one in range(start, start + number)
    ]


def challenge_on(page) -> altcha.Challenge:
    found = json.loads(html.unescape(re.search(r'data-challenge="([^"]+)"', page.text)[1]))
    assert found.pop("algorithm") == "SHA-256"
    return altcha.Challenge(**found)


def solve(world, address: str, page) -> None:
    data = {"address": address, "altcha": altcha.solve(challenge_on(page))}
    assert "Check your mail" in world.client.post("/subscribe", data=data).text


def recipients(world) -> list[str]:
    """Who is sent a notice now; a notice whose sign-up was forgotten goes to nobody."""
    now, found = world.now.timestamp(), []
    with world.store.begin() as tx:
        signups.sweep(tx, now=now)
        for row in notices.claim(tx, now=now, limit=10_000):
            notices.settle(tx, row.id, "sent", sent=now)
            if row.signup_id is None or signups.get(tx, row.signup_id):
                found.append(row.address)
    return found


def test_a_real_person_gets_in_at_once_after_500_invented_addresses(usual):
    world = usual
    assert set(invent(world, 500)) == {"taken"}
    assert len(recipients(world)) == 500
    page = world.subscribe(REAL)
    assert page.status_code == 200
    assert "Your request is kept" in page.text
    assert "script-src 'self'" in page.headers["content-security-policy"]
    assert world.mail() == []
    solve(world, REAL, page)
    ((to, text),) = world.mail()
    assert to == REAL
    assert world.client.post(path_in(text, "confirm")).status_code == 200
    # Another provider has its own budget.
    assert "Check your mail" in world.subscribe("bo@other.example").text


def test_without_script_the_confirmation_comes_the_next_day(usual):
    world = usual
    invent(world, 500)
    recipients(world)
    world.subscribe(REAL)
    world.now += timedelta(hours=23)
    assert world.mail() == []
    world.now += timedelta(hours=2)
    ((to, text),) = world.mail()
    assert to == REAL
    assert world.client.post(path_in(text, "confirm")).status_code == 200


def test_kept_requests_take_half_of_a_later_day_so_that_day_has_room_of_its_own(world):
    invent(world, FEW + FEW // 2)
    recipients(world)
    world.subscribe(REAL)
    world.now += timedelta(days=1)
    assert len(recipients(world)) == FEW // 2
    assert set(invent(world, FEW // 2, start=2000)) == {"taken"}
    assert set(invent(world, 1, start=3000)) == {"busy"}
    recipients(world)
    world.now += timedelta(days=1)
    assert REAL in recipients(world)


def test_however_many_are_invented_no_day_sends_more_than_its_budget_and_work_still_gets_in(world):
    invent(world, 200)
    page = world.subscribe(REAL)
    sent = [len(recipients(world))]
    solve(world, REAL, page)
    assert recipients(world) == [REAL]
    for _ in range(9):
        world.now += timedelta(days=1)
        sent.append(len(recipients(world)))
    assert sent == [FEW, *[FEW // 2] * busy.MAX_DAYS, 0, 0, 0, 0]


def test_a_solution_counts_once_and_for_its_own_address_alone(world):
    invent(world)
    recipients(world)
    mine, theirs = world.subscribe(REAL), world.subscribe("victim@post.example")
    payload = altcha.solve(challenge_on(mine))
    for address, solution in (
        ("victim@post.example", payload),
        (REAL, altcha.solve(challenge_on(theirs))),
        (REAL, payload[:-8]),
        (REAL, "AAAA"),
    ):
        answer = world.client.post("/subscribe", data={"address": address, "altcha": solution})
        assert "Check your mail" in answer.text
        assert recipients(world) == []
    for _ in range(3):
        world.client.post("/subscribe", data={"address": REAL, "altcha": payload})
    assert recipients(world) == [REAL]
    # Neither tomorrow nor for a later request, though the challenge would not have ended.
    world.now += timedelta(days=1, minutes=1)
    recipients(world)
    invent(world, start=5000)
    recipients(world)
    world.subscribe(REAL)
    world.client.post("/subscribe", data={"address": REAL, "altcha": payload})
    assert recipients(world) == []


def test_a_challenge_used_just_before_midnight_is_not_new_after_it(world):
    world.now = world.now.replace(hour=23, minute=50)
    invent(world)
    page = world.subscribe(REAL)
    payload = altcha.solve(challenge_on(page))
    now = world.now.timestamp()
    assert busy.confirm_at_once(world.store, parse_address(REAL), payload, now=now)
    recipients(world)
    assert not busy.confirm_at_once(world.store, parse_address(REAL), payload, now=now + 1200)
    with world.store.read() as tx:
        from publisher.store import limits

        assert limits.spent(tx, "solved", now=now + 1200) == 0


def test_a_challenge_ends_after_an_hour(world):
    invent(world)
    recipients(world)
    payload = altcha.solve(challenge_on(world.subscribe(REAL)))
    world.now += timedelta(hours=1)
    world.client.post("/subscribe", data={"address": REAL, "altcha": payload})
    assert recipients(world) == []


def test_on_a_busy_day_too_the_page_says_nothing_about_an_address(world):
    world.confirmed("known@post.example")
    with world.store.begin() as tx:
        subscribers.suppress(tx, "gone@post.example", "complained", now=1.0)
    world.now += timedelta(days=2)
    invent(world)
    recipients(world)
    pages = [world.subscribe(one) for one in ("new@post.example", "known@post.example", "gone@post.example")]
    alike = {re.sub(r'data-challenge="[^"]+"|value="[^"]*"', "", page.text) for page in pages}
    assert len(alike) == 1
    for address, page in zip(("new", "known", "gone"), pages, strict=True):
        solve(world, f"{address}@post.example", page)
    assert sorted(recipients(world)) == ["known@post.example", "new@post.example"]


@pytest.mark.parametrize("kind", ["known", "suppressed", "just asked"])
def test_the_budget_counts_every_request_so_that_it_says_nothing_either(world, kind):
    """If only mails that left were counted, the step from taken to busy would show which addresses get none."""
    asked = f"{kind.replace(' ', '-')}@post.example"
    if kind == "known":
        world.confirmed(asked)
    elif kind == "suppressed":
        with world.store.begin() as tx:
            subscribers.suppress(tx, asked, "complained", now=1.0)
    else:
        world.subscribe(asked)
    world.now += timedelta(hours=13)  # another day, but not a day later
    invent(world, FEW - 1)
    world.subscribe(asked)
    assert "Your request is kept" in world.subscribe("next@post.example").text


def test_the_desk_is_told(world):
    site = Site(on_loopback(world.settings), world.store, clock=lambda: world.now.timestamp())

    def told() -> list[str]:
        with world.store.read() as tx:
            return [str(one) for one in standing_troubles(site, tx)]

    invent(world)
    recipients(world)
    assert told() == []
    world.subscribe(REAL)
    (line,) = told()
    assert "1 confirmation" in line
    assert "per_domain" in line
    near = TestClient(application(Frame.of(site)), base_url="http://127.0.0.1:8000", client=("127.0.0.1", 1))
    assert "sign-ups wait" in near.get("/").text
    world.now += timedelta(days=1)
    recipients(world)
    assert told() == []


def test_a_program_is_given_the_challenge_and_sends_the_solution(world):
    invent(world)
    recipients(world)
    first = world.client.post("/api/subscribe", json={"address": REAL})
    assert first.status_code == 202
    given = first.json()["challenge"]
    assert given.pop("algorithm") == "SHA-256"
    solution = altcha.solve(altcha.Challenge(**given))
    assert world.client.post("/api/subscribe", json={"address": REAL, "altcha": solution}).status_code == 202
    assert recipients(world) == [REAL]


def test_the_work_grows_with_what_was_solved(world, monkeypatch):
    def work(solved: int) -> int:
        monkeypatch.setattr(busy.limits, "spent", lambda tx, name, now: solved)
        return busy.challenge_for(world.store, world.settings, parse_address(REAL), now=1.0).maxnumber

    assert [work(number) for number in (0, FEW - 1, FEW, 2 * FEW, 10**6)] == [200, 200, 400, 800, 200 * 32]


def test_visitors_who_cannot_be_told_apart_are_asked_for_work_and_not_refused(world):
    world.client = TestClient(world.client.app, client=("127.0.0.1", 1))
    pages = [world.subscribe(f"r{number}@example.org") for number in range(22)]
    assert {page.status_code for page in pages} == {200}
    assert ["Your request is kept" in page.text for page in pages] == [False] * 20 + [True] * 2


def test_visitors_who_cannot_be_told_apart_have_so_many_kept_requests_a_day_and_no_more(world, site_dir):
    settings = world.settings.model_copy(
        update={"subscribing": world.settings.subscribing.model_copy(update={"per_network": 3, "per_day": 5})}
    )

    def ask(start: int, number: int, network: str = "") -> list[str]:
        return [
            subscribing.ask(
                world.store,
                settings,
                parse_address(f"r{one}@d{one}.example"),
                Wishes(),
                network=network,
                now=world.now.timestamp(),
            ).value
            for one in range(start, start + number)
        ]

    assert ask(0, 10) == ["taken"] * 3 + ["busy"] * 5 + ["later"] * 2
    with world.store.read() as tx:
        assert len(tx.execute(signups.signup.select()).all()) == 8
    assert ask(20, 1, "192.0.2.1") == ["busy"], "others are kept as before"
    world.now += timedelta(days=1)
    assert "later" not in ask(30, 8)


def test_no_kept_request_is_due_later_than_it_can_be_confirmed(world):
    invent(world, 200)
    with world.store.read() as tx:
        rows = tx.execute(notices.notice.select()).all()
    assert len(rows) == 200
    assert max(row.due - row.created for row in rows) == signups.KEPT_SECONDS
