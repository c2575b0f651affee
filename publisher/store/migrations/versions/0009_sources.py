"""What an article was read from, so that another rendering of it is told from an edit."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("article", sa.Column("source", sa.Text(), nullable=False, server_default=""))
