"""The chain of migrations as Alembic sees it; there is no ``alembic.ini``."""

from __future__ import annotations

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from alembic.util.exc import CommandError
from sqlalchemy import Connection

from publisher.errors import NewerDatabase
from publisher.store.migrate import SCRIPTS


def scripts() -> ScriptDirectory:
    """The chain of migrations that this program knows."""
    return ScriptDirectory.from_config(_config())


def run(connection: Connection, at: str | None, *, to: str = "head") -> None:
    """Run every migration after the revision ``at``, up to the revision ``to``.

    :raises NewerDatabase: the database was made by a newer program.
    """
    config = _config()
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, to)
    except CommandError:
        raise unknown_revision(at) from None


def unknown_revision(at: str | None) -> NewerDatabase:
    """The failure that a database of a newer program is."""
    return NewerDatabase(f"the database is at revision {at}, which this Masthead does not know; install the newer one")


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(SCRIPTS).replace("%", "%%"))
    return config
