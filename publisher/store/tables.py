"""The core tables. A topic of its own may add tables to the same :data:`metadata` in its own module.

::

    article ──< edition_article >── edition ──< edition_variant      what is sent
    subscriber ──< subscription                                      who asked for what
    suppression                                                      who is never mailed
    edition ──< chunk ──< delivery                                   the ledger: what became of each
    schedule ──< schedule_run                                        what fires when, and what fired

Instants are UTC epoch seconds. ``delivery`` has no foreign keys: what was sent stays on record when a
subscriber is deleted, and an audience of half a million is frozen without a million look-ups.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ColumnElement,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    true,
)
from sqlalchemy.types import TypeEngine

#: Names for every constraint, so that a later migration can name what it changes.
metadata = MetaData(
    naming_convention={
        "ix": "ix_%(column_0_label)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)

#: A 64-bit row number; SQLite counts by itself only in a column declared INTEGER.
Id = BigInteger().with_variant(Integer(), "sqlite")


def _preference(name: str, kind: type[TypeEngine[Any]], default: str | ColumnElement[bool]) -> Column[Any]:
    """A column that keeps what a subscriber asks for; :mod:`publisher.subscribers.wishes` says what it may hold."""
    return Column(name, kind, nullable=False, server_default=default, info={"preference": True})


def preference_columns(table: Table) -> tuple[Column[Any], ...]:
    """The columns of ``subscriber`` or ``subscription`` that keep preferences, in order."""
    return tuple(column for column in table.c if "preference" in column.info)


meta = Table(
    "meta",
    metadata,
    Column("name", Text, primary_key=True),
    Column("value", Text, nullable=False),
)

article = Table(
    "article",
    metadata,
    Column("id", Text, primary_key=True),
    Column("key", Text, nullable=False, unique=True),
    Column("source_path", Text, nullable=False),
    Column("slug", Text, nullable=False),
    Column("title", Text, nullable=False),
    Column("section", Text, nullable=False),
    Column("published", Double, nullable=False),
    Column("updated", Double, nullable=False),
    Column("revision", Text, nullable=False),
    Column("body_hash", Text, nullable=False),
    # What it was read from (publisher.articles.documents.source_hash); '' until it is read by a version that hashes it.
    Column("source", Text, nullable=False, server_default=""),
    Column("document", Text, nullable=False),
    # The place in the order of release to digests, from 1; NULL: never released (an old article, imported).
    Column("position", BigInteger, unique=True),
    Column("first_seen", Double, nullable=False),
    Column("saved", Double, nullable=False),
    Column("withdrawn", Double),
    # The machine that read it last (publisher.pipeline.machine); '' where the database is one machine's own.
    Column("seen_by", Text, nullable=False, server_default=""),
    Index("ix_article_newest", "published", "id"),
)

edition = Table(
    "edition",
    metadata,
    Column("id", Id, primary_key=True),
    Column("digest", Text, nullable=False),
    Column("number", Integer, nullable=False),
    Column("title", Text, nullable=False),
    Column("created", Double, nullable=False),
    Column("status", Text, nullable=False),
    Column("policy", Text, nullable=False, server_default="resend"),
    Column("due", Double),
    Column("not_after", Double),
    Column("audience", Integer, nullable=False, server_default="0"),
    Column("frozen", Double),
    Column("finished", Double),
    Column("reason", Text, nullable=False, server_default=""),
    UniqueConstraint("digest", "number"),
    Index("ix_edition_status", "status"),
    sqlite_autoincrement=True,  # an id is never given twice: Message-IDs are made of it
)

edition_article = Table(
    "edition_article",
    metadata,
    Column("edition_id", Id, ForeignKey("edition.id", ondelete="CASCADE"), primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("article_id", Text, ForeignKey("article.id"), nullable=False),
    Column("revision", Text, nullable=False),
    Index("ix_edition_article_article", "article_id"),
)

edition_variant = Table(
    "edition_variant",
    metadata,
    Column("edition_id", Id, ForeignKey("edition.id", ondelete="CASCADE"), primary_key=True),
    Column("variant", Text, primary_key=True),
    # What it is made of (JSON), decided by planning; the bytes follow before the audience is frozen.
    Column("recipe", Text, nullable=False, server_default="{}"),
    Column("compiled", LargeBinary),
    Column("created", Double, nullable=False),
)

subscriber = Table(
    "subscriber",
    metadata,
    Column("id", Id, primary_key=True),
    Column("address", Text, nullable=False),
    Column("address_key", Text, nullable=False, unique=True),
    Column("address_hash", Text, nullable=False, unique=True),
    Column("name", Text, nullable=False, server_default=""),
    _preference("language", Text, ""),
    Column("status", Text, nullable=False),
    Column("origin", Text, nullable=False, server_default=""),
    Column("created", Double, nullable=False),
    Column("confirmed", Double),
    _preference("tracking", Boolean, true()),  # false: never counted by name
    sqlite_autoincrement=True,  # deliveries on record name ids of subscribers who are gone
)

subscription = Table(
    "subscription",
    metadata,
    Column("id", Id, primary_key=True),
    Column("subscriber_id", Id, ForeignKey("subscriber.id", ondelete="CASCADE"), nullable=False),
    Column("digest", Text, nullable=False),
    _preference("sections", Text, "[]"),
    _preference("tags", Text, "[]"),
    _preference("authors", Text, "[]"),
    _preference("cadence", Text, "each"),
    _preference("weekday", SmallInteger, "0"),
    _preference("hour", SmallInteger, "8"),
    _preference("minute", SmallInteger, "0"),
    _preference("timezone", Text, "UTC"),
    _preference("monthday", SmallInteger, "1"),
    _preference("format", Text, "html"),
    _preference("paused_until", Double, "0"),
    # Every released article up to this position was sent to this subscriber, or was not for them.
    Column("cursor", BigInteger, nullable=False, server_default="0"),
    # The slot this subscription waits for; NULL: as soon as there is something.
    Column("next_due", Double),
    # What was planned last and who is in its audience: frozen from here into delivery rows.
    Column("edition_id", Id),
    Column("variant", Text, nullable=False, server_default=""),
    Column("active", Boolean, nullable=False),
    Column("created", Double, nullable=False),
    Column("ended", Double),
    UniqueConstraint("subscriber_id", "digest"),
    Index("ix_subscription_digest", "digest", "active"),
    Index("ix_subscription_edition", "edition_id"),
)

suppression = Table(
    "suppression",
    metadata,
    Column("address_hash", Text, primary_key=True),
    Column("reason", Text, nullable=False),
    Column("detail", Text, nullable=False, server_default=""),
    Column("created", Double, nullable=False),
)

chunk = Table(
    "chunk",
    metadata,
    Column("id", Id, primary_key=True),
    Column("edition_id", Id, ForeignKey("edition.id", ondelete="CASCADE"), nullable=False),
    Column("ordinal", Integer, nullable=False, server_default="-1"),
    Column("state", SmallInteger, nullable=False, server_default="0"),
    Column("due", Double, nullable=False),
    Column("lease_token", Text),
    Column("lease_until", Double),
    Column("holder", Text),
    Column("intent_upto", Id),
    Column("crashes", Integer, nullable=False, server_default="0"),
    Column("size", Integer, nullable=False),
    Column("sent", Integer, nullable=False, server_default="0"),
    Column("failed", Integer, nullable=False, server_default="0"),
    Column("suppressed", Integer, nullable=False, server_default="0"),
    Column("in_doubt", Integer, nullable=False, server_default="0"),
    Index("ix_chunk_edition", "edition_id", "ordinal", "due"),
    Index("ix_chunk_due", "state", "due", "id"),
)

delivery = Table(
    "delivery",
    metadata,
    Column("id", Id, primary_key=True),
    Column("edition_id", Id, nullable=False),
    Column("chunk_id", Id, nullable=False),
    Column("subscriber_id", Id, nullable=False),
    Column("address", Text, nullable=False),
    Column("address_hash", Text, nullable=False),
    Column("variant", Text, nullable=False),
    Column("state", SmallInteger, nullable=False, server_default="0"),
    Column("attempts", SmallInteger, nullable=False, server_default="0"),
    Column("doubts", SmallInteger, nullable=False, server_default="0"),
    # Senders that died while this row was composed, or was the only one on its way.
    Column("deaths", SmallInteger, nullable=False, server_default="0"),
    Column("code", SmallInteger),
    Column("reply", Text),
    Column("first_attempt", Double),
    Column("sent", Double),
    UniqueConstraint("edition_id", "subscriber_id"),
    Index("ix_delivery_chunk", "chunk_id", "id"),
    Index("ix_delivery_subscriber", "subscriber_id"),
    # Room on every page for the new version of a row: its state changes at least once (PostgreSQL: HOT updates).
    postgresql_with={"fillfactor": "45"},
)

progress = Table(
    "progress",
    metadata,
    Column("edition_id", Id, ForeignKey("edition.id", ondelete="CASCADE"), primary_key=True),
    Column("slot", BigInteger, primary_key=True, autoincrement=False),
    Column("sent", Integer, nullable=False),
)

schedule = Table(
    "schedule",
    metadata,
    Column("name", Text, primary_key=True),
    Column("rule", Text, nullable=False),
    Column("timezone", Text, nullable=False),
    Column("catch_up", Text, nullable=False),
    Column("grace", Double, nullable=False),
    Column("enabled", Boolean, nullable=False),
    Column("next_run", Double),
    Column("last_slot", Double),
    Index("ix_schedule_next", "enabled", "next_run"),
)

schedule_run = Table(
    "schedule_run",
    metadata,
    Column("schedule", Text, primary_key=True),
    Column("slot", Double, primary_key=True),
    Column("outcome", Text, nullable=False),
    Column("fired", Double, nullable=False),
)
