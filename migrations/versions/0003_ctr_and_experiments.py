"""Clips with their outcomes and CTR predictions; experiments with their decisions.

Revision: 0003, after 0002.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "clip_outcomes",
        sa.Column("key", sa.Text(collation="C"), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("clip_id", sa.Text(collation="C"), nullable=False),
        sa.Column("started_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("ended_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("placement", sa.Text(), nullable=True),
        sa.Column("audience", sa.Text(), nullable=True),
        sa.Column("impressions", sa.BigInteger(), nullable=False),
        sa.Column("clicks", sa.BigInteger(), nullable=False),
        sa.Column("known_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.CheckConstraint("clicks <= impressions", name=op.f("clip_outcomes_clicks_of_impressions_check")),
        sa.CheckConstraint("clicks >= 0", name=op.f("clip_outcomes_clicks_check")),
        sa.CheckConstraint("ended_at > started_at", name=op.f("clip_outcomes_span_check")),
        sa.CheckConstraint("impressions >= 0", name=op.f("clip_outcomes_impressions_check")),
        sa.CheckConstraint("revision >= 1", name=op.f("clip_outcomes_revision_check")),
        sa.PrimaryKeyConstraint("key", "revision", name=op.f("clip_outcomes_pkey")),
    )
    op.create_index(
        op.f("clip_outcomes_clip_id_started_at_idx"), "clip_outcomes", ["clip_id", "started_at"], unique=False
    )
    op.create_index(op.f("clip_outcomes_ended_at_idx"), "clip_outcomes", ["ended_at"], unique=False)
    op.create_index(op.f("clip_outcomes_known_at_idx"), "clip_outcomes", ["known_at"], unique=False)
    op.create_table(
        "clips",
        sa.Column("id", sa.Text(collation="C"), nullable=False),
        sa.Column("known_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("group_id", sa.Text(collation="C"), nullable=True),
        sa.Column("creator_id", sa.Text(collation="C"), nullable=True),
        sa.Column("advertiser_id", sa.Text(collation="C"), nullable=True),
        sa.Column("creative_id", sa.Text(collation="C"), nullable=True),
        sa.Column("title", sa.Text(), nullable=True),
        sa.Column("hook_text", sa.Text(), nullable=True),
        sa.Column("category", sa.Text(), nullable=True),
        sa.Column("language", sa.Text(), nullable=True),
        sa.Column("duration", sa.Float(), nullable=True),
        sa.Column("psychology_composite", sa.Float(), nullable=True),
        sa.Column("hook_strength", sa.Float(), nullable=True),
        sa.Column("novelty_score", sa.Float(), nullable=True),
        sa.Column("emotion_priority", sa.Float(), nullable=True),
        sa.Column("has_face", sa.Boolean(), nullable=True),
        sa.Column("composite_score", sa.Float(), nullable=True),
        sa.Column("published_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.CheckConstraint("id <> ''", name=op.f("clips_id_check")),
        sa.CheckConstraint("duration >= 0", name=op.f("clips_duration_check")),
        sa.PrimaryKeyConstraint("id", "known_at", name=op.f("clips_pkey")),
    )
    op.create_index(op.f("clips_advertiser_id_idx"), "clips", ["advertiser_id"], unique=False)
    op.create_index(op.f("clips_creator_id_idx"), "clips", ["creator_id"], unique=False)
    op.create_table(
        "ctr_predictions",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("clip_id", sa.Text(collation="C"), nullable=True),
        sa.Column("at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("placement", sa.Text(), nullable=True),
        sa.Column("audience", sa.Text(), nullable=True),
        sa.Column("predicted_ctr", sa.Float(), nullable=False),
        sa.Column("ctr_low", sa.Float(), nullable=True),
        sa.Column("ctr_high", sa.Float(), nullable=True),
        sa.Column("predicted_band", sa.Text(), nullable=False),
        sa.Column("confidence", sa.Float(), nullable=True),
        sa.Column("model_version", sa.Text(), nullable=False),
        sa.Column("actual_impressions", sa.BigInteger(), nullable=True),
        sa.Column("actual_clicks", sa.BigInteger(), nullable=True),
        sa.Column("outcome_known_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("ctr_predictions_pkey")),
    )
    op.create_index(op.f("ctr_predictions_at_idx"), "ctr_predictions", ["at"], unique=False)
    op.create_index(op.f("ctr_predictions_clip_id_at_idx"), "ctr_predictions", ["clip_id", "at"], unique=False)
    op.create_table(
        "experiment_changes",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("experiment_id", sa.Text(collation="C"), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("from_state", sa.Text(), nullable=True),
        sa.Column("to_state", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("details", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.CheckConstraint(
            "action in ('create', 'edit', 'start', 'pause', 'resume', 'conclude', 'alarm')",
            name=op.f("experiment_changes_action_check"),
        ),
        sa.CheckConstraint("actor <> ''", name=op.f("experiment_changes_actor_check")),
        sa.PrimaryKeyConstraint("id", name=op.f("experiment_changes_pkey")),
    )
    op.create_index(
        op.f("experiment_changes_experiment_id_id_idx"),
        "experiment_changes",
        ["experiment_id", "id"],
        unique=False,
    )
    op.create_table(
        "experiments",
        sa.Column("id", sa.Text(collation="C"), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("definition", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("winner", sa.Text(), nullable=True),
        sa.Column("created_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("started_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("concluded_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.CheckConstraint("id <> ''", name=op.f("experiments_id_check")),
        sa.CheckConstraint(
            "state in ('draft', 'running', 'paused', 'concluded')", name=op.f("experiments_state_check")
        ),
        sa.CheckConstraint("winner is null or state = 'concluded'", name=op.f("experiments_winner_check")),
        sa.PrimaryKeyConstraint("id", name=op.f("experiments_pkey")),
    )
    op.create_table(
        "experiment_decisions",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("experiment_id", sa.Text(collation="C"), nullable=False),
        sa.Column("variant", sa.Text(collation="C"), nullable=False),
        sa.Column("subject_id", sa.Text(collation="C"), nullable=True),
        sa.Column("sticky_subject", sa.Text(collation="C"), nullable=True),
        sa.Column("at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("propensity", sa.Float(), nullable=False),
        sa.Column("context", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("policy_version", sa.BigInteger(), nullable=False),
        sa.Column("reward", sa.Float(), nullable=True),
        sa.Column("rewarded_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("late_reward", sa.Float(), nullable=True),
        sa.Column("late_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("metrics", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("learned", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "(reward is null) = (rewarded_at is null)", name=op.f("experiment_decisions_reward_check")
        ),
        sa.CheckConstraint(
            "propensity > 0 and propensity <= 1", name=op.f("experiment_decisions_propensity_check")
        ),
        sa.ForeignKeyConstraint(
            ["experiment_id"],
            ["experiments.id"],
            name=op.f("experiment_decisions_experiment_id_fkey"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("experiment_decisions_pkey")),
        sa.UniqueConstraint(
            "experiment_id",
            "sticky_subject",
            name=op.f("experiment_decisions_experiment_id_sticky_subject_key"),
        ),
    )
    op.create_index(
        op.f("experiment_decisions_experiment_id_at_idx"),
        "experiment_decisions",
        ["experiment_id", "at"],
        unique=False,
    )
    op.create_index(
        op.f("experiment_decisions_subject_id_idx"), "experiment_decisions", ["subject_id"], unique=False
    )
    op.create_index(
        "experiment_decisions_unlearned_idx",
        "experiment_decisions",
        ["experiment_id", "rewarded_at"],
        unique=False,
        postgresql_where=sa.text("learned = 0 and rewarded_at is not null"),
    )
    op.create_table(
        "experiment_models",
        sa.Column("experiment_id", sa.Text(collation="C"), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("learned", sa.BigInteger(), nullable=False),
        sa.Column("model", sa.LargeBinary(), nullable=False),
        sa.Column("updated_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.CheckConstraint("learned >= 0", name=op.f("experiment_models_learned_check")),
        sa.ForeignKeyConstraint(
            ["experiment_id"],
            ["experiments.id"],
            name=op.f("experiment_models_experiment_id_fkey"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("experiment_id", name=op.f("experiment_models_pkey")),
    )
    op.create_table(
        "experiment_variants",
        sa.Column("experiment_id", sa.Text(collation="C"), nullable=False),
        sa.Column("variant", sa.Text(collation="C"), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("decisions", sa.BigInteger(), nullable=False),
        sa.Column("rewarded", sa.BigInteger(), nullable=False),
        sa.Column("reward_sum", sa.Numeric(), nullable=False),
        sa.Column("reward_squares", sa.Numeric(), nullable=False),
        sa.CheckConstraint("decisions >= 0", name=op.f("experiment_variants_decisions_check")),
        sa.CheckConstraint(
            "rewarded <= decisions", name=op.f("experiment_variants_rewarded_of_decisions_check")
        ),
        sa.CheckConstraint("rewarded >= 0", name=op.f("experiment_variants_rewarded_check")),
        sa.ForeignKeyConstraint(
            ["experiment_id"],
            ["experiments.id"],
            name=op.f("experiment_variants_experiment_id_fkey"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("experiment_id", "variant", name=op.f("experiment_variants_pkey")),
    )
    op.execute(
        "create trigger append_only before update or delete on experiment_changes "
        "for each row execute function refuse_change()"
    )
    op.execute(
        "create trigger append_only_whole before truncate on experiment_changes "
        "execute function refuse_change()"
    )
    # Each decision is updated once, by its reward: room for that on its own page.
    op.execute("alter table experiment_decisions set (fillfactor = 80)")
    op.execute("alter table experiment_variants set (fillfactor = 20)")


def downgrade() -> None:
    op.drop_table("experiment_variants")
    op.drop_table("experiment_models")
    op.drop_index(
        "experiment_decisions_unlearned_idx",
        table_name="experiment_decisions",
        postgresql_where=sa.text("learned = 0 and rewarded_at is not null"),
    )
    op.drop_index(op.f("experiment_decisions_subject_id_idx"), table_name="experiment_decisions")
    op.drop_index(op.f("experiment_decisions_experiment_id_at_idx"), table_name="experiment_decisions")
    op.drop_table("experiment_decisions")
    op.drop_table("experiments")
    op.drop_index(op.f("experiment_changes_experiment_id_id_idx"), table_name="experiment_changes")
    op.drop_table("experiment_changes")
    op.drop_index(op.f("ctr_predictions_clip_id_at_idx"), table_name="ctr_predictions")
    op.drop_index(op.f("ctr_predictions_at_idx"), table_name="ctr_predictions")
    op.drop_table("ctr_predictions")
    op.drop_index(op.f("clips_creator_id_idx"), table_name="clips")
    op.drop_index(op.f("clips_advertiser_id_idx"), table_name="clips")
    op.drop_table("clips")
    op.drop_index(op.f("clip_outcomes_known_at_idx"), table_name="clip_outcomes")
    op.drop_index(op.f("clip_outcomes_ended_at_idx"), table_name="clip_outcomes")
    op.drop_index(op.f("clip_outcomes_clip_id_started_at_idx"), table_name="clip_outcomes")
    op.drop_table("clip_outcomes")
