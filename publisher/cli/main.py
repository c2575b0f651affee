"""The command itself: ``init``, ``run``, ``version``, and the families beside it."""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from typing import Annotated

import typer

import publisher
from publisher.cli import operating, posting, publishing, subscribers
from publisher.cli.base import SiteOption, console, errors
from publisher.cli.site_template import create_site
from publisher.cli.supervisor import supervise
from publisher.errors import MastheadError
from publisher.settings import load_settings

app = typer.Typer(
    name="masthead",
    help="An article goes in once; feeds, e-mail digests and posts come out.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


@app.command()
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


@app.command()
def run(
    site: SiteOption = Path(),
    host: Annotated[str | None, typer.Option(help="Address to listen on; default: [web] host.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on; default: [web] port.", min=1, max=65535)] = None,
) -> None:
    """Web, worker and scheduler in one foreground process; Ctrl-C stops them."""
    settings = load_settings(site)
    supervise(
        settings,
        host=host or settings.web.host,
        port=port or settings.web.port,
        say=lambda line: console.print(f"[bold]{settings.publication.title}[/]  {line}", soft_wrap=True),
    )


@app.command()
def version() -> None:
    """Print the version."""
    typer.echo(publisher.__version__)


publishing.register(app)
operating.register(app)
posting.register(app)
subscribers.register(app)


def main() -> None:
    """The console script: expected failures are one line, never a traceback."""
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    try:
        app()
    except MastheadError as error:
        errors.print(f"[bold red]masthead:[/] {_plain(str(error))}", soft_wrap=True)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)


def _plain(text: str) -> str:
    from rich.markup import escape

    return escape(text)
