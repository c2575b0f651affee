"""Asking to be subscribed: requests, budgets against abuse, notices, and the record of consent."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.add_column("subscriber", sa.Column("tracking", sa.Boolean(), nullable=False, server_default=sa.true()))
    op.create_table(
        "signup",
        sa.Column("id", ID, nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("address_key", sa.Text(), nullable=False),
        sa.Column("language", sa.Text(), nullable=False, server_default=""),
        sa.Column("wishes", sa.Text(), nullable=False),
        sa.Column("created", sa.Double(), nullable=False),
        sa.Column("confirmed", sa.Double(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_signup"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_signup_created", "signup", ["created"])
    op.create_index("ix_signup_address_key", "signup", ["address_key"])
    op.create_table(
        "confirmation",
        sa.Column("limit_hash", sa.Text(), nullable=False),
        sa.Column("last", sa.Double(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("limit_hash", name="pk_confirmation"),
    )
    op.create_table(
        "budget",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("day", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("name", "day", name="pk_budget"),
    )
    op.create_index("ix_budget_day", "budget", ["day"])
    op.create_table(
        "notice",
        sa.Column("id", ID, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("language", sa.Text(), nullable=False, server_default=""),
        sa.Column("subscriber_id", ID, nullable=True),
        sa.Column("signup_id", ID, nullable=True),
        sa.Column("state", sa.Text(), nullable=False, server_default="queued"),
        sa.Column("created", sa.Double(), nullable=False),
        sa.Column("due", sa.Double(), nullable=False),
        sa.Column("attempts", sa.SmallInteger(), nullable=False, server_default="0"),
        sa.Column("reply", sa.Text(), nullable=False, server_default=""),
        sa.Column("sent", sa.Double(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_notice"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_notice_state", "notice", ["state", "due"])
    op.create_table(
        "consent",
        sa.Column("id", ID, nullable=False),
        sa.Column("subscriber_id", ID, nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
        sa.Column("what", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False, server_default=""),
        sa.PrimaryKeyConstraint("id", name="pk_consent"),
    )
    op.create_index("ix_consent_subscriber_id", "consent", ["subscriber_id"])
