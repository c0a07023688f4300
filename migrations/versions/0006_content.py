"""Content: what is published, moderation with reviews and appeals, labels of texts, media work, webhooks.

Revision: 0006, after 0005.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

TABLES = (
    "contents", "media_jobs", "moderation_decisions", "text_labels", "webhook_deliveries",
    "moderation_appeals", "moderation_reviews",
)  # fmt: skip
#: A row that a backend writes or changes is work that is due, whoever writes it.
REVISED = """
create function contents_revised() returns trigger language plpgsql as $$
begin
    if (new.kind, new.title, new.text, new.tags, new.video, new.images)
        is distinct from (old.kind, old.title, old.text, old.tags, old.video, old.images) then
        new.revision := old.revision + 1;
        new.claimed_at := null;
        new.attempts := 0;
        new.error := null;
        new.moderation_status := 'pending';
    end if;
    return new;
end $$
"""
DUE = """
create function contents_due() returns trigger language plpgsql as $$
begin
    perform pg_notify('contents_due', '');
    return null;
end $$
"""


def upgrade() -> None:
    op.create_table(
        "contents",
        sa.Column("id", sa.Text(collation="C"), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("creator_id", sa.Text(collation="C"), nullable=True),
        sa.Column("title", sa.Text(), nullable=True),
        sa.Column("text", sa.Text(), nullable=True),
        sa.Column("tags", sa.ARRAY(sa.Text()), nullable=True),
        sa.Column("video", sa.Text(), nullable=True),
        sa.Column("images", sa.ARRAY(sa.Text()), nullable=True),
        sa.Column(
            "created_at", postgresql.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.Column(
            "received_at", postgresql.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.Column("revision", sa.BigInteger(), server_default=sa.text("1"), nullable=False),
        sa.Column("moderated_revision", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("analyzed_revision", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("claimed_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("attempts", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("moderation_status", sa.Text(), server_default=sa.text("'pending'"), nullable=False),
        sa.Column("moderation_flags", sa.ARRAY(sa.Text()), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("moderation_id", sa.Uuid(), nullable=True),
        sa.Column("moderated_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("is_flagged", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("flag_reason", sa.Text(), nullable=True),
        sa.Column("analysis", postgresql.JSONB(), nullable=True),
        sa.Column("analyzed_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.CheckConstraint("id <> ''", name=op.f("contents_id_check")),
        sa.CheckConstraint("kind in ('video', 'post', 'comment')", name=op.f("contents_kind_check")),
        sa.CheckConstraint(
            "moderation_status in ('pending', 'approved', 'flagged', 'review_required', 'rejected')",
            name=op.f("contents_moderation_status_check"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("contents_pkey")),
    )
    op.create_index(op.f("contents_creator_id_idx"), "contents", ["creator_id"], unique=False)
    op.create_index(
        "contents_due_idx",
        "contents",
        ["received_at"],
        unique=False,
        postgresql_where=sa.text("moderated_revision < revision or analyzed_revision < revision"),
    )
    op.create_index(
        op.f("contents_moderation_status_moderated_at_idx"),
        "contents",
        ["moderation_status", "moderated_at"],
        unique=False,
    )
    op.create_table(
        "media_jobs",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("content_id", sa.Text(collation="C"), nullable=True),
        sa.Column("creator_id", sa.Text(collation="C"), nullable=True),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("params", postgresql.JSONB(), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("state", sa.Text(), server_default=sa.text("'queued'"), nullable=False),
        sa.Column("progress", sa.Float(), server_default=sa.text("0"), nullable=False),
        sa.Column("attempts", sa.SmallInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("result", postgresql.JSONB(), nullable=True),
        sa.Column("requested_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("next_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("started_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("heartbeat_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("finished_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.CheckConstraint(
            "kind in ('moderate-video', 'captions', 'thumbnails')", name=op.f("media_jobs_kind_check")
        ),
        sa.CheckConstraint(
            "state in ('queued', 'running', 'done', 'failed')", name=op.f("media_jobs_state_check")
        ),
        sa.CheckConstraint("progress >= 0 and progress <= 1", name=op.f("media_jobs_progress_check")),
        sa.PrimaryKeyConstraint("id", name=op.f("media_jobs_pkey")),
    )
    op.create_index(op.f("media_jobs_content_id_idx"), "media_jobs", ["content_id"], unique=False)
    op.create_index(
        "media_jobs_due_idx",
        "media_jobs",
        ["next_at"],
        unique=False,
        postgresql_where=sa.text("state in ('queued', 'running')"),
    )
    op.create_table(
        "moderation_decisions",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("content_id", sa.Text(collation="C"), nullable=True),
        sa.Column("content_kind", sa.Text(), nullable=False),
        sa.Column("creator_id", sa.Text(collation="C"), nullable=True),
        sa.Column("at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("text", sa.Text(), nullable=True),
        sa.Column("language", sa.Text(), nullable=True),
        sa.Column("images", sa.ARRAY(sa.Text()), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("decision", sa.Text(), nullable=False),
        sa.Column("scores", postgresql.JSONB(), nullable=False),
        sa.Column("reasons", postgresql.JSONB(), nullable=False),
        sa.Column("uncertainty", sa.Float(), nullable=False),
        sa.Column("version", sa.Text(), nullable=True),
        sa.Column("image_version", sa.Text(), nullable=True),
        sa.Column("received_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("open", sa.Boolean(), nullable=False),
        sa.Column("appealed", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("reviewed_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("reviewed_decision", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "content_kind in ('video', 'post', 'comment')", name=op.f("moderation_decisions_content_kind_check")
        ),
        sa.CheckConstraint(
            "decision in ('approved', 'flagged', 'review_required', 'rejected')",
            name=op.f("moderation_decisions_decision_check"),
        ),
        sa.CheckConstraint(
            "uncertainty >= 0 and uncertainty <= 1", name=op.f("moderation_decisions_uncertainty_check")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("moderation_decisions_pkey")),
    )
    op.create_index(op.f("moderation_decisions_at_idx"), "moderation_decisions", ["at"], unique=False)
    op.create_index(
        op.f("moderation_decisions_content_id_at_idx"),
        "moderation_decisions",
        ["content_id", "at"],
        unique=False,
    )
    op.create_index(
        op.f("moderation_decisions_creator_id_idx"), "moderation_decisions", ["creator_id"], unique=False
    )
    op.create_index(
        "moderation_decisions_queue_idx",
        "moderation_decisions",
        ["appealed", "uncertainty", "id"],
        unique=False,
        postgresql_where=sa.text("open"),
    )
    op.create_index(
        "moderation_decisions_reviewed_idx",
        "moderation_decisions",
        ["reviewed_at"],
        unique=False,
        postgresql_where=sa.text("reviewed_at is not null"),
    )
    op.create_table(
        "text_labels",
        sa.Column("family", sa.Text(), nullable=False),
        sa.Column("text_id", sa.Text(collation="C"), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("predicted", sa.Text(), nullable=True),
        sa.Column("language", sa.Text(), nullable=True),
        sa.Column("group_id", sa.Text(collation="C"), nullable=True),
        sa.Column("user_id", sa.Text(collation="C"), nullable=True),
        sa.Column("at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("labelled_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("labelled_by", sa.Text(), nullable=True),
        sa.Column("source", sa.Text(), nullable=False),
        sa.CheckConstraint("source in ('import', 'correction')", name=op.f("text_labels_source_check")),
        sa.CheckConstraint("text_id <> '' and label <> ''", name=op.f("text_labels_filled_check")),
        sa.PrimaryKeyConstraint("family", "text_id", name=op.f("text_labels_pkey")),
    )
    op.create_index(
        op.f("text_labels_family_labelled_at_idx"), "text_labels", ["family", "labelled_at"], unique=False
    )
    op.create_index(op.f("text_labels_user_id_idx"), "text_labels", ["user_id"], unique=False)
    op.create_table(
        "webhook_deliveries",
        sa.Column("id", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("event", sa.Text(), nullable=False),
        sa.Column("content_id", sa.Text(collation="C"), nullable=True),
        sa.Column("payload", postgresql.JSONB(), nullable=False),
        sa.Column("created_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("attempts", sa.SmallInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("next_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("delivered_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("webhook_deliveries_pkey")),
    )
    op.create_index(
        op.f("webhook_deliveries_content_id_idx"), "webhook_deliveries", ["content_id"], unique=False
    )
    op.create_index(
        "webhook_deliveries_due_idx",
        "webhook_deliveries",
        ["next_at"],
        unique=False,
        postgresql_where=sa.text("next_at is not null"),
    )
    op.create_table(
        "moderation_appeals",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("decision_id", sa.Uuid(), nullable=False),
        sa.Column("appellant_id", sa.Text(collation="C"), nullable=False),
        sa.Column("text", sa.Text(), nullable=True),
        sa.Column("at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("resolved_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "outcome in ('upheld', 'overturned')", name=op.f("moderation_appeals_outcome_check")
        ),
        sa.ForeignKeyConstraint(
            ["decision_id"],
            ["moderation_decisions.id"],
            name=op.f("moderation_appeals_decision_id_fkey"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("moderation_appeals_pkey")),
    )
    op.create_index(
        op.f("moderation_appeals_appellant_id_idx"), "moderation_appeals", ["appellant_id"], unique=False
    )
    op.create_index(
        "moderation_appeals_open_idx",
        "moderation_appeals",
        ["decision_id"],
        unique=True,
        postgresql_where=sa.text("resolved_at is null"),
    )
    op.create_table(
        "moderation_reviews",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("decision_id", sa.Uuid(), nullable=False),
        sa.Column("decision", sa.Text(), nullable=False),
        sa.Column("labels", sa.ARRAY(sa.Text()), nullable=False),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("reviewer", sa.Text(), nullable=False),
        sa.Column("at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.CheckConstraint(
            "decision in ('approved', 'rejected')", name=op.f("moderation_reviews_decision_check")
        ),
        sa.ForeignKeyConstraint(
            ["decision_id"],
            ["moderation_decisions.id"],
            name=op.f("moderation_reviews_decision_id_fkey"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("moderation_reviews_pkey")),
    )
    op.create_index(op.f("moderation_reviews_at_idx"), "moderation_reviews", ["at"], unique=False)
    op.create_index(
        op.f("moderation_reviews_decision_id_idx"), "moderation_reviews", ["decision_id"], unique=False
    )

    op.execute(REVISED)
    op.execute(DUE)
    op.execute(
        "create trigger contents_revised before update on contents"
        " for each row execute function contents_revised()"
    )
    op.execute(
        "create trigger contents_due"
        " after insert or update of title, text, tags, video, images, kind on contents"
        " for each statement execute function contents_due()"
    )


def downgrade() -> None:
    for table in reversed(TABLES):
        op.drop_table(table)
    op.execute("drop function contents_due()")
    op.execute("drop function contents_revised()")
