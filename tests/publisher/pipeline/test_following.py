"""A site whose ``publication.toml`` is edited while it is open."""

from __future__ import annotations

import logging
import os

import pytest

from publisher.errors import SettingsError, StoreError
from publisher.pipeline import following
from publisher.pipeline.following import Followed
from publisher.pipeline.site import open_site
from tests.factories import publication_toml, write_site


@pytest.fixture
def directory(tmp_path):
    return write_site(tmp_path)


@pytest.fixture
def followed(directory):
    made = Followed(directory, lambda site: site.settings.publication.title)
    yield made
    made.close()


def edit(directory, text: str) -> None:
    path = directory / "publication.toml"
    path.write_text(text)
    os.utime(path, ns=(path.stat().st_atime_ns, path.stat().st_mtime_ns + 1))


def title(followed) -> str:
    with followed.current() as found:
        return found


def test_a_change_is_in_force_at_the_next_look(followed, directory):
    assert title(followed) == "The Slow Post"
    edit(directory, publication_toml(publication={"title": "The Slower Post"}))
    with followed.current(fresh=False) as found:
        assert found == "The Slow Post"
    assert title(followed) == "The Slower Post"


def test_a_wrong_file_keeps_the_last_good_one_and_is_said_once(followed, directory, caplog):
    wrong = publication_toml(web={"porrt": 1})
    title(followed)
    for more in ("", "# saved again\n", "# and again\n"):
        edit(directory, wrong + more)
        assert title(followed) == "The Slow Post"
    another = Followed(directory, lambda site: site.settings.publication.title)
    with pytest.raises(SettingsError):
        title(another)
    (line,) = caplog.messages
    assert "web.porrt" in line
    assert "stay as they were" in line
    edit(directory, publication_toml(web={"prot": 1}))
    title(followed)
    assert len(caplog.messages) == 2  # another mistake is news
    edit(directory, publication_toml())
    title(followed)
    edit(directory, wrong)
    title(followed)
    assert len(caplog.messages) == 3  # and so is one that comes back


def test_a_site_in_use_stays_open_until_it_is_not(directory, monkeypatch):
    closed = []
    monkeypatch.setattr(following.Site, "close", lambda site: closed.append(site.settings.publication.title))
    followed = Followed(directory, lambda site: site)
    with followed.current() as old:
        edit(directory, publication_toml(publication={"title": "New"}))
        with followed.current() as new:
            assert (old.settings.publication.title, new.settings.publication.title) == ("The Slow Post", "New")
        assert closed == []
    assert closed == ["The Slow Post"]
    followed.close()
    assert closed == ["The Slow Post", "New"]


def test_what_mends_itself_is_tried_again_without_another_change(directory, monkeypatch, caplog):
    away = []

    def opening(path):
        if away:
            raise StoreError("the database is away")
        return open_site(path)

    followed = Followed(directory, lambda site: site.settings.publication.title, opening=opening)
    title(followed)
    away.append(True)
    edit(directory, publication_toml(publication={"title": "New"}))
    with caplog.at_level(logging.ERROR):
        assert [title(followed) for _ in range(3)] == ["The Slow Post"] * 3
    assert len(caplog.messages) == 1
    away.clear()
    monkeypatch.setattr(following, "RETRY_SECONDS", 0)
    followed._not_before = 0.0
    assert title(followed) == "New"
    followed.close()
