"""``state/`` that is moved away under somebody who uses it."""

from __future__ import annotations

import threading

import pytest

from publisher.errors import SiteMoved
from publisher.pipeline.placed import Placed, keep_looking
from publisher.pipeline.site import open_site
from publisher.settings import load_settings
from publisher.store import meta
from tests.factories import write_site


@pytest.fixture
def site(tmp_path):
    opened = open_site(write_site(tmp_path))
    yield opened
    opened.close()


@pytest.mark.parametrize("replaced", [False, True])
@pytest.mark.parametrize("name", ["state", "state/masthead.db", "state/run.lock"])
def test_each_place_is_looked_at(site, name, replaced):
    directory = site.settings.directory
    (directory / "state" / "run.lock").touch()
    placed = Placed(site.settings, [directory / "state" / "run.lock"])
    placed.check()
    path = directory / name
    path.rename(directory / "moved")
    if replaced:
        path.mkdir() if name == "state" else path.touch()
    with pytest.raises(SiteMoved, match=f"{name} was moved away or replaced"):
        placed.check()
    if replaced:
        path.rmdir() if name == "state" else path.unlink()
    (directory / "moved").rename(path)
    placed.check()


def test_a_database_that_is_made_later_is_known_from_then_on(tmp_path):
    settings = load_settings(write_site(tmp_path))
    settings.state.mkdir()
    placed = Placed(settings)
    open_site(tmp_path).close()
    placed.check()
    (settings.state / "masthead.db").unlink()
    with pytest.raises(SiteMoved):
        placed.check()


def test_who_looks_from_a_thread_is_told_once(site):
    told = []
    done = threading.Event()
    keep_looking(Placed(site.settings), lambda error: (told.append(error), done.set()), seconds=0.01)
    site.settings.state.rename(site.settings.directory / "moved")
    assert done.wait(10)
    assert len(told) == 1


@pytest.mark.parametrize("anew", [False, True])
def test_a_store_makes_no_empty_database_where_its_own_was_moved_away(site, anew):
    state = site.settings.state
    with site.store.begin() as tx:  # its connection stays in the pool
        meta.put(tx, "mark", "1")
        state.rename(site.settings.directory / "moved")
        if anew:
            state.mkdir()
        with pytest.raises(SiteMoved), site.store.read():  # this one needs another
            raise AssertionError("it opened another database")
    assert list(state.glob("*")) == [] if anew else not state.exists()
