"""What people said about decisions of moderation: reviews, appeals; what waits by kind; what webhooks told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Engine, select, text

from storage.content_tables import ModerationAppeal, ModerationReview, WebhookDelivery
from storage.database import transaction

#: Deliveries of one content that are read at most, the newest first.
MOST_DELIVERIES = 100
_COUNTS = text(
    """
    select 'kind' as what, content_kind as name, count(*) as n from moderation_decisions where open group by 2
    union all
    select 'decision', decision, count(*) from moderation_decisions where open group by 2
    union all
    select 'appealed', appealed::text, count(*) from moderation_decisions where open group by 2
    union all
    select 'label', reason ->> 'label', count(distinct id)
    from moderation_decisions, jsonb_array_elements(reasons) as reason where open group by 2
    """
)


@dataclass(frozen=True)
class Review:
    """What a reviewer said. ``labels`` are those that hold; none: it is clean."""

    decision: str
    labels: tuple[str, ...]
    note: str | None
    reviewer: str
    at: datetime


@dataclass(frozen=True)
class Appeal:
    """A creator's objection; ``outcome`` is None while it is open, else ``upheld`` or ``overturned``."""

    appellant_id: str
    text: str | None
    at: datetime
    resolved_at: datetime | None
    outcome: str | None


@dataclass(frozen=True)
class Delivery:
    """A webhook's delivery. Neither ``delivered_at`` nor ``next_at``: it was given up."""

    event: str
    created_at: datetime
    attempts: int
    next_at: datetime | None
    delivered_at: datetime | None
    error: str | None


@dataclass(frozen=True)
class OpenCounts:
    """How many decisions wait, by what they are; one with two labels counts under both."""

    by_kind: Mapping[str, int]
    by_decision: Mapping[str, int]
    by_label: Mapping[str, int]
    appealed: int

    @property
    def total(self) -> int:
        """All that wait."""
        return sum(self.by_kind.values())


def reviews_of(engine: Engine, decision: UUID) -> list[Review]:
    """The reviews of a decision, the latest first."""
    at = ModerationReview
    wanted = (
        select(at.decision, at.labels, at.note, at.reviewer, at.at)
        .where(at.decision_id == decision)
        .order_by(at.at.desc(), at.id.desc())
    )
    with transaction(engine) as connection:
        rows = connection.execute(wanted).all()
    return [Review(row.decision, tuple(row.labels), row.note, row.reviewer, row.at) for row in rows]


def appeals_of(engine: Engine, decision: UUID) -> list[Appeal]:
    """The appeals against a decision, the latest first."""
    at = ModerationAppeal
    wanted = (
        select(at.appellant_id, at.text, at.at, at.resolved_at, at.outcome)
        .where(at.decision_id == decision)
        .order_by(at.at.desc(), at.id.desc())
    )
    with transaction(engine) as connection:
        return [Appeal(*row) for row in connection.execute(wanted)]


def open_appeals(engine: Engine, decisions: Sequence[UUID]) -> dict[UUID, str | None]:
    """What creators say in appeals that are open against ``decisions``, by decision."""
    at = ModerationAppeal
    wanted = select(at.decision_id, at.text).where(at.decision_id.in_(decisions), at.resolved_at.is_(None))
    with transaction(engine) as connection:
        return {row.decision_id: row.text for row in connection.execute(wanted)} if decisions else {}


def open_counts(engine: Engine) -> OpenCounts:
    """How many decisions wait for a person, by kind, decision, label and appeal."""
    found: dict[str, dict[str, int]] = {"kind": {}, "decision": {}, "label": {}, "appealed": {}}
    with transaction(engine) as connection:
        for row in connection.execute(_COUNTS):
            found[row.what][row.name] = row.n
    return OpenCounts(found["kind"], found["decision"], found["label"], found["appealed"].get("true", 0))


def deliveries_of(engine: Engine, content_id: str) -> list[Delivery]:
    """The webhooks about a piece of content, the newest first."""
    at = WebhookDelivery
    columns: Sequence[Any] = (at.event, at.created_at, at.attempts, at.next_at, at.delivered_at, at.error)
    wanted = select(*columns).where(at.content_id == content_id).order_by(at.created_at.desc())
    with transaction(engine) as connection:
        return [Delivery(*row) for row in connection.execute(wanted.limit(MOST_DELIVERIES))]
