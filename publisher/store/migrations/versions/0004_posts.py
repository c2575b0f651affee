"""Posts, the channels they go to, and the articles a channel skipped."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "channel",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("first_seen", sa.Double(), nullable=False),
        sa.Column("busy_token", sa.Text(), nullable=True),
        sa.Column("busy_until", sa.Double(), nullable=True),
        sa.Column("wait_until", sa.Double(), nullable=True),
        sa.Column("paused", sa.Double(), nullable=True),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.Column("memory", sa.Text(), server_default="{}", nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_channel"),
    )
    op.create_table(
        "post",
        sa.Column("id", ID, nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("article_id", sa.Text(), nullable=False),
        sa.Column("part", sa.Integer(), nullable=False),
        sa.Column("parts", sa.Integer(), nullable=False),
        sa.Column("revision", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("whole", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("article_published", sa.Double(), nullable=False),
        sa.Column("created", sa.Double(), nullable=False),
        sa.Column("due", sa.Double(), nullable=True),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("looks", sa.Integer(), server_default="0", nullable=False),
        sa.Column("claim", sa.Text(), nullable=True),
        sa.Column("first_sent", sa.Double(), nullable=True),
        sa.Column("progress", sa.Text(), server_default="{}", nullable=False),
        sa.Column("price", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("published", sa.Double(), nullable=True),
        sa.Column("remote_id", sa.Text(), server_default="", nullable=False),
        sa.Column("remote_url", sa.Text(), server_default="", nullable=False),
        sa.Column("remote_version", sa.Text(), server_default="", nullable=False),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.Column("edit_due", sa.Double(), nullable=True),
        sa.Column("edit_attempts", sa.Integer(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_post"),
        sa.UniqueConstraint("channel", "article_id", "part", name="uq_post_channel_article_id_part"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_post_due", "post", ["channel", "status", "due"], unique=False)
    op.create_table(
        "post_skipped",
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("article_id", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("channel", "article_id", name="pk_post_skipped"),
    )
