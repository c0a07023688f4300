"""Lists of what trends, as a tick leaves them, without one."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Engine, insert

from storage.database import transaction
from storage.recommendation_tables import Item
from storage.trending_tables import Trend, TrendList, TrendState

DIRECTIONS = ("rising", "stable", "falling")


def keep_trends(engine: Engine, at: datetime, count: int = 6, hours: int = 24) -> None:
    """``count`` videos in the list of all regions, half of them in Germany's too; each in the catalogue."""
    items, trends = [], []
    for place in range(count):
        name = f"video-{place}"
        items.append({
            "id": name, "kind": "video", "author_id": f"author-{place % 2}",
            "published_at": at, "updated_at": at, "category": ("music", "sports")[place % 2],
            "language": ("de", "en")[place // 2 % 2],
        })  # fmt: skip
        row: dict[str, Any] = {
            "hours": hours, "region": "", "item_kind": "video", "item_id": name, "score": 900.0 / (1 + place),
            "velocity": 450.5 / (1 + place), "accounts": 12_345 // (1 + place),
            "direction": DIRECTIONS[place % 3], "growth": (2.345, None, 0.4)[place % 3], "p_value": 0.001,
            "q_value": 0.01,
        }  # fmt: skip
        trends += [row] + ([row | {"region": "DE"}] if place % 2 else [])
    state = {"id": 1, "tx": 1, "system": "test", "rules": "test", "rebuilt_at": at - timedelta(days=1)}
    with transaction(engine) as connection:
        connection.execute(insert(Item), items)
        connection.execute(insert(Trend), trends)
        connection.execute(insert(TrendList), [{"hours": hours, "as_of": at, "total": count, "changed": 0}])
        connection.execute(insert(TrendState), [state | {"as_of": at}])
