"""How much of the content pipeline's work waits in the database, and since when: for the metrics."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Engine

from storage.contents import TRIES
from storage.copying import rows_of
from storage.database import transaction

_QUERY = """
    select 'contents' as work, count(*) as rows, min(received_at) as oldest from contents
    where (moderated_revision < revision or analyzed_revision < revision) and attempts < %(tries)s
    union all
    select 'media', count(*), min(requested_at) from media_jobs where state in ('queued', 'running')
    union all
    select 'webhooks', count(*), min(created_at) from webhook_deliveries where next_at is not null
    union all
    select 'reviews', count(*), min(at) from moderation_decisions where open
"""


@dataclass(frozen=True)
class Waiting:
    """Work of one kind: contents to look at, media jobs, webhooks to deliver, decisions that a person reviews.

    What is under way waits too. ``oldest``: when the first of it came; None: there is none.
    """

    work: str
    rows: int
    oldest: datetime | None


def waiting_work(engine: Engine) -> list[Waiting]:
    """What waits, of each kind. Raises DatabaseUnavailable."""
    with transaction(engine) as connection, rows_of(connection, Waiting) as cur:
        return cur.execute(_QUERY, {"tries": TRIES}).fetchall()
