"""What lasts is said once, and then every few minutes."""

from __future__ import annotations

from publisher.errors import DeliveryError
from worker.tasks import AGAIN_SECONDS, Complaints

JOURNAL = DeliveryError("the journal is a file")
FULL = OSError(28, "No space left on device")


def test_an_error_is_said_when_it_is_new_and_after_a_while(caplog):
    now = [0.0]
    complaints = Complaints(lambda: now[0])
    for _ in range(5):
        complaints.say(JOURNAL, "drain")
        complaints.say(JOURNAL, "the ledger")
    assert caplog.messages == ["drain: the journal is a file"]
    complaints.say(FULL)
    assert caplog.messages[1:] == ["[Errno 28] No space left on device"]
    now[0] = AGAIN_SECONDS
    complaints.say(JOURNAL, "the ledger")
    assert caplog.messages[2:] == ["the ledger: the journal is a file"]


def test_an_error_that_was_over_is_said_again(caplog):
    complaints = Complaints(lambda: 0.0)
    complaints.say(JOURNAL, "drain")
    complaints.settle("collect")
    complaints.say(JOURNAL, "drain")
    assert len(caplog.messages) == 1
    complaints.settle("drain")
    complaints.say(JOURNAL, "drain")
    assert len(caplog.messages) == 2
