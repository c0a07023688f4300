"""The platform's own tables. Alembic (``migrations/``) makes them; a test keeps the two the same.

Every count is a whole number of at least zero, every time is with time zone (UTC), an absent value is NULL.
What changes in time about a video or its creator stands on the snapshot, as it was known then; ``videos`` holds
what does not.
"""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    CheckConstraint,
    ForeignKey,
    Identity,
    Index,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from storage.base import Base, EntityId
from storage.content_tables import (
    Content,
    MediaJob,
    ModerationAppeal,
    ModerationDecision,
    ModerationReview,
    TextLabel,
    WebhookDelivery,
)
from storage.recommendation_tables import (
    Event,
    FeatureFlag,
    FeatureFlagChange,
    Item,
    RecommendationList,
)
from storage.trending_tables import (
    Trend,
    TrendAccount,
    TrendBucket,
    TrendContribution,
    TrendList,
    TrendOveractive,
    TrendState,
    TrendWindow,
)

__all__ = [
    "Base",
    "Content",
    "EntityId",
    "Event",
    "FeatureFlag",
    "FeatureFlagChange",
    "Item",
    "MediaJob",
    "ModerationAppeal",
    "ModerationDecision",
    "ModerationReview",
    "RecommendationList",
    "TextLabel",
    "Trend",
    "TrendAccount",
    "TrendBucket",
    "TrendContribution",
    "TrendList",
    "TrendOveractive",
    "TrendState",
    "TrendWindow",
    "WebhookDelivery",
]  # fmt: skip


def _at_least_zero(*columns: str) -> list[CheckConstraint]:
    return [CheckConstraint(f"{column} >= 0", name=column) for column in columns]


class Creator(Base):
    """Who published videos."""

    __tablename__ = "creators"

    id: Mapped[EntityId] = mapped_column(primary_key=True)
    first_seen_at: Mapped[datetime]


class Video(Base):
    """What does not change about a video.

    Each field of the description is that of the earliest snapshot that has it, taken at ``<field>_at``,
    whatever the order in which snapshots arrive: a title that was changed later never shows up in an earlier
    snapshot, and a field that was known only later is still kept.
    """

    __tablename__ = "videos"
    __table_args__ = (
        *_at_least_zero("video_duration", "video_width", "video_height", "song_duration"),
        CheckConstraint("id <> ''", name="id"),
    )

    id: Mapped[EntityId] = mapped_column(primary_key=True)
    first_seen_at: Mapped[datetime]
    creator_id: Mapped[EntityId | None] = mapped_column(ForeignKey("creators.id"), index=True)
    creator_id_at: Mapped[datetime | None]
    published_at: Mapped[datetime | None]
    published_at_at: Mapped[datetime | None]
    title: Mapped[str | None]
    title_at: Mapped[datetime | None]
    description: Mapped[str | None]
    description_at: Mapped[datetime | None]
    category: Mapped[str | None]
    category_at: Mapped[datetime | None]
    language: Mapped[str | None]
    language_at: Mapped[datetime | None]
    country: Mapped[str | None]
    country_at: Mapped[datetime | None]
    video_duration: Mapped[float | None]
    video_duration_at: Mapped[datetime | None]
    video_width: Mapped[int | None]
    video_width_at: Mapped[datetime | None]
    video_height: Mapped[int | None]
    video_height_at: Mapped[datetime | None]
    has_music: Mapped[bool | None]
    has_music_at: Mapped[datetime | None]
    song_duration: Mapped[float | None]
    song_duration_at: Mapped[datetime | None]
    is_original_sound: Mapped[bool | None]
    is_original_sound_at: Mapped[datetime | None]


class EngagementSnapshot(Base):
    """A video's counts, and its creator's, as they stood at one moment."""

    __tablename__ = "engagement_snapshots"
    __table_args__ = (
        *_at_least_zero(
            "views", "likes", "comments", "shares", "bookmarks",
            "creator_followers", "creator_following", "creator_videos", "sound_uses",
        ),
    )  # fmt: skip

    video_id: Mapped[EntityId] = mapped_column(ForeignKey("videos.id"), primary_key=True)
    taken_at: Mapped[datetime] = mapped_column(primary_key=True, index=True)
    views: Mapped[int]
    likes: Mapped[int | None]
    comments: Mapped[int | None]
    shares: Mapped[int | None]
    bookmarks: Mapped[int | None]
    creator_followers: Mapped[int | None]
    creator_following: Mapped[int | None]
    creator_videos: Mapped[int | None]
    creator_verified: Mapped[bool | None]
    sound_uses: Mapped[int | None]


