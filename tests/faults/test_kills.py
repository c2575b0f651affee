"""A long edition under many kills, some of them at a moment that is chosen: while a certain row is being composed.

The long form (``make faults``) is 60,000 deliveries and 30 kills; FAULTS_DELIVERIES makes it another number. It
ends with lost = 0, copies at most kills × connections, nobody failed or set aside, and the account balanced; its
figures are printed (``-s``).
"""

from __future__ import annotations

import os
import random
import shutil
import time
from collections import Counter

import pytest

from publisher.store import deliveries
from tests.faults.test_relay_faults import LONG
from tests.integration.worker.harness import Site, redis, wait_for

SIZE = int(os.environ.get("FAULTS_DELIVERIES", "60000")) if LONG else 1200
KILLS = 30 if LONG else 8
#: Kills at which a row of the chunk, each time another, is being composed.
COMPOSING_KILLS = 10 if LONG else 5
CHUNK = 400 if LONG else 200
#: Connections of a worker: a drain of these workers has one, and there are as many drains as places.
CONNECTIONS = 2
WORKERS = 2


@pytest.fixture
def own_redis():
    with redis() as server:
        yield server


@pytest.fixture(params=["sqlite + embedded", pytest.param("postgresql + redis", marks=pytest.mark.server)])
def site(request, tmp_path, migrated):
    if request.param == "sqlite + embedded":
        (tmp_path / "site" / "state").mkdir(parents=True)
        shutil.copy(migrated, tmp_path / "site" / "state" / "masthead.db")
        made = Site(tmp_path / "site")
    else:
        broker = request.getfixturevalue("own_redis").url
        made = Site(tmp_path / "site", database=request.getfixturevalue("cluster").database(), broker=broker)
    made.kind = request.param
    yield made
    made.close()


def _kill_at_composing(site: Site, worker, number: int) -> None:
    """Kill ``worker`` while it composes the delivery of that number."""
    wait_for((site.directory / f"composing-{number}").exists, 90, f"the composing of delivery {number}")
    site.kill(worker)


@pytest.mark.timeout(1800 if LONG else 240)
def test_an_edition_under_many_kills_loses_nobody(site: Site) -> None:
    chooser = random.Random(11)
    edition = site.edition(SIZE, chunk_size=CHUNK)
    began = time.monotonic()
    # Rows of the first chunk, far enough apart that each kill finds another one in preparation.
    at = [20 + 30 * number for number in range(COMPOSING_KILLS)]
    for number in at:
        # One worker alone: whoever comes to that row stands still over it until it is killed.
        worker = site.start(PAUSE_COMPOSING=str(number), SECONDS_A_MESSAGE="0.002")
        _kill_at_composing(site, worker, number)
        _check(site, edition)
    workers = [site.start(SECONDS_A_MESSAGE="0.002") for _ in range(WORKERS)]
    for number in range(KILLS - COMPOSING_KILLS):
        step = max(40, (SIZE - at[-1]) // (KILLS - COMPOSING_KILLS + 2))
        goal = min(SIZE - 50, at[-1] + step * (number + 1))
        wait_for(lambda goal=goal: len(site.sent()) >= goal, 300, f"{goal} messages", every=0.2)
        site.kill(workers.pop(chooser.randrange(WORKERS)))
        workers.append(site.start(SECONDS_A_MESSAGE="0.002"))
    wait_for(lambda: site.done(edition), 600 if LONG else 120, "the end of the edition", every=0.5)
    sent = Counter(site.sent())
    account = site.audit(edition)
    lost, copies = SIZE - len(sent), sent.total() - len(sent)
    print(
        f"\n{site.kind}: {SIZE:,} deliveries, {KILLS} kills ({COMPOSING_KILLS} while composing), lost {lost}, "
        f"copies {copies}, in doubt {account.in_doubt}, failed {account.failed}, {time.monotonic() - began:.0f} s"
    )
    assert lost == 0
    assert copies <= KILLS * CONNECTIONS
    assert (account.audience, account.sent) == (SIZE, SIZE)
    assert (account.pending, account.failed, account.in_doubt, account.suppressed) == (0, 0, 0, 0)
    assert account.balanced


def _check(site: Site, edition: int) -> None:
    """Balanced at every moment, and nobody set aside."""
    account: deliveries.Account = site.audit(edition)
    assert (account.failed, account.in_doubt) == (0, 0)
