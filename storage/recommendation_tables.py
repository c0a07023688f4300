"""Tables of recommendation: interactions, the catalogue of what can be recommended, precomputed lists, flags.

``storage/tables.py`` imports this module, so that all tables are known wherever one is.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import (
    ARRAY,
    REAL,
    BigInteger,
    CheckConstraint,
    FetchedValue,
    Identity,
    Index,
    PrimaryKeyConstraint,
    SmallInteger,
    Text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from storage.base import Base, EntityId, one_of

#: What a user can do to an item; ``config/parts/recommendation.py`` has a weight for each.
EVENT_KINDS = ("view", "like", "comment", "share", "bookmark", "follow", "skip")
#: What can be recommended.
ITEM_KINDS = ("video", "post", "user")


class Event(Base):
    """One interaction of a user with an item; partitioned by month of ``at`` (``storage/event_months.py``).

    ``id`` is the sender's key, or made of the content: sent again, it changes nothing. ``received_at`` is when
    we learned of it (of what an import tells of the past: ``at``). ``tx`` is the transaction that wrote it, by
    which a reader knows what it has not seen yet, however transactions overlap. ``recommendation_id`` is the
    recommendation that it followed from, where the sender knows.
    """

    __tablename__ = "events"
    __table_args__ = (
        one_of("kind", EVENT_KINDS),
        one_of("item_kind", ITEM_KINDS),
        CheckConstraint("watch_share >= 0 and watch_share <= 1", name="watch_share"),
        CheckConstraint("id <> '' and user_id <> '' and item_id <> ''", name="ids"),
        # by time first, so that what comes in now goes to the end of the index, not to all places of it
        PrimaryKeyConstraint("at", "id"),
        Index(None, "user_id", "at"),
        Index(None, "item_id", "at"),
        Index(None, "received_at"),
        Index(None, "tx"),
        {"postgresql_partition_by": "RANGE (at)"},
    )

    id: Mapped[EntityId]
    at: Mapped[datetime]
    received_at: Mapped[datetime]
    user_id: Mapped[EntityId]
    item_id: Mapped[EntityId]
    item_kind: Mapped[str]
    kind: Mapped[str]
    watch_share: Mapped[float | None] = mapped_column(REAL)
    region: Mapped[str | None]
    recommendation_id: Mapped[str | None]
    tx: Mapped[int] = mapped_column(server_default=FetchedValue())


class Item(Base):
    """What can be recommended: a video, a post, or a user to follow, as it was last described.

    An id names one thing for ever. ``removed_at``: it was taken down, and is never recommended again.
    ``updated_at`` is our own clock; ``tx`` is the transaction that wrote it last, by which a reader knows what
    it has not seen yet (``storage/items.py``).
    """

    __tablename__ = "items"
    __table_args__ = (
        one_of("kind", ITEM_KINDS),
        CheckConstraint("id <> ''", name="id"),
        Index(None, "updated_at"),
        Index(None, "tx", "id"),
        Index(None, "author_id", "published_at"),
        Index(None, "published_at"),
    )

    id: Mapped[EntityId] = mapped_column(primary_key=True)
    kind: Mapped[str]
    author_id: Mapped[EntityId | None]
    text: Mapped[str | None]
    tags: Mapped[list[str] | None] = mapped_column(ARRAY(Text))
    category: Mapped[str | None]
    language: Mapped[str | None]
    region: Mapped[str | None]
    published_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    removed_at: Mapped[datetime | None]
    tx: Mapped[int] = mapped_column(server_default=FetchedValue())


class RecommendationList(Base):
    """A list that was computed ahead for a user: [{id, score, source, reason}], the best first."""

    __tablename__ = "recommendation_lists"
    __table_args__ = (one_of("item_kind", ITEM_KINDS), Index(None, "made_at"))

    user_id: Mapped[EntityId] = mapped_column(primary_key=True)
    item_kind: Mapped[EntityId] = mapped_column(primary_key=True)
    made_at: Mapped[datetime]
    model_version: Mapped[str]
    items: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)


class FeatureFlag(Base):
    """A switch of the product: on or off, and for how many percent of the users. One that is not here has its
    default (``config/flags.py``).
    """

    __tablename__ = "feature_flags"
    __table_args__ = (CheckConstraint("rollout >= 0 and rollout <= 100", name="rollout"),)

    name: Mapped[EntityId] = mapped_column(primary_key=True)
    enabled: Mapped[bool]
    rollout: Mapped[int] = mapped_column(SmallInteger)
    revision: Mapped[int]
    updated_at: Mapped[datetime]
    updated_by: Mapped[str]


class FeatureFlagChange(Base):
    """A change of a flag. Append-only: a trigger refuses every change of it."""

    __tablename__ = "feature_flag_changes"
    __table_args__ = (Index(None, "name", "id"), CheckConstraint("actor <> ''", name="actor"))

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    name: Mapped[EntityId]
    at: Mapped[datetime]
    actor: Mapped[str]
    reason: Mapped[str | None]
    was_enabled: Mapped[bool]
    was_rollout: Mapped[int] = mapped_column(SmallInteger)
    enabled: Mapped[bool]
    rollout: Mapped[int] = mapped_column(SmallInteger)
