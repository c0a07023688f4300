"""Tables of verification: candidates, what was decided about them, pictures that were taken in.

``storage/tables.py`` imports this module, so that all tables are known wherever one is.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import CheckConstraint, Identity, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from storage.base import Base, EntityId, one_of

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
        one_of("state", ("waiting", "aside", "accept", "correct", "reject", "skip")),
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


class Review(Base):
    """What an admin decided about one candidate; a later decision stands in place of an earlier one.

    ``withdraw`` takes it back (an undo), and ``skip`` leaves it open.
    """

    __tablename__ = "reviews"
    __table_args__ = (
        Index(None, "family", "candidate", "id"),
        Index(None, "family", "decided_at"),
        one_of("decision", ("accept", "reject", "correct", "skip", "withdraw")),
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
