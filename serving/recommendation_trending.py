"""``GET /api/v1/trending`` of the recommendation service."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from config.errors import DatabaseError, DatabaseUnavailable
from serving.http import Request, Response
from serving.lookup import Lookup
from serving.problems import FieldError, Problem, invalid_fields
from serving.recommendation_trending_schema import (
    DEFAULT_LIMIT,
    DEFAULT_WINDOW,
    KINDS,
    MAX_LIMIT,
    WINDOWS,
)

if TYPE_CHECKING:
    from sqlalchemy import Engine

PARAMETERS = ("content_type", "kind", "time_window", "category", "language", "region", "limit")
#: A list that is older says nothing of now; with the database away for longer, none is answered.
STALE_SECONDS = 86_400.0
PATIENCE_SECONDS = 2.0
LONGEST = 100


class Asked(NamedTuple):
    """One list: what is read from the database, with as many items as may be asked for."""

    kind: str
    window: str
    category: str | None
    language: str | None
    region: str | None


@dataclass(frozen=True, slots=True)
class Listed:
    """A list as it was read, at a moment of ``time.monotonic``."""

    items: Sequence[Mapping[str, Any]]
    as_of: datetime | None
    read_at: float


class TrendingApi:
    """What trends, out of the tables that the flow fills.

    Args:
        engine: gives the engine on the platform's database; called in ``pool``, when it is first needed.
        pool: threads that may wait for the database.
        fresh_seconds: a list is read again after this long (the setting ``trending_cache_seconds``).
    """

    def __init__(self, engine: Callable[[], Engine], pool: Executor, fresh_seconds: float) -> None:
        self._engine = engine
        self._fresh = fresh_seconds
        self._lists: Lookup[Asked, Listed] = Lookup(
            self._read,
            pool,
            fresh_seconds=fresh_seconds,
            stale_seconds=STALE_SECONDS,
            patience=PATIENCE_SECONDS,
        )

    async def get(self, request: Request) -> Response:
        """The list that is asked for; the last one that was read while the database is away.

        Raises:
            Problem: 422 for a parameter that does not fit, 503 when nothing is known.
        """
        asked, limit = _parsed(request)
        try:
            listed = (await self._lists.get([asked]))[asked]
        except DatabaseUnavailable:
            listed = None
        if listed is None:
            raise Problem(
                503, "What trends is not known: the database is away, and nothing was read of it lately."
            )
        items = listed.items[:limit]
        return Response(
            orjson.dumps(
                {
                    "items": [{"rank": rank, **item} for rank, item in enumerate(items, 1)],
                    "count": len(items),
                    "content_type": asked.kind,
                    "time_window": asked.window,
                    "category": asked.category,
                    "language": asked.language,
                    "region": asked.region,
                    "as_of": listed.as_of,
                    "stale": time.monotonic() - listed.read_at > self._fresh + PATIENCE_SECONDS,
                },
                option=orjson.OPT_UTC_Z,
            )
        )

    def _read(self, asked: list[Asked]) -> dict[Asked, Listed]:
        try:
            return self._read_lists(asked)
        except DatabaseUnavailable:
            raise
        except DatabaseError as error:  # a lock, no space: the last lists do for a while
            raise DatabaseUnavailable(error.message, hint=error.hint) from error

    def _read_lists(self, asked: list[Asked]) -> dict[Asked, Listed]:
        from storage.trending import as_of, top

        engine, found = self._engine(), {}
        for one in asked:
            rows = top(
                engine,
                window=one.window,
                kind=one.kind,
                category=one.category,
                language=one.language,
                region=one.region,
                limit=MAX_LIMIT,
            )
            found[one] = Listed(
                [_item(asdict(row)) for row in rows], as_of(engine, one.window), time.monotonic()
            )
        return found


def _item(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in ("window", "as_of")}


def _parsed(request: Request) -> tuple[Asked, int]:
    strange = [name for name in request.query_names() if name not in PARAMETERS]
    faults = [
        FieldError(
            name[:LONGEST], f"There is no parameter '{name[:LONGEST]}': there are {', '.join(PARAMETERS)}."
        )
        for name in strange
    ]
    kind, alias = request.query("content_type"), request.query("kind")
    if kind is not None and alias is not None and kind != alias:
        faults.append(FieldError("kind", "kind is another name of content_type, and says something else."))
    kind = next((one for one in (kind, alias) if one is not None), KINDS[0])
    window = request.query("time_window")
    window = DEFAULT_WINDOW if window is None else window
    for name, value, known in (("content_type", kind, KINDS), ("time_window", window, WINDOWS)):
        if value not in known:
            faults.append(
                FieldError(name, f"{name} is '{value[:LONGEST]}': it must be one of {', '.join(known)}.")
            )
    words = {name: request.query(name) or None for name in ("category", "language", "region")}
    faults += [
        FieldError(name, f"{name} must be a text of at most {LONGEST} characters.")
        for name, word in words.items()
        if word and (len(word) > LONGEST or "\x00" in word)
    ]
    limit = _limit(request.query("limit"))
    if limit is None:
        faults.append(FieldError("limit", f"limit must be a whole number from 1 to {MAX_LIMIT}."))
    if faults or limit is None:
        raise invalid_fields(faults)
    return Asked(kind, window, words["category"], words["language"], words["region"]), limit


def _limit(text: str | None) -> int | None:
    if text is None:
        return DEFAULT_LIMIT
    limit = int(text) if text.isascii() and text.isdigit() and len(text) < 4 else 0
    return limit if 1 <= limit <= MAX_LIMIT else None
