"""Results on their way to the product: due deliveries, what became of them, and their signature.

A delivery is written in the transaction of what it tells of, and is due at once by the database's clock, too: a
worker whose clock is ahead delays nothing. It is sent at least once: the receiver knows a repeat by the id.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import Engine

from storage.copying import cursor, rows_of
from storage.database import transaction
from storage.rows import storable

#: Tries after the first, and the pause before the first of them; it doubles.
TRIES, PAUSE = 5, timedelta(seconds=10)
#: Longer than a worker takes to post all that it claims, when each post runs out of time.
LEASE = timedelta(minutes=3)
SIGNATURE = "X-Assay-Signature"


@dataclass(frozen=True)
class DueDelivery:
    """One delivery that is to be tried now; ``attempts`` counts this try."""

    id: UUID
    event: str
    content_id: str | None
    payload: dict[str, Any]
    created_at: datetime
    attempts: int

    @property
    def body(self) -> bytes:
        """What is posted: the same bytes at each try."""
        told = {"id": str(self.id), "event": self.event, "created_at": self.created_at, "data": self.payload}
        return orjson.dumps(told, option=orjson.OPT_UTC_Z | orjson.OPT_SORT_KEYS)


def sign(secret: bytes, timestamp: int, body: bytes) -> str:
    """The value of the header ``X-Assay-Signature``: ``t=<seconds>,v1=<hex of HMAC-SHA256(secret, t.body)>``.

    The moment is signed too, so that an old post cannot be sent again. The form is that of Stripe's webhooks.
    """
    digest = hmac.new(secret, b"%d." % timestamp + body, hashlib.sha256).hexdigest()
    return f"t={timestamp},v1={digest}"


def claim_deliveries(
    engine: Engine, *, limit: int, at: datetime, lease: timedelta = LEASE
) -> list[DueDelivery]:
    """Take deliveries that are due, the oldest first; for ``lease`` nobody else gets them."""
    query = """
        update webhook_deliveries set attempts = attempts + 1, next_at = %(until)s
        where id in (
            select id from webhook_deliveries where next_at <= %(at)s
            order by next_at, created_at, id limit %(limit)s for update skip locked)
        returning id, event, content_id, payload, created_at, attempts
    """
    with transaction(engine) as connection, rows_of(connection, DueDelivery) as cur:
        values = {"at": at, "until": at + lease, "limit": limit}
        found: list[DueDelivery] = cur.execute(query, values).fetchall()
    return sorted(found, key=lambda one: (one.created_at, one.id))


def delivered(engine: Engine, ids: Sequence[UUID], at: datetime) -> None:
    """The product has answered that it has them."""
    query = "update webhook_deliveries set delivered_at = %s, next_at = null, error = null where id = any(%s)"
    with transaction(engine) as connection, cursor(connection) as cur:
        cur.execute(query, (at, list(ids)))


def failed(
    engine: Engine, delivery: DueDelivery, error: str, at: datetime, *, pause: timedelta = PAUSE
) -> bool:
    """A try failed: it is due again after a pause that doubles, or given up. Returns whether it is given up."""
    ended = delivery.attempts > TRIES
    following = None if ended else at + pause * 2 ** (delivery.attempts - 1)
    query = "update webhook_deliveries set next_at = %s, error = %s where id = %s and delivered_at is null"
    with transaction(engine) as connection, cursor(connection) as cur:
        cur.execute(query, (following, storable(error)[:500], delivery.id))
    return ended


def nobody_to_tell(engine: Engine, *, at: datetime) -> int:
    """Remove what is due where no address is set: how many that were."""
    query = "delete from webhook_deliveries where next_at <= %s"
    with transaction(engine) as connection, cursor(connection) as cur:
        cur.execute(query, (at,))
        return cur.rowcount
