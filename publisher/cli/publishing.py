"""``publish``, ``preview`` and ``send-test``: what goes out, and a look at it before it does."""

from __future__ import annotations

import signal
import sys
from pathlib import Path
from types import FrameType
from typing import Annotated

import typer
from rich.table import Table

from publisher.cli.base import HERE, JsonOption, SiteOption, StageBars, console, errors, opened, print_json
from publisher.digests import preview as previews
from publisher.errors import SiteError
from publisher.mail.transport import Outcome
from publisher.pipeline import previewing, publishing
from publisher.pipeline.publishing import Published


def publish(directory: SiteOption = HERE, json: JsonOption = False) -> None:
    """The whole flow once: articles, feeds, digests at once whatever their schedule, posts. Nothing is sent twice.

    What is new is sent now; the schedules of digests are kept by masthead run. Exit status 1: something was set aside,
    failed, or waits for a relay.
    """
    stopping = False

    def stop(number: int, frame: FrameType | None) -> None:
        nonlocal stopping
        stopping = True

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        with opened(directory) as site, StageBars(quiet=json) as progress:
            result = publishing.publish(site, progress=progress, stop=lambda: stopping)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if json:
        print_json(result.to_dict())
    else:
        show(result)
    if stopping:
        raise typer.Exit(130)
    if result.refused:
        raise typer.Exit(1)


def preview(
    digest: Annotated[str, typer.Argument(help="A digest's name; default: the first.")] = "",
    directory: SiteOption = HERE,
    template: Annotated[str, typer.Option(help="Another design than the digest's.")] = "",
    language: Annotated[str, typer.Option(help="As a subscriber of this language gets it, such as it or ar.")] = "",
    out: Annotated[Path | None, typer.Option(help="Write the page here instead of the site's state/preview.")] = None,
    png: Annotated[Path | None, typer.Option(help="Make pictures in this directory with Chromium.")] = None,
    html: Annotated[bool, typer.Option("--html", help="Print the HTML part and nothing else.")] = False,
    text: Annotated[bool, typer.Option("--text", help="Print the text part and nothing else.")] = False,
    browser: Annotated[bool, typer.Option(help="Open the page in a browser.")] = True,
) -> None:
    """Look at the next edition before it goes: at three widths, in light and dark, with its lint. Sends nothing."""
    with opened(directory) as site:
        shown, fresh = previewing.preview(site, digest, template=template, language=language)
        folder = site.settings.state / "preview"
    if html or text:
        typer.echo(shown.html if html else shown.text)
        return
    if not fresh:
        errors.print("Nothing is new since the last edition; the newest articles stand in.", style="yellow")
    if png is not None:
        for path in previews.preview_pictures(shown, png):
            console.print(f"made {path}", markup=False, soft_wrap=True)
        return
    page = out or folder / f"{shown.digest}.html"
    try:
        page.parent.mkdir(parents=True, exist_ok=True)
        page.write_text(previews.preview_page(shown), encoding="utf-8")
    except OSError as error:
        raise SiteError(f"{page} cannot be written: {error.strerror}") from None
    size = f"{shown.html_bytes / 1000:.0f} KB of HTML, {len(shown.findings)} remarks of the lint"
    console.print(f"{shown.subject}\n{size}\n{page.resolve().as_uri()}", markup=False, soft_wrap=True)
    if browser and sys.stdout.isatty():
        typer.launch(page.resolve().as_uri())


def send_test(
    digest: Annotated[str, typer.Argument(help="A digest's name.")],
    addresses: Annotated[list[str], typer.Argument(help="Where to send it.")],
    directory: SiteOption = HERE,
    language: Annotated[str, typer.Option(help="As a subscriber of this language gets it.")] = "",
) -> None:
    """Send the next edition to some addresses, marked as a test; subscribers and counts are not touched."""
    with opened(directory) as site:
        results = previewing.send_test(site, digest, addresses, language=language)
    for address, result in results:
        console.print(f"{address}: {result.outcome.value} {result.reply}".rstrip(), markup=False, soft_wrap=True)
    if any(result.outcome is not Outcome.SENT for _, result in results):
        raise typer.Exit(1)


def show(result: Published) -> None:
    """A table of what went where, and below it everything that was not as it should be."""
    console.print(_went(result))
    _complain(result)


def _went(result: Published) -> Table:
    """What went where."""
    found = result.collected
    table = Table(box=None, pad_edge=False, header_style="dim", expand=False)
    table.add_column("what")
    table.add_column("where")
    table.add_column("went", justify="right")
    table.add_column("")
    table.add_row(
        "articles",
        "site",
        str(len(found.new) + len(found.changed)),
        _notes(
            {
                "new": len(found.new),
                "changed": len(found.changed),
                "unchanged": found.unchanged,
                "withdrawn": found.withdrawn,
                "drafts": found.drafts,
                "waiting for their date": found.waiting,
            }
        ),
    )
    table.add_row("feeds", "state/feeds", str(len(found.feed_files)), _notes({"files in all": found.feed_count}))
    if not result.editions:
        table.add_row("digests", "nobody is due", "0", "")
    for edition in result.editions:
        account = edition.account
        parts = {
            "sent": account.sent,
            "failed": account.failed,
            "suppressed": account.suppressed,
            "still to go": account.pending,
            "in doubt": account.in_doubt,
        }
        table.add_row(
            f"{edition.digest} no. {edition.number}",
            f"{account.audience} subscribers",
            str(account.sent),
            _notes(parts),
        )
    for channel in sorted({post.channel for post in result.posts}):
        mine = [post for post in result.posts if post.channel == channel]
        by_status: dict[str, int] = {}
        for post in mine:
            by_status[post.status] = by_status.get(post.status, 0) + 1
        table.add_row("posts", channel, str(len(mine)), _notes(by_status))
    return table


def _complain(result: Published) -> None:
    """Say what was not as it should be."""
    for problem in result.problems:
        mark = "[bold red]set aside[/]" if problem.refused else "[yellow]warning[/]"
        errors.print(mark, end=" ")
        errors.print(str(problem), markup=False, soft_wrap=True)
    if result.waiting:
        errors.print("[yellow]waiting:[/]", end=" ")
        errors.print(result.waiting, markup=False, soft_wrap=True)
    for trouble in result.troubles:
        errors.print(f"{trouble}", style="bold red", markup=False, soft_wrap=True)
    for edition in result.editions:
        if edition.last_reply:
            shown = f"{edition.digest} no. {edition.number}: the last reply to those who wait: {edition.last_reply}"
            errors.print(shown, style="yellow", markup=False, soft_wrap=True)
        if edition.reason:
            errors.print(f"[bold red]{edition.digest} no. {edition.number}[/]", end=" ")
            errors.print(edition.reason, markup=False, soft_wrap=True)
    for post in result.posts:
        if post.failed:
            errors.print(f"[bold red]{post.channel}[/]", end=" ")
            errors.print(post.reason, markup=False, soft_wrap=True)


def _notes(counts: dict[str, int]) -> str:
    return ", ".join(f"{number} {name}" for name, number in counts.items() if number)
