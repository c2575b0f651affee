"""Which reports suppress, which count, and when an edition stops."""

from __future__ import annotations

import shutil

import pytest

from publisher.mail.feedback import Kind, Report, verp
from publisher.mail.feedback.mailboxes import open_mailbox
from publisher.mail.transport import Cause
from publisher.model import EditionStatus
from publisher.store import articles, consent, deliveries, editions, open_store, reports, subscribers
from publisher.store.states import State
from publisher.store.subscribers import NewSubscriber, SubscriberStatus
from publisher.store.tables import chunk, delivery, edition
from publisher.subscribers import feedback, leaving
from publisher.subscribers.complaints import complaint_rate, rate_of
from publisher.subscribers.feedback import Effect, enough_bounces, record
from publisher.subscribers.mailbox import drain_mailbox, take_mail
from publisher.subscribers.personal_links import keyring_of
from tests import factories

DAY = 86_400.0
NOW = 1_800_000_000.0


@pytest.fixture
def settings(tmp_path):
    return factories.settings(tmp_path, feedback={"mailbox": "maildir", "path": "reports"})


@pytest.fixture
def store(settings, migrated, tmp_path):
    opened = open_store(f"sqlite:///{shutil.copy(migrated, tmp_path / 'masthead.db')}")
    with opened.begin() as tx:
        people = [NewSubscriber(f"r{number}@example.org") for number in range(1, 6)]
        subscribers.import_list(tx, people, now=1.0, digests=["digest"])
    yield opened
    opened.close()


def bounce(cause: Cause, *, who: int = 1, number: int = 1, source: str = "mail", event_id: str = "") -> Report:
    return Report(Kind.BOUNCE, source, who, number, cause=cause, event_id=event_id)


def reason(store, who: int = 1) -> str:
    with store.read() as tx:
        found = subscribers.suppressed(tx, f"r{who}@example.org")
    return found.reason if found else ""


@pytest.mark.parametrize(
    ("cause", "bounces", "enough"),
    [
        (Cause.DEAD, [(1, 0.0)], False),
        (Cause.DEAD, [(1, 0.0), (2, 100.0)], False),
        (Cause.DEAD, [(1, 0.0), (2, DAY)], True),
        (Cause.SOFT, [(1, 0.0), (2, 5 * DAY), (3, 10 * DAY), (4, 13 * DAY)], False),
        (Cause.SOFT, [(1, 0.0), (2, 5 * DAY), (3, 10 * DAY), (4, 14 * DAY)], True),
        (Cause.SOFT, [(1, 0.0), (1, 5 * DAY), (2, 10 * DAY), (3, 20 * DAY)], False),
        (Cause.OURS, [(number, number * DAY) for number in range(50)], False),
    ],
)
def test_how_many_bounces_are_enough(cause, bounces, enough) -> None:
    assert enough_bounces(cause, bounces) is enough


def test_a_dead_address_is_suppressed_at_the_second_report_on_another_day(store, settings) -> None:
    assert record(store, settings, bounce(Cause.DEAD), now=NOW) is Effect.KEPT
    assert record(store, settings, bounce(Cause.DEAD), now=NOW + 60) is Effect.IGNORED
    assert reason(store) == ""
    assert record(store, settings, bounce(Cause.DEAD, number=2), now=NOW + DAY) is Effect.SUPPRESSED
    assert reason(store) == "bounced"


def test_a_provider_that_tried_itself_suppresses_at_once(store, settings) -> None:
    assert record(store, settings, bounce(Cause.DEAD, source="ses", event_id="1"), now=NOW) is Effect.SUPPRESSED


def test_a_full_mailbox_is_given_four_editions_and_two_weeks(store, settings) -> None:
    effects = [
        record(store, settings, bounce(Cause.SOFT, number=number), now=NOW + number * 5 * DAY) for number in range(1, 5)
    ]
    assert effects == [Effect.KEPT, Effect.KEPT, Effect.KEPT, Effect.SUPPRESSED]


