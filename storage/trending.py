"""What trends, as the last tick found it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg.rows import class_row
from sqlalchemy import Engine

from config.errors import InputError
from storage.copying import cursor
from storage.database import transaction

#: window -> its length in hours, as in ``models/trending/windows.py``.
HOURS = {"1h": 1, "6h": 6, "24h": 24, "7d": 168, "30d": 720}


@dataclass(frozen=True)
class Trending:
    """An item of a list.

    Attributes:
        score: what the list is ordered by.
        velocity: weighted engagement an hour.
        accounts: that engaged with it in the window, each counted once a day.
        direction: rising, falling or stable.
        growth: share of all engagement now over that in the window before; None where it cannot be said.
        p_value: of "its share is as it was".
        q_value: the same, corrected for the number of items that were looked at.
        window: 1h, 6h, 24h, 7d or 30d.
        as_of: the moment of the list.
    """

    item_id: str
    kind: str
    author_id: str | None
    category: str | None
    language: str | None
    score: float
    velocity: float
    accounts: int
    direction: str
    growth: float | None
    p_value: float
    q_value: float
    window: str
    as_of: datetime


_TOP = """
    select t.item_id, t.item_kind as kind, i.author_id, i.category, i.language, t.score, t.velocity, t.accounts,
        t.direction, t.growth, t.p_value, t.q_value, %(window)s as window, l.as_of
    from trends t join trend_lists l on l.hours = t.hours left join items i on i.id = t.item_id
    where t.hours = %(hours)s and t.region = %(region)s and i.removed_at is null
        and (%(kind)s::text is null or t.item_kind = %(kind)s)
        and (%(category)s::text is null or i.category = %(category)s)
        and (%(language)s::text is null or i.language = %(language)s)
    order by t.score desc, t.item_id limit %(limit)s
"""


def top(
    engine: Engine,
    *,
    window: str,
    kind: str | None = None,
    category: str | None = None,
    language: str | None = None,
    region: str | None = None,
    limit: int = 50,
) -> list[Trending]:
    """What trends in a window, the first first; None means all kinds, categories, languages or regions.

    The flow keeps the first 50 of each kind, category and language, so that up to 50 are complete. An item that
    was removed since is left out.

    Raises:
        InputError: there is no such window.
        DatabaseUnavailable: the server cannot be reached.
    """
    asked = {
        "window": window, "hours": _hours(window), "kind": kind, "category": category, "language": language,
        "region": region or "", "limit": limit,
    }  # fmt: skip
    with transaction(engine) as connection, cursor(connection) as cur:
        return _rows(cur, asked)


def _rows(cur: Any, asked: dict[str, Any]) -> list[Trending]:
    with cur.connection.cursor(row_factory=class_row(Trending)) as rows:
        return list(rows.execute(_TOP, asked))


def trend_scores(engine: Engine, kind: str, limit: int) -> dict[str, float]:
    """Scores of the first ``limit`` items of a kind in the last 24 hours, by a logarithm to 0..1.

    The first item has 1.

    Raises:
        DatabaseUnavailable: the server cannot be reached.
    """
    found = top(engine, window="24h", kind=kind, limit=limit)
    if not found:
        return {}
    most = math.log1p(found[0].score)
    return {row.item_id: math.log1p(row.score) / most for row in found}


def as_of(engine: Engine, window: str | None = None) -> datetime | None:
    """The moment of a window's lists, or (None) of the last tick; None before the first one.

    The lists of a long window are made anew when a hundredth of what is in it has changed.

    Raises:
        InputError: there is no such window.
        DatabaseUnavailable: the server cannot be reached.
    """
    hours = None if window is None else _hours(window)
    with transaction(engine) as connection, cursor(connection) as cur:
        if hours is None:
            found = cur.execute("select as_of from trend_state").fetchone()
        else:
            found = cur.execute("select as_of from trend_lists where hours = %s", (hours,)).fetchone()
    return found[0] if found else None


def _hours(window: str) -> int:
    if window not in HOURS:
        raise InputError(f"There is no window '{window}'.", hint=f"Windows: {', '.join(HOURS)}.")
    return HOURS[window]
