"""Two machines with a ``state/`` and a folder of articles each, over one database."""

from __future__ import annotations

import json
import logging
import os
import shutil
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import text
from typer.testing import CliRunner

from publisher.articles import sources
from publisher.cli import app
from publisher.pipeline import audience as publisher_audience
from publisher.pipeline import owning
from publisher.pipeline.collecting import collect, gather
from publisher.pipeline.machine import machine_of
from publisher.pipeline.site import Site, open_site
from publisher.settings import load_settings
from publisher.store import articles
from tests.factories import write_site

NOW = 1_795_000_000.0  # 2026-11-18


class Clock:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def machines(tmp_path, database_url, clock):
    """Two open sites; the times of their files differ, as after a deployment."""
    opened = [
        open_site(write_site(tmp_path / name, database={"url": database_url}), clock=clock) for name in ("one", "two")
    ]
    yield opened
    for site in opened:
        site.close()


def write(site: Site, name: str, at: float = 0, **front: str) -> None:
    lines = "\n".join(f"{key}: {value}" for key, value in {"title": name, "date": "2026-11-01", **front}.items())
    path = site.settings.directory / "articles" / f"{name}.md"
    path.write_text(f"---\n{lines}\n---\nWords about {name}.\n")
    os.utime(path, (NOW + at, NOW + at))


def titles_in_feed(site: Site) -> set[str]:
    feed = json.loads((site.settings.state / "feeds" / "feed.json").read_bytes())
    return {item["title"] for item in feed["items"]}


def offered(site: Site) -> set[str]:
    with site.store.read() as tx:
        return {article.title for article in articles.newest(tx)}


@pytest.fixture
def readings(monkeypatch):
    """The sources that were read, by the site they are of."""
    seen = []
    real = sources.read

    def read(settings, site, publication):
        seen.append(site.name)
        return real(settings, site, publication)

    monkeypatch.setattr(sources, "read", read)
    return seen


def test_the_feeds_of_both_machines_hold_every_new_article_and_idle_ticks_read_nothing(machines, readings):
    one, two = machines
    for number in range(5):
        for at, site in enumerate(machines):
            write(site, f"piece {number}", at)
        # The two tick in either order.
        for site in (one, two) if number % 2 else (two, one):
            gather(site)
        for site in machines:
            gather(site)
            assert titles_in_feed(site) == {f"piece {n}" for n in range(number + 1)}
    done, files = len(readings), [feed_stamps(site) for site in machines]
    for _ in range(4):
        for site in machines:
            assert gather(site) is None
    assert len(readings) == done
    assert files == [feed_stamps(site) for site in machines]
    assert len(set(readings)) == 1  # and one machine alone read them


def feed_stamps(site: Site) -> dict[str, int]:
    folder = site.settings.state / "feeds"
    return {path.name: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}


def test_an_article_that_one_machine_alone_has_stays_whoever_ticks(machines):
    one, _ = machines
    for at, site in enumerate(machines):
        write(site, "shared", at)
    write(one, "only here")
    for _ in range(3):
        for site in machines:
            gather(site)
            assert offered(site) == titles_in_feed(site) == {"shared", "only here"}


def expire(site: Site) -> None:
    """On PostgreSQL a lease runs by the database's clock."""
    with site.store.begin() as tx:
        tx.execute(text("UPDATE owner SET until = until - :seconds"), {"seconds": owning.LEASE_SECONDS + 1})


def test_a_change_of_owner_withdraws_nothing_and_the_new_one_adds_and_edits(machines, clock, caplog):
    one, two = machines
    for at, site in enumerate(machines):
        write(site, "shared", at)
    write(one, "only one had it")
    gather(one)
    write(two, "new on two")
    gather(two)
    assert offered(two) == {"shared", "only one had it"}
    clock.now += owning.LEASE_SECONDS + 1  # machine one is gone
    expire(one)
    with caplog.at_level(logging.WARNING):
        gather(two)
    assert offered(two) == titles_in_feed(two) == {"shared", "only one had it", "new on two"}
    assert sum("another machine had" in line and "only one had it.md" in line for line in caplog.messages) == 1
    caplog.clear()
    write(two, "more")
    gather(two)
    assert caplog.messages == []  # it was said
    # What it has had itself it withdraws when it is gone.
    (two.settings.directory / "articles" / "more.md").unlink()
    (two.settings.directory / "articles" / "shared.md").unlink()
    gather(two)
    assert offered(two) == {"only one had it", "new on two"}
    # The first one is back, and is told that it is not the one that reads.
    caplog.clear()
    for _ in range(2):
        gather(one)
    assert [("articles are read on" in line) for line in caplog.messages] == [True]
    assert offered(one) == {"only one had it", "new on two"}
    # It takes them over again, and again nothing goes.
    owning.claim(one, take=True)
    gather(one)
    assert offered(one) == {"shared", "only one had it", "new on two"}
    gather(two)
    assert owning.claim(two).mine is False


