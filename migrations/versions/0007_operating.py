"""Operating: what the monitor measures, finds and does, rollouts beside production, and retention.

Revision: 0007, after 0006.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

TABLES = (
    "monitor_actions", "monitor_figures", "monitor_findings", "monitor_reports", "retention_runs", "rollouts",
    "shadow_answers",
)  # fmt: skip
#: What was done stays written; so does the history of promotions (0001).
APPEND_ONLY = ("monitor_actions", "retention_runs")


def upgrade() -> None:
    op.create_table(
        "monitor_actions",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("family", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("version", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("done", sa.Boolean(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("figures", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("run_id", sa.Text(), nullable=True),
        sa.Column("at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.CheckConstraint("action in ('retrain', 'rollback')", name=op.f("monitor_actions_action_check")),
        sa.PrimaryKeyConstraint("id", name=op.f("monitor_actions_pkey")),
    )
    op.create_index(op.f("monitor_actions_family_id_idx"), "monitor_actions", ["family", "id"], unique=False)
    op.create_table(
        "monitor_figures",
        sa.Column("family", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("value", sa.Float(), nullable=False),
        sa.Column("low", sa.Float(), nullable=True),
        sa.Column("high", sa.Float(), nullable=True),
        sa.Column("rows", sa.BigInteger(), nullable=True),
        sa.Column("version", sa.Text(), nullable=True),
        sa.Column("measured_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("family", "name", "day", name=op.f("monitor_figures_pkey")),
    )
    op.create_index(op.f("monitor_figures_day_idx"), "monitor_figures", ["day"], unique=False)
    op.create_table(
        "monitor_findings",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("family", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("severity", sa.Text(), nullable=False),
        sa.Column("sentence", sa.Text(), nullable=False),
        sa.Column("link", sa.Text(), nullable=True),
        sa.Column("figures", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("first_seen_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("last_seen_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("ended_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("alerted_severity", sa.Text(), nullable=True),
        sa.Column("alerted_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.CheckConstraint(
            "kind in ('health', 'drift', 'stats', 'freshness', 'accuracy')",
            name=op.f("monitor_findings_kind_check"),
        ),
        sa.CheckConstraint(
            "severity in ('info', 'warning', 'critical')", name=op.f("monitor_findings_severity_check")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("monitor_findings_pkey")),
    )
    op.create_index(op.f("monitor_findings_family_id_idx"), "monitor_findings", ["family", "id"], unique=False)
    op.create_index(
        "monitor_findings_open_key",
        "monitor_findings",
        ["fingerprint"],
        unique=True,
        postgresql_where=sa.text("ended_at is null"),
    )
    op.create_table(
        "monitor_reports",
        sa.Column("family", sa.Text(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("version", sa.Text(), nullable=True),
        sa.Column("findings", sa.BigInteger(), nullable=False),
        sa.Column("run_id", sa.Text(), nullable=True),
        sa.Column("made_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("family", "day", name=op.f("monitor_reports_pkey")),
    )
    op.create_table(
        "retention_runs",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("run_id", sa.Text(), nullable=True),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("plan", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("deleted", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("dry_run", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("retention_runs_pkey")),
    )
    op.create_table(
        "rollouts",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("family", sa.Text(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("champion", sa.Text(), nullable=False),
        sa.Column("mode", sa.Text(), nullable=False),
        sa.Column("share", sa.Float(), nullable=False),
        sa.Column("started_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("started_by", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("ended_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("ended_by", sa.Text(), nullable=True),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.CheckConstraint("mode in ('canary', 'shadow')", name=op.f("rollouts_mode_check")),
        sa.CheckConstraint("(ended_at is null) = (outcome is null)", name=op.f("rollouts_outcome_check")),
        sa.CheckConstraint("share > 0 and share <= 1", name=op.f("rollouts_share_check")),
        sa.PrimaryKeyConstraint("id", name=op.f("rollouts_pkey")),
    )
    op.create_index(op.f("rollouts_family_id_idx"), "rollouts", ["family", "id"], unique=False)
    op.create_index(
        "rollouts_running_key",
        "rollouts",
        ["family"],
        unique=True,
        postgresql_where=sa.text("ended_at is null"),
    )
    op.create_table(
        "shadow_answers",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("model_version", sa.Text(), nullable=False),
        sa.Column("family", sa.Text(), nullable=False),
        sa.Column("entity_id", sa.Text(collation="C"), nullable=True),
        sa.Column("at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("answer", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("latency_ms", sa.Float(), nullable=True),
        sa.Column("received_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", "model_version", name=op.f("shadow_answers_pkey")),
    )
    op.create_index(op.f("shadow_answers_family_at_idx"), "shadow_answers", ["family", "at"], unique=False)

    for table in APPEND_ONLY:
        op.execute(
            f"create trigger append_only before update or delete on {table} "
            "for each row execute function refuse_change()"
        )
        op.execute(
            f"create trigger append_only_whole before truncate on {table} execute function refuse_change()"
        )


def downgrade() -> None:
    for table in reversed(TABLES):
        op.drop_table(table)
