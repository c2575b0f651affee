"""Fakes of the platforms that posts go to; each holds what was posted and can be made to fail."""

from tests.fakes.chats import (
    FakeDiscord,
    FakeMatrix,
    FakeSlack,
    FakeSlackWebhook,
    FakeTelegram,
    FakeWebhook,
)
from tests.fakes.graph import FakeFacebook, FakeThreads
from tests.fakes.networks import FakeBluesky, FakeLinkedIn, FakeMastodon, FakeReddit, FakeX
from tests.fakes.platform import Fake

#: One for every kind of channel.
FAKES: dict[str, type[Fake]] = {
    fake.kind: fake
    for fake in (
        FakeFacebook,
        FakeX,
        FakeReddit,
        FakeMastodon,
        FakeBluesky,
        FakeLinkedIn,
        FakeThreads,
        FakeTelegram,
        FakeDiscord,
        FakeSlack,
        FakeMatrix,
        FakeWebhook,
    )
}

__all__ = ["FAKES", "Fake", "FakeSlackWebhook"]
