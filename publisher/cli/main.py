"""The command itself: the table of commands, and how one that fails ends."""

from __future__ import annotations

import logging
import sys

import typer

import publisher
from publisher.cli.lazily import Entry, Family, group_of, new_app
from publisher.errors import HOPELESS, MastheadError, SiteMoved


def version() -> None:
    """Print the version, as ``masthead --version`` does."""
    typer.echo(publisher.__version__)


def _site() -> Family:
    from publisher.cli import site

    return {"init": site.init, "run": site.run}


def _publishing() -> Family:
    from publisher.cli import publishing

    return {"publish": publishing.publish, "preview": publishing.preview, "send-test": publishing.send_test}


def _operating() -> Family:
    from publisher.cli.operating import audit, cancel, doubts, pause, resume, retry, status

    return {command.__name__: command for command in (status, audit, pause, resume, cancel, retry, doubts)}


def _posting() -> Family:
    from publisher.cli import posting

    return {"post": posting.post, "channels": posting.channels}


def _subscribers() -> Family:
    from publisher.cli import subscribers

    return {"import": subscribers.import_, "export": subscribers.export, "lmtp": subscribers.lmtp}


def _checkup() -> Family:
    from publisher.cli.checkup import doctor, upgrade

    return {"doctor": doctor, "upgrade": upgrade}


def _dkim() -> Family:
    from publisher.cli.dkim import dkim

    return {"dkim": dkim}


def _sources() -> Family:
    from publisher.cli.sources import sources

    return {"sources": sources}


def _backups() -> Family:
    from publisher.cli.backups import backup, restore, restored

    return {command.__name__: command for command in (backup, restore, restored)}


#: Every command in the order of ``--help``. A test holds each line to the command's docstring.
COMMANDS = {
    "init": Entry("Make a site: a commented publication.toml and two sample articles.", _site),
    "run": Entry("Web, worker and scheduler in one foreground process; Ctrl-C stops them.", _site),
    "version": Entry("Print the version, as ``masthead --version`` does.", lambda: {"version": version}),
    "publish": Entry(
        "The whole flow once: articles, feeds, digests at once whatever their schedule, posts. Nothing is sent twice.",
        _publishing,
    ),
    "preview": Entry(
        "Look at the next edition before it goes: at three widths, in light and dark, with its lint. Sends nothing.",
        _publishing,
    ),
    "send-test": Entry(
        "Send the next edition to some addresses, marked as a test; subscribers and counts are not touched.",
        _publishing,
    ),
    "doctor": Entry(
        "Look whether mail will arrive and nothing gets lost: relays, DNS, addresses, database. Changes nothing.",
        _checkup,
    ),
    "status": Entry("How the editions are getting on: progress, rate, time left, deferrals by domain.", _operating),
    "audit": Entry(
        "Count every delivery and check the account of every edition; exit 1 when one does not balance.",
        _operating,
    ),
    "pause": Entry("Stop sending an edition for now; acts within two seconds.", _operating),
    "resume": Entry("Go on sending a paused edition.", _operating),
    "cancel": Entry("Send no more of an edition, ever. What has left has left.", _operating),
    "retry": Entry("Try every failed delivery of an edition once more.", _operating),
    "doubts": Entry("List the messages whose fate is unknown, or settle them by hand.", _operating),
    "sources": Entry("Which machine reads the articles, where several share a database; take them over.", _sources),
    "post": Entry("Post an article on one channel now; never a second time.", _posting),
    "channels": Entry("The places that articles are posted to.", _posting),
    "import": Entry(
        "Add subscribers from a file. Run again, it changes nothing; it never undoes an unsubscription.",
        _subscribers,
    ),
    "export": Entry("Write all subscribers with what they asked for, or all suppressions.", _subscribers),
    "upgrade": Entry("Bring the database up to date, or say with --check what would be done.", _checkup),
    "dkim": Entry("The key that signs our mail.", _dkim),
    "backup": Entry(
        "Write the whole site into one file, also while it sends; feeds are left out, for they are built again.",
        _backups,
    ),
    "restore": Entry(
        "Make a site of a backup; whatever was unsent is held until a person lets it go (restored).", _backups
    ),
    "restored": Entry("List what a restore holds back, or let it go: to be sent, or counted as sent.", _backups),
    "lmtp": Entry("Take bounces and complaints from a mail server by LMTP, in the foreground.", _subscribers),
}

app = new_app(
    name="masthead", help="An article goes in once; feeds, e-mail digests and posts come out.", cls=group_of(COMMANDS)
)


@app.callback()
def _root() -> None:
    """Typer makes a group of an application that has a callback."""


def main() -> None:
    """The console script: expected failures are one line, never a traceback."""
    if sys.argv[1:] in (["version"], ["--version"]):
        return version()  # Typer loads pydantic to read any option; this command has none
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    try:
        app()
    except MastheadError as error:
        typer.echo(typer.style("masthead:", fg="red", bold=True) + f" {error}", err=True)
        sys.exit(HOPELESS if isinstance(error, SiteMoved) else 1)
    except KeyboardInterrupt:
        sys.exit(130)
