"""Runs migrations on the connection that `indexer.database` hands over; there is no other way in."""

from alembic import context

from indexer.tables import Base

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=Base.metadata, render_as_batch=True)
with context.begin_transaction():
    context.run_migrations()
