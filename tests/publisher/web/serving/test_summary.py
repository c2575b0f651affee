"""One line a minute, however much happened, and what no stranger can cause is not swallowed."""

from __future__ import annotations

import logging

from publisher.web.serving.summary import COUNTED, Summary


def test_a_thousand_events_are_one_line(caplog):
    now, planned = [100.0], []
    summary = Summary(clock=lambda: now[0], later=lambda seconds, call: planned.append((seconds, call)))
    for number in range(1000):
        summary.note("were slow" if number % 4 else "were many")
    assert caplog.records == []
    now[0] += 60
    ((seconds, say),) = planned
    assert seconds == 60
    say()
    say()
    assert [record.getMessage() for record in caplog.records] == [
        "connections of the last 60 s: 750 were slow, 250 were many"
    ]
    summary.note("were slow")
    assert len(planned) == 2


def test_lines_that_strangers_cause_are_counted_and_others_pass(caplog):
    summary = Summary(later=lambda seconds, call: None)
    source = logging.getLogger("a.server")
    source.addFilter(summary)
    for text in COUNTED:
        for _ in range(20):
            source.warning(text)
    source.error("Exception in ASGI application\n")
    summary.say()
    lines = [record.getMessage() for record in caplog.records]
    assert lines[0] == "Exception in ASGI application\n"
    assert len(lines) == 2
    assert all(f"20 {what}" in lines[1] for what in COUNTED.values() if what)