def test_a_person_says_that_what_is_missed_is_gone(machines):
    one, two = machines
    write(one, "old")
    gather(one)
    owning.claim(two, take=True)
    assert collect(two).missed == ["articles/old.md"]
    assert collect(two, withdraw_missed=True).withdrawn == 1
    assert offered(two) == set()


def test_the_command_shows_and_changes_which_machine_reads(machines, clock):
    one, two = machines
    clock.now = time.time()  # a command has no other

    def call(site: Site, *words: str):
        return CliRunner().invoke(app, [*words, "--site", str(site.settings.directory)])

    write(one, "old")
    assert "not read yet" in call(two, "sources").stdout
    gather(one)
    assert f"read here, on {machine_of(one.settings).place}" in call(one, "status").stdout
    shown = json.loads(call(two, "sources", "--json").stdout)
    assert (shown["shared"], shown["read_here"], shown["read_on"]) == (True, False, machine_of(one.settings).place)
    refused = call(two, "sources", "--withdraw")
    assert (refused.exit_code, offered(one)) == (1, {"old"})
    taken = call(two, "sources", "--take")
    assert taken.exit_code == 0
    assert "old.md" in taken.stderr
    assert "read here" in taken.stdout
    assert offered(one) == {"old"}
    assert "1 withdrawn" in call(two, "sources", "--withdraw").stderr
    assert offered(one) == set()
    assert "read here" not in call(one, "status").stdout


def test_a_machine_that_is_overtaken_while_it_reads_saves_nothing(machines, monkeypatch):
    one, two = machines
    write(one, "late")
    real = sources.read

    def slow(settings, site, publication):
        reading = real(settings, site, publication)
        if site.name == "one":
            owning.claim(two, take=True)
        return reading

    monkeypatch.setattr(sources, "read", slow)
    found = collect(one)
    assert offered(one) == set()
    assert (found.new, found.read) == ([], False)
    assert "articles are read on" in str(found.problems[0])


def test_publish_on_the_machine_that_does_not_read_says_so(machines):
    one, two = machines
    gather(one)
    write(two, "unseen")
    found = collect(two)
    (problem,) = found.problems
    assert str(one.settings.directory) in str(problem)
    assert "masthead sources --take" in str(problem)
    assert not problem.refused


def test_feeds_are_built_again_where_they_were_lost(machines):
    one, two = machines
    write(one, "piece")
    gather(one)
    gather(two)
    for lost in ("feeds", "feed-cache"):
        shutil.rmtree(two.settings.state / lost)
        gather(two)
        assert titles_in_feed(two) == {"piece"}


def test_a_machine_whose_lease_was_written_by_a_clock_far_ahead_is_not_waited_for(tmp_path, migrated, clock):
    shutil.copy(migrated, tmp_path / "shared.db")
    url = f"sqlite:///{tmp_path}/shared.db"
    one, two = (open_site(write_site(tmp_path / name, database={"url": url}), clock=clock) for name in ("one", "two"))
    clock.now += 86_400 * 365
    assert owning.claim(one).mine
    clock.now = NOW
    assert owning.claim(two).mine
    one.close()
    two.close()


def test_a_copy_of_a_state_directory_is_another_machine(machines, tmp_path):
    one, two = machines
    mine = machine_of(one.settings)
    assert machine_of(one.settings) == mine
    shutil.copytree(one.settings.state, two.settings.state, dirs_exist_ok=True)
    assert machine_of(two.settings).id not in ("", mine.id)
    # One that was moved as it is stays the machine it was.
    os.rename(one.settings.directory, tmp_path / "moved")
    moved = one.settings.model_copy(update={"directory": tmp_path / "moved"})
    assert machine_of(moved).id == mine.id


def test_a_database_in_state_is_shared_with_nobody(tmp_path, clock):
    site = open_site(write_site(tmp_path), clock=clock)
    assert machine_of(site.settings).id == ""
    write(site, "piece")
    gather(site)
    (tmp_path / "articles" / "piece.md").unlink()
    assert gather(site).withdrawn == 1
    site.close()


def test_each_machine_reads_its_own_list_of_subscribers_once(machines, monkeypatch):
    read = []
    real = publisher_audience._read
    monkeypatch.setattr(publisher_audience, "_read", lambda site, *rest: read.append(site) or real(site, *rest))
    for at, site in enumerate(machines):
        path = site.settings.directory / "subscribers.csv"
        path.write_text(f"address\nada{at}@example.org\n")
        os.utime(path, (NOW + at, NOW + at))
    for _ in range(3):
        for site in machines:
            gather(site)
    assert read == machines


def test_processes_that_start_at_once_on_a_copied_state_agree_on_who_the_machine_is(tmp_path):
    site = write_site(tmp_path, database={"url": "postgresql+psycopg://db/x"})
    (site / "state").mkdir()
    foreign = {"id": "another", "place": "elsewhere:/srv", "file": 0}
    for _ in range(10):
        (site / "state" / "machine").write_text(json.dumps(foreign), encoding="utf-8")
        with ThreadPoolExecutor(6) as pool:
            ids = set(pool.map(lambda _: machine_of(load_settings(site)).id, range(6)))
        assert len(ids) == 1
        assert ids != {"another"}
