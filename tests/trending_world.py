"""Events for tests of trending, and a tick of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Engine, text

from config.settings import Settings
from storage.database import transaction
from storage.event_months import ensure_months
from storage.tables import Item
from tasks.trending import refresh

NOW = datetime(2026, 3, 10, 12, 7, tzinfo=UTC)
SUMS = ("trend_contributions", "trend_accounts", "trend_overactive", "trend_buckets", "trend_windows")


def event(user: str, item: str, hours_ago: float, kind: str = "like", **more: Any) -> dict[str, Any]:
    """An interaction, so long before ``NOW``."""
    at = NOW - timedelta(hours=hours_ago)
    return {
        "id": f"{user}|{item}|{kind}|{at.isoformat()}", "at": at, "received_at": at, "user_id": user,
        "item_id": item, "item_kind": "video", "kind": kind, "watch_share": None, "region": None,
        "recommendation_id": None, **more,
    }  # fmt: skip


def known(user: str, item: str, hours_ago: float, kind: str = "like", **more: Any) -> list[dict[str, Any]]:
    """The same of an account that is known well: it also did something with items of its own, a week before."""
    own = [event(user, f"own-{user}-{number}", hours_ago + 170, "view") for number in range(3)]
    return [event(user, item, hours_ago, kind, **more), *own]


def send(engine: Engine, rows: Iterable[Mapping[str, Any]]) -> None:
    """Keep events, each once."""
    rows = list(rows)
    ensure_months(engine, {row["at"] for row in rows})
    names = ", ".join(rows[0]) if rows else ""
    values = ", ".join(f":{name}" for name in rows[0]) if rows else ""
    with transaction(engine) as connection:
        if rows:
            connection.execute(
                text(f"insert into events ({names}) values ({values}) on conflict do nothing"), rows
            )


def items(engine: Engine, *ids: str, **fields: Any) -> None:
    """Put items into the catalogue."""
    common = {
        "kind": "video", "author_id": None, "category": None, "language": None, "published_at": NOW,
        "updated_at": NOW,
    }  # fmt: skip
    with transaction(engine) as connection:
        connection.execute(Item.__table__.insert(), [{"id": each, **common, **fields} for each in ids])


def tick(engine: Engine, settings: Settings, hours_ago: float = 0, **options: Any) -> dict[str, Any]:
    """One tick, so long before ``NOW``."""
    return refresh(engine, settings, NOW - timedelta(hours=hours_ago), **options)


def sums(engine: Engine) -> dict[str, list[tuple[Any, ...]]]:
    """All sums that are kept, in one order."""
    with transaction(engine) as connection:
        return {
            table: sorted(map(tuple, connection.execute(text(f"select * from {table}"))), key=str)
            for table in SUMS
        }
