"""Make a site again of what :mod:`tests.upgrade.make_site` kept of a version.

::

    v0.1.0/… ── copied, with the times they had ──→ site/…
             ── *.sql ── executed ──→ site/state/*.db
             ── feeds ── compressed as they were ──→ their .gz and .br
"""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import json
import os
import shutil
import sqlite3
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import brotli
from alembic import command
from alembic.config import Config
from sqlalchemy import MetaData, create_engine, func, select

from publisher.store import migrate

HERE = Path(__file__).parent
#: Every version whose state is kept.
VERSIONS = sorted(path.parent.name for path in HERE.glob("v*/facts.json"))
#: Later than anything that is kept, before the subscriber of Thursdays is due, outside every channel's window.
AFTERWARDS = 1_795_316_400.0  # 2026-11-22 03:00 UTC


@dataclass(frozen=True, slots=True)
class Kept:
    """A restored site, the files it was made of, and the addresses that its subscribers hold."""

    site: Path
    source: Path
    facts: dict[str, Any]

    def rows(self, table: str, where: str = "1") -> list[dict[str, Any]]:
        """Rows of the database as they stand, in the order of their first columns."""
        with contextlib.closing(sqlite3.connect(self.site / "state" / "masthead.db")) as database:
            database.row_factory = sqlite3.Row
            return [dict(row) for row in database.execute(f"SELECT * FROM {table} WHERE {where} ORDER BY 1, 2")]


def restore(version: str, site: Path, *, moved: bool = False) -> Kept:
    """Make ``site``, which is not there yet, as that version left it.

    :param moved: the database is what it was in another place, to the letter; otherwise it knows the files where
        they are now as those that were read last.
    """
    source = HERE / version
    times: dict[str, int] = json.loads((source / "times.json").read_text(encoding="utf-8"))
    for name, at in times.items():
        path = site / name
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source / name, path)
        made = [path]
        if name.startswith("state/feeds/"):
            made += [path.with_name(f"{path.name}.gz"), path.with_name(f"{path.name}.br")]
            made[1].write_bytes(gzip.compress(path.read_bytes(), compresslevel=6, mtime=0))
            made[2].write_bytes(brotli.compress(path.read_bytes(), quality=5))
        for each in made:
            os.utime(each, (at, at))
    for dump in sorted((source / "state").rglob("*.sql")):
        target = (site / dump.relative_to(source)).with_suffix(".db")
        with contextlib.closing(sqlite3.connect(target)) as database:
            database.executescript(dump.read_text(encoding="utf-8"))
            if dump.name == "masthead.sql" and not moved:
                seen = (fingerprint(version.removeprefix("v"), site.resolve()),)
                database.execute("UPDATE meta SET value = ? WHERE name = 'sources.fingerprint'", seen)
                database.commit()
    return Kept(site, source, json.loads((source / "facts.json").read_text(encoding="utf-8")))


def fingerprint(version: str, site: Path) -> str:
    """What versions from 0.1.0 on keep in ``meta`` as ``sources.fingerprint``: which files they read last."""
    digest = hashlib.sha256(version.encode())
    files = [site / "publication.toml"]
    for folder in ("articles", "pages"):
        files += sorted(path for path in (site / folder).iterdir() if path.is_file())
    for file in files:
        status = file.stat()
        digest.update(f"{file}\0{status.st_mtime_ns}\0{status.st_size}\0".encode())
    return digest.hexdigest()


def dump_of(database: Path) -> str:
    """The text that :mod:`tests.upgrade.make_site` keeps of a database."""
    with contextlib.closing(sqlite3.connect(database)) as opened:
        return "\n".join(opened.iterdump()) + "\n"


def move_to_postgresql(kept: Kept, url: str) -> None:
    """Fill the empty database at ``url`` with the rows of a kept one, at the revision of migrations that it had."""
    with contextlib.closing(sqlite3.connect(kept.site / "state" / "masthead.db")) as database:
        (revision,) = database.execute("SELECT version_num FROM alembic_version").fetchone()
    config = Config()
    config.set_main_option("script_location", str(migrate.SCRIPTS))
    engine = create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
    try:
        with engine.begin() as tx:
            config.attributes["connection"] = tx
            command.upgrade(config, revision)
        with engine.begin() as tx:
            tables = MetaData()
            tables.reflect(tx)
            for table in tables.sorted_tables:
                rows = kept.rows(table.name) if table.name != "alembic_version" else []
                if rows:
                    tx.execute(table.insert(), rows)
                if rows and "id" in table.c and isinstance(rows[0]["id"], int):
                    newest = max(row["id"] for row in rows)
                    tx.execute(select(func.setval(func.pg_get_serial_sequence(table.name, "id"), newest)))
    finally:
        engine.dispose()
