"""Reports of bounces and complaints, and the ids of events that were seen."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "report",
        sa.Column("id", ID, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("cause", sa.Text(), nullable=False, server_default=""),
        sa.Column("status", sa.Text(), nullable=False, server_default=""),
        sa.Column("subscriber_id", ID, nullable=False),
        sa.Column("edition_id", ID, nullable=False),
        sa.Column("day", sa.Integer(), nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False, server_default=""),
        sa.PrimaryKeyConstraint("id", name="pk_report"),
        sa.UniqueConstraint(
            "kind",
            "cause",
            "subscriber_id",
            "edition_id",
            "day",
            name="uq_report_kind_cause_subscriber_id_edition_id_day",
        ),
    )
    op.create_index("ix_report_subscriber_id", "report", ["subscriber_id"])
    op.create_index("ix_report_edition_id", "report", ["edition_id", "kind"])
    op.create_table(
        "seen_event",
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("event_id", sa.Text(), nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("source", "event_id", name="pk_seen_event"),
    )
