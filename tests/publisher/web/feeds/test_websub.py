"""The hub's door: what is asked is noted, refused with what to change, or put off."""

from __future__ import annotations

import pytest

import feeds
from publisher.settings import load_settings
from publisher.store import articles as stored
from publisher.store import websub as rows
from publisher.websub import hub as websub
from tests.publisher.web.conftest import BASE

ASKED = {"hub.mode": "subscribe", "hub.topic": f"{BASE}/feed.rss", "hub.callback": "https://reader.example/push"}


@pytest.fixture
def hub(site_dir, store, add, article_of, far):
    add(article_of(1))
    with store.read() as tx:
        feeds.write_all(load_settings(site_dir), stored.newest(tx))
    return far


def waiting(store) -> int:
    with store.read() as tx:
        return rows.waiting(tx)


def test_a_request_is_accepted_and_waits_for_the_worker(hub, store):
    answer = hub.post("/websub", data={**ASKED, "hub.secret": "hunter2"})
    assert answer.status_code == 202
    assert waiting(store) == 1
    assert "hunter2" not in answer.text


def test_what_cannot_be_done_is_a_400_in_one_line(hub, store):
    answer = hub.post("/websub", data={**ASKED, "hub.topic": "https://other.example/"})
    assert answer.status_code == 400
    assert "hub.topic" in answer.text
    assert answer.text.count("\n") == 1
    assert waiting(store) == 0


def test_a_busy_hub_says_when_to_come_back(hub, monkeypatch):
    monkeypatch.setattr(websub, "MAX_WAITING", 0)
    answer = hub.post("/websub", data=ASKED)
    assert answer.status_code == 503
    assert int(answer.headers["retry-after"]) > 0


def test_anything_but_a_form_is_refused(hub):
    assert hub.post("/websub", json=ASKED).status_code == 415


def test_a_person_is_told_what_this_is(hub):
    answer = hub.get("/websub")
    assert answer.status_code == 200
    assert "WebSub hub of The Slow Post" in answer.text
