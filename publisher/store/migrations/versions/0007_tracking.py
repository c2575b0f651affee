"""Opens and clicks, where the operator counts them."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "tracked_link",
        sa.Column("edition_id", ID, autoincrement=False, nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("edition_id", "number", name="pk_tracked_link"),
        sa.UniqueConstraint("edition_id", "url", name="uq_tracked_link_edition_id_url"),
    )
    op.create_table(
        "tally",
        sa.Column("edition_id", ID, autoincrement=False, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("link", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("who", sa.Text(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("edition_id", "kind", "link", "who", name="pk_tally"),
    )
    op.create_table(
        "reader_event",
        sa.Column("subscriber_id", ID, autoincrement=False, nullable=False),
        sa.Column("edition_id", ID, autoincrement=False, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("link", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("first", sa.Double(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("subscriber_id", "edition_id", "kind", "link", name="pk_reader_event"),
    )
    op.create_index("ix_reader_event_edition_id", "reader_event", ["edition_id"])
