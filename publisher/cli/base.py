"""What every command shares: which site, how to speak, how to fail."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from publisher.pipeline.site import Site, open_site

console = Console(highlight=False)
errors = Console(stderr=True, highlight=False)

#: The default of ``--site``.
HERE = Path()
SiteOption = Annotated[
    Path, typer.Option("--site", help="The site directory (holds publication.toml).", envvar="MASTHEAD_SITE")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for scripts instead of tables.")]


@contextmanager
def opened(directory: Path, *, members: bool = True) -> Iterator[Site]:
    """The site of a directory, closed afterwards; see :func:`publisher.pipeline.site.open_site`."""
    site = open_site(directory, members=members)
    try:
        yield site
    finally:
        site.close()


def print_json(value: object) -> None:
    """To standard output, the same bytes for the same value."""
    typer.echo(json.dumps(value, indent=2, ensure_ascii=False, sort_keys=True, default=str))


class StageBars:
    """A bar per stage, on standard error so that standard output stays for results."""

    def __init__(self, *, quiet: bool) -> None:
        self._bars = Progress(
            TextColumn("{task.description:<22}"),
            BarColumn(bar_width=32),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=errors,
            disable=quiet,
        )
        self._tasks: dict[str, TaskID] = {}

    def __enter__(self) -> StageBars:
        self._bars.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._bars.stop()

    def __call__(self, stage: str, done: int, total: int) -> None:
        if stage not in self._tasks:
            self._tasks[stage] = self._bars.add_task(stage, total=total)
        self._bars.update(self._tasks[stage], completed=done, total=total)
