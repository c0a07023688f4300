"""Alembic's entry: runs on the connection that ``storage.database.migrate`` hands over.

``python -m migrations`` writes a new revision.
"""

from __future__ import annotations

from alembic import context
from sqlalchemy import Connection

from storage.tables import Base


def run(connection: Connection) -> None:
    """Run the migrations inside the connection's transaction."""
    context.configure(connection=connection, target_metadata=Base.metadata, compare_type=True)
    with context.begin_transaction():
        context.run_migrations()


run(context.config.attributes["connection"])
