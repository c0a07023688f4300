"""How much of the content pipeline's work waits in the database, and since when: for the metrics."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Engine

from storage.content_claims import TRIES
from storage.copying import rows_of
from storage.database import transaction

#: Contents that wait, in SQL: what was given up waits for nobody.
WAITS = f"(moderated_revision < revision or analyzed_revision < revision) and attempts < {TRIES}"
#: Since when, in SQL. A first description counts from when it came, whether or not it was told again since; a
#: change of an old one from when that was told. Looking at it again, which is asked for as a first try, counts
#: from then; further tries renew nothing, or contents over which each worker dies would never be old.
DUE_SINCE = """greatest(
    case when revision = 1 then received_at else told_at end, case when attempts = 1 then claimed_at end)"""
_QUERY = f"""
    select 'contents' as work, count(*) as rows, min({DUE_SINCE}) as oldest from contents where {WAITS}
    union all
    select 'media', count(*), min(requested_at) from media_jobs where state in ('queued', 'running')
    union all
    select 'webhooks', count(*), min(created_at) from webhook_deliveries where next_at is not null
    union all
    select 'reviews', count(*), min(at) from moderation_decisions where open
"""  # noqa: S608 - constants of this module


@dataclass(frozen=True)
class Waiting:
    """Work of one kind: contents to look at, media jobs, webhooks to deliver, decisions that a person reviews.

    What is under way waits too. ``oldest``: when the first of it came, or was changed; None: there is none.
    """

    work: str
    rows: int
    oldest: datetime | None


def waiting_work(engine: Engine) -> list[Waiting]:
    """What waits, of each kind. Raises DatabaseUnavailable."""
    with transaction(engine) as connection, rows_of(connection, Waiting) as cur:
        return cur.execute(_QUERY).fetchall()