class Prediction(Base):
    """One answer that a service gave: what it was asked, what it said, and which version said so."""

    __tablename__ = "predictions"
    __table_args__ = (
        Index(None, "family", "at"),
        Index(None, "family", "entity_id", "at"),
        CheckConstraint("latency_ms >= 0", name="latency_ms"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    family: Mapped[str]
    entity_id: Mapped[EntityId | None]
    at: Mapped[datetime]
    inputs: Mapped[dict[str, Any]]
    answer: Mapped[dict[str, Any]]
    model_version: Mapped[str | None]
    latency_ms: Mapped[float | None]
    received_at: Mapped[datetime]


class DatasetVersion(Base):
    """A published dataset version: that it is there, whose bytes it has, and which run made it."""

    __tablename__ = "dataset_versions"
    __table_args__ = (
        UniqueConstraint("family", "stage", "period", "revision"),
        CheckConstraint("revision >= 1", name="revision"),
        CheckConstraint("length(manifest_sha256) = 64", name="manifest_sha256"),
        *_at_least_zero("rows"),
    )

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    family: Mapped[str]
    stage: Mapped[str]
    period: Mapped[str]
    revision: Mapped[int]
    manifest_sha256: Mapped[str]
    rows: Mapped[int]
    published_at: Mapped[datetime] = mapped_column(index=True)
    run_id: Mapped[str | None]
    made_by: Mapped[str]


class Promotion(Base):
    """A move of a family's production alias. Append-only: a trigger refuses every change."""

    __tablename__ = "promotions"
    __table_args__ = (
        Index(None, "family", "id"),
        CheckConstraint("action in ('promote', 'rollback', 'force')", name="action"),
        CheckConstraint("actor <> ''", name="actor"),
    )

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    family: Mapped[str]
    from_version: Mapped[str | None]
    to_version: Mapped[str]
    action: Mapped[str]
    actor: Mapped[str]
    reason: Mapped[str]
    figures: Mapped[dict[str, Any]]
    at: Mapped[datetime]


class Review(Base):
    """What an admin decided about one candidate; a later decision stands in place of an earlier one.

    ``withdraw`` takes it back (an undo), and ``skip`` leaves it open.
    """

    __tablename__ = "reviews"
    __table_args__ = (
        Index(None, "family", "candidate", "id"),
        Index(None, "family", "decided_at"),
        CheckConstraint("decision in ('accept', 'reject', 'correct', 'skip', 'withdraw')", name="decision"),
        CheckConstraint("(decision = 'correct') = (corrected_label is not null)", name="corrected_label"),
    )

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    family: Mapped[str]
    candidate: Mapped[str]
    decision: Mapped[str]
    corrected_label: Mapped[str | None]
    reason: Mapped[str | None]
    decided_by: Mapped[str]
    decided_at: Mapped[datetime]


class ImportRun(Base):
    """One file that was imported, and what came of it."""

    __tablename__ = "import_runs"
    __table_args__ = (*_at_least_zero("rows", "loaded", "updated", "unchanged", "repeated", "rejected"),)

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    family: Mapped[str]
    source: Mapped[str]
    sha256: Mapped[str]
    rows: Mapped[int]
    loaded: Mapped[int]
    updated: Mapped[int]
    unchanged: Mapped[int]
    repeated: Mapped[int]
    rejected: Mapped[int]
    at: Mapped[datetime] = mapped_column(index=True)


class UserStyle(Base):
    """One answer of the face service about a user's photos; ``id`` is the prediction's.

    ``photos`` are keys in the photo bucket; ``results`` has one entry a photo, in their order: its ``sha256``,
    ``class``, ``confidence``, ``probabilities`` and ``face_box``, or the ``error`` that kept it from an answer.
    """

    __tablename__ = "user_styles"
    __table_args__ = (Index(None, "user_id", "at"),)

    id: Mapped[UUID] = mapped_column(primary_key=True)
    user_id: Mapped[EntityId]
    photos: Mapped[list[str]] = mapped_column(ARRAY(Text))
    style_class: Mapped[str | None]
    confidence: Mapped[float | None]
    model_version: Mapped[str | None]
    results: Mapped[dict[str, Any]]
    at: Mapped[datetime] = mapped_column(index=True)


#: The order of verification, and what the pages filter by: in the index, so that a page reads nothing else.
_QUEUE = ("family", "state", "rank", "cluster", "id")
_FILTERED = ("label", "kind", "confidence")


class Candidate(Base):
    """The index by which the admin pages find candidates.

    The rows themselves are in the dataset versions, and the decisions in ``reviews``. ``state`` repeats the
    latest decision: ``waiting``, ``aside`` (set aside at collection), ``accept``, ``correct``, ``reject`` or
    ``skip``; ``revision`` grows with each change of it, and of what is shown. ``set_aside`` says to which of
    the first two a withdrawn decision leads back. ``rank`` and ``cluster`` are the order of verification
    (models/candidates.py).
    """

    __tablename__ = "candidates"
    __table_args__ = (
        UniqueConstraint("family", "candidate"),
        Index("candidates_queue_idx", *_QUEUE, postgresql_include=_FILTERED),
        Index("candidates_day_queue_idx", "family", "day", *_QUEUE[1:], postgresql_include=_FILTERED),
        Index("candidates_label_queue_idx", "family", "label", *_QUEUE[1:], postgresql_include=_FILTERED[1:]),
        Index(
            "candidates_kind_queue_idx",
            "family",
            "kind",
            *_QUEUE[1:],
            postgresql_where=text("kind is not null"),
        ),
        Index("candidates_counts_idx", "family", "day", "state", "label", "kind"),
        Index(None, "family", "entity"),
        Index("candidates_decided_idx", "family", "decided_at"),
        CheckConstraint("state in ('waiting', 'aside', 'accept', 'correct', 'reject', 'skip')", name="state"),
    )

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    family: Mapped[str]
    candidate: Mapped[str]
    day: Mapped[date]
    dataset: Mapped[str]
    entity: Mapped[EntityId | None]
    label: Mapped[str | None]
    confidence: Mapped[float | None]
    margin: Mapped[float | None]
    flag: Mapped[str | None]
    kind: Mapped[str | None]
    set_aside: Mapped[bool]
    image: Mapped[str | None]
    values: Mapped[dict[str, Any]]
    rank: Mapped[float]
    cluster: Mapped[EntityId]
    state: Mapped[str]
    corrected_label: Mapped[str | None]
    decided_by: Mapped[str | None]
    decided_at: Mapped[datetime | None]
    revision: Mapped[int]


class ImageHash(Base):
    """A picture that a family has taken in, by the day it was collected on (gold: none).

    Later ones are compared with it.
    """

    __tablename__ = "image_hashes"
    __table_args__ = (Index(None, "family", "sha256"), Index(None, "family", "day"))

    family: Mapped[str] = mapped_column(primary_key=True)
    image: Mapped[EntityId] = mapped_column(primary_key=True)
    sha256: Mapped[EntityId] = mapped_column(primary_key=True)
    phash: Mapped[int | None]
    entity: Mapped[EntityId | None]
    day: Mapped[date | None]


class Erasure(Base):
    """That a person was forgotten: by a keyed hash of the id, so that the id itself is gone too."""

    __tablename__ = "erasures"

    subject_hash: Mapped[str] = mapped_column(primary_key=True)
    requested_by: Mapped[str]
    reason: Mapped[str | None]
    at: Mapped[datetime]
    report: Mapped[dict[str, Any]]


class AdminUser(Base):
    """Who may use the admin pages. ``password_hash`` is argon2id's encoded form."""

    __tablename__ = "admin_users"
    __table_args__ = (CheckConstraint("role in ('viewer', 'verifier', 'admin')", name="role"),)

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    role: Mapped[str]
    password_hash: Mapped[str]
    disabled: Mapped[bool]
    created_at: Mapped[datetime]
    last_login_at: Mapped[datetime | None]


class AdminSession(Base):
    """A logged-in browser, by the SHA-256 of its cookie's token."""

    __tablename__ = "admin_sessions"

    token_hash: Mapped[str] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("admin_users.id", ondelete="CASCADE"), index=True)
    csrf: Mapped[str]
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime] = mapped_column(index=True)


