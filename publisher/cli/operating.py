"""``status``, ``audit``, ``pause``, ``resume``, ``cancel``, ``retry``, ``doubts``: editions in the operator's hands."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Annotated

import typer
from rich.console import Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from publisher import delivery
from publisher.cli.base import HERE, JsonOption, SiteOption, console, errors, opened, print_json
from publisher.delivery import Settlement
from publisher.pipeline.operating import EditionStanding, act, find_edition, in_doubt, settle, standings, troubles
from publisher.pipeline.owning import whereabouts
from publisher.pipeline.troubles import Trouble
from publisher.pipeline.waiting import STATE, restored

#: Doubts that are listed, or settled by one command.
MAX_DOUBTS = 1_000_000

EditionArgument = Annotated[str, typer.Argument(help="digest:number, a number where there is one digest, or latest.")]


def status(
    directory: SiteOption = HERE,
    json: JsonOption = False,
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Stay, and show live progress; Ctrl-C leaves.")] = False,
    limit: Annotated[int, typer.Option(help="How many editions.", min=1, max=1000)] = 10,
) -> None:
    """How the editions are getting on: progress, rate, time left, deferrals by domain."""
    with opened(directory, members=False) as site:
        waits = restored(site)
        if json:
            state = STATE if waits is not None else ""
            print_json([{**_as_dict(one), "waits": state} for one in standings(site, limit=limit)])
            return
        if waits is not None:
            errors.print(waits.line, style="bold red", markup=False, soft_wrap=True)
        if not watch:
            console.print(_picture(standings(site, limit=limit), troubles(site)))
            if site.settings.database.url:
                console.print(whereabouts(site), style="dim", markup=False, soft_wrap=True)
            return
        with Live(console=console, refresh_per_second=4) as live:
            try:
                while True:
                    live.update(_picture(standings(site, limit=limit), troubles(site)))
                    time.sleep(0.5)
            except KeyboardInterrupt:
                return


def _picture(found: list[EditionStanding], held_up: tuple[Trouble, ...]) -> Group:
    warnings = [Text(str(one), style="red") for one in held_up]
    if not found:
        hint = Text("No edition yet. masthead publish makes the first when there are articles and subscribers.")
        return Group(hint, *warnings)
    table = Table(box=None, pad_edge=False, header_style="dim")
    for name in ("edition", "state", "", "settled", "rate", "left", ""):
        table.add_column(name, no_wrap=name != "")
    notes = []
    for one in found:
        account, watched = one.watched.account, one.watched
        settled = account.audience - account.pending
        rest = {
            "failed": account.failed,
            "suppressed": account.suppressed,
            "to go": account.pending,
            "in doubt": account.in_doubt,
        }
        table.add_row(
            one.name,
            watched.status.value,
            ProgressBar(total=max(account.audience, 1), completed=settled, width=16),
            f"{settled} of {account.audience}",
            f"{watched.rate:.0f}/s" if watched.rate else "",
            str(timedelta(seconds=round(watched.eta))) if watched.eta is not None else "",
            ", ".join(f"{number} {name}" for name, number in rest.items() if number),
        )
        if one.complaints.level:
            told = one.complaints
            shown = f"{told.complaints} of {told.delivered} subscribers called it spam ({told.rate:.2%})"
            notes.append(Text(f"{one.name}: {shown}", style="red" if told.level == "stop" else "yellow"))
        if watched.reason:
            notes.append(Text(f"{one.name}: {watched.reason}", style="yellow"))
        if watched.deferrals:
            shown = ", ".join(f"{domain} {number}" for domain, number in watched.deferrals)
            notes.append(Text(f"{one.name}: {watched.deferred} wait for another attempt: {shown}", style="dim"))
    return Group(table, *warnings, *notes)


def _as_dict(one: EditionStanding) -> dict[str, object]:
    account = one.watched.account
    return {
        "edition": one.name,
        "title": one.title,
        "status": one.watched.status.value,
        "reason": one.watched.reason,
        "trouble": one.trouble.to_dict() if one.trouble else None,
        "audience": account.audience,
        "sent": account.sent,
        "failed": account.failed,
        "suppressed": account.suppressed,
        "complaints": one.complaints.complaints,
        "complaint_rate": round(one.complaints.rate, 6),
        "pending": account.pending,
        "in_doubt": account.in_doubt,
        "balanced": account.balanced,
        "rate": round(one.watched.rate, 2),
        "eta_seconds": one.watched.eta,
        "deferrals": dict(one.watched.deferrals),
    }


def audit(directory: SiteOption = HERE, json: JsonOption = False) -> None:
    """Count every delivery and check the account of every edition; exit 1 when one does not balance."""
    with opened(directory, members=False) as site:
        names = {one.id: one.name for one in standings(site, limit=1_000_000)}
        audits = delivery.audit_all(site.store)
    wrong = [one for one in audits if one.problems or not one.account.balanced]
    if json:
        print_json(
            [
                {
                    "edition": names[one.edition_id],
                    "audience": one.account.audience,
                    "sent": one.account.sent,
                    "failed": one.account.failed,
                    "suppressed": one.account.suppressed,
                    "pending": one.account.pending,
                    "in_doubt": one.account.in_doubt,
                    "balanced": one.account.balanced,
                    "problems": list(one.problems),
                }
                for one in audits
            ]
        )
    else:
        table = Table(box=None, pad_edge=False, header_style="dim")
        for name in ("edition", "audience", "=", "sent", "failed", "suppressed", "pending", "in doubt", ""):
            table.add_column(name, justify="left" if name in ("edition", "=", "") else "right")
        for one in audits:
            a = one.account
            mark = "[green]balanced[/]" if one not in wrong else "[bold red]does not balance[/]"
            numbers = [str(n) for n in (a.sent, a.failed, a.suppressed, a.pending, a.in_doubt)]
            table.add_row(names[one.edition_id], str(a.audience), "=", *numbers, mark)
        console.print(table if audits else "No edition was sent yet.")
        for one in wrong:
            for problem in one.problems:
                errors.print(f"{names[one.edition_id]}: {problem}", markup=False, soft_wrap=True)
    if wrong:
        raise typer.Exit(1)


def pause(edition: EditionArgument, directory: SiteOption = HERE) -> None:
    """Stop sending an edition for now; acts within two seconds."""
    with opened(directory, members=False) as site:
        one = find_edition(site, edition)
        act(site, one, "pause")
        console.print(f"{one.name} paused")


def resume(edition: EditionArgument, directory: SiteOption = HERE) -> None:
    """Go on sending a paused edition."""
    with opened(directory, members=False) as site:
        one = find_edition(site, edition)
        act(site, one, "resume")
        console.print(f"{one.name} goes on")


def cancel(
    edition: EditionArgument,
    directory: SiteOption = HERE,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Send no more of an edition, ever. What has left has left."""
    with opened(directory, members=False) as site:
        one = find_edition(site, edition)
        pending = one.watched.account.pending
        if not yes:
            typer.confirm(f"{one.name}: {pending} subscribers will not get it. Cancel it for good?", abort=True)
        act(site, one, "cancel")
        console.print(f"{one.name} is cancelled")


