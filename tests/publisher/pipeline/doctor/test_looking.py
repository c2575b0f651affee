"""Looks run beside each other, and none holds up or hides the others."""

from __future__ import annotations

import threading
import time

import pytest

from publisher.errors import SettingsError
from publisher.lib.findings import Level, Look, ok
from publisher.pipeline.doctor.looking import look_at_all


def test_looks_wait_for_the_network_at_the_same_time():
    meeting = threading.Barrier(8, timeout=5)

    def run():
        meeting.wait()
        return [ok("a", "fine")]

    assert [one.level for one in look_at_all([Look("a", run)] * 8, seconds=10)] == [Level.OK] * 8


def test_findings_come_in_the_order_of_the_looks():
    def after(seconds, name):
        def run():
            time.sleep(seconds)
            return [ok(name, "fine")]

        return Look(name, run)

    found = look_at_all([after(0.2, "slow"), after(0.0, "quick")], seconds=10)
    assert [one.check for one in found] == ["slow", "quick"]


@pytest.mark.parametrize("late", [Level.FAULT, Level.UNKNOWN])
def test_a_look_that_hangs_is_left_behind_in_time(late):
    never = threading.Event()
    looks = [Look("hangs", lambda: [ok("x", "")] if never.wait(60) else [], late), Look("a", lambda: [ok("a", "fine")])]
    began = time.monotonic()
    found = look_at_all(looks, seconds=0.3)
    assert time.monotonic() - began < 5
    never.set()
    assert [(one.check, one.level) for one in found] == [("hangs", late), ("a", Level.OK)]
    assert "0.3 s" in found[0].seen
    assert found[0].todo


def _refused():
    raise SettingsError("mail: no such thing")


def _broken():
    raise RuntimeError("with a secret: swordfish")


@pytest.mark.parametrize(
    ("run", "level", "seen"), [(_refused, Level.FAULT, "no such thing"), (_broken, Level.UNKNOWN, "RuntimeError")]
)
def test_a_look_that_fails_hides_no_other(run, level, seen):
    found = look_at_all([Look("b", run), Look("a", lambda: [ok("a", "fine")])], seconds=10)
    assert [(one.check, one.level) for one in found] == [("b", level), ("a", Level.OK)]
    assert seen in found[0].seen
    assert "swordfish" not in f"{found}"


def test_how_far_it_is_is_told():
    told = []
    look_at_all([Look("a", lambda: [])] * 2, seconds=10, told=lambda *how: told.append(how))
    assert told == [("looking", 0, 2), ("looking", 1, 2), ("looking", 2, 2)]
