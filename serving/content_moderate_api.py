"""``POST /api/v1/moderate`` and ``POST /api/v1/moderate/batch`` of the content service."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from concurrent.futures import Executor
from datetime import UTC, datetime
from time import perf_counter
from typing import Any

import orjson

from config.settings import Settings
from serving.admission import Admission
from serving.content_looking import FAMILY as PICTURES
from serving.content_looking import Looking
from serving.content_moderator import Moderator
from serving.content_pictures import Looked, Pictures
from serving.content_schema import MAX_BATCH_IMAGES, MAX_ITEMS, ModerateBatch, ModerateRequest
from serving.http import Request, Response
from serving.many_items import ItemsValidator
from serving.many_runtime import ManyRuntime
from serving.metrics import FamilyAnswers
from serving.problems import FieldError, invalid_fields
from serving.recorder import new_identities
from serving.threads import in_pool
from serving.validation import BodyValidator

#: So many items, or so large a body, are worked on in a thread: the event loop answers others meanwhile.
INLINE_ITEMS, INLINE_BYTES = 16, 65_536
#: Pictures that may wait or be worked on.
WAITING_IMAGES = 64
#: Bodies of the largest size that are held at once.
LARGEST_BODIES = 2
#: Who decides where there is no model.
PERSON = "person"
_OPTIONS = orjson.OPT_UTC_Z
Row = dict[str, Any]


class ModerateApi:
    """The hot path: a validated dictionary, one look at the model, a line in the spool.

    Args:
        pool: the threads that look at pictures and work on batches.
    """

    def __init__(self, runtime: ManyRuntime, moderator: Moderator, pictures: Pictures, pool: Executor) -> None:
        settings: Settings = runtime.settings
        self._models = runtime.models
        self._recorder = runtime.recorder
        self._metrics = runtime.metrics
        self._text_answers = FamilyAnswers(runtime.metrics, "moderation", PERSON)
        self._picture_answers = FamilyAnswers(runtime.metrics, PICTURES, PERSON)
        self._moderator = moderator
        self._pictures = pictures
        self._looking = Looking(
            runtime.models[PICTURES].slot, pictures, pool, runtime.trial, moderator.of_pictures
        )
        self._pool = pool
        self._limit = settings.content_max_body_bytes
        self._admission = Admission(WAITING_IMAGES, LARGEST_BODIES * self._limit)
        names = list(ModerateRequest.__annotations__)
        self._items = ItemsValidator(
            "items",
            BodyValidator(ModerateBatch, [*names, "items"]),
            BodyValidator(ModerateRequest, names),
            identity="content_id",
            most=MAX_ITEMS,
            check=nothing_to_look_at,
        )

    async def one(self, request: Request) -> Response:
        """Decide about one piece of content; about a text alone in the event loop."""
        with self._admission.body() as take:
            body = await request.json_body(self._limit, take)
            if len(body) <= INLINE_BYTES:
                row = self._items.one(body)
            else:
                row = await self._in_pool(self._items.one, body)
            del body
            identities = new_identities(1)
            looked = await self._looked([row], identities)
            if not looked and len(row.get("text") or "") <= INLINE_BYTES:
                return _json(self._decided([row], identities, looked)[0])
            return _json((await self._in_pool(self._decided, [row], identities, looked))[0])

    async def many(self, request: Request) -> Response:
        """Decide about at most 1000 pieces of content, each by itself."""
        with self._admission.body() as take:
            body = await request.json_body(self._limit, take)
            started = perf_counter()
            items = await self._in_pool(self._items.many, body)
            del body
            count = sum(len(row.get("images") or ()) for row in items.good.values())
            if count > MAX_BATCH_IMAGES:
                sentence = f"items hold {count} pictures; one request may have {MAX_BATCH_IMAGES}."
                raise invalid_fields([FieldError("items", sentence)])
            rows = list(items.good.values())
            identities = new_identities(len(rows))
            looked = await self._looked(rows, identities)
            answers = await self._in_pool(self._decided, rows, identities, looked)
            return _json(
                {
                    "results": items.merged(answers),
                    "count": len(answers),
                    "faulty": len(items.faulty),
                    "versions": {name: self._models.version(name) for name in ("moderation", PICTURES)},
                    "took_ms": round((perf_counter() - started) * 1000, 3),
                }
            )

    async def _looked(self, rows: Sequence[Row], identities: Sequence[str]) -> dict[int, Sequence[Looked]]:
        """What came of the pictures of each row that has some."""
        count = sum(len(row.get("images") or ()) for row in rows)
        if not count:
            return {}
        names = [row.get("content_id") or identity for row, identity in zip(rows, identities, strict=True)]
        with self._admission.work(count):
            return await self._looking.look(rows, names)

    def _decided(
        self, rows: Sequence[Row], identities: Sequence[str], looked: dict[int, Sequence[Looked]]
    ) -> list[Row]:
        """The answers; the decisions are in the spool when they are given."""
        now = datetime.now(UTC)
        decided = self._moderator.decide_all(rows, identities, looked, now)
        kept = []
        for place, (row, (answer, decision)) in enumerate(zip(rows, decided, strict=True)):
            if row.get("record", True):
                if place in looked and not answer["is_safe"]:
                    decision["images"] = self._pictures.keep(looked[place])
                kept.append(decision)
        if kept:
            self._recorder.keep(kept)
        self._looking.keep(rows, looked, now)
        for name, number in Counter([answer["decision"] for answer, _ in decided]).items():
            self._metrics.count_prediction(name, number, "moderation")
        worded = sum(1 for row in rows if row.get("text") or row.get("title"))
        self._text_answers.count(worded, by_model=self._models.current("moderation") is not None)
        self._picture_answers.count(len(looked), by_model=self._models.current(PICTURES) is not None)
        return [answer for answer, _ in decided]

    async def _in_pool(self, work: Any, *arguments: Any) -> Any:
        return await in_pool(self._pool, work, *arguments)


def nothing_to_look_at(row: Row) -> list[FieldError]:
    """A fault where a row has neither a text nor a picture."""
    if (row.get("text") or "").strip() or (row.get("title") or "").strip() or row.get("images"):
        return []
    return [FieldError("text", "text, title or images is required: there is nothing to look at.")]


def _json(answer: Row) -> Response:
    return Response(orjson.dumps(answer, option=_OPTIONS))
