"""A restored site does nothing outwards before a person lets it go; then nobody gets anything twice unasked."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from publisher import posting
from publisher.cli import app
from publisher.errors import SiteError
from publisher.mail.transports.memory import MemoryTransport
from publisher.pipeline import scheduling, subscribers, waiting
from publisher.pipeline.backup import letting_go
from publisher.pipeline.backup.making import back_up
from publisher.pipeline.backup.restoring import restore
from publisher.pipeline.collecting import collect
from publisher.pipeline.mailing import drain, sweep
from publisher.pipeline.planning import freeze_due, plan_editions
from publisher.pipeline.publishing import publish
from publisher.pipeline.site import open_site
from publisher.store import chunks, deliveries, meta, notices, planning, post_claims, posts, private_feeds, websub
from publisher.store import editions as edition_rows
from publisher.store.chunks import Lease
from publisher.store.states import State
from tests.factories import publication_toml
from tests.publisher.pipeline.backup.conftest import make
from worker.tasks import USE_CASES

HOUR = 3600.0


def another(site, number: int, date: str) -> None:
    """An article more, in the site's folder."""
    text = f"---\ntitle: Number {number}\ndate: {date}\n---\nWords.\n"
    (site.settings.directory / "articles" / f"n{number}.md").write_text(text)


def moved(site, tmp_path, clock, *, gap: float = 6 * HOUR, channels=()):  # type: ignore[no-untyped-def]
    """The site from a backup of this moment, restored after ``gap`` seconds."""
    back_up(site, tmp_path / "b.tar")
    clock.now += gap
    new = tmp_path / "new"
    new.mkdir()
    text = publication_toml(digests=[{"name": "letter"}], mail={"transport": "memory"}, channels=list(channels))
    (new / "publication.toml").write_text(text)
    restore(tmp_path / "b.tar", new, clock=clock)
    return open_site(new, clock=clock)


@pytest.fixture
def restored(sending, tmp_path, clock):
    """A site that was backed up in the middle of a send: five of twenty have left."""
    leave(sending, 5)
    new = moved(sending, tmp_path, clock)
    yield new
    new.close()


def leave(site, number: int) -> None:
    """``number`` messages leave, and their sender dies with its lease."""
    with site.store.begin() as tx:
        lease = chunks.claim(tx, token="t", holder="gone/x", now=site.now(), lease_seconds=600)
        assert isinstance(lease, Lease)
        batch = chunks.next_batch(tx, lease, after=0, limit=number, now=site.now(), lease_seconds=600)
        changes = [chunks.Change(row.id, State.SENT, site.now(), row.first_attempt) for row in batch.rows]
        chunks.record(tx, lease, changes, now=site.now())


def account(site, edition: int = 1):  # type: ignore[no-untyped-def]
    with site.store.read() as tx:
        audit = deliveries.audit(tx, edition)
    assert audit.problems == ()
    return audit.account


def test_nothing_leaves_and_nothing_is_planned_before_a_person_lets_go(restored, clock):
    another(restored, 2, "2026-09-21")
    with restored.store.begin() as tx:
        notices.queue(tx, "welcome", "s1@example.org", now=clock())
        websub.owe(tx, {"https://slow.example/feed": "1"}, hubs=["https://hub.example/"], now=clock())
    transport = MemoryTransport()
    assert collect(restored) is not None  # feeds are built, articles read
    assert (restored.settings.state / "feeds").exists()
    assert (plan_editions(restored), scheduling.plan_due(restored), freeze_due(restored)) == ([], [], [])
    assert drain(restored, transport=transport).tried == 0
    assert (subscribers.send_notices(restored), USE_CASES.websub(restored).idle) == (0, True)
    assert USE_CASES.post(restored) == posting.SendReport()
    assert sweep(restored).recovered == 0
    assert USE_CASES.sweep(restored).recovered == 0
    assert transport.taken == []
    told = publish(restored)
    assert told.refused
    assert told.waiting.startswith("restored from a backup")
    assert told.to_dict()["ok"] is False
    assert not told.problems
    assert account(restored).sent == 5
    with restored.store.read() as tx:
        assert notices.any_due(tx, now=clock())
        assert edition_rows.listing(tx, limit=9)[0].number == 1


def test_every_use_case_of_the_worker_that_lets_something_leave_is_held():
    free = {"collect", "feedback", "sweep"}  # they read; the ledger is swept by mailing.sweep, which is held
    for name, use_case in USE_CASES._asdict().items():
        assert hasattr(use_case, "__wrapped__") is (name not in free), name


def test_what_is_held_is_listed_by_name(restored):
    found = letting_go.standing(restored)
    held = {one.name: one.number for one in found.held}
    assert held == {"letter:1": 15, "letter": 0, "posts": 0, "notices": 0, "calls": 0}
    assert found.waits.gap.total_seconds() == 6 * HOUR
    assert any("private feeds" in line for line in found.unknown)


