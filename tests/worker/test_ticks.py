"""Two workers that tick at the same moment: what is due happens once."""

from __future__ import annotations

import contextlib
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from publisher.pipeline import collecting
from publisher.pipeline.audience import join_audience
from publisher.pipeline.site import open_site
from publisher.store import deliveries, editions
from tests.factories import write_site
from worker import locks, tasks
from worker.runtime import Runtime

DAY = 86400.0
NOW = 1_795_000_000.0


class App:
    """What the tasks need of Celery: they are kept by name, and a bell is heard by nobody."""

    def __init__(self):
        self.tasks = {}

    def task(self, run, *, name):
        self.tasks[name] = run

    def send_task(self, name, *, expires):
        pass


@pytest.fixture
def tickers(tmp_path, database_url, monkeypatch):
    """Three workers of one site that no lock keeps apart, as after a lock was taken over from one who then wakes."""
    write_site(tmp_path, database={"url": database_url}, digests=[{"name": "letter", "schedule": "0 8 * * *"}])
    (tmp_path / "subscribers.csv").write_text("address,name\nanna@example.org,Anna\nbo@example.org,Bo\n")
    monkeypatch.setattr(locks.Locks, "hold", lambda *_: contextlib.nullcontext(True))
    moment = [NOW]
    made = []
    for _ in range(3):
        runtime = Runtime(
            tmp_path, concurrency=3, opening=lambda directory: open_site(directory, clock=lambda: moment[0])
        )
        app = App()
        tasks.register(app, runtime)
        made.append((app, runtime))
    yield moment, made
    for _, runtime in made:
        runtime.close()


def test_workers_that_tick_at_once_plan_and_freeze_each_edition_once(tickers, tmp_path, caplog):
    moment, made = tickers
    together = Barrier(len(made))

    def tick(app):
        together.wait(30)
        app.tasks["masthead.tick"]()

    _, runtime = made[0]
    with ThreadPoolExecutor(len(made)) as pool, runtime.site() as site:
        for number in range(4):
            (tmp_path / "articles" / f"a{number}.md").write_text(
                f"---\ntitle: Part {number}\ndate: 2026-11-{12 + number:02d}\n---\nWords.\n"
            )
            join_audience(site)
            collecting.collect(site)
            list(pool.map(tick, [app for app, _ in made]))
            with site.store.read() as tx:
                found = editions.listing(tx)
                audiences = [deliveries.audit(tx, one.id) for one in found]
            assert len(found) == number  # the first round only notes the schedule
            assert [(one.account.audience, one.problems) for one in audiences] == [(2, ())] * number
            moment[0] += DAY
    assert [record for record in caplog.records if record.levelname == "ERROR"] == []
