"""Interactions and the catalogue, precomputed recommendations, feature flags.

Revision: 0004, after 0003.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

EVENT_KINDS = "'view', 'like', 'comment', 'share', 'bookmark', 'follow', 'skip'"
ITEM_KINDS = "'video', 'post', 'user'"


def _id(name: str, *, nullable: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.Text(collation="C"), nullable=nullable)


def _time(name: str, *, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, postgresql.TIMESTAMP(timezone=True), nullable=nullable)


def _text(name: str, *, nullable: bool = True) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), nullable=nullable)


def _tx() -> sa.Column[int]:
    # 64 bits, so that it never wraps around
    default = sa.text("pg_current_xact_id()::text::bigint")
    return sa.Column("tx", sa.BigInteger(), server_default=default, nullable=False)


def upgrade() -> None:
    op.execute("create schema event_months")  # the partitions' own, see storage/event_months.py
    op.create_table(
        "events",
        _id("id"),
        _time("at"),
        _time("received_at"),
        _id("user_id"),
        _id("item_id"),
        _text("item_kind", nullable=False),
        _text("kind", nullable=False),
        sa.Column("watch_share", sa.REAL(), nullable=True),
        _text("region"),
        _text("recommendation_id"),
        _tx(),
        sa.CheckConstraint(f"kind in ({EVENT_KINDS})", name=op.f("events_kind_check")),
        sa.CheckConstraint(f"item_kind in ({ITEM_KINDS})", name=op.f("events_item_kind_check")),
        sa.CheckConstraint("watch_share >= 0 and watch_share <= 1", name=op.f("events_watch_share_check")),
        sa.CheckConstraint("id <> '' and user_id <> '' and item_id <> ''", name=op.f("events_ids_check")),
        # by time first, so that what comes in now goes to the end of the index, not to all places of it
        sa.PrimaryKeyConstraint("at", "id", name=op.f("events_pkey")),
        postgresql_partition_by="RANGE (at)",
    )
    op.create_index(op.f("events_user_id_at_idx"), "events", ["user_id", "at"])
    op.create_index(op.f("events_item_id_at_idx"), "events", ["item_id", "at"])
    op.create_index(op.f("events_received_at_idx"), "events", ["received_at"])
    op.create_index(op.f("events_tx_idx"), "events", ["tx"])
    op.create_table(
        "items",
        _id("id"),
        _text("kind", nullable=False),
        _id("author_id", nullable=True),
        _text("text"),
        sa.Column("tags", sa.ARRAY(sa.Text()), nullable=True),
        _text("category"),
        _text("language"),
        _text("region"),
        _time("published_at"),
        _time("updated_at"),
        _time("removed_at", nullable=True),
        _tx(),
        sa.CheckConstraint(f"kind in ({ITEM_KINDS})", name=op.f("items_kind_check")),
        sa.CheckConstraint("id <> ''", name=op.f("items_id_check")),
        sa.PrimaryKeyConstraint("id", name=op.f("items_pkey")),
    )
    op.create_index(op.f("items_updated_at_idx"), "items", ["updated_at"])
    op.create_index(op.f("items_tx_id_idx"), "items", ["tx", "id"])
    op.create_index(op.f("items_author_id_published_at_idx"), "items", ["author_id", "published_at"])
    op.create_index(op.f("items_published_at_idx"), "items", ["published_at"])
    op.create_table(
        "recommendation_lists",
        _id("user_id"),
        _id("item_kind"),
        _time("made_at"),
        _text("model_version", nullable=False),
        sa.Column("items", postgresql.JSONB(), nullable=False),
        sa.CheckConstraint(f"item_kind in ({ITEM_KINDS})", name=op.f("recommendation_lists_item_kind_check")),
        sa.PrimaryKeyConstraint("user_id", "item_kind", name=op.f("recommendation_lists_pkey")),
    )
    op.create_index(op.f("recommendation_lists_made_at_idx"), "recommendation_lists", ["made_at"])
    op.create_table(
        "feature_flags",
        _id("name"),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("rollout", sa.SmallInteger(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        _time("updated_at"),
        _text("updated_by", nullable=False),
        sa.CheckConstraint("rollout >= 0 and rollout <= 100", name=op.f("feature_flags_rollout_check")),
        sa.PrimaryKeyConstraint("name", name=op.f("feature_flags_pkey")),
    )
    op.create_table(
        "feature_flag_changes",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        _id("name"),
        _time("at"),
        _text("actor", nullable=False),
        _text("reason"),
        sa.Column("was_enabled", sa.Boolean(), nullable=False),
        sa.Column("was_rollout", sa.SmallInteger(), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("rollout", sa.SmallInteger(), nullable=False),
        sa.CheckConstraint("actor <> ''", name=op.f("feature_flag_changes_actor_check")),
        sa.PrimaryKeyConstraint("id", name=op.f("feature_flag_changes_pkey")),
    )
    op.create_index(op.f("feature_flag_changes_name_id_idx"), "feature_flag_changes", ["name", "id"])
    op.execute(
        "create trigger append_only before update or delete on feature_flag_changes "
        "for each row execute function refuse_change()"
    )
    op.execute(
        "create trigger append_only_whole before truncate on feature_flag_changes "
        "execute function refuse_change()"
    )


def downgrade() -> None:
    for table in ("feature_flag_changes", "feature_flags", "recommendation_lists", "items", "events"):
        op.drop_table(table)
    op.execute("drop schema event_months")
