from datetime import UTC, datetime

import pytest

from publisher.errors import ChannelError, CredentialsRefused, NotSent, OutcomeUnknown, RateLimited, SettingsError
from publisher.model import PostStatus
from publisher.posting.failures import FailedTry, after_failed_edit, after_failed_look, after_look, after_try

NOW = 1_000_000.0
LATER = datetime.fromtimestamp(NOW + 900, UTC)
EARLIER = datetime.fromtimestamp(NOW - 900, UTC)
MAYBE = "post 7 may or may not be published: why"
QUEUED, UNKNOWN, FAILED = PostStatus.QUEUED, PostStatus.UNKNOWN, PostStatus.FAILED


@pytest.mark.parametrize(
    ("error", "attempts", "looks", "expected"),
    [
        (OutcomeUnknown("x"), 1, 3, FailedTry(UNKNOWN, NOW + 30, NOW + 30, goes_on=False)),
        (OutcomeUnknown("x"), 3, 0, FailedTry(UNKNOWN, NOW + 120, NOW + 30, goes_on=False)),
        (OutcomeUnknown("x"), 1, None, FailedTry(UNKNOWN, None, NOW + 30, MAYBE, goes_on=False)),
        (OutcomeUnknown("x"), 99, 3, FailedTry(UNKNOWN, None, NOW + 30, MAYBE, goes_on=False)),
        (RateLimited("x", retry_at=LATER), 99, 3, FailedTry(QUEUED, NOW + 900, NOW + 900, goes_on=False)),
        (RateLimited("x", retry_at=EARLIER), 1, 3, FailedTry(QUEUED, NOW + 1, NOW + 1, goes_on=False)),
        (CredentialsRefused("x"), 99, 3, FailedTry(QUEUED, NOW, goes_on=False)),
        (SettingsError("x"), 99, 3, FailedTry(QUEUED, NOW, goes_on=False)),
        (ChannelError("x"), 1, 3, FailedTry(FAILED, None, alert="post 7 failed: why")),
        (NotSent("x"), 99, 3, FailedTry(FAILED, None, alert="post 7 failed: why")),
        (NotSent("x"), 1, 3, FailedTry(QUEUED, NOW + 30, NOW + 30, goes_on=False)),
        (NotSent("x"), 2, 3, FailedTry(QUEUED, NOW + 60, NOW + 60, goes_on=False)),
    ],
)
def test_a_failed_try_leads_to_one_status_and_one_wait(error, attempts, looks, expected):
    assert after_try(error, "why", 7, attempts, looks, NOW) == expected


def test_a_post_is_sent_again_only_when_it_was_not_found_often_enough():
    assert after_look(1, 3, NOW) == {"looks": 1, "due": NOW + 120}
    assert after_look(2, 3, NOW) == {"looks": 2, "due": NOW + 600}
    assert after_look(3, 3, NOW) | {"reason": ""} == {"looks": 3, "status": QUEUED, "due": NOW, "reason": ""}
    assert after_look(1, 0, NOW)["status"] == QUEUED  # the platform knows our key


def test_a_look_that_could_not_tell_does_not_count():
    assert after_failed_look(OutcomeUnknown("x"), "why", NOW) == {"due": NOW + 3600, "reason": "why"}
    assert after_failed_look(RateLimited("x", retry_at=LATER), "why", NOW) == {"due": NOW + 900}


def test_an_edit_is_tried_again_until_it_is_refused_for_good():
    refused, lost = ChannelError("x"), NotSent("x")
    assert after_failed_edit(lost, "why", 0, NOW)["edit_due"] == NOW + 30
    assert after_failed_edit(lost, "why", 99, NOW)["edit_due"] is None
    assert after_failed_edit(refused, "why", 0, NOW)["edit_due"] is None
    asked = after_failed_edit(RateLimited("x", retry_at=LATER), "why", 4, NOW)
    assert asked == {"edit_due": NOW + 900, "edit_attempts": 4, "reason": "not edited: why"}
