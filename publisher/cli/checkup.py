"""``doctor`` and ``upgrade``: what is wrong with a site, and what a new version does to its database."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from publisher.cli.base import HERE, JsonOption, SiteOption, StageBars, console, print_json
from publisher.lib.findings import Finding, Level
from publisher.pipeline.doctor import examine
from publisher.pipeline.upgrading import pending, upgrade_database
from publisher.settings import load_settings

STYLES = {Level.OK: "green", Level.WARNING: "yellow", Level.FAULT: "bold red", Level.UNKNOWN: "dim"}


def doctor(directory: SiteOption = HERE, json: JsonOption = False) -> None:
    """Look whether mail will arrive and nothing gets lost: relays, DNS, addresses, database. Changes nothing.

    It asks the relays (nothing is sent), the DNS, the public address and the channels' platforms (nothing is posted),
    all at once, for at most half a minute. Exit 1 when there is a fault; a warning is none.
    """
    with StageBars(quiet=json) as told:
        found = examine(directory, told=told)
    if json:
        print_json([{**dataclasses.asdict(one), "level": one.level.value} for one in found])
    else:
        _show(found)
    if any(one.level is Level.FAULT for one in found):
        raise typer.Exit(1)


def _show(found: list[Finding]) -> None:
    width = max(len(one.level) for one in found)
    for one in found:
        line = Text.assemble((one.level.ljust(width), STYLES[one.level]), "  ", (one.check, "bold"), ": ", one.seen)
        console.print(line, soft_wrap=True)
        if one.todo:
            console.print(" " * width + f"  → {one.todo}", markup=False, soft_wrap=True)
    faults = sum(one.level is Level.FAULT for one in found)
    warnings = sum(one.level is Level.WARNING for one in found)
    console.print(f"\n{len(found)} looked at: {_many(faults, 'fault')}, {_many(warnings, 'warning')}")


def _many(number: int, word: str) -> str:
    return f"{number} {word}" if number == 1 else f"{number or 'no'} {word}s"


def upgrade(
    directory: SiteOption = HERE,
    check: Annotated[bool, typer.Option("--check", help="Only say what would be done; change nothing.")] = False,
    json: JsonOption = False,
) -> None:
    """Bring the database up to date, or say with --check what would be done.

    Starting Masthead does the same by itself; this is for those who want to see it first. Back up before.
    """
    url = load_settings(Path(directory)).database_url
    steps = pending(url) if check else upgrade_database(url)
    if json:
        done = [] if check or steps is None else steps
        waiting = steps if check and steps is not None else []
        print_json({"exists": steps is not None, "done": [*map(_step, done)], "pending": [*map(_step, waiting)]})
        return
    if steps is None:
        console.print("There is no database yet; masthead makes it at its first start.")
    elif not steps:
        console.print("The database is up to date.")
    else:
        head = "Would be done, in one transaction:" if check else "Done, in one transaction:"
        console.print(head)
        for step in steps:
            console.print(f"  {step.revision}  {step.title}", markup=False, soft_wrap=True)


def _step(step: tuple[str, str]) -> dict[str, str]:
    return {"revision": step[0], "title": step[1]}