def test_a_refusal_for_our_own_fault_suppresses_nobody(store, settings) -> None:
    for number in range(20):
        record(store, settings, bounce(Cause.OURS, number=number), now=NOW + number * DAY)
    assert reason(store) == ""


def test_a_complaint_suppresses_at_once_and_for_good(store, settings) -> None:
    complaint = Report(Kind.COMPLAINT, "mail", 1, 1)
    assert record(store, settings, complaint, now=NOW) is Effect.SUPPRESSED
    assert record(store, settings, complaint, now=NOW + 1) is Effect.IGNORED
    with store.begin() as tx:
        subscribers.import_list(tx, [NewSubscriber("r1@example.org")], now=NOW)
    assert reason(store) == "complained"


def test_an_event_counts_once_by_its_id(store, settings) -> None:
    event = bounce(Cause.OURS, source="ses", event_id="m-1:0")
    assert record(store, settings, event, now=NOW) is Effect.KEPT
    assert record(store, settings, event, now=NOW + 10 * DAY) is Effect.IGNORED


def test_a_report_about_nobody_changes_nothing(store, settings) -> None:
    for event in (
        Report(Kind.COMPLAINT, "mail", 999, 1),
        Report(Kind.COMPLAINT, "mailgun", address="stranger@example.org"),
        Report(Kind.COMPLAINT, "mailgun", address="not an address"),
        Report(Kind.UNSUBSCRIBE, "mailgun", address=""),
    ):
        assert record(store, settings, event, now=NOW) is Effect.IGNORED


@pytest.mark.parametrize(
    ("complaints", "delivered", "level"),
    [
        (0, 0, ""),
        (1, 100, "warn"),
        (1, 2000, ""),
        (2, 2000, "warn"),
        (5, 2000, "warn"),
        (6, 2000, "stop"),
        (2, 10, "stop"),
        (299, 100_000, "warn"),
        (300, 100_000, "stop"),
    ],
)
def test_the_rate_warns_at_a_tenth_of_a_percent_and_stops_at_three(complaints, delivered, level) -> None:
    assert rate_of(complaints, delivered, warn=0.001, stop=0.003).level == level


def sent_edition(store) -> int:
    """An edition that five subscribers were sent."""
    with store.begin() as tx:
        number = editions.create(tx, "digest", "News", [], now=NOW)
        tx.execute(edition.update().values(status=EditionStatus.SENDING.value, audience=5, frozen=NOW))
        one = tx.execute(
            chunk.insert().values(edition_id=number, due=NOW, size=5, sent=5).returning(chunk.c.id)
        ).scalar_one()
        for who in range(1, 6):
            values = {"edition_id": number, "chunk_id": one, "subscriber_id": who, "variant": "0", "sent": NOW}
            values |= {"state": int(State.SENT), "address": f"r{who}@example.org", "address_hash": str(who)}
            tx.execute(delivery.insert().values(values))
    return number


def test_the_ledger_says_what_came_back_and_its_account_stays_balanced(store, settings) -> None:
    number = sent_edition(store)
    record(store, settings, Report(Kind.BOUNCE, "mail", 1, number, cause=Cause.DEAD, status="5.1.1"), now=NOW)
    record(store, settings, Report(Kind.BOUNCE, "mail", 2, number, cause=Cause.SOFT, status="4.2.2"), now=NOW)
    record(store, settings, Report(Kind.BOUNCE, "mail", 3, number, cause=Cause.SOFT, status="5.2.2"), now=NOW)
    record(store, settings, Report(Kind.COMPLAINT, "mail", 4, number), now=NOW)
    with store.read() as tx:
        rows = deliveries.rows(tx, number)
        assert [State(row.state) for row in rows] == [
            State.BOUNCED,
            State.SENT,
            State.BOUNCED,
            State.COMPLAINED,
            State.SENT,
        ]
        assert deliveries.audit(tx, number).account.balanced


