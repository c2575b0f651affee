"""How often a sender died at a row: a row is set aside for its own deaths, not for those of its chunk."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("delivery", sa.Column("deaths", sa.SmallInteger(), server_default="0", nullable=False))
