"""When contents and outcomes were told: of two that waited on the disks of two services the later one stands.

Revision: 0008, after 0007.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

#: What is there was told at the latest when it came.
TABLES = {"contents": "received_at", "clip_outcomes": "known_at"}
#: As in 0006, with something more to do where the description changes.
_REVISED = """
create or replace function contents_revised() returns trigger language plpgsql as $$
begin
    if (new.kind, new.title, new.text, new.tags, new.video, new.images)
        is distinct from (old.kind, old.title, old.text, old.tags, old.video, old.images) then
        new.revision := old.revision + 1;
        new.claimed_at := null;
        new.attempts := 0;
        new.error := null;
        new.moderation_status := 'pending';
        {more}
    end if;
    return new;
end $$
"""
#: A row that a backend changes itself was told then.
_TOLD = """
        if new.told_at = old.told_at then
            new.told_at := greatest(old.told_at + interval '1 microsecond', now());
        end if;
"""


def upgrade() -> None:
    for table, known in TABLES.items():
        op.add_column(table, sa.Column("told_at", postgresql.TIMESTAMP(timezone=True), nullable=True))
        op.execute(f"update {table} set told_at = {known}")  # noqa: S608
        op.alter_column(table, "told_at", server_default=sa.text("now()"), nullable=False)
    op.execute(_REVISED.format(more=_TOLD))


def downgrade() -> None:
    op.execute(_REVISED.format(more=""))
    for table in TABLES:
        op.drop_column(table, "told_at")
