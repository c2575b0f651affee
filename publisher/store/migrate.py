"""Bringing a database up to date: Alembic, driven by the program and never by hand.

The scripts ship inside the package (``migrations/versions/NNNN_topic.py``, one chain); there is no
``alembic.ini``. The caller holds the transaction and the lock, so a migration happens wholly or not at all.
"""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util.exc import CommandError
from sqlalchemy import Connection

from publisher.errors import StoreError

SCRIPTS = Path(__file__).parent / "migrations"


def scripts() -> ScriptDirectory:
    """The chain of migrations that this program knows."""
    return ScriptDirectory.from_config(_config())


def upgrade(connection: Connection) -> None:
    """Run what is missing, inside the connection's transaction.

    :raises StoreError: the database was made by a newer program.
    """
    head = scripts().get_current_head()
    current = MigrationContext.configure(connection).get_current_revision()
    if current == head:
        return
    config = _config()
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, "head")
    except CommandError:
        raise StoreError(
            f"the database is at revision {current}, which this Masthead does not know; install the newer one"
        ) from None


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(SCRIPTS).replace("%", "%%"))
    return config
