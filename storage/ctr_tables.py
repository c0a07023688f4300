"""Tables of ctr: clips, their impressions and clicks, and what was predicted of them.

``storage/tables.py`` imports this module, so that all tables are known wherever one is.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, Index
from sqlalchemy import text as sql
from sqlalchemy.orm import Mapped, mapped_column

from storage.base import Base, EntityId, at_least_zero


class Clip(Base):
    """What was known of a clip from ``known_at`` on: each change of a clip is a row more, so that a prediction
    about a past moment sees what was known then.
    """

    __tablename__ = "clips"
    __table_args__ = (
        CheckConstraint("id <> ''", name="id"),
        *at_least_zero("duration"),
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
    """Impressions and clicks of a clip in one span of time, placement, audience and device.

    ``key`` is the sender's, so that a repeated message changes nothing; a restated count is a new ``revision``
    of its key, and the greatest counts. ``known_at`` is when the platform learned of it (for imports of the
    past: when the span ended). ``told_at`` is when the sender last said so, which is earlier where it waited on
    a disk: of two corrections the one that was told later stands. Nothing is learned from it.
    """

    __tablename__ = "clip_outcomes"
    __table_args__ = (
        *at_least_zero("impressions", "clicks"),
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
    device: Mapped[str | None]
    impressions: Mapped[int]
    clicks: Mapped[int]
    known_at: Mapped[datetime]
    told_at: Mapped[datetime] = mapped_column(server_default=sql("now()"))


class CtrPrediction(Base):
    """One answer of the CTR service about a clip; ``id`` is the prediction's.

    The last columns are filled by collection, from the outcomes of the clip that began within a day after
    ``at``, in the placement and audience and on the device that were asked about.
    """

    __tablename__ = "ctr_predictions"
    __table_args__ = (Index(None, "clip_id", "at"), Index(None, "at"))

    id: Mapped[UUID] = mapped_column(primary_key=True)
    clip_id: Mapped[EntityId | None]
    at: Mapped[datetime]
    placement: Mapped[str | None]
    audience: Mapped[str | None]
    device: Mapped[str | None]
    predicted_ctr: Mapped[float]
    ctr_low: Mapped[float | None]
    ctr_high: Mapped[float | None]
    predicted_band: Mapped[str]
    confidence: Mapped[float | None]
    model_version: Mapped[str]
    actual_impressions: Mapped[int | None]
    actual_clicks: Mapped[int | None]
    outcome_known_at: Mapped[datetime | None]
