"""``sources``: which machine reads the articles, and taking them over."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from publisher.cli.base import HERE, JsonOption, SiteOption, console, errors, opened, print_json
from publisher.pipeline import owning
from publisher.pipeline.collecting import collect
from publisher.pipeline.site import Site


def sources(
    directory: SiteOption = HERE,
    take: Annotated[bool, typer.Option("--take", help="Read the articles on this machine from now on.")] = False,
    withdraw: Annotated[
        bool, typer.Option("--withdraw", help="Withdraw the articles that another machine had and this one has not.")
    ] = False,
    json: JsonOption = False,
) -> None:
    """Which machine reads the articles, where several share a database; take them over."""
    with opened(directory) as site:
        if take or withdraw:
            claim = owning.claim(site, take=take)
            if not claim.mine:
                errors.print(f"masthead: {claim.line}", markup=False, soft_wrap=True)
                raise typer.Exit(1)
            _read(site, withdraw=withdraw)
        if json:
            print_json(_as_dict(site))
        else:
            console.print(owning.whereabouts(site), markup=False, soft_wrap=True)


def _read(site: Site, *, withdraw: bool) -> None:
    found = collect(site, withdraw_missed=withdraw)
    assert found is not None
    for problem in found.problems:
        errors.print(str(problem), markup=False, soft_wrap=True)
    counts = f"{len(found.new)} new, {len(found.changed)} changed, {found.withdrawn} withdrawn"
    errors.print(f"articles were read: {counts}", markup=False, soft_wrap=True)


def _as_dict(site: Site) -> dict[str, object]:
    machine, owner = owning.reader(site)
    return {
        "here": machine.place,
        "shared": bool(machine.id),
        "read_here": not machine.id or (owner is not None and owner.machine == machine.id),
        "read_on": owner.place if owner else None if machine.id else machine.place,
        "since": datetime.fromtimestamp(owner.since, UTC).isoformat() if owner else None,
        "lease_seconds": round(owner.left, 1) if owner else None,
    }