def retry(edition: EditionArgument, directory: SiteOption = HERE) -> None:
    """Try every failed delivery of an edition once more."""
    with opened(directory, members=False) as site:
        one = find_edition(site, edition)
        console.print(f"{one.name}: {act(site, one, 'retry')} are tried again")


def doubts(
    edition: EditionArgument = "latest",
    directory: SiteOption = HERE,
    settle_as: Annotated[
        Settlement | None,
        typer.Option("--settle", help="sent (it arrived), failed (let it be), resend (the same again)."),
    ] = None,
    only: Annotated[list[int] | None, typer.Option("--id", help="Only this delivery; may be repeated.")] = None,
    json: JsonOption = False,
) -> None:
    """List the messages whose fate is unknown, or settle them by hand."""
    with opened(directory, members=False) as site:
        one = find_edition(site, edition)
        rows = [row for row in in_doubt(site, one.id, limit=MAX_DOUBTS) if not only or row[0] in only]
        if settle_as:
            chosen = only or [row[0] for row in rows]
            settle(site, chosen, settle_as)
            console.print(f"{one.name}: {len(chosen)} settled as {settle_as}")
            return
    if json:
        print_json([{"id": row[0], "address": row[1], "reply": row[2]} for row in rows])
        return
    if not rows:
        console.print(f"{one.name}: nothing is in doubt")
    for number, address, reply in rows:
        console.print(f"{number}  {address}  {reply}", markup=False, soft_wrap=True)
