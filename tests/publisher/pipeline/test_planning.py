"""From due subscribers to a frozen audience, and what a crash or a bad template in between leaves."""

from __future__ import annotations

import contextlib
import logging
import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import text

from publisher.digests import planning as deciding
from publisher.model import EditionStatus
from publisher.pipeline import collecting
from publisher.pipeline.audience import join_audience
from publisher.pipeline.mailing import drain
from publisher.pipeline.planning import MAX_OPTIMISTIC_TRIES, freeze_due, plan_editions
from publisher.pipeline.site import Site, open_site
from publisher.store import articles, editions, freezing, subscribers
from tests.factories import write_site

NOW = 1_795_000_000.0


@pytest.fixture
def site(tmp_path):
    write_site(tmp_path, digests=[{"name": "letter", "max_articles": 2}])
    (tmp_path / "subscribers.csv").write_text("address,name,language\nanna@example.org,Anna,en\nbo@example.org,Bo,it\n")
    opened = open_site(tmp_path, clock=lambda: NOW)
    yield opened
    opened.close()


def write(site, *names: str, day: int = 1) -> None:
    for number, name in enumerate(names):
        text = f"---\ntitle: {name}\ndate: 2026-11-{day + number:02d}\n---\nWords of {name}.\n"
        (site.settings.directory / "articles" / f"{name}.md").write_text(text)


def collect(site) -> None:
    join_audience(site)
    collecting.collect(site)


def titles(site, edition_id: int) -> list[str]:
    with site.store.read() as tx:
        return [article.title for article in editions.get(tx, edition_id).articles]


def status(site, edition_id: int) -> tuple[EditionStatus, str, float | None]:
    with site.store.read() as tx:
        (row,) = [row for row in editions.listing(tx) if row.id == edition_id]
        return EditionStatus(row.status), row.reason, row.due


def test_the_first_edition_holds_the_newest_articles_and_not_the_archive(site):
    write(site, "one", "two", "three", "four")
    collect(site)
    (planned,) = plan_editions(site)
    assert titles(site, planned.edition_id) == ["four", "three"]
    assert plan_editions(site) == []


def test_somebody_else_can_write_while_planning_reads_and_decides(site, monkeypatch):
    write(site, "one")
    collect(site)
    plan = deciding.plan

    def decide(*arguments):
        other = sqlite3.connect(site.settings.state / "masthead.db", timeout=0)
        other.execute("BEGIN IMMEDIATE")  # fails at once while another connection writes
        other.close()
        return plan(*arguments)

    monkeypatch.setattr(deciding, "plan", decide)
    assert [planned.articles for planned in plan_editions(site)] == [1]


def test_planning_makes_an_article_of_no_row(site, monkeypatch):
    """Bodies are read when a variant is composed, and only those of its articles."""
    write(site, "one", "two")
    collect(site)

    def refuse(document):
        raise AssertionError("planning read a whole article")

    with monkeypatch.context() as patched:
        patched.setattr(articles, "from_document", refuse)
        (planned,) = plan_editions(site)
    assert titles(site, planned.edition_id) == ["two", "one"]


@pytest.mark.parametrize("times", [1, 2, 9])
def test_a_wish_that_changes_while_planning_decides_is_planned_for(site, monkeypatch, times):
    """Decided on what is no longer so is decided again; the last time nobody can change anything meanwhile."""
    write(site, "one")
    collect(site)
    plan, calls = deciding.plan, []

    def decide(*arguments):
        calls.append(arguments)
        if len(calls) <= min(times, MAX_OPTIMISTIC_TRIES):
            with site.store.begin() as tx:
                anna = subscribers.by_address(tx, "anna@example.org")
                subscribers.subscribe(tx, anna.id, "letter", now=NOW, tags=f'["none-{len(calls)}"]')
        return plan(*arguments)

    monkeypatch.setattr(deciding, "plan", decide)
    (planned,) = plan_editions(site)
    assert len(calls) == 1 + min(times, MAX_OPTIMISTIC_TRIES)
    assert planned.subscribers == 1, "Anna follows nothing that this edition has"


def test_an_article_that_is_withdrawn_while_planning_decides_is_in_no_edition(site, monkeypatch):
    write(site, "one", "two")
    collect(site)
    plan, calls = deciding.plan, []

    def decide(*arguments):
        calls.append(arguments)
        if len(calls) == 1:
            with site.store.begin() as tx:
                articles.withdraw(tx, [articles.newest(tx)[0].id], now=NOW)
        return plan(*arguments)

    monkeypatch.setattr(deciding, "plan", decide)
    (planned,) = plan_editions(site)
    assert titles(site, planned.edition_id) == ["one"]


def test_readers_of_two_languages_are_two_variants_of_one_edition(site):
    write(site, "one")
    collect(site)
    (planned,) = plan_editions(site)
    assert planned.subscribers == 2
    assert freeze_due(site) == [planned.edition_id]
    with site.store.read() as tx:
        assert editions.composed(tx, planned.edition_id) == ["0", "1"]
        assert editions.uncomposed(tx, planned.edition_id) == []


