"""A ledger with an edition in it, a clock that is told the time, and a transport that is told what to answer."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from publisher.delivery import Options, drain, sweep
from publisher.mail.transport import SENT, OneByOne, Outgoing, Result
from publisher.store import Store, articles, deliveries, editions, freezing, open_store, subscribers
from publisher.store.subscribers import NewSubscriber
from tests.factories import article

START = 1_800_000_000.0


class Script(OneByOne):
    """Answers each recipient as it is told; ``taken`` is what left, in order."""

    def __init__(self) -> None:
        self.taken: list[Outgoing] = []
        self.answers: dict[str, list[Result | BaseException]] = {}
        self.before: Callable[[Outgoing], None] = lambda outgoing: None

    def send(self, outgoing: Outgoing) -> Result:
        self.before(outgoing)
        planned = self.answers.get(outgoing.recipient)
        answer = planned.pop(0) if planned else SENT
        if isinstance(answer, BaseException):
            raise answer
        if answer.outcome == "sent":
            self.taken.append(outgoing)
        return answer


def compose(edition, row) -> Outgoing:
    return Outgoing(
        delivery=row.id,
        sender="bounces@slow.example",
        recipient=row.address,
        message=f"To: {row.address}\r\nDate: {row.first_attempt}\r\n\r\n{edition.title}\r\n".encode(),
        message_id=f"{row.id}@slow.example",
    )


@dataclass
class Ledger:
    store: Store
    directory: Path
    now: float = START
    transport: Script = field(default_factory=Script)
    compose: Callable = field(default=compose)

    def clock(self) -> float:
        return self.now

    def edition(self, size: int, *, chunk_size: int = 500, first: int = 0, **wishes) -> int:
        """An edition frozen for ``size`` subscribers."""
        with self.store.begin(snapshot=True) as tx:
            number = len(editions.listing(tx)) + 1
            one = article(number)
            articles.save(tx, one, source_path="a.md", now=self.now)
            people = [NewSubscriber(f"reader{n}@d{n % 3}.example") for n in range(first, first + size)]
            subscribers.import_list(tx, people, now=self.now, digests=["weekly"])
            made = editions.create(tx, "weekly", "A title", [one], now=self.now, **wishes)
            assert made is not None
            freezing.freeze(tx, made, freezing.audience("weekly"), now=self.now, chunk_size=chunk_size)
        return made

    def drain(self, **options):
        stop = options.pop("stop", lambda: False)
        return drain(
            self.store,
            self.transport,
            self.compose,
            self.clock,
            journal_directory=self.directory,
            options=Options(**options),
            stop=stop,
            random=lambda: 0.0,
        )

    def sweep(self, **options):
        return sweep(self.store, self.directory, self.clock, random=lambda: 0.0, **options)

    def account(self, edition_id: int) -> deliveries.Account:
        """The account, which must hold whenever it is looked at."""
        with self.store.read() as tx:
            audit = deliveries.audit(tx, edition_id)
        assert audit.problems == ()
        assert audit.account.balanced
        return audit.account

    def rows(self, edition_id: int, **filters):
        with self.store.read() as tx:
            return deliveries.rows(tx, edition_id, limit=100_000, **filters)

    def status(self, edition_id: int) -> str:
        with self.store.read() as tx:
            return editions.get(tx, edition_id).status.value


@pytest.fixture
def ledger(tmp_path, migrated) -> Iterator[Ledger]:
    shutil.copy(migrated, tmp_path / "masthead.db")
    store = open_store(f"sqlite:///{tmp_path}/masthead.db")
    yield Ledger(store, tmp_path / "journal")
    store.close()


@pytest.fixture
def either_ledger(either_store, tmp_path) -> Ledger:
    """The same on SQLite and on PostgreSQL."""
    return Ledger(either_store, tmp_path / "journal")


@pytest.fixture
def new_ledger(tmp_path_factory, migrated):
    """Makes any number of ledgers, for property tests."""
    stores = []

    def make() -> Ledger:
        place = tmp_path_factory.mktemp("ledger")
        shutil.copy(migrated, place / "masthead.db")
        stores.append(open_store(f"sqlite:///{place}/masthead.db"))
        return Ledger(stores[-1], place / "journal")

    yield make
    for store in stores:
        store.close()
