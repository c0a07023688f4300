"""``POST moderate`` and ``POST analyze``: the content service's answers by the backends' field names."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import orjson

from serving.fields import MAX_TEXT
from serving.gateway.answers import HIT, MISS, as_json
from serving.gateway.cache import AnswerCache, digest
from serving.gateway.caller import ADMIN, Caller
from serving.gateway.guard import Endpoint
from serving.gateway.owned import API, PREFIX, Contents
from serving.gateway.schema import ContentAnalysisRequest, ContentData, ModerationRequest
from serving.gateway.upstream import Service, Unavailable
from serving.http import Request, Response
from serving.problems import FieldError, invalid_fields
from serving.validation import BodyValidator

MODERATION = "moderation"
#: After this long the content service is asked again which versions it has.
VERSIONS_SECONDS = 10.0
_ADDRESSES = ("video_url", "image_url")
#: What decides: of words, and of pictures.
_TEXT_MODEL, _IMAGE_MODEL = _MODELS = ("moderation", "imagery")


class ModerationApi:
    """Asks the content service; keeps decisions for a while.

    A decision is kept by everything that was asked, the content's id too, and by the versions in service: of a
    new version, and after a load or an unload, it is asked anew. Kept is what these versions said, and nothing
    of another: not of one that is only tried, nor of one that a replica has already, or still.

    Args:
        seconds: that a decision is kept.
    """

    def __init__(
        self, service: Service, contents: Contents, cache: AnswerCache, seconds: float, max_body_bytes: int
    ) -> None:
        self._service = service
        self._contents = contents
        self._cache = cache
        self._seconds = seconds
        self._limit = max_body_bytes
        names = list(ContentData.__annotations__)
        shapes = ModerationRequest, ContentAnalysisRequest
        self._moderation, self._analysis = (
            BodyValidator(shape, [*shape.__annotations__, *names]) for shape in shapes
        )
        self._versions: dict[str, str | None] = {}
        self._looked_at = float("-inf")
        self._looking: asyncio.Task[None] | None = None

    def endpoints(self) -> list[Endpoint]:
        """Its endpoints."""
        return [
            Endpoint(f"{PREFIX}/moderate", "POST", self.moderate, (ADMIN,)),
            Endpoint(f"{PREFIX}/analyze", "POST", self.analyze),
        ]

    async def moderate(self, request: Request, _: Caller) -> Response:
        """May this be shown?"""
        asked = self._moderation.parse(await request.json_body(self._limit))
        unseen, kind = _unseen(asked["content_data"]), asked.get("content_type", "post")
        key = await self._key(asked)
        kept = await self._cache.get(key, self._seconds)
        if kept is not None and kept.fresh:
            return Response(kept.body, headers=(HIT,))
        row = _question(asked, kind)
        if not any(row.get(name) for name in ("text", "title", "images")):
            raise invalid_fields([FieldError("content_data", "content_data needs text, title or images.")])
        try:
            answer = await self._service.ask("POST", f"{API}/moderate", row)
        except Unavailable as error:
            raise error.problem() from None
        decided = answer.must_be_good().json()
        said = decided["versions"]
        whole = _was_read(decided)
        body = orjson.dumps(_decided(decided, unseen))
        # the key is the same: nothing was loaded or unloaded meanwhile
        same = key == await self._key(asked)
        if same and whole and all(said[name] == self._versions[name] for name in _asked_of(row)):
            await self._cache.put(key, body, self._seconds)
        return Response(body, headers=(MISS,))

    async def analyze(self, request: Request, caller: Caller) -> Response:
        """What is it about? The owner may ask: as the content service knows, or for new content as they say."""
        asked = self._analysis.parse(await request.json_body(self._limit))
        data = asked["content_data"]
        try:
            if not caller.admin:
                known = await self._contents.find(asked["content_id"])
                caller.must_own(known["creator_id"] if known else data.get("creator_id"))
            row = {
                "content_id": asked["content_id"],
                "content_type": asked.get("content_type", "post"),
                "content_data": {
                    "text": _text(data),
                    **{name: data[name] for name in ("title", "tags") if data.get(name)},
                },
            }
            answer = await self._service.ask("POST", f"{API}/analyze", row, repeatable=True)
        except Unavailable as error:
            raise error.problem() from None
        unseen = [*_unseen(data), *(["images"] if data.get("images") else [])]
        return as_json({**answer.must_be_good().json(), "not_looked_at": unseen})

    async def forget(self) -> None:
        """Another model answers from now on."""
        await self._cache.drop(MODERATION)
        self._looked_at = float("-inf")

    async def _key(self, asked: dict[str, Any]) -> str:
        if time.monotonic() - self._looked_at > VERSIONS_SECONDS:
            if self._looking is None or self._looking.done():
                self._looking = asyncio.create_task(self._look())
            if not self._versions:
                await self._looking
        generation = await self._cache.generation(MODERATION)
        versions = "/".join(str(self._versions[name]) for name in _MODELS)
        return f"{MODERATION}:{generation}:{versions}:{digest(asked)}"

    async def _look(self) -> None:
        self._looked_at = time.monotonic()
        said = await self._service.health()
        versions = said.get("model_versions") or {}
        self._versions = {name: versions.get(name) for name in _MODELS}


def _text(data: dict[str, Any]) -> str:
    """The text, and the description as its end. Raises Problem 422: together they are too long."""
    text = "\n".join(part for part in (data.get("text"), data.get("description")) if part)
    if len(text) > MAX_TEXT:
        sentence = f"content_data.text and content_data.description may have {MAX_TEXT} characters together."
        raise invalid_fields([FieldError("content_data", sentence)])
    return text


def _unseen(data: dict[str, Any]) -> list[str]:
    return [name for name in _ADDRESSES if data.get(name)]


def _asked_of(row: dict[str, Any]) -> list[str]:
    """The families that a question is for."""
    worded = any(row.get(name) for name in ("text", "title"))
    return [*([_TEXT_MODEL] if worded else []), *([_IMAGE_MODEL] if row.get("images") else [])]


def _question(asked: dict[str, Any], kind: str) -> dict[str, Any]:
    data = asked["content_data"]
    row = {name: data[name] for name in ("title", "images", "language", "creator_id") if data.get(name)}
    return {"content_id": asked["content_id"], "content_type": kind, "text": _text(data) or None, **row}


def _was_read(answer: dict[str, Any]) -> bool:
    """Whether pictures could be read, where a model would look at them: they may be there a moment later."""
    unread = any(one["label"] == "image" and one["score"] is None for one in answer["reasons"])
    return not (unread and answer["versions"]["imagery"])


def _decided(answer: dict[str, Any], unseen: list[str]) -> dict[str, Any]:
    """The answer; what has parts that nothing looked at is no safer than a person's look would make it."""
    answer["not_looked_at"] = unseen
    if unseen and answer["decision"] in ("approved", "flagged"):
        answer["decision"], answer["is_safe"] = "review_required", False
        answer["reasons"] = [
            *answer["reasons"],
            {
                "label": "image" if unseen == ["image_url"] else "video", "score": None, "threshold": None,
                "spans": [], "frames": [],
                "text": f"Nothing looked at {' and '.join(unseen)}: a person should.",
            },
        ]  # fmt: skip
    return answer