def test_counted_as_sent_nobody_gets_it_again(restored):
    lines = letting_go.let_go(restored, "count")
    assert "letter:1: 15 deliveries counted as sent" in lines
    transport = MemoryTransport()
    plan_editions(restored)
    freeze_due(restored)
    drain(restored, transport=transport)
    sweep(restored)
    assert transport.taken == []
    assert (account(restored).sent, account(restored).pending) == (20, 0)
    with restored.store.read() as tx:
        assert edition_rows.get(tx, 1).status == "done"
    with pytest.raises(SiteError, match="nothing waits"):
        letting_go.let_go(restored, "count")


def test_sent_on_everybody_who_was_not_sent_it_gets_it_once(restored):
    letting_go.let_go(restored, "send")
    transport = MemoryTransport()
    drain(restored, transport=transport)
    sweep(restored)
    assert len({one.recipient for one in transport.taken}) == len(transport.taken) == 15
    assert account(restored).sent == 20


@pytest.mark.parametrize("choice", ["count", "send"])
def test_one_thing_may_go_the_other_way(restored, choice):
    letting_go.let_go(restored, choice, but=["letter:1"])
    transport = MemoryTransport()
    drain(restored, transport=transport)
    assert len(transport.taken) == (15 if choice == "count" else 0)


def test_a_name_that_is_not_held_changes_nothing(restored):
    with pytest.raises(SiteError, match=r"'letter:9' is not held; held are: letter:1, letter, posts"):
        letting_go.let_go(restored, "count", but=["letter:9"])
    assert waiting.restored(restored) is not None


@pytest.mark.parametrize(("choice", "again"), [("count", 0), ("send", 20)])
def test_articles_of_the_gap_go_to_nobody_twice_and_later_ones_to_everybody(sending, tmp_path, clock, choice, again):
    drain(sending, transport=MemoryTransport())
    sweep(sending)
    new = moved(sending, tmp_path, clock)
    another(new, 2, "2026-09-21 15:00")  # it was written, and sent, in the gap of 14:13 to 20:13
    letting_go.let_go(new, choice)
    transport = MemoryTransport()
    plan_editions(new)
    freeze_due(new)
    drain(new, transport=transport)
    assert len(transport.taken) == again
    clock.now += HOUR
    another(new, 3, "2026-09-21 20:30")
    collect(new)
    plan_editions(new)
    freeze_due(new)
    drain(new, transport=transport)
    assert len(transport.taken) == again + 20
    new.close()


def test_whoever_waited_for_a_slot_after_the_gap_still_gets_the_articles(sending, tmp_path, clock):
    with sending.store.begin() as tx:
        planning.advance(tx, "letter", [1], cursor=1, new_cursor=0, next_due=clock.now + 48 * HOUR)
        planning.advance(tx, "letter", [2], cursor=1, new_cursor=0, next_due=None)
    new = moved(sending, tmp_path, clock)
    held = {one.name: one.number for one in letting_go.standing(new).held}
    assert held["letter"] == 1
    letting_go.let_go(new, "count")
    with new.store.read() as tx:
        rows = {row.subscriber_id: row.cursor for row in planning.due(tx, "letter", now=clock.now + 99 * HOUR).rows}
    assert (rows.get(1), rows.get(2)) == (0, None)
    new.close()


def test_a_draft_that_counts_as_sent_has_its_page_and_is_not_sent(tmp_path, sending, clock):
    another(sending, 2, "2026-09-21 10:00")
    collect(sending)
    (planned,) = plan_editions(sending)
    new = moved(sending, tmp_path, clock)
    letting_go.let_go(new, "count")
    transport = MemoryTransport()
    freeze_due(new)
    drain(new, transport=transport)
    assert transport.taken == []
    assert account(new, planned.edition_id).sent == 20
    with new.store.read() as tx:
        assert edition_rows.variant(tx, planned.edition_id, "0")
    new.close()


def test_posts_notices_and_calls_that_count_as_done_are_not_done(sending, tmp_path, clock):
    with sending.store.begin() as tx:
        notices.queue(tx, "welcome", "s1@example.org", now=clock())
        websub.owe(tx, {"https://slow.example/feed": "1"}, hubs=["https://hub.example/"], now=clock())
        private_feeds.issue(tx, 1, now=clock())
        for number, status in enumerate(("queued", "sending", "unknown", "published")):
            tx.exec_driver_sql(
                "INSERT INTO post (channel, article_id, part, parts, revision, status, key, whole, text, content,"
                " article_published, created, due, first_sent, claim) VALUES"
                f" ('chat', 'a{number}', 0, 1, 'r', '{status}', 'k', 'w', 't', '{{}}', 1, 1, 1,"
                f" {'NULL' if status == 'queued' else 1}, NULL)"
            )
    channel = {"name": "chat", "kind": "discord", "options": {"webhook": {"env": "CHAT"}}}
    new = moved(sending, tmp_path, clock, channels=[channel])
    found = letting_go.standing(new)
    assert {one.name: one.number for one in found.held if one.name in ("posts", "notices", "calls")} == {
        "posts": 3,
        "notices": 1,
        "calls": 1,
    }
    letting_go.let_go(new, "count")
    with new.store.read() as tx:
        assert not notices.any_due(tx, now=clock() + HOUR)
        assert not websub.anything_due(tx, now=clock() + HOUR)
        assert post_claims.due_channels(tx, clock() + HOUR) == []
        known = posts.known_articles(tx, "chat")
        assert set(known) >= {"a0", "a1", "a2", "a3"}  # none of them is queued again
        assert {row.status for row in posts.newest(tx)} == {"unknown", "published"}
    assert collect(new).posts_queued == 0
    new.close()