def test_too_many_complaints_pause_the_edition(store, settings) -> None:
    number = sent_edition(store)
    record(store, settings, Report(Kind.COMPLAINT, "mail", 1, number), now=NOW)
    with store.read() as tx:
        assert editions.get(tx, number).status is EditionStatus.SENDING
    record(store, settings, Report(Kind.COMPLAINT, "mail", 2, number), now=NOW)
    with store.read() as tx:
        assert editions.get(tx, number).status is EditionStatus.PAUSED
        assert feedback.complaint_rate(tx, settings, number).level == "stop"


def test_mail_to_the_unsubscribe_address_ends_everything(store, settings, tmp_path) -> None:
    to = verp.unsubscribe_address(keyring_of(store), "slow.example", 2, 1)
    reports = tmp_path / "reports" / "new"
    reports.mkdir(parents=True)
    (reports / "1.x").write_bytes(f"From: r2@example.org\nTo: {to}\nSubject: unsubscribe\n\n".encode())
    (reports / "2.x").write_bytes(b"nothing of ours")
    mailbox = open_mailbox(settings)
    assert mailbox is not None
    assert drain_mailbox(store, settings, mailbox, lambda: NOW) == 2
    with store.read() as tx:
        assert subscribers.status_of(tx, 2) is SubscriberStatus.UNSUBSCRIBED
    assert take_mail(store, settings, b"garbage", now=NOW) is Effect.IGNORED


def two_digests(store) -> int:
    """Subscriber 1 gets two digests; returns an edition of one of them."""
    with store.begin() as tx:
        subscribers.subscribe(tx, 1, "other", now=1.0)
        one = factories.article(1)
        articles.save(tx, one, source_path="a.md", now=1.0)
        made = editions.create(tx, "digest", "A title", [one], now=1.0)
    assert made is not None
    return made


def active(store) -> set[str]:
    with store.read() as tx:
        return {row.digest for row in subscribers.subscriptions(tx, 1) if row.active}


def test_a_doubtful_complaint_unsubscribes_suppresses_nobody_and_counts_in_no_rate(store, settings) -> None:
    number = two_digests(store)
    assert record(store, settings, Report(Kind.DOUBTFUL, "mail", 1, number), now=NOW) is Effect.UNSUBSCRIBED
    assert reason(store) == ""
    assert active(store) == set()
    with store.read() as tx:
        assert complaint_rate(tx, settings, number).complaints == 0
        assert [event.what for event in consent.of_subscriber(tx, 1)][-1] == "unsubscribed"
    leaving.undo_leave(store, 1, now=NOW + 1)
    assert active(store) == {"digest", "other"}
    assert record(store, settings, Report(Kind.COMPLAINT, "mail", 1, number), now=NOW) is Effect.SUPPRESSED


def test_a_request_by_mail_ends_the_digest_that_it_names_and_all_where_it_names_none(store, settings) -> None:
    number = two_digests(store)
    assert record(store, settings, Report(Kind.UNSUBSCRIBE, "mail", 1, number), now=NOW) is Effect.UNSUBSCRIBED
    assert active(store) == {"other"}
    assert record(store, settings, Report(Kind.UNSUBSCRIBE, "mail", 1, 0), now=NOW) is Effect.UNSUBSCRIBED
    assert active(store) == set()


def test_a_report_about_a_test_message_changes_nothing(store, settings) -> None:
    for kind in (Kind.UNSUBSCRIBE, Kind.BOUNCE, Kind.COMPLAINT, Kind.DOUBTFUL):
        assert record(store, settings, Report(kind, "mail", 0, 0, cause=Cause.DEAD), now=NOW) is Effect.IGNORED


def test_spent_signatures_are_forgotten_after_an_hour_and_events_are_not(store) -> None:
    with store.begin() as tx:
        for source in ("mailgun", f"mailgun{reports.SIGNATURES}"):
            assert reports.first_time(tx, source, "x", now=NOW)
        reports.sweep(tx, now=NOW + 3601)
        assert not reports.first_time(tx, "mailgun", "x", now=NOW)
        assert reports.first_time(tx, f"mailgun{reports.SIGNATURES}", "x", now=NOW)