class LoginAttempt(Base):
    """A failed login, for throttling by name and by address."""

    __tablename__ = "login_attempts"
    __table_args__ = (Index(None, "name", "at"), Index(None, "address", "at"))

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    name: Mapped[str]
    address: Mapped[str]
    at: Mapped[datetime]


class Clip(Base):
    """What was known of a clip from ``known_at`` on: each change of a clip is a row more, so that a prediction
    about a past moment sees what was known then.
    """

    __tablename__ = "clips"
    __table_args__ = (
        CheckConstraint("id <> ''", name="id"),
        *_at_least_zero("duration"),
        Index(None, "creator_id"),
        Index(None, "advertiser_id"),
    )

    id: Mapped[EntityId] = mapped_column(primary_key=True)
    known_at: Mapped[datetime] = mapped_column(primary_key=True)
    group_id: Mapped[EntityId | None]
    creator_id: Mapped[EntityId | None]
    advertiser_id: Mapped[EntityId | None]
    creative_id: Mapped[EntityId | None]
    title: Mapped[str | None]
    hook_text: Mapped[str | None]
    category: Mapped[str | None]
    language: Mapped[str | None]
    duration: Mapped[float | None]
    psychology_composite: Mapped[float | None]
    hook_strength: Mapped[float | None]
    novelty_score: Mapped[float | None]
    emotion_priority: Mapped[float | None]
    has_face: Mapped[bool | None]
    composite_score: Mapped[float | None]
    published_at: Mapped[datetime | None]