def test_what_a_senders_journal_knows_is_on_record_after_the_restore(sending, tmp_path, clock):
    from publisher.delivery.journal import Intent, Journal, ResultRecord

    directory = sending.settings.journal
    journal = Journal(directory)
    with sending.store.read() as tx:
        rows = deliveries.rows(tx, 1)
    journal.intend(Intent(rows[0].id, 1, clock() - 3))
    journal.result(ResultRecord(rows[0].id, 1, "sent", clock() - 2, 250, "ok"))
    journal.intend(Intent(rows[1].id, 1, clock() - 1))
    new = moved(sending, tmp_path, clock)
    journal.close(keep=False)
    assert waiting.restored(new).learned == {"messages sent, from journals": 1}
    assert account(new).sent == 1
    with new.store.read() as tx:
        assert deliveries.get(tx, rows[1].id).first_attempt == clock.now - 6 * HOUR - 1
    new.close()


def test_journals_that_are_left_in_the_site_are_read_and_moved_aside(sending, tmp_path, clock):
    from publisher.delivery.journal import Intent, Journal, ResultRecord

    back_up(sending, tmp_path / "b.tar")
    clock.now += 120
    journal = Journal(sending.settings.journal)
    with sending.store.read() as tx:
        row = deliveries.rows(tx, 1)[0]
    journal.intend(Intent(row.id, 1, clock()))
    with pytest.raises(SiteError, match="a sender is at work"):
        restore(tmp_path / "b.tar", sending.settings.directory, clock=clock, force=True)
    journal.result(ResultRecord(row.id, 1, "sent", clock(), 250, "ok"))
    journal.close(keep=True)
    done = restore(tmp_path / "b.tar", sending.settings.directory, clock=clock, force=True)
    assert done.waits.learned["messages sent, from journals"] == 1
    assert done.journal_moved_to.is_dir()
    assert not sending.settings.journal.exists()
    assert account(sending).sent == 1


def call(site, *words: str, **more):  # type: ignore[no-untyped-def]
    return CliRunner().invoke(app, [*words, "--site", str(site.settings.directory)], **more)


def test_the_commands_say_it(restored):
    assert "restored from a backup" in call(restored, "status").stderr
    (one,) = json.loads(call(restored, "status", "--json").stdout)
    assert one["waits"] == "restored"
    told = call(restored, "restored").stdout
    assert "letter:1" in told
    assert "the gap is 6:00:00" in told
    assert json.loads(call(restored, "restored", "--json").stdout)["gap_seconds"] == 6 * HOUR
    told = call(restored, "publish")
    assert told.exit_code == 1
    assert "waiting: restored from a backup" in told.stderr
    assert "set aside" not in told.stderr
    for way in ("all", "none"):
        assert call(restored, "restored", "--let-go", way, input="n\n").exit_code == 1
        assert waiting.restored(restored) is not None
    assert isinstance(call(restored, "restored", "--let-go", "some").exception, SiteError)
    with pytest.raises(SiteError, match="see masthead restored"):
        waiting.refuse_if_restored(restored)
    assert "15 deliveries counted as sent" in call(restored, "restored", "--let-go", "none", "-y").stdout
    assert "Nothing waits" in call(restored, "restored").stdout
    assert json.loads(call(restored, "status", "--json").stdout)[0]["waits"] == ""
    with restored.store.read() as tx:
        assert meta.get(tx, meta.RESTORED) is None


def test_backup_and_restore_as_commands(tmp_path):
    site = make(tmp_path / "site")
    runner, file, into = CliRunner(), str(tmp_path / "c.tar"), str(tmp_path / "new")
    assert runner.invoke(app, ["publish", "--site", str(site)]).exit_code == 0
    told = runner.invoke(app, ["backup", file, "--site", str(site)])
    assert told.exit_code == 0, told.exception
    assert "20 subscribers" in told.stdout
    made = json.loads(runner.invoke(app, ["backup", file, "--site", str(site), "--json"]).stdout)
    assert (made["ledger"]["deliveries"], made["ledger"]["pending"]) == (20, 0)
    told = runner.invoke(app, ["restore", file, "--into", into])
    assert told.exit_code == 0, told.exception
    assert "Nothing is planned, mailed, posted or called until you let it go" in told.stdout
    assert isinstance(runner.invoke(app, ["restore", file, "--into", into]).exception, SiteError)
    again = runner.invoke(app, ["restore", file, "--into", into, "--force", "--json"])
    assert json.loads(again.stdout)["state"] == "restored"
