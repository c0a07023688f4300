"""``POST /api/v1/recommend`` and ``/api/v1/rank`` of the recommendation service."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from time import perf_counter
from typing import Any

import orjson

from models.recommendation.question import Question
from serving.http import Request, Response
from serving.recommendation_answerer import HEURISTIC, MODEL, PRECOMPUTED, Answered, Answerer, Who
from serving.recommendation_ask import Ask
from serving.recommendation_cache import AnswerCache
from serving.recommendation_figures import RecommendationFigures
from serving.recommendation_schema import RankRequest, RecommendRequest
from serving.recommendation_users import Histories, Known
from serving.recorder import Recorder, new_identities
from serving.security import ApiKey
from serving.shadow import Asked
from serving.validation import BodyValidator

#: An answer is kept without its last field, which tells whether it was kept.
FRESH, CACHED = b',"cached":false}', b',"cached":true}'
_OPTIONS = orjson.OPT_SERIALIZE_NUMPY


class RecommendApi:
    """The hot path. A list that is kept is one look into the cache; a new one is made in the event loop where
    the user's history is in memory, for a thread costs more than the list.
    """

    def __init__(
        self,
        answerer: Answerer,
        histories: Histories,
        cache: AnswerCache,
        recorder: Recorder,
        figures: RecommendationFigures,
        key: ApiKey,
        max_body_bytes: int,
    ) -> None:
        self._answerer = answerer
        self._histories = histories
        self._cache = cache
        self._recorder = recorder
        self._figures = figures
        self._key = key
        self._limit = max_body_bytes
        self._lists = BodyValidator(RecommendRequest, list(RecommendRequest.__annotations__))
        self._ranks = BodyValidator(RankRequest, list(RankRequest.__annotations__))
        #: user -> key -> the answer that is being computed.
        self._flights: dict[str, dict[str, asyncio.Task[bytes]]] = {}

    async def recommend(self, request: Request) -> Response:
        """A list for a user, kept or new."""
        ask = Ask.of(self._lists.parse(await request.json_body(self._limit)))
        if ask.preview:
            self._key.check(request.header(b"x-api-key"))
            return await self._preview(ask)
        who = await self._answerer.who(ask.user_id)
        key = f"{who.key}|{ask.key}"
        found = await self._cache.get(ask.user_id, key)
        if found.body is not None and (kept := _unmarked(found.body, self._answerer.gone)) is not None:
            self._figures.hit()
            self._figures.answered(who.by, fallback=who.by == PRECOMPUTED)
            return Response(kept + CACHED)
        self._figures.missed()
        known = self._histories.known(ask.user_id)
        if known is not None and who.by != PRECOMPUTED and not self._cache.shared:
            # nothing in here waits, so that no other request for it can come between
            body = await self._finish(ask, who, key, found.token, known)
        else:
            body = await self._flight(ask, who, key, found.token)
        return Response(body + FRESH)

    def dropped(self, user_id: str) -> None:
        """The user acted: what is being computed is for those who asked before. In any thread."""
        self._flights.pop(user_id, None)

    def dropped_all(self) -> None:
        """Anybody may have acted: the same for all. In any thread."""
        self._flights.clear()

    async def rank(self, request: Request) -> Response:
        """Given items in order, with scores and reasons."""
        asked = self._ranks.parse(await request.json_body(self._limit))
        ask = Ask.of({name: value for name, value in asked.items() if name != "items"})
        who = await self._answerer.who(ask.user_id)
        known = await self._histories.get(ask.user_id)
        question, started = ask.question(known), perf_counter()
        answered = self._answerer.rank(who, question, asked["items"])
        head = self._answer(ask, who, question, known, answered, started, ranked=True)
        return Response(head + FRESH)

    async def _preview(self, ask: Ask) -> Response:
        """What the user would get now: nothing is kept or recorded of it, and no experiment counts it."""
        who = await self._answerer.who(ask.user_id, decide=False)
        known = await self._histories.get(ask.user_id)
        question = ask.question(known)
        answered = await self._answerer.recommend(who, question)
        return Response(_head(ask, who, question, known, answered, None) + FRESH)

    async def _flight(self, ask: Ask, who: Who, key: str, token: bytes | None) -> bytes:
        """The answer that is being computed for the same question, or that of a new computation."""
        flights = self._flights.setdefault(ask.user_id, {})
        running = flights.get(key)
        if running is None:
            running = flights[key] = asyncio.create_task(self._compute(ask, who, key, token))
            running.add_done_callback(lambda _: self._landed(ask.user_id, flights, key))
        return await asyncio.shield(running)  # others may wait for it

    def _landed(self, user_id: str, flights: dict[str, asyncio.Task[bytes]], key: str) -> None:
        flights.pop(key, None)
        if not flights and self._flights.get(user_id) is flights:
            self._flights.pop(user_id, None)  # another thread may have dropped it by now

    async def _compute(self, ask: Ask, who: Who, key: str, token: bytes | None) -> bytes:
        if self._cache.shared:  # who looked before another one's answer was there may come after it
            found = await self._cache.get(ask.user_id, key)
            if found.body is not None and (body := _unmarked(found.body, self._answerer.gone)) is not None:
                return body
            token = found.token
        return await self._finish(ask, who, key, token, await self._histories.get(ask.user_id))

    async def _finish(self, ask: Ask, who: Who, key: str, token: bytes | None, known: Known) -> bytes:
        question, started = ask.question(known), perf_counter()
        if who.by == PRECOMPUTED:
            answered = await self._answerer.recommend(who, question)
        else:
            answered = self._answerer.recommend_now(who, question)
        head = self._answer(ask, who, question, known, answered, started)
        failed = who.by == MODEL and answered.by != MODEL
        if not known.degraded and not failed:
            await self._cache.put(ask.user_id, key, _marked(head, answered.items), token)
        return head

    def _answer(
        self,
        ask: Ask,
        who: Who,
        question: Question,
        known: Known,
        answered: Answered,
        started: float,
        *,
        ranked: bool = False,
    ) -> bytes:
        """The answer without its end; recorded and counted. ``ranked``: given items were put in order."""
        identity = new_identities(1)[0]
        now, latency = datetime.now(UTC), round((perf_counter() - started) * 1000, 3)
        recorded = {
            "items": [item["id"] for item in answered.items],
            "sources": [item["source"] for item in answered.items],
            "answered_by": answered.by,
            **_experiment(who, answered),
        }
        self._recorder.record(
            [(identity, ask.user_id, now, ask.inputs(), recorded)],
            version=answered.version,
            latency_ms=latency,
            received_at=now,
        )
        self._figures.answered(answered.by, fallback=who.by != HEURISTIC and answered.by != MODEL)
        self._answerer.judge_tried(who, Asked(identity, ask.user_id, now), question, answered, ranked=ranked)
        return _head(ask, who, question, known, answered, identity)


def _head(
    ask: Ask, who: Who, question: Question, known: Known, answered: Answered, identity: str | None
) -> bytes:
    """An answer without its end; ``identity`` None: a preview."""
    items = answered.items
    if ask.explain and answered.by == MODEL:
        answerer = who.instead if who.instead and answered.version != who.version else who
        features = answerer.predictor.interaction_features
        items = [{**item, "features": features(question, item["id"])} for item in items]
    body = orjson.dumps(
        {
            "user_id": ask.user_id,
            "items": items,
            "count": len(items),
            "answered_by": answered.by,
            "model_version": answered.version,
            "recommendation_id": identity,
            "flags": who.flags,
            **_experiment(who, answered),
            **({"preview": True} if identity is None else {}),
            "degraded": known.degraded,
        },
        option=_OPTIONS,
    )
    return body[:-1]


def _experiment(who: Who, answered: Answered) -> dict[str, Any]:
    """The decision that the answer follows, where one did decide."""
    return {"experiment": who.choice._asdict()} if who.choice and answered.by == who.by else {}


def _marked(head: bytes, items: list[dict[str, Any]]) -> bytes:
    """An answer as it is kept: the ids of its items before it."""
    return b"\x1f".join([item["id"].encode() for item in items]) + b"\0" + head


def _unmarked(kept: bytes, gone: frozenset[bytes]) -> bytes | None:
    """The answer that was kept; None: one of its items has been taken down since."""
    ids, _, head = kept.partition(b"\0")
    return None if gone and not gone.isdisjoint(ids.split(b"\x1f")) else head
