"""Subscribers have no secret of their own any more: what opens their pages is made of ids and the site's keys."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    connection = op.get_bind()
    if connection.dialect.name != "sqlite":
        op.drop_column("subscriber", "token")
        return
    # SQLite drops no column that is unique: the table is made anew, without giving an id of one who left again.
    last = connection.execute(sa.text("SELECT seq FROM sqlite_sequence WHERE name = 'subscriber'")).scalar()
    with op.batch_alter_table("subscriber", table_kwargs={"sqlite_autoincrement": True}) as batch:
        batch.drop_constraint("uq_subscriber_token", type_="unique")
        batch.drop_column("token")
    connection.execute(sa.text("DELETE FROM sqlite_sequence WHERE name = 'subscriber'"))
    if last is not None:
        connection.execute(sa.text("INSERT INTO sqlite_sequence VALUES ('subscriber', :last)"), {"last": last})