class ClipOutcome(Base):
    """Impressions and clicks of a clip in one span of time, placement and audience.

    ``key`` is the sender's, so that a repeated message changes nothing; a restated count is a new ``revision``
    of its key, and the greatest counts. ``known_at`` is when the platform learned of it (for imports of the
    past: when the span ended).
    """

    __tablename__ = "clip_outcomes"
    __table_args__ = (
        *_at_least_zero("impressions", "clicks"),
        CheckConstraint("clicks <= impressions", name="clicks_of_impressions"),
        CheckConstraint("ended_at > started_at", name="span"),
        CheckConstraint("revision >= 1", name="revision"),
        Index(None, "clip_id", "started_at"),
        Index(None, "known_at"),
        Index(None, "ended_at"),
    )

    key: Mapped[EntityId] = mapped_column(primary_key=True)
    revision: Mapped[int] = mapped_column(primary_key=True)
    clip_id: Mapped[EntityId]
    started_at: Mapped[datetime]
    ended_at: Mapped[datetime]
    placement: Mapped[str | None]
    audience: Mapped[str | None]
    impressions: Mapped[int]
    clicks: Mapped[int]
    known_at: Mapped[datetime]


class CtrPrediction(Base):
    """One answer of the CTR service about a clip; ``id`` is the prediction's.

    The last columns are filled by collection, from the outcomes of the clip that began within a day after
    ``at``, in the placement and audience that were asked about.
    """

    __tablename__ = "ctr_predictions"
    __table_args__ = (Index(None, "clip_id", "at"), Index(None, "at"))

    id: Mapped[UUID] = mapped_column(primary_key=True)
    clip_id: Mapped[EntityId | None]
    at: Mapped[datetime]
    placement: Mapped[str | None]
    audience: Mapped[str | None]
    predicted_ctr: Mapped[float]
    ctr_low: Mapped[float | None]
    ctr_high: Mapped[float | None]
    predicted_band: Mapped[str]
    confidence: Mapped[float | None]
    model_version: Mapped[str]
    actual_impressions: Mapped[int | None]
    actual_clicks: Mapped[int | None]
    outcome_known_at: Mapped[datetime | None]


class Experiment(Base):
    """An experiment: its definition (models/experiments/definition.py, as JSON) and its state."""

    __tablename__ = "experiments"
    __table_args__ = (
        CheckConstraint("state in ('draft', 'running', 'paused', 'concluded')", name="state"),
        CheckConstraint("winner is null or state = 'concluded'", name="winner"),
        CheckConstraint("id <> ''", name="id"),
    )

    id: Mapped[EntityId] = mapped_column(primary_key=True)
    title: Mapped[str]
    state: Mapped[str]
    revision: Mapped[int]
    definition: Mapped[dict[str, Any]]
    winner: Mapped[str | None]
    created_at: Mapped[datetime]
    created_by: Mapped[str]
    started_at: Mapped[datetime | None]
    concluded_at: Mapped[datetime | None]


