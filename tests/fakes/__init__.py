"""Doubles of what is outside: the platforms that posts go to, relays, certificates."""

from tests.fakes.platforms import ALL, FAKES
from tests.fakes.platforms._base import Fake
from tests.fakes.platforms.slack import FakeSlackWebhook

__all__ = ["ALL", "FAKES", "Fake", "FakeSlackWebhook"]
