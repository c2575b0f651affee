"""Findings: what a check of a set-up saw, and what to do about it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple


class Level(StrEnum):
    """How a check ended."""

    OK = "ok"
    #: It works, and something should be better.
    WARNING = "warning"
    #: It does not work, or mail will be refused because of it.
    FAULT = "fault"
    #: It could not be looked at: the reason is in ``seen``.
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of a check: ``seen`` is what is there, ``todo`` what to do, empty where nothing is."""

    check: str
    level: Level
    seen: str
    todo: str = ""


class Look(NamedTuple):
    """Something to look at, which may take its time."""

    check: str
    run: Callable[[], Iterable[Finding]]
    #: What it is when it has not ended in time.
    late: Level = Level.FAULT


def ok(check: str, seen: str) -> Finding:
    return Finding(check, Level.OK, seen)


def warning(check: str, seen: str, todo: str) -> Finding:
    return Finding(check, Level.WARNING, seen, todo)


def fault(check: str, seen: str, todo: str) -> Finding:
    return Finding(check, Level.FAULT, seen, todo)


def unknown(check: str, seen: str, todo: str = "") -> Finding:
    return Finding(check, Level.UNKNOWN, seen, todo)
