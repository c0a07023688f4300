"""Rows of the platform's tables as the recommender takes them: the same for the service and for the flows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from models.recommendation.question import Interaction

#: The data of a version ends before it is registered, by about as much as its test rows span and a day.
BEFORE_VERSION = timedelta(days=4)
#: So many items that changed since then are told to a version, the last changed first.
LIVE_ITEMS = 50_000
_EPOCH, _MICROSECOND = datetime(1970, 1, 1, tzinfo=UTC), timedelta(microseconds=1)
_TOLD = ("id", "kind", "author_id", "text", "tags", "category", "language")


def moment_us(at: datetime) -> int:
    """Microseconds since 1970, UTC; exact, which a float's would not be."""
    return (at - _EPOCH) // _MICROSECOND


def described(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row of the catalogue, as ``with_live`` and a board take it."""
    return {
        **{name: row[name] for name in _TOLD},
        "published_us": moment_us(row["published_at"]),
        "removed": row["removed_at"] is not None,
    }


def interactions(rows: Iterable[Any]) -> tuple[Interaction, ...]:
    """A history as a question takes it; its rows have ``item_id``, ``kind``, ``at`` and ``watch_share``."""
    return tuple(Interaction(one.item_id, one.kind, moment_us(one.at), one.watch_share) for one in rows)
