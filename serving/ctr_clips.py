"""``POST /clips`` and ``GET /clips/{id}`` of the CTR service."""

from __future__ import annotations

import logging
import re
from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from datetime import UTC, datetime
from typing import Any

import orjson

from config.errors import DatabaseUnavailable
from serving.ctr_database import ClipDatabase
from serving.ctr_knowledge import Knowledge, away
from serving.ctr_schema import Clip, Clips
from serving.http import Request, Response
from serving.problems import Problem
from serving.threads import in_pool
from serving.validation import BodyValidator

logger = logging.getLogger(__name__)

MANY = re.compile(rb'"clips"\s*:')
STATUSES = ("new", "changed", "unchanged", "forgotten")
_OPTIONS = orjson.OPT_UTC_Z


class ClipsApi:
    """What is known of clips: to be told, and to be asked for."""

    def __init__(
        self, database: ClipDatabase, knowledge: Knowledge, pool: Executor, max_body_bytes: int
    ) -> None:
        self._database = database
        self._knowledge = knowledge
        self._pool = pool
        self._limit = max_body_bytes
        names = list(Clip.__annotations__)
        self._one = BodyValidator(Clip, names)
        self._many = BodyValidator(Clips, [*names, "clips"])

    async def post(self, request: Request) -> Response:
        """Save one clip, or many; all or none."""
        body = await request.json_body(self._limit)
        many = MANY.search(body) is not None
        rows: list[dict[str, Any]] = self._many.parse(body)["clips"] if many else [self._one.parse(body)]
        statuses = await self._in_pool(self._database.save_clips, rows, datetime.now(UTC))
        self._knowledge.clips.forget([row["clip_id"] for row in rows])
        results = [
            {"clip_id": row["clip_id"], "status": status} for row, status in zip(rows, statuses, strict=True)
        ]
        if not many:
            return _json(results[0])
        counts = Counter(statuses)
        return _json({"results": results, **{status: counts[status] for status in STATUSES}})

    async def get(self, request: Request) -> Response:
        """What is known of a clip now."""
        clip_id = request.parameters["id"]
        found: Mapping[str, Any] = {}
        if "\x00" not in clip_id:  # which the database does not hold, and complains about
            found = await self._in_pool(self._database.clips, [clip_id])
        if clip_id not in found:
            raise Problem(404, f"There is no clip '{clip_id[:100]}'. Save it with POST /clips.")
        return _json({**found[clip_id], "clip_id": clip_id})

    async def _in_pool(self, work: Callable[..., Any], *arguments: Any) -> Any:
        try:
            return await in_pool(self._pool, work, *arguments)
        except DatabaseUnavailable:
            raise away("Clips can neither be saved nor read now: the database is away.") from None


def _json(answer: dict[str, Any]) -> Response:
    return Response(orjson.dumps(answer, option=_OPTIONS))
