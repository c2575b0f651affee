"""Fakes of the platforms that posts go to, one file a kind of channel, found by its name.

Each holds what was posted and can be made to fail. The first class of a file is the fake of its kind; others are
further ways to reach the same kind, such as Slack's webhooks.
"""

from __future__ import annotations

from importlib import import_module

from publisher.lib.families import members
from tests.fakes.platforms._base import Fake


def fakes_of(kind: str) -> list[type[Fake]]:
    """The fakes of a kind, in the order of its file."""
    module = import_module(f"{__name__}.{kind}")
    found = [each for each in vars(module).values() if isinstance(each, type) and issubclass(each, Fake)]
    return [each for each in found if each.__module__ == module.__name__]


#: One for every kind of channel.
FAKES: dict[str, type[Fake]] = {kind: fakes_of(kind)[0] for kind in members(__path__)}
#: Every fake there is.
ALL: list[type[Fake]] = [fake for kind in FAKES for fake in fakes_of(kind)]
