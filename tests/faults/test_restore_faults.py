"""The machine is lost in mid-send and the site comes back from a backup that was made while it sent.

A copied ``state/`` sent to 1,091 of 1,500 twice. A restored site sends to nobody before a person lets it go: then to
nobody twice (counted as sent), or again to those at most who were sent it between the backup and the loss.
"""

from __future__ import annotations

import signal
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from publisher.pipeline.backup import letting_go
from publisher.pipeline.backup.making import back_up
from publisher.pipeline.backup.restoring import restore
from publisher.pipeline.site import open_site
from tests.factories import write_site
from tests.fakes.relay import FaultyRelay, Habits
from tests.faults.test_relay_faults import CONNECTIONS, LONG, Sending, _bury, sending
from tests.faults.test_relay_faults import url as url  # the fixture

AUDIENCE, BACKED_UP, LOST = (1500, 300, 1100) if LONG else (400, 100, 250)


@pytest.mark.timeout(240)
@pytest.mark.parametrize("choice", ["count", "send"])
def test_a_site_restored_after_a_loss_in_mid_send_sends_nobody_what_they_have(
    url: str, tmp_path: Path, choice: letting_go.Choice, request: pytest.FixtureRequest
) -> None:
    with (
        FaultyRelay(Habits(delay=0.004)) as relay,
        sending(url, tmp_path, Counter({"ok": AUDIENCE}), [relay]) as run,
    ):
        memory = relay.memory
        _site(tmp_path, url)
        site = open_site(tmp_path, clock=run.orders.clock)
        run.until(BACKED_UP, 60)
        before = memory.messages
        made = back_up(site, tmp_path / "backup.tar")
        assert made.manifest.ledger["deliveries"] == AUDIENCE
        run.until(LOST, 60)
        for worker in run.workers:
            worker.send_signal(signal.SIGKILL)
        while run.workers:
            _bury(run.workers.pop())
        site.close()
        at_loss, had = memory.messages, set(memory.recipients)

        there = "sqlite" if url.startswith("sqlite") else request.getfixturevalue("cluster").database()
        new = tmp_path / "another-machine"
        new.mkdir()
        new_url = f"sqlite:///{new}/state/masthead.db" if there == "sqlite" else there
        _site(new, new_url)
        restore(tmp_path / "backup.tar", new, clock=run.orders.clock)
        again = open_site(new, clock=run.orders.clock)
        orders = replace(run.orders, url=new_url, journal=str(again.settings.journal))
        rest = Sending(again.store, run.edition, orders, run.expected, workers=run.workers)
        for _ in range(2):  # as systemd would: they are there before anybody has looked
            rest.hire()
        for worker in rest.workers:
            assert worker.stdout is not None
            worker.stdout.readline()
        time.sleep(1.5)
        assert memory.messages == at_loss
        letting_go.let_go(again, choice)
        account = rest.settled(90)
        again.close()

        assert (account.sent, account.pending, account.in_doubt) == (AUDIENCE, 0, 0)
        if choice == "count":
            assert memory.copies == 0
            assert set(memory.recipients) == had
        else:
            assert set(memory.recipients) == set(run.expected)
            assert memory.copies <= at_loss - before + 2 * CONNECTIONS
        # A copy is the same message: as many Message-IDs as there are people.
        assert len(memory.taken) == len(memory.recipients)


def _site(directory: Path, url: str) -> None:
    write_site(
        directory,
        digests=[{"name": "weekly"}],
        database={"url": url},
        worker={"journal": "journal"},
        mail={"transport": "memory"},
    )
