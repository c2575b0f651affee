"""Workers on two machines, PostgreSQL and RabbitMQ on a third, and links that are cut while mail is being sent.

A machine is a network namespace with a link of its own to this one, where the servers are. Only root may make them.
``make faults`` runs with the limits as they are shipped; otherwise they are as much shorter as they can be.
"""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pytest

from publisher.delivery import recovery
from publisher.errors import StoreError
from publisher.store import deliveries, meta, open_store, postgresql
from tests.faults.test_relay_faults import LONG, ROOT
from tests.integration.worker.harness import Site, rabbitmq, wait_for

NETWORK = "10.231.0.0/16"
#: What the workers are told; in the long form they keep to what is shipped.
SHORT = {} if LONG else {"LEASE_SECONDS": "8", "GRACE_SECONDS": "4"}
LEASE_AND_GRACE_SECONDS = 120 + recovery.FOREIGN_GRACE_SECONDS if LONG else 12
#: How long the server may keep the locks of a machine that is cut off.
LOCKED_SECONDS = postgresql.IDLE_IN_TRANSACTION_SECONDS + 10 if LONG else 15
_LIMITS = {
    "connect_timeout": "2",
    "tcp_user_timeout": "3000",
    "keepalives_idle": "2",
    "keepalives_interval": "1",
    "keepalives_count": "2",
    "options": "-c%20tcp_keepalives_idle%3D2%20-c%20tcp_keepalives_interval%3D1%20-c%20tcp_keepalives_count%3D2"
    "%20-c%20tcp_user_timeout%3D3s%20-c%20idle_in_transaction_session_timeout%3D8s",
}
LIMITS = "" if LONG else "?" + "&".join(f"{name}={value}" for name, value in _LIMITS.items())

pytestmark = [pytest.mark.server, pytest.mark.timeout(900 if LONG else 240)]


@dataclass(frozen=True)
class Machine:
    """A namespace, the name of this end of its link, and how the servers are reached from it."""

    name: str
    link: str
    server: str

    @property
    def inside(self) -> tuple[str, ...]:
        return ("ip", "netns", "exec", self.name)

    def cut(self) -> None:
        _ip("link", "set", self.link, "down")

    def heal(self) -> None:
        _ip("link", "set", self.link, "up")


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True)


@pytest.fixture
def machines():
    if os.geteuid() != 0 or shutil.which("ip") is None:
        pytest.skip("only root can make network namespaces, with iproute2")
    made: list[Machine] = []
    mark, subnet = secrets.token_hex(3), secrets.randbelow(120)
    try:
        for letter, part in (("a", 2 * subnet), ("b", 2 * subnet + 1)):
            one = Machine(f"masthead-{mark}-{letter}", f"mh{mark}{letter}", f"10.231.{part}.1")
            if subprocess.run(["ip", "netns", "add", one.name], capture_output=True).returncode:
                pytest.skip("network namespaces are not allowed here")
            made.append(one)
            _ip("link", "add", one.link, "type", "veth", "peer", "name", "net0", "netns", one.name)
            _ip("addr", "add", f"{one.server}/24", "dev", one.link)
            _ip("-n", one.name, "addr", "add", f"10.231.{part}.2/24", "dev", "net0")
            _ip("-n", one.name, "link", "set", "net0", "up")
            _ip("-n", one.name, "link", "set", "lo", "up")
            one.heal()
        yield made
    finally:
        for one in made:
            subprocess.run(["ip", "netns", "del", one.name], check=False)
            subprocess.run(["ip", "link", "del", one.link], check=False, capture_output=True)


@pytest.fixture
def database(own_cluster):
    """``database(machine)``: the URL of one database, as it is reached from there."""
    own_cluster.listen_to(NETWORK)
    url = own_cluster.database()

    def seen_from(machine: Machine) -> str:
        return url.replace("127.0.0.1", machine.server) + LIMITS

    return seen_from


@pytest.fixture(params=["embedded", "rabbitmq"] if LONG else ["rabbitmq"])
def sites(request, machines, database, tmp_path):
    """The same publication on both machines; they share nothing but the servers."""
    if request.param == "embedded":
        yield from _sites(machines, database, tmp_path, lambda machine: {})
        return
    with rabbitmq("0.0.0.0") as broker:
        yield from _sites(
            machines, database, tmp_path, lambda machine: {"broker": broker.url.replace("127.0.0.1", machine.server)}
        )


