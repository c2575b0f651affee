"""The pages follow ``publication.toml``."""

from __future__ import annotations

import os

import pytest
from starlette.testclient import TestClient

from publisher.web.app import create_app
from publisher.web.following import FollowingApp
from tests.factories import publication_toml, write_site


@pytest.fixture
def followed(tmp_path):
    app = FollowingApp(write_site(tmp_path))
    yield app
    app.close()


def edit(directory, **tables) -> None:
    path = directory / "publication.toml"
    path.write_text(publication_toml(**tables))
    os.utime(path, ns=(path.stat().st_atime_ns, path.stat().st_mtime_ns + 1))


def test_a_new_title_is_on_the_pages_after_the_next_look_and_a_mistake_changes_nothing(followed, tmp_path):
    client = TestClient(followed)
    assert "The Slow Post" in client.get("/").text
    edit(tmp_path, publication={"title": "The Slower Post"})
    followed._followed.refresh()
    assert "The Slower Post" in client.get("/").text
    edit(tmp_path, web={"porrt": 1})
    followed._followed.refresh()
    assert "The Slower Post" in client.get("/").text


def test_it_looks_by_itself(followed, tmp_path, monkeypatch):
    monkeypatch.setattr("publisher.web.following.LOOK_SECONDS", 0.01)
    followed.keep_looking()
    edit(tmp_path, publication={"title": "The Slower Post"})
    client = TestClient(followed)
    for _ in range(1000):
        if "The Slower Post" in client.get("/").text:
            return
    raise AssertionError("the change was not followed")


def test_forms_that_were_handed_out_before_a_change_still_count(tmp_path, monkeypatch):
    tokens = []

    def create(site, *, token):
        tokens.append(token.value)
        return create_app(site, token=token)

    monkeypatch.setattr("publisher.web.following.create_app", create)
    app = FollowingApp(write_site(tmp_path))
    edit(tmp_path, publication={"title": "The Slower Post"})
    app._followed.refresh()
    assert len(tokens) == 2
    assert len(set(tokens)) == 1
    app.close()
