"""The journal: what was written is read back, whole records only, by exactly one who may."""

import contextlib
import os
import signal
import struct
import subprocess
import sys
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from publisher.delivery import journal
from publisher.delivery.journal import HEADER, REGION, Fenced, Intent, Journal, JournalFull, ResultRecord, take_over

INTENT = Intent(7, 1, 1000.5)
ids = st.integers(1, 2**62)
results = st.builds(
    ResultRecord,
    delivery=ids,
    attempt=st.integers(1, 30000),
    event=st.sampled_from(["sent", "deferred", "failed", "released", "lost_sight", "resend_later"]),
    at=st.floats(0, 4e9).map(lambda value: round(value, 3)),
    code=st.integers(0, 999),
    reply=st.text(max_size=40),
    suppress=st.booleans(),
    retry_after=st.floats(0, 1e6),
)


def read(directory, holder):
    with take_over(directory, holder, stale_after=1000) as taken:
        return taken.read()


def test_an_intent_without_a_result_is_found_after_its_owner_is_gone(tmp_path):
    with Journal(tmp_path) as own:
        own.intend(INTENT)
        own.intend(Intent(8, 1, 1001.0))
        own.result(ResultRecord(8, 1, "sent", 1002.0, 250, "2.0.0 Ok"))
        holder = own.holder
    found = read(tmp_path, holder)
    assert found.open_intents == {7: INTENT}
    assert found.results == [ResultRecord(8, 1, "sent", 1002.0, 250, "2.0.0 Ok")]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(results, max_size=20), st.lists(st.builds(Intent, ids, st.integers(1, 9), st.just(5.0)), max_size=5))
def test_whatever_is_recorded_is_read_back(tmp_path, given_results, intents):
    with Journal(tmp_path) as own:
        for one in given_results:
            own.result(one)
        for intent in intents:
            own.intend(intent)
        holder = own.holder
    found = read(tmp_path, holder)
    assert [(a.delivery, a.attempt, a.event, a.code, a.suppress) for a in found.results] == [
        (a.delivery, a.attempt, a.event, a.code, a.suppress) for a in given_results
    ]
    assert found.open_intents == {intent.delivery: intent for intent in intents}
    journal.path_of(tmp_path, holder).unlink()


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 200), st.binary(max_size=30))
def test_a_record_that_was_cut_short_is_not_there_and_those_before_it_are(cut, garbage):
    whole = b"I1 1 5.000000\nS1 1 6.000000 250 ok\nI2 1 7.000000\n"
    region = whole[:cut] + (b"\0" if cut < len(whole) else b"") + garbage.replace(b"\n", b"")
    found = journal.parse(region)
    lines = whole[:cut].count(b"\n")
    assert len(found.results) == (1 if lines >= 2 else 0)
    assert set(found.open_intents) == {0: set(), 1: {1}, 2: set(), 3: {2}}[lines]


@given(st.binary(max_size=300))
def test_garbage_is_never_an_error(region):
    journal.parse(region)


def test_compacting_forgets_the_results_and_keeps_what_is_in_flight(tmp_path):
    with Journal(tmp_path) as own:
        for turn in range(5):
            for n in range(1, 500):
                number = turn * 1000 + n
                own.intend(Intent(number, 1, 1.0))
                if n != 77:
                    own.result(ResultRecord(number, 1, "sent", 2.0, 250, "ok " * 20))
            own.compact()
        holder = own.holder
    found = read(tmp_path, holder)
    assert found.results == []
    assert set(found.open_intents) == {turn * 1000 + 77 for turn in range(5)}


def test_an_intent_is_refused_while_every_result_still_has_room(tmp_path):
    with Journal(tmp_path) as own:
        number = _intend_until_full(own)
        for n in range(1, number):
            own.result(ResultRecord(n, 1, "deferred", 2.0, 450, "\U0001f642" * 600))
        holder = own.holder
    assert len(read(tmp_path, holder).results) == number - 1


def _intend_until_full(own):
    number = 0
    with contextlib.suppress(JournalFull):
        while True:
            number += 1
            own.intend(Intent(number, 1, 1.0))
    return number


def test_a_living_owner_keeps_its_journal(tmp_path):
    with Journal(tmp_path) as own:
        own.intend(INTENT)
        assert take_over(tmp_path, own.holder, stale_after=1000) is None
        assert not own.taken


def test_an_owner_that_stood_still_past_its_lease_is_fenced_before_its_next_message(tmp_path):
    with Journal(tmp_path) as own:
        own.intend(INTENT)
        with take_over(tmp_path, own.holder, stale_after=-1) as taken:
            assert set(taken.read().open_intents) == {7}
        with pytest.raises(Fenced):
            own.intend(Intent(8, 1, 1.0))


def test_a_file_whose_owner_died_while_making_it_holds_nothing(tmp_path):
    with Journal(tmp_path) as own:
        holder = own.holder
    path = journal.path_of(tmp_path, holder)
    for content in (b"", b"MH", bytes(HEADER + 2 * REGION)):
        path.write_bytes(content)
        assert read(tmp_path, holder) == journal.Contents()


def test_all_processes_that_share_a_directory_know_it_by_one_name(tmp_path):
    assert journal.directory_id(tmp_path / "a") == journal.directory_id(tmp_path / "a")
    assert journal.directory_id(tmp_path / "a") != journal.directory_id(tmp_path / "b")


def test_a_killed_owner_leaves_everything_up_to_the_kill(tmp_path):
    program = f"""
import time
from pathlib import Path
from publisher.delivery.journal import ResultRecord, Intent, Journal
own = Journal(Path({str(tmp_path)!r}))
own.intend(Intent(1, 1, 5.0)); own.result(ResultRecord(1, 1, "sent", 6.0, 250, "ok")); own.intend(Intent(2, 1, 7.0))
print(own.holder, flush=True)
time.sleep(60)
"""
    owner = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    try:
        holder = owner.stdout.readline().strip()
        assert take_over(tmp_path, holder, stale_after=1000) is None
        os.kill(owner.pid, signal.SIGKILL)
    finally:
        owner.kill()
        owner.wait()
        owner.stdout.close()
    found = read(tmp_path, holder)
    assert (len(found.results), set(found.open_intents)) == (1, {2})


def test_the_header_says_when_its_owner_last_moved(tmp_path):
    with Journal(tmp_path) as own:
        own.beat()
        (beat,) = struct.unpack_from("<d", own.path.read_bytes(), 8)
        assert 0 <= time.monotonic() - beat < 60
