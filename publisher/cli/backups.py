"""``backup``, ``restore`` and ``restored``: a site in one file, back again, and what waits for a person then."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from publisher.cli.base import HERE, JsonOption, SiteOption, StageBars, console, errors, opened, print_json
from publisher.errors import SiteError
from publisher.pipeline.backup import letting_go, making, restoring
from publisher.pipeline.backup.letting_go import Standing
from publisher.pipeline.waiting import STATE, Restored, instant

FileArgument = Annotated[Path, typer.Argument(help="The backup, one file.")]


def backup(
    file: FileArgument,
    directory: SiteOption = HERE,
    with_secrets: Annotated[
        bool, typer.Option("--with-secrets", help="Put the secret files that lie in the site into it too.")
    ] = False,
    json: JsonOption = False,
) -> None:
    """Write the whole site into one file, also while it sends; feeds are left out, for they are built again."""
    with opened(directory) as site, StageBars(quiet=json) as progress:
        made = making.back_up(site, file, with_secrets=with_secrets, progress=progress)
    if json:
        print_json(making.as_dict(made))
        return
    ledger = made.manifest.ledger
    console.print(
        f"{file}: {made.size / 1e6:.1f} MB, {instant(made.manifest.instant)}: {ledger['subscribers']} subscribers, "
        f"{ledger['articles']} articles, {ledger['editions']} editions, {ledger['deliveries']} deliveries of which "
        f"{ledger['pending']} are unsent",
        markup=False,
        soft_wrap=True,
    )
    console.print("It holds addresses and the keys of every link: keep it as you keep the site.", style="dim")
    for line in made.manifest.left_out:
        errors.print(f"not in it: {line}", markup=False, soft_wrap=True, style="yellow")


def restore(
    file: FileArgument,
    into: Annotated[Path | None, typer.Option(help="The directory that becomes the site; default: --site.")] = None,
    directory: SiteOption = HERE,
    force: Annotated[bool, typer.Option("--force", help="Replace what the stopped site's database holds.")] = False,
    json: JsonOption = False,
) -> None:
    """Make a site of a backup; whatever was unsent is held until a person lets it go (restored)."""
    place = into or directory
    with StageBars(quiet=json) as progress:
        done = restoring.restore(file, place, clock=time.time, force=force, progress=progress)
    if json:
        print_json(
            {
                "site": str(place),
                "written": done.written,
                "kept": done.kept,
                "left_out": done.manifest.left_out,
                **_facts(done.waits),
            }
        )
        return
    console.print(f"{place}: {len(done.written)} files written, {len(done.kept)} were there and stay", markup=False)
    if done.journal_moved_to is not None:
        console.print(f"the old journals are in {done.journal_moved_to}", markup=False, soft_wrap=True)
    for line in done.manifest.left_out:
        errors.print(f"was not in the backup: {line}", markup=False, soft_wrap=True, style="yellow")
    with opened(place) as site:
        found = letting_go.standing(site)
    assert found is not None
    _show(found)


_QUESTIONS = {
    "all": "Whoever was sent something after the backup gets it again. Send what was unsent?",
    "none": "Whoever was not sent it before the site was lost never gets it. Count what was unsent as sent?",
}


def restored(
    directory: SiteOption = HERE,
    let_go: Annotated[
        str | None, typer.Option("--let-go", help="all: send what was unsent; none: count it as sent.")
    ] = None,
    but: Annotated[
        list[str] | None, typer.Option("--except", help="What goes the other way, by its name in the list.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    json: JsonOption = False,
) -> None:
    """List what a restore holds back, or let it go: to be sent, or counted as sent."""
    if let_go not in (None, "all", "none"):
        raise SiteError(f"--let-go {let_go}: expected all (send what was unsent) or none (count it as sent)")
    with opened(directory) as site:
        found = letting_go.standing(site)
        if let_go is None:
            if json:
                print_json({} if found is None else _as_dict(found))
            elif found is None:
                console.print("Nothing waits: this site was not restored, or a person has let it go.")
            else:
                _show(found)
            return
        if found is not None and not yes:
            typer.confirm(_QUESTIONS[let_go], abort=True, err=True)
        lines = letting_go.let_go(site, "send" if let_go == "all" else "count", but=but or ())
    if json:
        print_json({"let_go": let_go, "except": but or [], "done": lines})
        return
    for line in lines:
        console.print(line, markup=False, soft_wrap=True)


def _facts(waits: Restored) -> dict[str, object]:
    return {
        "state": STATE,
        "backup": waits.backup,
        "restored": waits.restored,
        "gap_seconds": waits.gap.total_seconds(),
        "learned": waits.learned,
    }


def _as_dict(found: Standing) -> dict[str, object]:
    held = [{"name": one.name, "number": one.number, "what": one.what} for one in found.held]
    return {**_facts(found.waits), "held": held, "unknown": found.unknown}


def _show(found: Standing) -> None:
    waits = found.waits
    console.print(
        f"Restored {instant(waits.restored)} from a backup of {instant(waits.backup)}; the gap is {waits.gap}.\n"
        "Nothing is planned, mailed, posted or called until you let it go:",
        markup=False,
        soft_wrap=True,
    )
    table = Table(box=None, pad_edge=False, header_style="dim")
    for name in ("name", "held", ""):
        table.add_column(name, no_wrap=name == "name", justify="right" if name == "held" else "left")
    for one in found.held:
        table.add_row(one.name, str(one.number), one.what)
    console.print(table)
    for name, number in waits.learned.items():
        console.print(f"known of the gap: {number} {name}", markup=False, soft_wrap=True)
    for line in found.unknown:
        console.print(f"not known: {line}" if "is read" not in line else line, markup=False, soft_wrap=True)
    console.print(
        "masthead restored --let-go none    count it as sent: nobody gets anything twice, some may get nothing\n"
        "masthead restored --let-go all     send it: nobody misses anything, some may get it twice\n"
        "--except NAME                      the other way for this one; may be given several times",
        markup=False,
        soft_wrap=True,
    )
