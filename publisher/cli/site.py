"""``init`` and ``run``: a site is made, and brought to life."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import typer

from publisher.cli.base import HERE, SiteOption, console
from publisher.cli.site_template import create_site
from publisher.cli.supervisor import supervise
from publisher.lib.networks import is_loopback_host
from publisher.settings import load_settings


def init(
    directory: Annotated[Path, typer.Argument(help="Where the site is made; must be new or empty.")],
    title: Annotated[str, typer.Option(help="The publication's title.")] = "",
) -> None:
    """Make a site: a commented publication.toml and two sample articles."""
    made = create_site(directory, title=title)
    for path in made:
        console.print(f"  [green]made[/] {path}", soft_wrap=True)
    console.print(
        f"\nNext: edit {directory / 'publication.toml'}, then: [bold]masthead run --site {directory}[/]", soft_wrap=True
    )


def run(
    directory: SiteOption = HERE,
    host: Annotated[str | None, typer.Option(help="Address to listen on; default: [web] host.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on; default: [web] port.", min=1, max=65535)] = None,
) -> None:
    """Web, worker and scheduler in one foreground process; Ctrl-C stops them."""
    # Loads every family, which `init` has no use for.
    from publisher.pipeline.checks import check_members

    settings = load_settings(directory)
    check_members(settings)

    def say(line: str) -> None:
        console.print(f"[bold]{settings.publication.title}[/]  {line}", soft_wrap=True)

    if elsewhere := _links_lead_elsewhere(settings.publication.base_url, port or settings.web.port):
        say(elsewhere)
    supervise(settings, host=host or settings.web.host, port=port or settings.web.port, say=say)


def _links_lead_elsewhere(base_url: str, port: int) -> str:
    """A line where ``base_url`` is this machine at another port than the one that is served; else empty."""
    parts = urlsplit(base_url)
    if not is_loopback_host(parts.netloc) or (parts.port or 80) == port:
        return ""
    return f"links in mail and feeds lead to {base_url}, not to port {port}: set [publication] base_url to match"