def test_the_first_variant_is_the_one_that_most_subscribers_get_or_else_the_publications_language(site):
    write(site, "one")
    people = site.settings.directory / "subscribers.csv"
    people.write_text("address,name,language\nnoor@example.org,Noor,ar\nanna@example.org,Anna,en\n")
    collect(site)
    (planned,) = plan_editions(site)
    people.write_text("address,name,language\ncy@example.org,Cy,it\ndi@example.org,Di,it\n")
    write(site, "two", day=3)
    collect(site)
    (second,) = plan_editions(site)
    with site.store.read() as tx:
        assert editions.recipe_of(tx, planned.edition_id, "0").language == "en"
        assert editions.recipe_of(tx, second.edition_id, "0").language == "it"


def test_more_news_than_fit_wait_for_the_next_edition_oldest_first(site):
    write(site, "zero")
    collect(site)
    plan_editions(site)
    write(site, "one", "two", "three", day=5)
    collect(site)
    found = [titles(site, planned.edition_id) for _ in range(3) for planned in plan_editions(site)]
    assert found == [["two", "one"], ["three"]]


def test_a_crash_between_planning_and_freezing_leaves_a_draft_that_the_next_tick_freezes(site):
    write(site, "one")
    collect(site)
    (planned,) = plan_editions(site)
    again = open_site(site.settings.directory, clock=lambda: NOW)  # as a new process would
    try:
        assert plan_editions(again) == []
        assert freeze_due(again) == [planned.edition_id]
    finally:
        again.close()


def test_a_template_that_fails_keeps_the_draft_with_its_reason_and_is_tried_again_later(site):
    template = site.settings.directory / "templates" / "email" / "letter"
    template.mkdir(parents=True)
    (template / "subject.txt").write_text("{{ nobody.knows }}\n")
    write(site, "one")
    collect(site)
    (planned,) = plan_editions(site)
    assert freeze_due(site) == []
    now, reason, due = status(site, planned.edition_id)
    assert now is EditionStatus.DRAFT
    assert "nobody" in reason
    assert due is not None
    assert due > NOW
    assert freeze_due(site) == []  # not before it is due
    (template / "subject.txt").unlink()
    later = Site(site.settings, site.store, lambda: due + 1)
    assert freeze_due(later) == [planned.edition_id]


def test_whoever_unsubscribes_between_planning_and_freezing_is_not_in_the_audience(site):
    write(site, "one")
    collect(site)
    plan_editions(site)
    with site.store.begin() as tx:
        anna = subscribers.by_address(tx, "anna@example.org")
        subscribers.unsubscribe(tx, anna.id, now=NOW)
    freeze_due(site)
    assert drain(site).sent == 1


def test_an_edited_article_is_never_sent_again(site):
    write(site, "one")
    collect(site)
    plan_editions(site)
    path = site.settings.directory / "articles" / "one.md"
    path.write_text(path.read_text() + "\nAnd a correction.\n")
    collect(site)
    assert plan_editions(site) == []


def test_an_old_article_that_is_imported_later_goes_into_no_digest(site):
    write(site, "one")
    collect(site)
    plan_editions(site)
    (site.settings.directory / "articles" / "old.md").write_text("---\ntitle: Old\ndate: 2019-01-01\n---\nWords.\n")
    collect(site)
    assert plan_editions(site) == []


def test_a_subscriber_of_topics_is_told_which_of_them_brought_the_digest(site):
    text = "---\ntitle: one\ndate: 2026-11-02\nsection: Kitchen\ntags: [bread, salt]\n---\nWords.\n"
    (site.settings.directory / "articles" / "one.md").write_text(text)
    join_audience(site)
    with site.store.begin() as tx:
        anna = subscribers.by_address(tx, "anna@example.org")
        subscribers.subscribe(tx, anna.id, "letter", now=NOW, tags='["Bread", "stars"]')
    collecting.collect(site)
    plan_editions(site)
    freeze_due(site)
    drain(site)
    outbox = site.settings.state / "outbox" / "new"
    by_subscriber = {b"anna" in path.read_bytes(): path.read_bytes() for path in outbox.iterdir()}
    assert b"Bread" in by_subscriber[True]
    assert b"stars" not in by_subscriber[True]
    assert b"Bread" not in by_subscriber[False]


@pytest.mark.server
def test_processes_that_freeze_at_once_log_no_error(tmp_path, cluster, caplog):
    """PostgreSQL gives up one of two transactions that froze the same draft; that is nobody's mistake."""
    write_site(tmp_path, digests=[{"name": "letter"}], database={"url": cluster.database()})
    (tmp_path / "subscribers.csv").write_text("address\n" + "".join(f"s{n}@example.org\n" for n in range(50)))
    sites = [open_site(tmp_path, clock=lambda: NOW) for _ in range(4)]
    write(sites[0], "one")
    collect(sites[0])
    plan_editions(sites[0])
    started, real = threading.Barrier(4), freezing.freeze

    def together(tx, *rest, **more):
        tx.execute(text("SELECT 1"))  # the snapshot is taken before the others write
        with contextlib.suppress(threading.BrokenBarrierError):
            started.wait(10)
        return real(tx, *rest, **more)

    with pytest.MonkeyPatch.context() as patch, ThreadPoolExecutor(4) as pool:
        patch.setattr(freezing, "freeze", together)
        threading.Timer(20, started.abort).start()
        frozen = list(pool.map(freeze_due, sites))
    assert sorted(map(len, frozen)) == [0, 0, 0, 1]
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING] == []
    for site in sites:
        site.close()
