"""When answers about photos came into the table: those that waited on a service's disk over midnight are late.

Revision: 0009, after 0008.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

TABLE, COLUMN = "user_styles", "inserted_at"


def upgrade() -> None:
    op.add_column(TABLE, sa.Column(COLUMN, postgresql.TIMESTAMP(timezone=True), nullable=True))
    # What is there is not late: else each day that was ever collected would be collected again.
    op.execute(f"update {TABLE} set {COLUMN} = at")  # noqa: S608
    op.alter_column(TABLE, COLUMN, server_default=sa.text("now()"), nullable=False)
    op.create_index(op.f("user_styles_inserted_at_idx"), TABLE, [COLUMN])


def downgrade() -> None:
    op.drop_column(TABLE, COLUMN)
