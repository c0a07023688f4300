"""Tables of what the services answered.

``storage/tables.py`` imports this module, so that all tables are known wherever one is.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, CheckConstraint, Index, Text
from sqlalchemy import text as sql
from sqlalchemy.orm import Mapped, mapped_column

from storage.base import Base, EntityId


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


class UserStyle(Base):
    """One answer of the face service about a user's photos; ``id`` is the prediction's.

    ``photos`` are keys in the photo bucket; ``results`` has one entry a photo, in their order: its ``sha256``,
    ``class``, ``confidence``, ``probabilities`` and ``face_box``, or the ``error`` that kept it from an answer.
    ``inserted_at`` is later than ``at`` where the answer waited on the service's disk.
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
    inserted_at: Mapped[datetime] = mapped_column(index=True, server_default=sql("now()"))
