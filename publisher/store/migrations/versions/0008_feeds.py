"""Who reads our feeds, private feeds, and the hub's requests, subscriptions and deliveries."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "feed_reader",
        sa.Column("feed", sa.Text(), nullable=False),
        sa.Column("reader", sa.Text(), nullable=False),
        sa.Column("subscribers", sa.BigInteger(), nullable=False),
        sa.Column("last_seen", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("feed", "reader", name="pk_feed_reader"),
    )
    op.create_index("ix_feed_reader_last_seen", "feed_reader", ["last_seen"])
    op.create_table(
        "private_feed",
        sa.Column("id", ID, nullable=False),
        sa.Column("subscriber_id", ID, nullable=False),
        sa.Column("secret_hash", sa.Text(), nullable=False),
        sa.Column("created", sa.Double(), nullable=False),
        sa.Column("revoked", sa.Double(), nullable=True),
        sa.ForeignKeyConstraint(
            ["subscriber_id"], ["subscriber.id"], name="fk_private_feed_subscriber_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_private_feed"),
        sa.UniqueConstraint("secret_hash", name="uq_private_feed_secret_hash"),
    )
    op.create_index("ix_private_feed_subscriber", "private_feed", ["subscriber_id"])
    op.create_table(
        "websub_request",
        sa.Column("id", ID, nullable=False),
        sa.Column("mode", sa.Text(), nullable=False),
        sa.Column("topic", sa.Text(), nullable=False),
        sa.Column("callback", sa.Text(), nullable=False),
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("secret", sa.Text(), nullable=False),
        sa.Column("lease_seconds", sa.Integer(), nullable=False),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("due", sa.Double(), nullable=False),
        sa.Column("created", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_websub_request"),
        sa.UniqueConstraint("topic", "callback", name="uq_websub_request_topic_callback"),
    )
    op.create_index("ix_websub_request_due", "websub_request", ["due"])
    op.create_index("ix_websub_request_host", "websub_request", ["host"])
    op.create_table(
        "websub_subscription",
        sa.Column("id", ID, nullable=False),
        sa.Column("topic", sa.Text(), nullable=False),
        sa.Column("callback", sa.Text(), nullable=False),
        sa.Column("secret", sa.Text(), nullable=False),
        sa.Column("expires", sa.Double(), nullable=False),
        sa.Column("failures", sa.Integer(), server_default="0", nullable=False),
        sa.Column("created", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_websub_subscription"),
        sa.UniqueConstraint("topic", "callback", name="uq_websub_subscription_topic_callback"),
    )
    op.create_index("ix_websub_subscription_expires", "websub_subscription", ["expires"])
    op.create_table(
        "websub_delivery",
        sa.Column("subscription_id", ID, autoincrement=False, nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("due", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(
            ["subscription_id"],
            ["websub_subscription.id"],
            name="fk_websub_delivery_subscription_id",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("subscription_id", name="pk_websub_delivery"),
    )
    op.create_index("ix_websub_delivery_due", "websub_delivery", ["due"])
    op.create_table(
        "websub_announcement",
        sa.Column("hub", sa.Text(), nullable=False),
        sa.Column("topic", sa.Text(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("due", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("hub", "topic", name="pk_websub_announcement"),
    )
    op.create_index("ix_websub_announcement_due", "websub_announcement", ["due"])
