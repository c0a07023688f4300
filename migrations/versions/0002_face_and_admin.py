"""The face family, the index of candidates, and the accounts of the admin pages.

Revision: 0002, after 0001.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "admin_users",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("password_hash", sa.Text(), nullable=False),
        sa.Column("disabled", sa.Boolean(), nullable=False),
        sa.Column("created_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("last_login_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.CheckConstraint("role in ('viewer', 'verifier', 'admin')", name=op.f("admin_users_role_check")),
        sa.PrimaryKeyConstraint("id", name=op.f("admin_users_pkey")),
        sa.UniqueConstraint("name", name=op.f("admin_users_name_key")),
    )
    op.create_table(
        "candidates",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("family", sa.Text(), nullable=False),
        sa.Column("candidate", sa.Text(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("dataset", sa.Text(), nullable=False),
        sa.Column("entity", sa.Text(collation="C"), nullable=True),
        sa.Column("label", sa.Text(), nullable=True),
        sa.Column("confidence", sa.Float(), nullable=True),
        sa.Column("margin", sa.Float(), nullable=True),
        sa.Column("flag", sa.Text(), nullable=True),
        sa.Column("kind", sa.Text(), nullable=True),
        sa.Column("set_aside", sa.Boolean(), nullable=False),
        sa.Column("image", sa.Text(), nullable=True),
        sa.Column("values", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("rank", sa.Float(), nullable=False),
        sa.Column("cluster", sa.Text(collation="C"), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("corrected_label", sa.Text(), nullable=True),
        sa.Column("decided_by", sa.Text(), nullable=True),
        sa.Column("decided_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "state in ('waiting', 'aside', 'accept', 'correct', 'reject', 'skip')",
            name=op.f("candidates_state_check"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("candidates_pkey")),
        sa.UniqueConstraint("family", "candidate", name=op.f("candidates_family_candidate_key")),
    )
    op.create_index(
        "candidates_day_queue_idx",
        "candidates",
        ["family", "day", "state", "rank", "cluster", "id"],
        unique=False,
        postgresql_include=["label", "kind", "confidence"],
    )
    op.create_index(
        "candidates_label_queue_idx",
        "candidates",
        ["family", "label", "state", "rank", "cluster", "id"],
        unique=False,
        postgresql_include=["kind", "confidence"],
    )
    op.create_index(
        "candidates_kind_queue_idx",
        "candidates",
        ["family", "kind", "state", "rank", "cluster", "id"],
        unique=False,
        postgresql_where=sa.text("kind is not null"),
    )
    op.create_index(
        "candidates_counts_idx", "candidates", ["family", "day", "state", "label", "kind"], unique=False
    )
    op.create_index("candidates_decided_idx", "candidates", ["family", "decided_at"], unique=False)
    op.create_index(op.f("candidates_family_entity_idx"), "candidates", ["family", "entity"], unique=False)
    op.create_index(
        "candidates_queue_idx",
        "candidates",
        ["family", "state", "rank", "cluster", "id"],
        unique=False,
        postgresql_include=["label", "kind", "confidence"],
    )
    op.create_table(
        "erasures",
        sa.Column("subject_hash", sa.Text(), nullable=False),
        sa.Column("requested_by", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("report", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.PrimaryKeyConstraint("subject_hash", name=op.f("erasures_pkey")),
    )
    op.create_table(
        "image_hashes",
        sa.Column("family", sa.Text(), nullable=False),
        sa.Column("image", sa.Text(collation="C"), nullable=False),
        sa.Column("sha256", sa.Text(collation="C"), nullable=False),
        sa.Column("phash", sa.BigInteger(), nullable=True),
        sa.Column("entity", sa.Text(collation="C"), nullable=True),
        sa.Column("day", sa.Date(), nullable=True),
        sa.PrimaryKeyConstraint("family", "image", "sha256", name=op.f("image_hashes_pkey")),
    )
    op.create_index(op.f("image_hashes_family_day_idx"), "image_hashes", ["family", "day"], unique=False)
    op.create_index(op.f("image_hashes_family_sha256_idx"), "image_hashes", ["family", "sha256"], unique=False)
    op.create_table(
        "login_attempts",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("login_attempts_pkey")),
    )
    op.create_index(op.f("login_attempts_address_at_idx"), "login_attempts", ["address", "at"], unique=False)
    op.create_index(op.f("login_attempts_name_at_idx"), "login_attempts", ["name", "at"], unique=False)
    op.create_table(
        "user_styles",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Text(collation="C"), nullable=False),
        sa.Column("photos", sa.ARRAY(sa.Text()), nullable=False),
        sa.Column("style_class", sa.Text(), nullable=True),
        sa.Column("confidence", sa.Float(), nullable=True),
        sa.Column("model_version", sa.Text(), nullable=True),
        sa.Column("results", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("user_styles_pkey")),
    )
    op.create_index(op.f("user_styles_at_idx"), "user_styles", ["at"], unique=False)
    op.create_index(op.f("user_styles_user_id_at_idx"), "user_styles", ["user_id", "at"], unique=False)
    op.create_table(
        "admin_sessions",
        sa.Column("token_hash", sa.Text(), nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.Column("csrf", sa.Text(), nullable=False),
        sa.Column("created_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("expires_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["user_id"], ["admin_users.id"], name=op.f("admin_sessions_user_id_fkey"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("admin_sessions_pkey")),
    )
    op.create_index(op.f("admin_sessions_expires_at_idx"), "admin_sessions", ["expires_at"], unique=False)
    op.create_index(op.f("admin_sessions_user_id_idx"), "admin_sessions", ["user_id"], unique=False)
    op.create_index(op.f("reviews_family_decided_at_idx"), "reviews", ["family", "decided_at"], unique=False)
    op.drop_constraint(op.f("reviews_decision_check"), "reviews")
    op.create_check_constraint(
        op.f("reviews_decision_check"),
        "reviews",
        "decision in ('accept', 'reject', 'correct', 'skip', 'withdraw')",
    )


def downgrade() -> None:
    op.execute("delete from reviews where decision in ('skip', 'withdraw')")
    op.drop_constraint(op.f("reviews_decision_check"), "reviews")
    op.create_check_constraint(
        op.f("reviews_decision_check"), "reviews", "decision in ('accept', 'reject', 'correct')"
    )
    op.drop_index(op.f("reviews_family_decided_at_idx"), table_name="reviews")
    op.drop_index(op.f("admin_sessions_user_id_idx"), table_name="admin_sessions")
    op.drop_index(op.f("admin_sessions_expires_at_idx"), table_name="admin_sessions")
    op.drop_table("admin_sessions")
    op.drop_index(op.f("user_styles_user_id_at_idx"), table_name="user_styles")
    op.drop_index(op.f("user_styles_at_idx"), table_name="user_styles")
    op.drop_table("user_styles")
    op.drop_index(op.f("login_attempts_name_at_idx"), table_name="login_attempts")
    op.drop_index(op.f("login_attempts_address_at_idx"), table_name="login_attempts")
    op.drop_table("login_attempts")
    op.drop_index(op.f("image_hashes_family_sha256_idx"), table_name="image_hashes")
    op.drop_index(op.f("image_hashes_family_day_idx"), table_name="image_hashes")
    op.drop_table("image_hashes")
    op.drop_table("erasures")
    op.drop_index("candidates_label_queue_idx", table_name="candidates")
    op.drop_index("candidates_kind_queue_idx", table_name="candidates")
    op.drop_index("candidates_counts_idx", table_name="candidates")
    op.drop_index("candidates_queue_idx", table_name="candidates")
    op.drop_index(op.f("candidates_family_entity_idx"), table_name="candidates")
    op.drop_index("candidates_decided_idx", table_name="candidates")
    op.drop_index("candidates_day_queue_idx", table_name="candidates")
    op.drop_table("candidates")
    op.drop_table("admin_users")
