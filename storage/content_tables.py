"""Tables of the content pipeline: what was published, what was decided about it, and what people said of that.

``storage/tables.py`` imports this module, so that all tables are known wherever one is.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    CheckConstraint,
    ForeignKey,
    Identity,
    Index,
    PrimaryKeyConstraint,
    SmallInteger,
    Text,
)
from sqlalchemy import (
    text as sql,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from storage.base import Base, EntityId, one_of

#: What can be published; ids are unique across kinds.
CONTENT_KINDS = ("video", "post", "comment")
#: What moderation says of a piece of content.
DECISIONS = ("approved", "flagged", "review_required", "rejected")
#: Long-running work on media files.
MEDIA_JOBS = ("moderate-video", "captions", "thumbnails")
JOB_STATES = ("queued", "running", "done", "failed")
#: Where a label of a text came from: a file, the gold base set, or a person who corrected an answer.
LABEL_SOURCES = ("import", "correction")


class Content(Base):
    """A piece of content as it was published last, and what moderation and analysis said of it.

    A backend posts it, or writes a row with ``id``, ``kind`` and what there is; everything else has a default.
    ``revision`` counts its descriptions: a trigger raises it (and clears ``claimed_at``) when the text or the
    media change. ``moderated_revision`` and ``analyzed_revision`` say which one was looked at last: where they
    lag behind, work is due. ``video`` and ``images`` are keys in the media bucket. ``told_at`` is when the
    product last told what stands here: what was told before and comes later, from a disk, changes nothing.
    """

    __tablename__ = "contents"
    __table_args__ = (
        one_of("kind", CONTENT_KINDS),
        one_of("moderation_status", ("pending", *DECISIONS)),
        CheckConstraint("id <> ''", name="id"),
        Index(
            "contents_due_idx",
            "received_at",
            postgresql_where=sql("moderated_revision < revision or analyzed_revision < revision"),
        ),
        Index(None, "creator_id"),
        Index(None, "moderation_status", "moderated_at"),
    )

    id: Mapped[EntityId] = mapped_column(primary_key=True)
    kind: Mapped[str]
    creator_id: Mapped[EntityId | None]
    title: Mapped[str | None]
    text: Mapped[str | None]
    tags: Mapped[list[str] | None] = mapped_column(ARRAY(Text))
    video: Mapped[str | None]
    images: Mapped[list[str] | None] = mapped_column(ARRAY(Text))
    created_at: Mapped[datetime] = mapped_column(server_default=sql("now()"))
    received_at: Mapped[datetime] = mapped_column(server_default=sql("now()"))
    told_at: Mapped[datetime] = mapped_column(server_default=sql("now()"))
    revision: Mapped[int] = mapped_column(server_default=sql("1"))
    moderated_revision: Mapped[int] = mapped_column(server_default=sql("0"))
    analyzed_revision: Mapped[int] = mapped_column(server_default=sql("0"))
    #: when work on it was last handed out, and how often that was for this revision
    claimed_at: Mapped[datetime | None]
    attempts: Mapped[int] = mapped_column(server_default=sql("0"))
    error: Mapped[str | None]
    moderation_status: Mapped[str] = mapped_column(server_default=sql("'pending'"))
    moderation_flags: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default=sql("'{}'"))
    moderation_id: Mapped[UUID | None]
    moderated_at: Mapped[datetime | None]
    is_flagged: Mapped[bool] = mapped_column(server_default=sql("false"))
    flag_reason: Mapped[str | None]
    analysis: Mapped[dict[str, Any] | None]
    analyzed_at: Mapped[datetime | None]


class ModerationDecision(Base):
    """One decision of moderation, with the versions that gave it and what caused it.

    ``scores`` is label -> calibrated probability, ``reasons`` a list of ``{label, score, threshold, spans |
    frames, text}``. ``uncertainty`` in [0, 1] orders the queue of reviews, the most uncertain first. ``images``
    are keys in the artifacts bucket of the pictures or frames that were looked at, or in the media bucket where
    the content names them. ``open`` says that a person should look; a review or an appeal changes it.
    """

    __tablename__ = "moderation_decisions"
    __table_args__ = (
        one_of("content_kind", CONTENT_KINDS),
        one_of("decision", DECISIONS),
        CheckConstraint("uncertainty >= 0 and uncertainty <= 1", name="uncertainty"),
        Index("moderation_decisions_queue_idx", "appealed", "uncertainty", "id", postgresql_where=sql("open")),
        Index(None, "content_id", "at"),
        Index(None, "creator_id"),
        Index(None, "at"),
        Index(
            "moderation_decisions_reviewed_idx", "reviewed_at", postgresql_where=sql("reviewed_at is not null")
        ),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    content_id: Mapped[EntityId | None]
    content_kind: Mapped[str]
    creator_id: Mapped[EntityId | None]
    at: Mapped[datetime]
    text: Mapped[str | None]
    language: Mapped[str | None]
    images: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default=sql("'{}'"))
    decision: Mapped[str]
    scores: Mapped[dict[str, Any]]
    reasons: Mapped[list[Any]] = mapped_column(JSONB)
    uncertainty: Mapped[float]
    #: registry version of the text model, and of the image model; None: the heuristic, or not asked
    version: Mapped[str | None]
    image_version: Mapped[str | None]
    received_at: Mapped[datetime]
    open: Mapped[bool]
    appealed: Mapped[bool] = mapped_column(server_default=sql("false"))
    #: of the latest review
    reviewed_at: Mapped[datetime | None]
    reviewed_decision: Mapped[str | None]


class ModerationReview(Base):
    """What a reviewer said of a decision. Appended only: the latest counts, and the others stay to be seen.

    ``labels`` are the labels that hold for the content, of text and of pictures; none: it is clean.
    """

    __tablename__ = "moderation_reviews"
    __table_args__ = (
        one_of("decision", ("approved", "rejected")),
        Index(None, "decision_id"),
        Index(None, "at"),
    )

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    decision_id: Mapped[UUID] = mapped_column(ForeignKey("moderation_decisions.id", ondelete="CASCADE"))
    decision: Mapped[str]
    labels: Mapped[list[str]] = mapped_column(ARRAY(Text))
    note: Mapped[str | None]
    reviewer: Mapped[str]
    at: Mapped[datetime]


class ModerationAppeal(Base):
    """A creator's objection to a decision; one is open at a time for each decision."""

    __tablename__ = "moderation_appeals"
    __table_args__ = (
        one_of("outcome", ("upheld", "overturned")),
        Index(
            "moderation_appeals_open_idx",
            "decision_id",
            unique=True,
            postgresql_where=sql("resolved_at is null"),
        ),
        Index(None, "appellant_id"),
    )

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    decision_id: Mapped[UUID] = mapped_column(ForeignKey("moderation_decisions.id", ondelete="CASCADE"))
    appellant_id: Mapped[EntityId]
    text: Mapped[str | None]
    at: Mapped[datetime]
    resolved_at: Mapped[datetime | None]
    outcome: Mapped[str | None]


