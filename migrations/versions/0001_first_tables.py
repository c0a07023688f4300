"""The first tables.

Revision: 0001, after None.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


#: The history of promotions is only ever added to, whoever asks.
REFUSE_CHANGE = """
create function refuse_change() returns trigger language plpgsql as $$
begin
    raise exception 'the table % is append-only, % is refused', tg_table_name, tg_op
        using errcode = 'restrict_violation';
end $$
"""
APPEND_ONLY = (
    "create trigger append_only before update or delete on promotions "
    "for each row execute function refuse_change()",
    "create trigger append_only_whole before truncate on promotions execute function refuse_change()",
)


def upgrade() -> None:
    op.create_table(
        "creators",
        sa.Column("id", sa.Text(collation="C"), nullable=False),
        sa.Column("first_seen_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("creators_pkey")),
    )
    op.create_table(
        "dataset_versions",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("family", sa.Text(), nullable=False),
        sa.Column("stage", sa.Text(), nullable=False),
        sa.Column("period", sa.Text(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("manifest_sha256", sa.Text(), nullable=False),
        sa.Column("rows", sa.BigInteger(), nullable=False),
        sa.Column("published_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("run_id", sa.Text(), nullable=True),
        sa.Column("made_by", sa.Text(), nullable=False),
        sa.CheckConstraint("length(manifest_sha256) = 64", name=op.f("dataset_versions_manifest_sha256_check")),
        sa.CheckConstraint("revision >= 1", name=op.f("dataset_versions_revision_check")),
        sa.CheckConstraint("rows >= 0", name=op.f("dataset_versions_rows_check")),
        sa.PrimaryKeyConstraint("id", name=op.f("dataset_versions_pkey")),
        sa.UniqueConstraint(
            "family",
            "stage",
            "period",
            "revision",
            name=op.f("dataset_versions_family_stage_period_revision_key"),
        ),
    )
    op.create_index(
        op.f("dataset_versions_published_at_idx"), "dataset_versions", ["published_at"], unique=False
    )
    op.create_table(
        "import_runs",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("family", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("rows", sa.BigInteger(), nullable=False),
        sa.Column("loaded", sa.BigInteger(), nullable=False),
        sa.Column("updated", sa.BigInteger(), nullable=False),
        sa.Column("unchanged", sa.BigInteger(), nullable=False),
        sa.Column("repeated", sa.BigInteger(), nullable=False),
        sa.Column("rejected", sa.BigInteger(), nullable=False),
        sa.Column("at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.CheckConstraint("loaded >= 0", name=op.f("import_runs_loaded_check")),
        sa.CheckConstraint("rejected >= 0", name=op.f("import_runs_rejected_check")),
        sa.CheckConstraint("repeated >= 0", name=op.f("import_runs_repeated_check")),
        sa.CheckConstraint("rows >= 0", name=op.f("import_runs_rows_check")),
        sa.CheckConstraint("unchanged >= 0", name=op.f("import_runs_unchanged_check")),
        sa.CheckConstraint("updated >= 0", name=op.f("import_runs_updated_check")),
        sa.PrimaryKeyConstraint("id", name=op.f("import_runs_pkey")),
    )
    op.create_index(op.f("import_runs_at_idx"), "import_runs", ["at"], unique=False)
    op.create_table(
        "predictions",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("family", sa.Text(), nullable=False),
        sa.Column("entity_id", sa.Text(collation="C"), nullable=True),
        sa.Column("at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("inputs", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("answer", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("model_version", sa.Text(), nullable=True),
        sa.Column("latency_ms", sa.Float(), nullable=True),
        sa.Column("received_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.CheckConstraint("latency_ms >= 0", name=op.f("predictions_latency_ms_check")),
        sa.PrimaryKeyConstraint("id", name=op.f("predictions_pkey")),
    )
    op.create_index(op.f("predictions_family_at_idx"), "predictions", ["family", "at"], unique=False)
    op.create_index(
        op.f("predictions_family_entity_id_at_idx"), "predictions", ["family", "entity_id", "at"], unique=False
    )
    op.create_table(
        "promotions",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("family", sa.Text(), nullable=False),
        sa.Column("from_version", sa.Text(), nullable=True),
        sa.Column("to_version", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("figures", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.CheckConstraint("action in ('promote', 'rollback', 'force')", name=op.f("promotions_action_check")),
        sa.CheckConstraint("actor <> ''", name=op.f("promotions_actor_check")),
        sa.PrimaryKeyConstraint("id", name=op.f("promotions_pkey")),
    )
    op.create_index(op.f("promotions_family_id_idx"), "promotions", ["family", "id"], unique=False)
    op.create_table(
        "reviews",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("family", sa.Text(), nullable=False),
        sa.Column("candidate", sa.Text(), nullable=False),
        sa.Column("decision", sa.Text(), nullable=False),
        sa.Column("corrected_label", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("decided_by", sa.Text(), nullable=False),
        sa.Column("decided_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.CheckConstraint(
            "(decision = 'correct') = (corrected_label is not null)", name=op.f("reviews_corrected_label_check")
        ),
        sa.CheckConstraint("decision in ('accept', 'reject', 'correct')", name=op.f("reviews_decision_check")),
        sa.PrimaryKeyConstraint("id", name=op.f("reviews_pkey")),
    )
    op.create_index(
        op.f("reviews_family_candidate_id_idx"), "reviews", ["family", "candidate", "id"], unique=False
    )
    op.create_table(
        "videos",
        sa.Column("id", sa.Text(collation="C"), nullable=False),
        sa.Column("first_seen_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("creator_id", sa.Text(collation="C"), nullable=True),
        sa.Column("creator_id_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("published_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("published_at_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("title", sa.Text(), nullable=True),
        sa.Column("title_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("description_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("category", sa.Text(), nullable=True),
        sa.Column("category_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("language", sa.Text(), nullable=True),
        sa.Column("language_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("country", sa.Text(), nullable=True),
        sa.Column("country_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("video_duration", sa.Float(), nullable=True),
        sa.Column("video_duration_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("video_width", sa.BigInteger(), nullable=True),
        sa.Column("video_width_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("video_height", sa.BigInteger(), nullable=True),
        sa.Column("video_height_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("has_music", sa.Boolean(), nullable=True),
        sa.Column("has_music_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("song_duration", sa.Float(), nullable=True),
        sa.Column("song_duration_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("is_original_sound", sa.Boolean(), nullable=True),
        sa.Column("is_original_sound_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.CheckConstraint("id <> ''", name=op.f("videos_id_check")),
        sa.CheckConstraint("song_duration >= 0", name=op.f("videos_song_duration_check")),
        sa.CheckConstraint("video_duration >= 0", name=op.f("videos_video_duration_check")),
        sa.CheckConstraint("video_height >= 0", name=op.f("videos_video_height_check")),
        sa.CheckConstraint("video_width >= 0", name=op.f("videos_video_width_check")),
        sa.ForeignKeyConstraint(["creator_id"], ["creators.id"], name=op.f("videos_creator_id_fkey")),
        sa.PrimaryKeyConstraint("id", name=op.f("videos_pkey")),
    )
    op.create_index(op.f("videos_creator_id_idx"), "videos", ["creator_id"], unique=False)
    op.create_table(
        "engagement_snapshots",
        sa.Column("video_id", sa.Text(collation="C"), nullable=False),
        sa.Column("taken_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("views", sa.BigInteger(), nullable=False),
        sa.Column("likes", sa.BigInteger(), nullable=True),
        sa.Column("comments", sa.BigInteger(), nullable=True),
        sa.Column("shares", sa.BigInteger(), nullable=True),
        sa.Column("bookmarks", sa.BigInteger(), nullable=True),
        sa.Column("creator_followers", sa.BigInteger(), nullable=True),
        sa.Column("creator_following", sa.BigInteger(), nullable=True),
        sa.Column("creator_videos", sa.BigInteger(), nullable=True),
        sa.Column("creator_verified", sa.Boolean(), nullable=True),
        sa.Column("sound_uses", sa.BigInteger(), nullable=True),
        sa.CheckConstraint("bookmarks >= 0", name=op.f("engagement_snapshots_bookmarks_check")),
        sa.CheckConstraint("comments >= 0", name=op.f("engagement_snapshots_comments_check")),
        sa.CheckConstraint("creator_followers >= 0", name=op.f("engagement_snapshots_creator_followers_check")),
        sa.CheckConstraint("creator_following >= 0", name=op.f("engagement_snapshots_creator_following_check")),
        sa.CheckConstraint("creator_videos >= 0", name=op.f("engagement_snapshots_creator_videos_check")),
        sa.CheckConstraint("likes >= 0", name=op.f("engagement_snapshots_likes_check")),
        sa.CheckConstraint("shares >= 0", name=op.f("engagement_snapshots_shares_check")),
        sa.CheckConstraint("sound_uses >= 0", name=op.f("engagement_snapshots_sound_uses_check")),
        sa.CheckConstraint("views >= 0", name=op.f("engagement_snapshots_views_check")),
        sa.ForeignKeyConstraint(["video_id"], ["videos.id"], name=op.f("engagement_snapshots_video_id_fkey")),
        sa.PrimaryKeyConstraint("video_id", "taken_at", name=op.f("engagement_snapshots_pkey")),
    )
    op.create_index(
        op.f("engagement_snapshots_taken_at_idx"), "engagement_snapshots", ["taken_at"], unique=False
    )
    op.execute(REFUSE_CHANGE)
    for trigger in APPEND_ONLY:
        op.execute(trigger)


def downgrade() -> None:
    op.drop_index(op.f("engagement_snapshots_taken_at_idx"), table_name="engagement_snapshots")
    op.drop_table("engagement_snapshots")
    op.drop_index(op.f("videos_creator_id_idx"), table_name="videos")
    op.drop_table("videos")
    op.drop_index(op.f("reviews_family_candidate_id_idx"), table_name="reviews")
    op.drop_table("reviews")
    op.drop_index(op.f("promotions_family_id_idx"), table_name="promotions")
    op.drop_table("promotions")
    op.drop_index(op.f("predictions_family_entity_id_at_idx"), table_name="predictions")
    op.drop_index(op.f("predictions_family_at_idx"), table_name="predictions")
    op.drop_table("predictions")
    op.drop_index(op.f("import_runs_at_idx"), table_name="import_runs")
    op.drop_table("import_runs")
    op.drop_index(op.f("dataset_versions_published_at_idx"), table_name="dataset_versions")
    op.drop_table("dataset_versions")
    op.drop_table("creators")
    op.execute("drop function refuse_change()")
