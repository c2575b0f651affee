"""An edition in the operator's hands: every button does one thing, for the operator alone."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import html
from sqlalchemy import insert, select

from publisher.model import EditionStatus
from publisher.store import editions
from publisher.store.deliveries import Account
from publisher.store.states import State
from publisher.store.tables import chunk, delivery, edition
from publisher.web.desk.editions import account_view, duration

HOME = {"origin": "http://127.0.0.1:8000", "sec-fetch-site": "same-origin"}


@pytest.fixture
def sending(store, add, article_of):
    """An edition half sent: two sent, one failed, one in doubt, one pending."""
    states = [State.SENT, State.SENT, State.FAILED, State.IN_DOUBT, State.QUEUED]
    add(article_of(1))
    with store.begin() as tx:
        number = editions.create(tx, "digest", "The Slow Post", [article_of(1)], now=1.0)
        tx.execute(edition.update().values(status="sending", audience=5, frozen=1.0))
        counts = {"sent": 2, "failed": 1, "in_doubt": 1}
        tx.execute(insert(chunk).values(id=1, edition_id=number, ordinal=0, due=1.0, size=5, **counts))
        for index, state in enumerate(states, start=1):
            address = f"reader{index}@post.example"
            row = {"id": index, "edition_id": number, "chunk_id": 1, "subscriber_id": index, "state": state}
            row |= {"address": address, "address_hash": str(index), "variant": "0", "attempts": 1}
            tx.execute(insert(delivery).values(**row, reply="cut off <b>here</b>" if index == 4 else None))
    return number


@pytest.fixture
def token(near, sending):
    tree = html.document_fromstring(near.get(f"/desk/editions/{sending}").text)
    return tree.xpath("//form//input[@name='token']/@value")[0]


def status_of(store, number):
    with store.read() as tx:
        return editions.get(tx, number).status


def test_the_operator_sees_a_balanced_account(near, sending):
    for path in ("/", f"/desk/editions/{sending}"):
        tree = html.document_fromstring(near.get(path).text)
        account = {
            row.xpath("dt/text()")[0]: row.xpath("dd/text()")[0] for row in tree.xpath("//dl[@class='account']/div")
        }
        assert account == {
            "audience": "5",
            "sent": "2",
            "pending": "1",
            "failed": "1",
            "suppressed": "0",
            "in doubt": "1",
            "account": "balanced",
        }


def test_pause_resume_and_cancel_move_the_edition(near, store, sending, token):
    for action, expected in (
        ("pause", EditionStatus.PAUSED),
        ("resume", EditionStatus.SENDING),
        ("cancel", EditionStatus.CANCELLED),
    ):
        answer = near.post(f"/desk/editions/{sending}/{action}", data={"token": token}, headers=HOME)
        assert (answer.status_code, answer.headers["location"]) == (303, f"/desk/editions/{sending}")
        assert status_of(store, sending) == expected


def test_a_button_that_comes_too_late_says_so_and_changes_nothing(near, store, sending, token):
    answer = near.post(f"/desk/editions/{sending}/resume", data={"token": token}, headers=HOME)
    assert answer.status_code == 409
    assert "too late" in answer.text
    assert status_of(store, sending) == EditionStatus.SENDING


@pytest.mark.parametrize(
    ("headers", "given_token", "status"),
    [
        ({}, True, 403),
        ({"origin": "https://evil.example"}, True, 403),
        ({"origin": "http://127.0.0.1:8000", "sec-fetch-site": "cross-site"}, True, 403),
        (HOME, False, 403),
        (HOME | {"x-forwarded-for": "1.2.3.4"}, True, 404),
        (HOME | {"host": "rebound.example"}, True, 404),
    ],
)
def test_no_other_page_can_press_a_button(near, store, sending, token, headers, given_token, status):
    form = {"token": token if given_token else "guess"}
    for path in (f"/desk/editions/{sending}/pause", "/desk/deliveries/4/sent"):
        assert near.post(path, data=form, headers=headers).status_code == status
    assert status_of(store, sending) == EditionStatus.SENDING


def test_nobody_far_away_can_press_a_button(far, store, sending, token):
    for path in (f"/desk/editions/{sending}/pause", "/desk/deliveries/4/sent"):
        headers = {"origin": "https://slow.example", "sec-fetch-site": "same-origin"}
        assert far.post(path, data={"token": token}, headers=headers).status_code == 404
    assert far.get(f"/desk/editions/{sending}").status_code == 404
    assert status_of(store, sending) == EditionStatus.SENDING


def test_getting_a_buttons_address_changes_nothing(near, store, sending):
    assert near.get(f"/desk/editions/{sending}/cancel").status_code == 405
    assert status_of(store, sending) == EditionStatus.SENDING


@pytest.mark.parametrize(("how", "state"), [("sent", State.SENT), ("failed", State.FAILED), ("resend", State.QUEUED)])
def test_a_doubt_is_settled_by_hand_once(near, store, sending, token, how, state):
    page = near.get(f"/desk/editions/{sending}").text
    assert "reader4@post.example" in page
    assert "cut off &lt;b&gt;here" in page
    answer = near.post(f"/desk/deliveries/4/{how}", data={"token": token}, headers=HOME)
    assert answer.status_code == 303
    with store.read() as tx:
        assert tx.scalar(select(delivery.c.state).where(delivery.c.id == 4)) == state
    assert near.post(f"/desk/deliveries/4/{how}", data={"token": token}, headers=HOME).status_code == 409
    assert near.post("/desk/deliveries/999/sent", data={"token": token}, headers=HOME).status_code == 404


def test_failed_deliveries_can_be_tried_again(near, store, sending, token):
    near.post(f"/desk/editions/{sending}/retry", data={"token": token, "from": "home"}, headers=HOME)
    with store.read() as tx:
        assert tx.scalar(select(delivery.c.state).where(delivery.c.id == 3)) == State.QUEUED


def test_monitoring_counts_what_became_of_the_deliveries(near, sending):
    text = near.get("/metrics").text
    for line in (
        'masthead_deliveries{edition="digest/1",state="sent"} 2',
        'masthead_deliveries{edition="digest/1",state="pending"} 1',
        "masthead_uncertain 1",
        "masthead_chunks_open 1",
    ):
        assert line in text


@given(st.lists(st.integers(0, 10**6), min_size=5, max_size=5))
def test_the_bar_of_a_balanced_account_is_filled_to_its_end(terms):
    sent, failed, suppressed, pending, doubt = terms
    view = account_view(Account(sum(terms), sent, failed, suppressed, pending, doubt))
    assert view["balanced"]
    filled = sum(float(term["share"]) for term in view["terms"])
    assert abs(filled - (100 if sum(terms) else 0)) < 0.01


def test_durations_are_said_as_people_say_them():
    assert [duration(s) for s in (0.2, 40, 200, 3 * 3600 + 300)] == ["1 s", "40 s", "3 min", "3 h 5 min"]


def test_opens_and_clicks_are_counted_for_people_and_scanners_apart(near, store, sending):
    from publisher.store import tracking

    with store.begin() as tx:
        numbers = tracking.number_links(tx, sending, ["https://slow.example/articles/a"])
        link = numbers["https://slow.example/articles/a"]
        for human in (True, True, False):
            tracking.count(tx, sending, "click", link=link, human=human)
    page = html.document_fromstring(near.get(f"/desk/editions/{sending}").text)
    row = " ".join(page.xpath("//section[@aria-labelledby='tallies-title']//li")[0].text_content().split())
    assert row == "2 https://slow.example/articles/a 1 by scanners"


def test_complaints_are_said_in_per_cent_with_how_bad_that_is():
    from publisher.subscribers.complaints import rate_of
    from publisher.web.desk.editions import complaint_view

    view = complaint_view(rate_of(2, 1000, warn=0.001, stop=0.003))
    assert (view["percent"], view["level"]) == ("0.20", "warn")


def test_cancelling_for_good_takes_a_second_click(near, sending):
    page = html.document_fromstring(near.get(f"/desk/editions/{sending}").text)
    (cancel,) = page.xpath("//form[contains(@action, '/cancel')]")
    assert cancel.getparent().tag == "details"
    assert cancel.getparent().get("open") is None


def test_a_reply_says_its_code_once():
    from publisher.web.desk.editions import reply_view

    assert reply_view("550 5.1.1 no such user", 550, 3)["text"] == "550 5.1.1 no such user"
    assert reply_view("no such user", 550, 3)["text"] == "550 no such user"
    assert reply_view("", 0, 1)["text"] == "no reply"


def test_a_large_number_is_written_out():
    from publisher.web.desk.metrics import Metric, exposition

    text = exposition([Metric("x", "gauge", "X.", (({"name": 'a"b\n'}, 1234567890.0), ({}, 0.5)))])
    assert text.splitlines()[2:] == ['masthead_x{name="a\\"b\\n"} 1234567890', "masthead_x 0.5"]
