"""Alembic's entry: runs the chain on the connection that :mod:`publisher.store.migrate` hands over."""

from alembic import context

from publisher.store.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,  # SQLite cannot alter a column in place
)
with context.begin_transaction():
    context.run_migrations()
