"""``post`` and ``channels``: posts and the places they go to, by hand."""

from __future__ import annotations

import sys
from typing import Annotated, TypedDict

import typer
from rich.table import Table

from publisher import posting
from publisher.cli.base import HERE, JsonOption, SiteOption, console, errors, opened, print_json
from publisher.cli.lazily import new_app
from publisher.errors import ChannelError, SiteError
from publisher.model import Article, PostStatus
from publisher.pipeline.fetching import image_fetcher
from publisher.pipeline.waiting import refuse_if_restored
from publisher.posting.by_hand import Decision
from publisher.settings.channels import ChannelSettings
from publisher.store import Tx, posts
from publisher.store import articles as article_rows
from publisher.store import channels as channel_rows
from publisher.store.channels import ChannelRow

channels = new_app(help="The places that articles are posted to.")

NameArgument = Annotated[str, typer.Argument(help="The channel's name in publication.toml.")]


def post(
    article: Annotated[str, typer.Argument(help="An article's slug, key, id or URL, or latest.")],
    channel: Annotated[str, typer.Option("--channel", "-c", help="The channel's name in publication.toml.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the exact request and send nothing.")] = False,
    directory: SiteOption = HERE,
    json: JsonOption = False,
) -> None:
    """Post an article on one channel now; never a second time."""
    with opened(directory) as site:
        table = posting.channel_table(site.settings, channel)
        with site.store.read() as tx:
            found = _find(tx, article)
            revision = article_rows.revision_of(tx, found.id)
            place = posting.open_known(tx, site.settings, table, dry_run=True)
        seen = posting.preview(found, place, table, site.settings)
        if seen.problem:
            raise ChannelError(seen.problem)
        if seen.price:
            errors.print(f"{seen.label} bills ${seen.price:.3f} for this post.")
        if dry_run:
            made = posting.dry_run(found, place, table, site.settings, site.now_utc(), revision=revision)
            sys.stdout.buffer.write(made)
            return
        fetch = image_fetcher(site)
        refuse_if_restored(site)
        done = posting.post_now(site.store, site.settings, found, channel, fetch=fetch, clock=site.now_utc)
    if json:
        print_json({"channel": done.channel, "status": done.status, "url": done.url, "reason": done.reason})
    else:
        console.print(f"{done.channel}: {done.status}", done.url, done.reason, markup=False, soft_wrap=True)
    if done.status in (PostStatus.FAILED, PostStatus.UNKNOWN):
        raise typer.Exit(1)


def _find(tx: Tx, name: str) -> Article:
    """The article of this key, id, slug or URL; ``latest`` is the newest.

    :raises SiteError: there is none.
    """
    offered = article_rows.newest(tx)
    for article in offered:
        if name == "latest" or name in (article.key, article.id, article.slug, article.url):
            return article
    hint = f"; the newest is {offered[0].slug or offered[0].key}" if offered else "; masthead publish reads them"
    raise SiteError(f"there is no article {name!r}{hint}")


@channels.command("list")
def list_channels(directory: SiteOption = HERE, json: JsonOption = False) -> None:
    """Every channel: its state, and how many posts of each status it has."""
    with opened(directory) as site, site.store.read() as tx:
        counts = posts.counts(tx)
        states = {row.name: row for row in channel_rows.every(tx)}
        rows = [_standing(table, states.get(table.name), counts) for table in site.settings.channels]
    if json:
        print_json(rows)
        return
    if not rows:
        console.print("No channel is set up; add a [[channels]] table to publication.toml.", markup=False)
        return
    table = Table(box=None, pad_edge=False, header_style="dim")
    for name in ("channel", "kind", "state", "posts", ""):
        table.add_column(name)
    for row in rows:
        numbers = ", ".join(f"{number} {status}" for status, number in sorted(row["posts"].items()))
        table.add_row(row["name"], row["kind"], row["state"], numbers, row["reason"])
    console.print(table)


class _Standing(TypedDict):
    name: str
    kind: str
    state: str
    posts: dict[str, int]
    reason: str


def _standing(table: ChannelSettings, state: ChannelRow | None, counts: dict[str, dict[str, int]]) -> _Standing:
    standing = "dry run" if table.dry_run else "paused" if state and state.paused is not None else "running"
    return {
        "name": table.name,
        "kind": table.kind,
        "state": standing,
        "posts": counts.get(table.name, {}),
        "reason": state.reason if state else "",
    }


@channels.command("test")
def ask(name: NameArgument, directory: SiteOption = HERE) -> None:
    """Ask a channel who we are, publishing nothing; a paused one goes on when it answers."""
    with opened(directory) as site:
        line = posting.try_channel(site.store, site.settings, name, clock=site.now_utc)
    console.print(line, markup=False, soft_wrap=True)


@channels.command("resume")
def resume(name: NameArgument, directory: SiteOption = HERE) -> None:
    """Let a paused channel go on without asking it."""
    with opened(directory) as site:
        posting.resume(site.store, site.settings, name)
    console.print(f"{name} goes on", markup=False)


@channels.command("unknown")
def unknown(directory: SiteOption = HERE, json: JsonOption = False) -> None:
    """Posts that may or may not be published, for a person to look at."""
    with opened(directory) as site, site.store.read() as tx:
        rows = posts.of_status(tx, PostStatus.UNKNOWN)
    if json:
        print_json(
            [{name: getattr(row, name) for name in ("id", "channel", "article_id", "reason", "text")} for row in rows]
        )
        return
    for row in rows:
        console.print(f"{row.id}  {row.channel}: {row.reason}", markup=False, soft_wrap=True)
        console.print("    " + row.text.partition("\n")[0], style="dim", markup=False, soft_wrap=True)
    console.print("masthead channels decide ID published|failed|send" if rows else "Nothing is in doubt.")


@channels.command("decide")
def decide(
    post_id: Annotated[int, typer.Argument(help="The post's number, from masthead channels unknown.")],
    outcome: Annotated[Decision, typer.Argument(help="published, failed, or send (it is not there: send it again).")],
    url: Annotated[str, typer.Option(help="Where it is published.")] = "",
    directory: SiteOption = HERE,
) -> None:
    """Say what became of a post that nobody else can tell, or have a failed one sent again."""
    with opened(directory) as site:
        posting.decide(site.store, post_id, outcome, url=url, now=site.now_utc())
    console.print(f"post {post_id}: {outcome}", markup=False)
