"""Sections, tags and authors of articles in a table of their own, so that each has pages and feeds."""

import json

import sqlalchemy as sa
from alembic import op

from publisher.lib.text import slugify

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    topic = op.create_table(
        "article_topic",
        sa.Column("article_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("slug", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["article_id"], ["article.id"], name="fk_article_topic_article_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("article_id", "kind", "slug", name="pk_article_topic"),
    )
    op.create_index("ix_article_topic_slug", "article_topic", ["kind", "slug"], unique=False)
    connection = op.get_bind()
    for row in connection.execute(sa.text("SELECT id, document FROM article")).all():
        document = json.loads(row.document)
        names = [("section", document["section"])]
        names += [("tag", tag) for tag in document["tags"]]
        names += [("author", author["name"]) for author in document["authors"]]
        found = {(kind, slugify(name)): name for kind, name in reversed(names) if name}
        rows = [{"article_id": row.id, "kind": k, "slug": s, "name": n} for (k, s), n in found.items()]
        if rows:
            connection.execute(topic.insert(), rows)