class ExperimentVariant(Base):
    """A variant and its counts: what the posteriors are made of. Only ever added to, in the transaction that
    writes the decisions or rewards themselves. ``rewarded`` of the ``decisions`` have a reward; ``reward_sum``
    and ``reward_squares`` are of rewards scaled to 0..1, and exact (numeric).
    """

    __tablename__ = "experiment_variants"
    __table_args__ = (
        *_at_least_zero("decisions", "rewarded"),
        CheckConstraint("rewarded <= decisions", name="rewarded_of_decisions"),
    )

    experiment_id: Mapped[EntityId] = mapped_column(
        ForeignKey("experiments.id", ondelete="CASCADE"), primary_key=True
    )
    variant: Mapped[EntityId] = mapped_column(primary_key=True)
    position: Mapped[int]
    decisions: Mapped[int]
    rewarded: Mapped[int]
    reward_sum: Mapped[Decimal]
    reward_squares: Mapped[Decimal]


class ExperimentChange(Base):
    """A change of an experiment. Append-only: a trigger refuses every change of it."""

    __tablename__ = "experiment_changes"
    __table_args__ = (
        Index(None, "experiment_id", "id"),
        CheckConstraint("actor <> ''", name="actor"),
        CheckConstraint(
            "action in ('create', 'edit', 'start', 'pause', 'resume', 'conclude', 'alarm')", name="action"
        ),
    )

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    experiment_id: Mapped[EntityId]
    action: Mapped[str]
    from_state: Mapped[str | None]
    to_state: Mapped[str]
    actor: Mapped[str]
    reason: Mapped[str | None]
    details: Mapped[dict[str, Any]]
    at: Mapped[datetime]


class ExperimentDecision(Base):
    """One decision, with the probability that it had, and its reward once there is one.

    ``sticky_subject`` is the subject where the experiment is sticky: one decision each. ``reward`` is as it was
    sent; one that came after the window is kept in ``late_reward`` and counts nowhere. ``metrics`` are the
    values of guard-rail metrics. ``learned``: 0 not yet, 1 by the contextual bandit.
    """

    __tablename__ = "experiment_decisions"
    __table_args__ = (
        UniqueConstraint("experiment_id", "sticky_subject"),
        Index(None, "experiment_id", "at"),
        Index(
            "experiment_decisions_unlearned_idx",
            "experiment_id",
            "rewarded_at",
            postgresql_where=text("learned = 0 and rewarded_at is not null"),
        ),
        CheckConstraint("propensity > 0 and propensity <= 1", name="propensity"),
        CheckConstraint("(reward is null) = (rewarded_at is null)", name="reward"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    experiment_id: Mapped[EntityId] = mapped_column(ForeignKey("experiments.id", ondelete="CASCADE"))
    variant: Mapped[EntityId]
    subject_id: Mapped[EntityId | None] = mapped_column(index=True)
    sticky_subject: Mapped[EntityId | None]
    at: Mapped[datetime]
    propensity: Mapped[float]
    context: Mapped[dict[str, Any] | None]
    policy_version: Mapped[int]
    reward: Mapped[float | None]
    rewarded_at: Mapped[datetime | None]
    late_reward: Mapped[float | None]
    late_at: Mapped[datetime | None]
    metrics: Mapped[dict[str, Any] | None]
    learned: Mapped[int]


class ExperimentModel(Base):
    """The newest state of a contextual bandit: Vowpal Wabbit's own bytes, and how many decisions taught it."""

    __tablename__ = "experiment_models"
    __table_args__ = (*_at_least_zero("learned"),)

    experiment_id: Mapped[EntityId] = mapped_column(
        ForeignKey("experiments.id", ondelete="CASCADE"), primary_key=True
    )
    version: Mapped[int]
    learned: Mapped[int]
    model: Mapped[bytes]
    updated_at: Mapped[datetime]