class TextLabel(Base):
    """The label of a text, as a file or a person gave it: what text families learn from.

    ``label`` is the family's own: a class; of moderation the labels that hold, joined by ``+``, or ``clean``;
    of entities BIO tags joined by spaces. The key makes giving it again change nothing; a later one of the same
    text supersedes.
    """

    __tablename__ = "text_labels"
    __table_args__ = (
        PrimaryKeyConstraint("family", "text_id"),
        one_of("source", LABEL_SOURCES),
        CheckConstraint("text_id <> '' and label <> ''", name="filled"),
        Index(None, "family", "labelled_at"),
        Index(None, "user_id"),
    )

    family: Mapped[str]
    text_id: Mapped[EntityId]
    text: Mapped[str]
    label: Mapped[str]
    #: the label that was predicted, where one was
    predicted: Mapped[str | None]
    language: Mapped[str | None]
    #: what texts belong together (a video's comments, a thread), so that they are on one side of the split
    group_id: Mapped[EntityId | None]
    user_id: Mapped[EntityId | None]
    at: Mapped[datetime]
    labelled_at: Mapped[datetime]
    labelled_by: Mapped[str | None]
    source: Mapped[str]


class MediaJob(Base):
    """Long work on a media file: asked for, under way, done or failed, and what came of it.

    ``source`` is a key in the media bucket. ``result`` names what was stored in the artifacts bucket.
    ``heartbeat_at`` is renewed while somebody works on it, so that what a dead worker left is taken up again.
    """

    __tablename__ = "media_jobs"
    __table_args__ = (
        one_of("kind", MEDIA_JOBS),
        one_of("state", JOB_STATES),
        CheckConstraint("progress >= 0 and progress <= 1", name="progress"),
        Index(None, "content_id"),
        Index("media_jobs_due_idx", "next_at", postgresql_where=sql("state in ('queued', 'running')")),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    kind: Mapped[str]
    content_id: Mapped[EntityId | None]
    creator_id: Mapped[EntityId | None]
    source: Mapped[str]
    params: Mapped[dict[str, Any]] = mapped_column(server_default=sql("'{}'"))
    state: Mapped[str] = mapped_column(server_default=sql("'queued'"))
    progress: Mapped[float] = mapped_column(server_default=sql("0"))
    attempts: Mapped[int] = mapped_column(SmallInteger, server_default=sql("0"))
    error: Mapped[str | None]
    result: Mapped[dict[str, Any] | None]
    requested_at: Mapped[datetime]
    next_at: Mapped[datetime]
    started_at: Mapped[datetime | None]
    heartbeat_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]


class WebhookDelivery(Base):
    """A result that is to be told to the product, written in the transaction of what it tells of.

    Kept until the product has answered, or the tries are used up.
    """

    __tablename__ = "webhook_deliveries"
    __table_args__ = (
        Index("webhook_deliveries_due_idx", "next_at", postgresql_where=sql("next_at is not null")),
        Index(None, "content_id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, server_default=sql("gen_random_uuid()"))
    event: Mapped[str]
    content_id: Mapped[EntityId | None]
    payload: Mapped[dict[str, Any]]
    created_at: Mapped[datetime]
    attempts: Mapped[int] = mapped_column(SmallInteger, server_default=sql("0"))
    #: when it is tried next; None: it was delivered, or given up
    next_at: Mapped[datetime | None]
    delivered_at: Mapped[datetime | None]
    error: Mapped[str | None]