def _sites(machines, database, tmp_path, worker):
    made = [Site(tmp_path / machine.name, database=database(machine), **worker(machine)) for machine in machines]
    yield made
    for site in made:
        site.close()


def _sent(sites) -> Counter[str]:
    return Counter(one for site in sites for one in site.sent())


def _doubted(site, edition) -> int:
    store = open_store(site.settings.database_url)
    with store.read() as tx:
        found = len(deliveries.rows(tx, edition, doubted=True, limit=100_000))
    store.close()
    return found


SIZE = 12_000 if LONG else 1500


def _cut_in_mid_send(sites, machines) -> int:
    edition = sites[0].edition(SIZE, chunk_size=100)
    for site, machine in zip(sites, machines, strict=True):
        site.start(inside=machine.inside, SECONDS_A_MESSAGE="0.01", **SHORT)
    for site in sites:
        wait_for(lambda site=site: len(site.sent()) > 60, 60, "messages of both machines")
    machines[0].cut()
    return edition


def test_a_link_that_is_healed_before_the_lease_is_over_costs_nothing(sites, machines):
    edition = _cut_in_mid_send(sites, machines)
    time.sleep(60 if LONG else 4)
    machines[0].heal()
    wait_for(lambda: sites[1].done(edition), 400 if LONG else 150, "the end of the edition")
    sent = _sent(sites)
    assert len(sent) == SIZE
    assert sent.total() == SIZE  # no copy: the machine knows from its journal what it has sent
    account = sites[1].audit(edition)
    assert (account.sent, account.in_doubt, account.failed) == (SIZE, 0, 0)


def test_a_link_that_is_healed_after_the_lease_costs_at_most_the_last_batch(sites, machines):
    edition = _cut_in_mid_send(sites, machines)
    cut_at, before = time.monotonic(), len(sites[1].sent())
    wait_for(lambda: len(sites[1].sent()) > before + 60, LOCKED_SECONDS, "messages of the machine that is not cut off")
    wait_for(lambda: sites[1].done(edition), 500 if LONG else 150, "the end of the edition")
    assert time.monotonic() - cut_at > LEASE_AND_GRACE_SECONDS - 40
    machines[0].heal()
    time.sleep(20 if LONG else 8)  # the other wakes, and tells what it had sent
    sent, doubted = _sent(sites), _doubted(sites[1], edition)
    assert len(sent) == SIZE
    assert sent.total() - SIZE <= doubted <= 2 * 1000  # a batch of each of its two drains
    account = sites[1].audit(edition)
    assert (account.sent, account.in_doubt, account.failed) == (SIZE, 0, 0)
    print(f"healed after the lease: {sent.total() - SIZE} copies, {doubted} in doubt")
    assert all(process.poll() is None for site in sites for process in site.workers)
    # The machine that was cut off takes part again.
    alone = len(sites[0].sent())
    again = sites[0].edition(SIZE, chunk_size=50)
    wait_for(lambda: sites[1].done(again), 300 if LONG else 90, "the next edition")
    assert len(sites[0].sent()) > alone
    assert _sent(sites).total() - sent.total() == SIZE


HOLDER = """
import sys, time
from publisher.store import meta, open_store
with open_store(sys.argv[1]).begin() as tx:
    meta.put(tx, "x", "theirs")
    print("held", flush=True)
    time.sleep(600)
"""


def _written(store) -> bool:
    try:
        with store.begin() as tx:
            meta.put(tx, "x", "ours")
    except StoreError as error:  # who waits too long is told, and tries again
        if "lock timeout" not in str(error):
            raise
        return False
    return True


def test_a_machine_that_is_cut_off_in_mid_transaction_keeps_no_lock(machines, database, tmp_path: Path):
    store = open_store(database(machines[1]))
    with store.begin() as tx:
        meta.put(tx, "x", "before")
    holder = subprocess.Popen(
        [*machines[0].inside, sys.executable, "-c", HOLDER, database(machines[0])], stdout=subprocess.PIPE, cwd=ROOT
    )
    try:
        assert holder.stdout.readline() == b"held\n"
        machines[0].cut()
        began = time.monotonic()
        while not _written(store):
            assert time.monotonic() - began < LOCKED_SECONDS
        took = time.monotonic() - began
        print(f"the lock was free after {took:.0f} s")
    finally:
        holder.kill()
        holder.wait()
        holder.stdout.close()
        store.close()
