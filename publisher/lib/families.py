"""Families: packages in which one file is one kind, found by its file name.

A member is a module of the package whose name does not begin with an underscore; packages inside it are not
members. What a package finds is looked up at every call, so a member that a test adds to ``__path__`` is there.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Iterable
from importlib import import_module
from types import ModuleType

from publisher.errors import SettingsError


def members(path: Iterable[str]) -> tuple[str, ...]:
    """The names of a family's members, sorted. ``path`` is the package's ``__path__``."""
    found = pkgutil.iter_modules(path)
    return tuple(sorted(module.name for module in found if not module.ispkg and not module.name.startswith("_")))


def member(package: str, path: Iterable[str], name: str, *, setting: str) -> ModuleType:
    """The module of one member.

    :param package: the family's dotted name, as ``publisher.channels``.
    :param setting: how the operator named it, for the message: ``channels.kind``.
    :raises SettingsError: there is no such member; the message lists those there are.
    """
    known = members(path)
    if name not in known:
        raise SettingsError(f"{setting} = {name!r}: expected one of {', '.join(known)}")
    return import_module(f"{package}.{name}")
