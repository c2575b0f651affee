"""The pages for subscribers: asking, confirming, choosing, leaving."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from starlette.testclient import TestClient

from publisher.lib import links
from publisher.mail.transports.memory import MemoryTransport
from publisher.pipeline.site import Site
from publisher.settings import load_settings
from publisher.store import articles, consent, editions, subscribers
from publisher.store.subscribers import SubscriberStatus
from publisher.subscribers import personal_links, standing, subscribing
from publisher.subscribers.notices import send_due_notices
from publisher.subscribers.wishes import Wishes
from publisher.web.app import application
from publisher.web.frame.frame import Frame
from publisher.web.subscribers.subscribe import SCRIPT_PATH
from tests.publisher.web.conftest import make_article

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
URL = re.compile(r"https://slow\.example(/(?:confirm|preferences|unsubscribe)/[A-Za-z0-9_-]+)")
HIDDEN = {"sections_shown": "1", "cadence": "daily", "hour": "7", "timezone": "Europe/Rome", "language": "en"}


class World:
    """One site, its clock, and the mail it sends."""

    def __init__(self, site_dir, store) -> None:
        self.now = NOW
        self.settings = load_settings(site_dir)
        self.store = store
        self.transport = MemoryTransport()
        self.frame = Frame.of(Site(self.settings, store, clock=lambda: self.now.timestamp()))
        self.client = TestClient(application(self.frame), raise_server_exceptions=True, follow_redirects=False)

    def mail(self) -> list[tuple[str, str]]:
        """``(recipient, decoded message)`` of everything sent by now."""
        from email import message_from_bytes, policy

        send_due_notices(self.store, self.settings, self.transport, now=self.now.timestamp())
        taken, self.transport.taken = self.transport.taken, []
        sent = []
        for one in taken:
            message = message_from_bytes(one.message, policy=policy.default)
            body = message.get_body(("plain",)).get_content()
            sent.append((one.recipient, f"Subject: {message['subject']}\n{body}"))
        return sent

    def subscribe(self, address: str = "ada@example.org", **more: object):
        return self.client.post("/subscribe", data={"address": address, **HIDDEN, **more})

    def confirmed(self, address: str = "ada@example.org", **more: object) -> int:
        assert self.subscribe(address, **more).status_code == 200
        ((_, text),) = self.mail()
        assert self.client.post(path_in(text, "confirm")).status_code == 200
        with self.store.read() as tx:
            return subscribers.by_address(tx, address).id

    def links(self, who: int) -> tuple[str, str]:
        keys = personal_links.keyring_of(self.store)
        return links.preferences_url("", keys, who), links.unsubscribe_url("", keys, who, 1)

    def rows(self):
        """Everything in every table, to see whether a request changed anything."""
        from publisher.store.tables import metadata

        with self.store.read() as tx:
            return {
                name: sorted(map(repr, tx.execute(table.select()).all())) for name, table in metadata.tables.items()
            }


def path_in(text: str, kind: str) -> str:
    return next(path for path in URL.findall(text) if path.startswith(f"/{kind}/"))


@pytest.fixture
def world(site_dir, store):
    with store.begin() as tx:
        for number in range(1, 4):
            articles.save(tx, make_article(number), source_path=f"{number}.md", now=1.0)
    return World(site_dir, store)


def test_the_form_has_a_label_for_every_field_and_needs_no_script(world) -> None:
    page = world.client.get("/subscribe")
    assert page.status_code == 200
    for name in ("address", "weekday", "monthday", "hour", "timezone", "language", "format"):
        assert f'for="{name}"' in page.text
        assert f'id="{name}"' in page.text
    assert "Coast" in page.text
    assert "script-src 'self'" in page.headers["content-security-policy"]
    assert "unsafe" not in page.headers["content-security-policy"]
    assert world.client.get(SCRIPT_PATH).headers["content-type"].startswith("text/javascript")


def test_the_zone_and_the_language_are_guessed_from_the_browser_and_shown(world) -> None:
    page = world.client.get("/subscribe", headers={"accept-language": "ja-JP,ja;q=0.9,de;q=0.5"}).text
    assert '<option value="Asia/Tokyo" selected>' in page
    assert '<option value="de" selected>' in page
    assert '<option value="Europe/Rome" selected>' in world.client.get("/subscribe").text


def test_subscribing_takes_two_steps_and_sends_one_welcome(world) -> None:
    assert "Check your mail" in world.subscribe(sections="Coast").text
    ((to, text),) = world.mail()
    assert to == "ada@example.org"
    path = path_in(text, "confirm")
    before = world.rows()
    for method in ("GET", "HEAD", "OPTIONS", "GET"):
        world.client.request(method, path)
    assert world.rows() == before, "a link that is merely opened changes nothing"
    assert "Yes, subscribe me" in world.client.get(path).text
    assert "You are subscribed" in world.client.post(path).text
    ((to, welcome),) = world.mail()
    assert "Welcome" in welcome
    assert world.client.post(path).status_code == 200
    assert world.mail() == []
    with world.store.read() as tx:
        who = subscribers.by_address(tx, "ada@example.org")
        (row,) = subscribers.subscriptions(tx, who.id)
        assert subscribers.status_of(tx, who.id) is SubscriberStatus.CONFIRMED
        assert (row.sections, row.cadence, row.hour, row.timezone) == ('["Coast"]', "daily", 7, "Europe/Rome")
        assert row.next_due == datetime(2026, 11, 21, 6, tzinfo=UTC).timestamp()
        assert [one.what for one in consent.of_subscriber(tx, who.id)] == ["confirmed"]


def test_the_answer_is_the_same_whether_or_not_an_address_is_known(world) -> None:
    world.confirmed("ada@example.org")
    with world.store.begin() as tx:
        subscribers.suppress(tx, "gone@example.org", "complained", now=1.0)
    world.mail()
    world.now += timedelta(days=2)
    answers = {
        (page.status_code, page.text)
        for page in (world.subscribe(one) for one in ("new@example.org", "ada@example.org", "gone@example.org"))
    }
    assert len(answers) == 1
    sent = dict(world.mail())
    assert set(sent) == {"new@example.org", "ada@example.org"}
    assert "already" in sent["ada@example.org"]


def test_a_stranger_changes_nothing_about_a_subscriber(world) -> None:
    who = world.confirmed("ada@example.org", sections="Coast")
    before = standing.find(world.store, who, now=NOW.timestamp())
    world.subscribe("ada@example.org", sections="Hills", cadence="each")
    assert standing.find(world.store, who, now=NOW.timestamp()) == before


def test_a_mailbox_gets_one_confirmation_a_day_and_three_ever(world) -> None:
    variants = ["victim@example.org", "v.ictim@example.org", "victim+1@example.org", "VICTIM@example.org"]
    sent = 0
    for day in range(6):
        world.now = NOW + timedelta(days=day, minutes=day)
        for number in range(4):
            headers = {"x-forwarded-for": f"198.51.{day}.{number}"}
            data = {"address": variants[number], **HIDDEN}
            answer = world.client.post("/subscribe", data=data, headers=headers)
            assert "Check your mail" in answer.text
        sent += len(world.mail())
    assert sent == 3


def test_a_network_is_limited_and_no_address_of_it_is_kept(world) -> None:
    world.client = TestClient(world.client.app, client=("203.0.113.77", 5000))
    answers = [world.subscribe(f"r{number}@example.org").status_code for number in range(25)]
    assert answers == [200] * 20 + [429] * 5
    assert world.client.post("/subscribe", data={"address": "x@example.org"}).status_code == 429
    assert "203.0.113" not in json.dumps(world.rows())
    world.now += timedelta(days=1)
    assert world.subscribe("late@example.org").status_code == 200


def test_ten_thousand_networks_cannot_bomb_one_mailbox(world) -> None:
    from publisher.lib.addresses import parse_address

    for number in range(300):
        subscribing.ask(
            world.store,
            world.settings,
            parse_address(f"vic.tim+{number}@example.org"),
            Wishes(),
            network=f"10.{number // 250}.{number % 250}.9",
            now=NOW.timestamp(),
        )
    assert len(world.mail()) == 1


def test_whoever_fills_in_the_trap_is_told_the_same_and_nothing_is_sent(world) -> None:
    assert world.subscribe(website="https://spam.example").text == world.subscribe("other@example.org").text
    assert [to for to, _ in world.mail()] == ["other@example.org"]


def test_a_wrong_field_is_marked_and_the_rest_stays_filled_in(world) -> None:
    page = world.subscribe("not an address", sections="Coast", hour="99", timezone="Mars/Olympus")
    assert page.status_code == 422
    assert "This is not an e-mail address" in page.text
    assert 'aria-describedby="hour-problem"' in page.text
    assert 'value="not an address"' in page.text
    assert '<input type="checkbox" name="sections" value="Coast" checked>' in page.text
    assert world.mail() == []


def test_a_confirmation_says_nothing_that_came_from_the_form(world) -> None:
    world.subscribe("ada@example.org", name="BUY NOW", sections="<b>BUY NOW</b>", website="")
    assert "BUY" not in world.mail()[0][1]


def test_a_confirmation_link_ends_after_seven_days(world) -> None:
    world.subscribe()
    path = path_in(world.mail()[0][1], "confirm")
    world.now += timedelta(days=7, minutes=1)
    assert world.client.get(path).status_code == 404
    assert world.client.post(path).status_code == 404


@pytest.mark.parametrize("kind", ["confirm", "preferences", "unsubscribe"])
def test_a_link_that_is_not_genuine_gets_one_and_the_same_answer(world, kind) -> None:
    who = world.confirmed()
    preferences, leave = world.links(who)
    token = (preferences if kind != "preferences" else leave).rsplit("/", 1)[1]
    wrong = [token, "x", "A" * 26, token[:-1] + ("A" if token[-1] != "A" else "B"), "%00", "é"]
    answers = {(page.status_code, page.text) for page in (world.client.get(f"/{kind}/{one}") for one in wrong)}
    assert len(answers) == 1
    assert next(iter(answers))[0] == 404
    assert all(world.client.post(f"/{kind}/{one}").status_code == 404 for one in wrong)


def test_preferences_are_in_effect_with_the_answer(world) -> None:
    path, _ = world.links(world.confirmed())
    assert "Coast" in world.client.get(path).text
    page = world.client.post(
        path, data={**HIDDEN, "sections": "Hills", "cadence": "weekly", "weekday": "4", "hour": "18", "format": "text"}
    )
    assert "Saved" in page.text
    assert "Friday 20 November, 18:00" in page.text
    with world.store.read() as tx:
        (row,) = subscribers.subscriptions(tx, 1)
    assert (row.sections, row.cadence, row.weekday, row.format) == ('["Hills"]', "weekly", 4, "text")
    assert row.next_due == datetime(2026, 11, 20, 17, tzinfo=UTC).timestamp()


def test_preferences_that_cannot_be_used_change_nothing(world) -> None:
    path, _ = world.links(world.confirmed())
    before = world.rows()
    assert world.client.post(path, data={"cadence": "hourly", "paused_until": "tomorrow"}).status_code == 422
    assert world.rows() == before


def test_a_pause_ends_by_itself_and_can_be_ended_early(world) -> None:
    who = world.confirmed()
    path, _ = world.links(who)
    world.client.post(path, data={"paused_until": "2026-12-01"})
    with world.store.read() as tx:
        (row,) = subscribers.subscriptions(tx, who)
    assert row.paused_until == datetime(2026, 11, 30, 23, tzinfo=UTC).timestamp()
    assert row.next_due == datetime(2026, 12, 1, 6, tzinfo=UTC).timestamp()
    assert 'value="2026-12-01"' in world.client.get(path).text
    world.now += timedelta(days=2)
    world.client.post(path, data={"paused_until": ""})
    with world.store.read() as tx:
        (row,) = subscribers.subscriptions(tx, who)
    assert row.paused_until == world.now.timestamp(), "what appeared during the pause stays passed over"


@pytest.mark.parametrize("multipart", [False, True])
def test_one_click_needs_no_cookie_answers_200_twice_and_redirects_nowhere(world, multipart) -> None:
    who = world.confirmed()
    _, path = world.links(who)
    body = {"List-Unsubscribe": "One-Click"}
    for _ in range(2):
        answer = (
            world.client.post(path, files={name: (None, value) for name, value in body.items()})
            if multipart
            else world.client.post(path, data=body)
        )
        assert answer.status_code == 200
        assert "set-cookie" not in answer.headers
    with world.store.read() as tx:
        assert subscribers.status_of(tx, who) is SubscriberStatus.UNSUBSCRIBED
        assert [row.active for row in subscribers.subscriptions(tx, who)] == [False]


def test_one_click_ends_the_list_that_it_names_and_no_other(world) -> None:
    who = world.confirmed()
    with world.store.begin() as tx:
        subscribers.subscribe(tx, who, "second", now=1.0)
        number = editions.create(tx, "digest", "A title", [make_article(1)], now=1.0)
    keys = personal_links.keyring_of(world.store)
    path = links.unsubscribe_url("", keys, who, number)
    for _ in range(2):
        assert world.client.post(path, data={"List-Unsubscribe": "One-Click"}).status_code == 200
        with world.store.read() as tx:
            assert {row.digest: row.active for row in subscribers.subscriptions(tx, who)} == {
                "digest": False,
                "second": True,
            }
    assert world.client.post(path, data={"choice": "all"}).status_code == 200
    with world.store.read() as tx:
        assert not any(row.active for row in subscribers.subscriptions(tx, who))


def test_every_link_of_a_test_message_opens_a_page_that_says_so_and_changes_nothing(world) -> None:
    world.confirmed()
    keys = personal_links.keyring_of(world.store)
    leave, wishes = links.unsubscribe_url("", keys, 0, 0), links.preferences_url("", keys, 0)
    before = world.rows()
    for path in (leave, wishes, f"{wishes}/data", f"{wishes}/erase", links.web_version_url("", keys, 0, 0)):
        page = world.client.get(path)
        assert page.status_code == 200
        assert "This was a test message" in page.text
        assert "no-store" in page.headers["cache-control"]
    for path in (leave, wishes, f"{wishes}/erase"):
        for form in ({"List-Unsubscribe": "One-Click"}, {"choice": "all"}, {"choice": "erase"}, {"choice": "undo"}):
            page = world.client.post(path, data=form)
            assert page.status_code == 200
            assert "This was a test message" in page.text
    assert "Testnachricht" in world.client.get(leave, headers={"accept-language": "de"}).text
    assert world.rows() == before


def test_opening_every_link_of_every_mail_twice_changes_nothing(world) -> None:
    world.confirmed()
    paths = [path for _, text in world.mail() for path in URL.findall(text)]
    assert len(paths) == 2
    before = world.rows()
    for path in paths * 2:
        for method in ("GET", "HEAD", "OPTIONS"):
            assert world.client.request(method, path).status_code in (200, 405)
    assert world.rows() == before


def test_unsubscribing_on_the_page_asks_first_and_can_be_undone(world) -> None:
    who = world.confirmed()
    _, path = world.links(who)
    assert "Unsubscribe from everything" in world.client.get(path).text
    assert "Unsubscribe?" in world.client.post(path).text, "a POST that says nothing changes nothing"
    assert "You are unsubscribed" in world.client.post(path, data={"choice": "all"}).text
    assert "You are subscribed again" in world.client.post(path, data={"choice": "undo"}).text
    with world.store.read() as tx:
        assert subscribers.status_of(tx, who) is SubscriberStatus.CONFIRMED


def test_one_topic_can_be_stopped_and_the_last_one_stops_everything(world) -> None:
    who = world.confirmed(sections=["Coast", "Hills"])
    _, path = world.links(who)
    world.client.post(path, data={"choice": "some", "topic": "Coast"})
    assert standing.find(world.store, who, now=0.0).wishes.sections == ("Hills",)
    assert "You are unsubscribed" in world.client.post(path, data={"choice": "some", "topic": "Hills"}).text


def test_all_that_is_held_can_be_seen_and_taken_away(world) -> None:
    who = world.confirmed(sections="Coast")
    path, _ = world.links(who)
    page = world.client.get(f"{path}/data").text
    assert "ada@example.org" in page
    assert "Coast" in page
    assert re.search(r"May be counted</dt>\s*<dd[^>]*>yes<", page)
    data = world.client.get(f"{path}/data.json").json()
    assert data["address"] == "ada@example.org"
    assert data["preferences"]["sections"] == ["Coast"]
    assert data["record"][0]["what"] == "confirmed"
    assert "token" not in json.dumps(data)


def test_who_refused_to_be_counted_is_not_counted_after_coming_back(world) -> None:
    who = world.confirmed()
    found = standing.find(world.store, who, now=0.0)
    standing.change(world.store, who, replace(found.wishes, tracking=False), now=NOW.timestamp())
    assert world.client.post(world.links(who)[1], data={"choice": "all"}).status_code == 200
    world.mail()
    world.now += timedelta(days=2)
    assert world.confirmed(language="it") == who
    wishes = standing.find(world.store, who, now=0.0).wishes
    assert (wishes.digests, wishes.language, wishes.tracking) == (("digest",), "it", False)


def test_a_program_can_refuse_counting_when_it_subscribes_somebody(world) -> None:
    asked = {"address": "ada@example.org", "tracking": False}
    assert world.client.post("/api/subscribe", json=asked).status_code == 202
    ((_, text),) = world.mail()
    assert world.client.post(path_in(text, "confirm")).status_code == 200
    assert standing.find(world.store, 1, now=0.0).wishes.tracking is False


def test_erasing_leaves_no_address_anywhere_and_an_import_does_not_undo_it(world) -> None:
    who = world.confirmed()
    path, leave = world.links(who)
    world.mail()
    assert "Erase everything?" in world.client.post(f"{path}/erase").text
    assert "Everything is erased" in world.client.post(f"{path}/erase", data={"choice": "erase"}).text
    assert "ada@" not in json.dumps(world.rows())
    assert world.client.get(path).status_code == 404
    assert world.client.post(leave, data={"List-Unsubscribe": "One-Click"}).status_code == 200
    with world.store.begin() as tx:
        assert subscribers.suppressed(tx, "ada@example.org").reason == "erased"


def test_someone_who_was_erased_comes_back_by_their_own_confirmation_only(world) -> None:
    path, _ = world.links(world.confirmed())
    world.mail()
    world.client.post(f"{path}/erase", data={"choice": "erase"})
    world.now += timedelta(days=2)
    world.confirmed()
    with world.store.read() as tx:
        assert subscribers.suppressed(tx, "ada@example.org") is None


def test_the_json_endpoint_does_as_the_form_does(world) -> None:
    answer = world.client.post("/api/subscribe", json={"address": "ada@example.org", "sections": ["Coast"], "hour": 6})
    assert answer.status_code == 202
    assert answer.json()["status"] == "taken"
    assert [to for to, _ in world.mail()] == ["ada@example.org"]


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b"{}", "application/json", 422),
        (b'{"address": "nobody"}', "application/json", 422),
        (b'{"address": ["ada@example.org"], "hour": 77}', "application/json", 422),
        (b"[]", "application/json", 400),
        (b"{", "application/json", 400),
        (b"[" * 60_000, "application/json", 400),
        (b"address=ada@example.org", "application/x-www-form-urlencoded", 415),
    ],
)
def test_the_json_endpoint_says_what_is_wrong(world, body, kind, status) -> None:
    answer = world.client.post("/api/subscribe", content=body, headers={"content-type": kind})
    assert answer.status_code == status
    assert "error" in answer.json()
    assert world.mail() == []


def test_a_closed_list_takes_nobody(world, site_dir) -> None:
    file = site_dir / "publication.toml"
    file.write_text(file.read_text() + "\n[subscribing]\nopen = false\n")
    closed = World(site_dir, world.store)
    assert "closed" in closed.client.get("/subscribe").text
    assert closed.client.post("/api/subscribe", json={"address": "a@example.org"}).status_code == 403
    closed.subscribe()
    assert closed.mail() == []
