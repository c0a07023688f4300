"""What trends, and the sums that it is kept by.

Revision: 0005, after 0004.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

TABLES = (
    "trend_state", "trend_contributions", "trend_accounts", "trend_overactive", "trend_buckets",
    "trend_windows", "trend_lists", "trends",
)  # fmt: skip


def _id(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text(collation="C"), nullable=False)


def _time(name: str) -> sa.Column[object]:
    return sa.Column(name, postgresql.TIMESTAMP(timezone=True), nullable=False)


def _number(name: str, kind: type[sa.types.TypeEngine[object]]) -> sa.Column[object]:
    return sa.Column(name, kind(), nullable=False)


def _small(name: str) -> sa.Column[object]:
    return sa.Column(name, sa.SmallInteger(), autoincrement=False, nullable=False)


def _key(table: str, *columns: str) -> sa.PrimaryKeyConstraint:
    return sa.PrimaryKeyConstraint(*columns, name=op.f(f"{table}_pkey"))


def upgrade() -> None:
    op.create_table(
        "trend_state",
        _small("id"),
        _number("tx", sa.BigInteger),
        sa.Column("system", sa.Text(), nullable=False),
        sa.Column("rules", sa.Text(), nullable=False),
        _time("as_of"),
        _time("rebuilt_at"),
        sa.CheckConstraint("id = 1", name=op.f("trend_state_one_check")),
        _key("trend_state", "id"),
    )
    op.create_table(
        "trend_contributions",
        _id("user_id"),
        sa.Column("day", sa.Date(), nullable=False),
        _id("item_id"),
        _id("item_kind"),
        _time("at"),
        _id("region"),
        _number("value", sa.Integer),
        _small("level"),
        _key("trend_contributions", "user_id", "day", "item_id", "item_kind"),
    )
    op.create_index(op.f("trend_contributions_day_idx"), "trend_contributions", ["day"])
    op.create_table("trend_accounts", _id("user_id"), _small("level"), _key("trend_accounts", "user_id"))
    op.create_table(
        "trend_overactive",
        _id("user_id"),
        sa.Column("day", sa.Date(), nullable=False),
        _key("trend_overactive", "user_id", "day"),
    )
    op.create_table(
        "trend_buckets",
        _time("bucket"),
        _id("item_id"),
        _id("item_kind"),
        _id("region"),
        _number("known", sa.Integer),
        _number("fresh", sa.Integer),
        _number("weight", sa.BigInteger),
        _number("fresh_weight", sa.BigInteger),
        _key("trend_buckets", "bucket", "item_id", "item_kind", "region"),
    )
    op.create_table(
        "trend_windows",
        _small("hours"),
        _id("item_id"),
        _id("item_kind"),
        _id("region"),
        _number("known", sa.Integer),
        _number("fresh", sa.Integer),
        _number("weight", sa.BigInteger),
        _number("fresh_weight", sa.BigInteger),
        _number("known_before", sa.Integer),
        _key("trend_windows", "hours", "item_id", "item_kind", "region"),
    )
    op.create_table(
        "trend_lists",
        _small("hours"),
        _time("as_of"),
        _number("total", sa.BigInteger),
        _number("changed", sa.BigInteger),
        _key("trend_lists", "hours"),
    )
    op.create_table(
        "trends",
        _small("hours"),
        _id("region"),
        _id("item_kind"),
        _id("item_id"),
        _number("score", sa.Double),
        _number("velocity", sa.Double),
        _number("accounts", sa.BigInteger),
        sa.Column("direction", sa.Text(), nullable=False),
        sa.Column("growth", sa.REAL(), nullable=True),
        _number("p_value", sa.Double),
        _number("q_value", sa.Double),
        _key("trends", "hours", "region", "item_kind", "item_id"),
    )
    # half of each page stays free, so that a sum is changed in place, without a new entry in the index
    op.execute("alter table trend_windows set (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.05)")
    op.execute("alter table trend_buckets set (fillfactor = 90)")


def downgrade() -> None:
    for table in reversed(TABLES):
        op.drop_table(table)
