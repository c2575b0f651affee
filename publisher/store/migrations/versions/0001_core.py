"""The core: articles, editions, subscribers, the ledger and the schedules."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "article",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("source_path", sa.Text(), nullable=False),
        sa.Column("slug", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("section", sa.Text(), nullable=False),
        sa.Column("published", sa.Double(), nullable=False),
        sa.Column("updated", sa.Double(), nullable=False),
        sa.Column("revision", sa.Text(), nullable=False),
        sa.Column("body_hash", sa.Text(), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=True),
        sa.Column("first_seen", sa.Double(), nullable=False),
        sa.Column("saved", sa.Double(), nullable=False),
        sa.Column("withdrawn", sa.Double(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_article"),
        sa.UniqueConstraint("key", name="uq_article_key"),
        sa.UniqueConstraint("position", name="uq_article_position"),
    )
    op.create_index("ix_article_newest", "article", ["published", "id"], unique=False)
    op.create_table(
        "delivery",
        sa.Column("id", ID, nullable=False),
        sa.Column("edition_id", ID, nullable=False),
        sa.Column("chunk_id", ID, nullable=False),
        sa.Column("subscriber_id", ID, nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("address_hash", sa.Text(), nullable=False),
        sa.Column("variant", sa.Text(), nullable=False),
        sa.Column("state", sa.SmallInteger(), server_default="0", nullable=False),
        sa.Column("attempts", sa.SmallInteger(), server_default="0", nullable=False),
        sa.Column("doubts", sa.SmallInteger(), server_default="0", nullable=False),
        sa.Column("code", sa.SmallInteger(), nullable=True),
        sa.Column("reply", sa.Text(), nullable=True),
        sa.Column("first_attempt", sa.Double(), nullable=True),
        sa.Column("sent", sa.Double(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_delivery"),
        sa.UniqueConstraint("edition_id", "subscriber_id", name="uq_delivery_edition_id_subscriber_id"),
        postgresql_with={"fillfactor": "45"},
    )
    op.create_index("ix_delivery_chunk", "delivery", ["chunk_id", "id"], unique=False)
    op.create_index("ix_delivery_subscriber", "delivery", ["subscriber_id"], unique=False)
    op.create_table(
        "edition",
        sa.Column("id", ID, nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("created", sa.Double(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("policy", sa.Text(), server_default="resend", nullable=False),
        sa.Column("due", sa.Double(), nullable=True),
        sa.Column("not_after", sa.Double(), nullable=True),
        sa.Column("audience", sa.Integer(), server_default="0", nullable=False),
        sa.Column("frozen", sa.Double(), nullable=True),
        sa.Column("finished", sa.Double(), nullable=True),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_edition"),
        sa.UniqueConstraint("digest", "number", name="uq_edition_digest_number"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_edition_status", "edition", ["status"], unique=False)
    op.create_table(
        "meta",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_meta"),
    )
    op.create_table(
        "schedule",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("rule", sa.Text(), nullable=False),
        sa.Column("timezone", sa.Text(), nullable=False),
        sa.Column("catch_up", sa.Text(), nullable=False),
        sa.Column("grace", sa.Double(), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("next_run", sa.Double(), nullable=True),
        sa.Column("last_slot", sa.Double(), nullable=True),
        sa.PrimaryKeyConstraint("name", name="pk_schedule"),
    )
    op.create_index("ix_schedule_next", "schedule", ["enabled", "next_run"], unique=False)
    op.create_table(
        "schedule_run",
        sa.Column("schedule", sa.Text(), nullable=False),
        sa.Column("slot", sa.Double(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("fired", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("schedule", "slot", name="pk_schedule_run"),
    )
    op.create_table(
        "subscriber",
        sa.Column("id", ID, nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("address_key", sa.Text(), nullable=False),
        sa.Column("address_hash", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), server_default="", nullable=False),
        sa.Column("language", sa.Text(), server_default="", nullable=False),
        sa.Column("token", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("origin", sa.Text(), server_default="", nullable=False),
        sa.Column("created", sa.Double(), nullable=False),
        sa.Column("confirmed", sa.Double(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_subscriber"),
        sa.UniqueConstraint("address_hash", name="uq_subscriber_address_hash"),
        sa.UniqueConstraint("address_key", name="uq_subscriber_address_key"),
        sa.UniqueConstraint("token", name="uq_subscriber_token"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "suppression",
        sa.Column("address_hash", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), server_default="", nullable=False),
        sa.Column("created", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("address_hash", name="pk_suppression"),
    )
    op.create_table(
        "chunk",
        sa.Column("id", ID, nullable=False),
        sa.Column("edition_id", ID, nullable=False),
        sa.Column("ordinal", sa.Integer(), server_default="-1", nullable=False),
        sa.Column("state", sa.SmallInteger(), server_default="0", nullable=False),
        sa.Column("due", sa.Double(), nullable=False),
        sa.Column("lease_token", sa.Text(), nullable=True),
        sa.Column("lease_until", sa.Double(), nullable=True),
        sa.Column("holder", sa.Text(), nullable=True),
        sa.Column("intent_upto", ID, nullable=True),
        sa.Column("crashes", sa.Integer(), server_default="0", nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("sent", sa.Integer(), server_default="0", nullable=False),
        sa.Column("failed", sa.Integer(), server_default="0", nullable=False),
        sa.Column("suppressed", sa.Integer(), server_default="0", nullable=False),
        sa.Column("in_doubt", sa.Integer(), server_default="0", nullable=False),
        sa.ForeignKeyConstraint(["edition_id"], ["edition.id"], name="fk_chunk_edition_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_chunk"),
    )
    op.create_index("ix_chunk_due", "chunk", ["state", "due", "id"], unique=False)
    op.create_index("ix_chunk_edition", "chunk", ["edition_id", "ordinal", "due"], unique=False)
    op.create_table(
        "edition_article",
        sa.Column("edition_id", ID, nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("article_id", sa.Text(), nullable=False),
        sa.Column("revision", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["article_id"], ["article.id"], name="fk_edition_article_article_id"),
        sa.ForeignKeyConstraint(
            ["edition_id"], ["edition.id"], name="fk_edition_article_edition_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("edition_id", "position", name="pk_edition_article"),
    )
    op.create_index("ix_edition_article_article", "edition_article", ["article_id"], unique=False)
    op.create_table(
        "edition_variant",
        sa.Column("edition_id", ID, nullable=False),
        sa.Column("variant", sa.Text(), nullable=False),
        sa.Column("recipe", sa.Text(), server_default="{}", nullable=False),
        sa.Column("compiled", sa.LargeBinary(), nullable=True),
        sa.Column("created", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(
            ["edition_id"], ["edition.id"], name="fk_edition_variant_edition_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("edition_id", "variant", name="pk_edition_variant"),
    )
    op.create_table(
        "progress",
        sa.Column("edition_id", ID, nullable=False),
        sa.Column("slot", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("sent", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["edition_id"], ["edition.id"], name="fk_progress_edition_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("edition_id", "slot", name="pk_progress"),
    )
    op.create_table(
        "subscription",
        sa.Column("id", ID, nullable=False),
        sa.Column("subscriber_id", ID, nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("sections", sa.Text(), server_default="[]", nullable=False),
        sa.Column("tags", sa.Text(), server_default="[]", nullable=False),
        sa.Column("authors", sa.Text(), server_default="[]", nullable=False),
        sa.Column("cadence", sa.Text(), server_default="each", nullable=False),
        sa.Column("weekday", sa.SmallInteger(), server_default="0", nullable=False),
        sa.Column("hour", sa.SmallInteger(), server_default="8", nullable=False),
        sa.Column("minute", sa.SmallInteger(), server_default="0", nullable=False),
        sa.Column("timezone", sa.Text(), server_default="UTC", nullable=False),
        sa.Column("monthday", sa.SmallInteger(), server_default="1", nullable=False),
        sa.Column("format", sa.Text(), server_default="html", nullable=False),
        sa.Column("paused_until", sa.Double(), server_default="0", nullable=False),
        sa.Column("cursor", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("next_due", sa.Double(), nullable=True),
        sa.Column("edition_id", ID, nullable=True),
        sa.Column("variant", sa.Text(), server_default="", nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("created", sa.Double(), nullable=False),
        sa.Column("ended", sa.Double(), nullable=True),
        sa.ForeignKeyConstraint(
            ["subscriber_id"], ["subscriber.id"], name="fk_subscription_subscriber_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_subscription"),
        sa.UniqueConstraint("subscriber_id", "digest", name="uq_subscription_subscriber_id_digest"),
    )
    op.create_index("ix_subscription_digest", "subscription", ["digest", "active"], unique=False)
    op.create_index("ix_subscription_edition", "subscription", ["edition_id"], unique=False)
