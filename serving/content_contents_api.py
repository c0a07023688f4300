"""``/api/v1/contents`` of the content service: what is published, and how it stands."""

from __future__ import annotations

import re
from collections import Counter
from concurrent.futures import Executor
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from config.errors import DatabaseUnavailable, InputError
from serving.content_asking import Asking, json_answer
from serving.content_database import ContentDatabase
from serving.content_media_api import job_answer
from serving.content_store_schema import MAX_CONTENTS, ContentRequest, ContentsRequest
from serving.http import Request, Response
from serving.inbox import Inbox
from serving.many_items import Items, ItemsValidator
from serving.problems import FieldError, Problem
from serving.validation import BodyValidator

MANY = re.compile(rb'^\s*\{\s*"contents"\s*:')
QUEUED = "queued"
Row = dict[str, Any]


class ContentsApi:
    """Takes contents. They go to the database before the answer, or else to disk; work on them is others'."""

    def __init__(self, database: ContentDatabase, inbox: Inbox, pool: Executor, max_body_bytes: int) -> None:
        self._database = database
        self._inbox = inbox
        self._ask = Asking(pool, "Contents")
        self._limit = max_body_bytes
        names = list(ContentRequest.__annotations__)
        self._items = ItemsValidator(
            "contents",
            BodyValidator(ContentsRequest, [*names, "contents"]),
            BodyValidator(ContentRequest, names),
            identity="id",
            most=MAX_CONTENTS,
            check=content_faults,
        )

    async def post(self, request: Request) -> Response:
        """Take one piece of content, or many."""
        body = await request.json_body(self._limit)
        return await self._ask(self._take, body)

    def _take(self, body: bytes) -> Response:
        many = MANY.match(body) is not None
        items = self._items.many(body) if many else Items({0: self._items.one(body)}, {})
        rows = list(items.good.values())
        answers = [
            {"index": index, "id": row["id"], **became}
            for (index, row), became in zip(items.good.items(), self._save(rows), strict=True)
        ]
        results = items.merged(answers)
        counts = Counter(entry["status"] for entry in results)
        return json_answer({"results": results, "counts": dict(counts)}, 202)

    def _save(self, rows: list[Row]) -> list[Row]:
        """What became of each. While earlier ones wait on disk, these wait behind them: the last one counts.

        Those of other workers and replicas are not seen here. So each line says when it was told, and the
        database keeps the last one, whichever comes first.
        """
        told = datetime.now(UTC)
        if not self._inbox.waiting():
            with suppress(DatabaseUnavailable):
                return self._stored(rows, told)
        self._inbox.keep([{**row, "told_at": told} for row in rows])
        return [{"status": QUEUED} for _ in rows]

    def _stored(self, rows: list[Row], told: datetime) -> list[Row]:
        found = self._database.put(rows, told)
        became: list[Row] = []
        for place, row in enumerate(rows):
            if place in found.refused:
                became.append({"status": "rejected", "detail": f"It is not taken: {found.refused[place]}."})
            elif row["id"] in found.changed:
                became.append({"status": "accepted", "revision": found.changed[row["id"]]})
            else:
                became.append({"status": "unchanged"})
        return became

    async def get(self, request: Request) -> Response:
        """How a piece of content stands."""
        return await self._answer(request.parameters["id"])

    async def find(self, request: Request) -> Response:
        """The same by ``?id=``, for ids with a slash in them."""
        name = request.query("id")
        if not name:
            raise Problem(400, "Say which content: GET /api/v1/contents?id=...")
        return await self._answer(name)

    async def _answer(self, name: str) -> Response:
        found = await self._ask(self._database.content, name) if "\x00" not in name else None
        if found is None:
            raise Problem(404, f"There is no content '{name[:100]}'. Send it with POST /api/v1/contents.")
        return json_answer(content_answer(*found))


def content_answer(content: Any, jobs: Any) -> Row:
    """Content as it stands, for the answer."""
    due = {"moderation": content.wants_moderation, "analysis": content.wants_analysis}
    as_told = ("id", "kind", "creator_id", "title", "text", "tags", "video", "images", "created_at")
    more = ("moderated_at", "analysis", "analyzed_at", "error")
    return {
        **{name: getattr(content, name) for name in (*as_told, "received_at", "revision")},
        "status": content.moderation_status,
        "flags": content.moderation_flags,
        "is_flagged": content.is_flagged,
        "flag_reason": content.flag_reason,
        "decision_id": content.moderation_id,
        **{name: getattr(content, name) for name in more},
        "due": [name for name, wanted in due.items() if wanted],
        "jobs": [job_answer(job) for job in jobs],
    }


def content_faults(row: Row) -> list[FieldError]:
    """What no type says: there must be something in it, and keys must be keys."""
    from storage.objects import check_key

    if not row["id"].strip():
        return [FieldError("id", "id must not be blank.")]
    if not any(row.get(name) for name in ("text", "title", "video", "images")):
        return [FieldError("text", "text, title, video or images is required: there is nothing in it.")]
    faults = []
    keys = {f"images[{place}]": key for place, key in enumerate(row.get("images") or ())}
    if row.get("video"):
        keys["video"] = row["video"]
    for place, key in keys.items():
        try:
            check_key(key)
        except InputError as error:
            faults.append(FieldError(place, f"{place} cannot be a key of the media bucket: {error.message}"))
    return faults
