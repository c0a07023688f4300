"""``GET recommendations`` and ``GET trending``, and the engine's ``/ml/recommend`` and ``/ml/predict``."""

from __future__ import annotations

import asyncio
from typing import Any
from urllib.parse import urlencode

import orjson

from config.settings import Settings
from serving.gateway.answers import HIT, MISS, STALE, as_json
from serving.gateway.cache import AnswerCache, Kept, digest
from serving.gateway.caller import Caller
from serving.gateway.guard import Endpoint
from serving.gateway.owned import API, PREFIX
from serving.gateway.queries import Query
from serving.gateway.schema import MAX_PAIR_USERS, PredictRequest, RecommendRequest
from serving.gateway.upstream import Answer, Refused, Service, Unavailable
from serving.http import Request, Response
from serving.problems import FieldError, invalid_fields
from serving.recommendation_trending_schema import KINDS, WINDOWS
from serving.validation import BodyValidator

ENGINE = ("/ml", PREFIX)
#: While the service is away, a user gets the last list, up to this much older.
STALE_SECONDS = 86_400.0
#: Windows whose kept list stands in for recommendations, the first that there is.
FALLBACK_WINDOWS = ("24h", "7d", "6h", "1h", "30d")


class RecommendationApi:
    """Asks the recommendation service.

    Args:
        settings: for how long lists are kept, and how large bodies are.
    """

    def __init__(self, service: Service, cache: AnswerCache, settings: Settings) -> None:
        self._service = service
        self._cache = cache
        self._seconds = settings.gateway_recommendations_ttl
        self._trending_seconds = settings.trending_cache_seconds
        self._limit = settings.max_body_bytes
        self._recommend = BodyValidator(RecommendRequest, list(RecommendRequest.__annotations__))
        self._predict = BodyValidator(PredictRequest, ["pairs", "user_id", "post_id"])

    def endpoints(self) -> list[Endpoint]:
        """Its endpoints; the engine's also at its own path."""
        return [
            Endpoint(f"{PREFIX}/recommendations", "GET", self.recommendations),
            Endpoint(f"{PREFIX}/trending", "GET", self.trending),
            *(Endpoint(f"{prefix}/recommend", "POST", self.recommend) for prefix in ENGINE),
            *(Endpoint(f"{prefix}/predict", "POST", self.predict) for prefix in ENGINE),
        ]

    async def recommendations(self, request: Request, caller: Caller) -> Response:
        """Ids for whoever asks; for anybody where an admin does."""
        query = Query(request, ("content_type", "limit", "exclude_ids", "user_id"))
        kind, limit = query.choice("content_type", KINDS, KINDS[0]), query.limit()
        exclude, wanted = query.ids("exclude_ids"), query.text("user_id")
        query.done()
        user = caller.acts_for(wanted)
        asked = {"user_id": user, "content_type": kind, "limit": limit, "exclude_ids": sorted(exclude)}
        key = f"recommendations:{digest(asked)}"
        kept = await self._cache.get(key, self._seconds)
        if kept is not None and kept.fresh:
            return Response(kept.body, headers=(HIT,))
        try:
            answer = await self._service.ask("POST", f"{API}/recommend", asked, repeatable=True)
        except Unavailable as error:
            old = kept if kept is not None else await self._what_trended(user, kind, limit, exclude)
            if old is None:
                raise error.problem() from None
            self._service.stood_in("stale" if kept is not None else "trending")
            return _stale(old.body, error)
        found = answer.must_be_good().json()
        body = orjson.dumps(_listed(found, kind))
        if not found["degraded"]:
            await self._cache.put(key, body, self._seconds, stale_seconds=STALE_SECONDS)
        return Response(body, headers=(MISS,))

    async def _what_trended(self, user: str, kind: str, limit: int, exclude: list[str]) -> Kept | None:
        """In place of a list that nobody can make now: what trended when it was last asked for."""
        for window in FALLBACK_WINDOWS:
            kept = await self._cache.get(_trending_key(kind, window, limit), self._trending_seconds)
            if kept is not None:
                break
        else:
            return None
        items = [item for item in orjson.loads(kept.body)["items"] if item["item_id"] not in set(exclude)]
        told = [
            {"id": item["item_id"], "score": None, "source": "trending", "reason": "trending"} for item in items
        ]
        found = {"user_id": user, "items": told, "count": len(told), "recommendation_id": None}
        listed = _listed({**found, "answered_by": "trending", "model_version": "none"}, kind)
        return Kept(orjson.dumps(listed), False)

    async def trending(self, request: Request, _: Caller) -> Response:
        """What trends, for everybody alike; while the service is away, the last list that was given."""
        query = Query(request, ("content_type", "time_window", "limit"))
        asked = {
            "content_type": query.choice("content_type", KINDS, KINDS[0]),
            "time_window": query.choice("time_window", WINDOWS, "24h"),
            "limit": query.limit(),
        }
        query.done()
        key = _trending_key(*asked.values())
        kept = await self._cache.get(key, self._trending_seconds)
        if kept is not None and kept.fresh:
            return Response(kept.body, headers=(HIT,))
        try:
            answer = await self._service.ask("GET", f"{API}/trending?{urlencode(asked)}", repeatable=True)
        except Unavailable as error:
            if kept is None:
                raise error.problem() from None
            self._service.stood_in("stale")
            return _stale(kept.body, error)
        found = answer.must_be_good().json()
        told = {
            name: found[name] for name in ("content_type", "time_window", "items", "count", "as_of", "stale")
        }
        told |= {"trending": [item["item_id"] for item in found["items"]], "unavailable": []}
        body = orjson.dumps(told)
        await self._cache.put(key, body, self._trending_seconds, stale_seconds=STALE_SECONDS)
        return Response(body, headers=(MISS,))

    async def recommend(self, request: Request, caller: Caller) -> Response:
        """The engine's whole answer."""
        asked = self._recommend.parse(await request.json_body(self._limit))
        asked["user_id"] = caller.acts_for(asked.get("user_id"))
        return (await self._asked("POST", f"{API}/recommend", asked)).response()

    async def predict(self, request: Request, caller: Caller) -> Response:
        """How well posts suit users. A user whose posts cannot be ranked now costs their pairs alone."""
        pairs = self._predict.parse(await request.json_body(self._limit))["pairs"]
        posts: dict[str, list[str]] = {}
        for pair in pairs:
            pair["user_id"] = caller.acts_for(pair.get("user_id"))
            posts.setdefault(pair["user_id"], []).append(pair["post_id"])
        if len(posts) > MAX_PAIR_USERS:
            sentence = f"pairs name {len(posts)} users; one request may name {MAX_PAIR_USERS}."
            raise invalid_fields([FieldError("pairs", sentence)])
        found = await asyncio.gather(*(self._ranked(user, ids) for user, ids in posts.items()))
        ranked = [one for one in found if isinstance(one, dict)]
        missing = [one for one in found if isinstance(one, Unavailable)]
        if not ranked:
            raise missing[0].problem()
        scores = {(one["user_id"], item["id"]): item["score"] for one in ranked for item in one["items"]}
        predictions = [{**pair, "score": scores.get((pair["user_id"], pair["post_id"]))} for pair in pairs]
        return as_json(
            {
                "predictions": predictions,
                "count": len(predictions),
                "model_version": ranked[0]["model_version"],
                "unavailable": sorted({one.service for one in missing}),
            }
        )

    async def _ranked(self, user: str, posts: list[str]) -> dict[str, Any] | Unavailable:
        body = {"user_id": user, "items": list(dict.fromkeys(posts))}
        try:
            answer = await self._service.ask("POST", f"{API}/rank", body, repeatable=True)
        except Unavailable as error:
            return error
        found: dict[str, Any] = answer.must_be_good().json()
        return found

    async def _asked(self, method: str, path: str, body: Any = None) -> Answer:
        try:
            answer = await self._service.ask(method, path, body, repeatable=True)
        except Unavailable as error:
            raise error.problem() from None
        if not answer.good:
            raise Refused(answer)
        return answer


def _trending_key(kind: object, window: object, limit: object) -> str:
    return f"trending:{kind}:{window}:{limit}"


def _stale(body: bytes, error: Unavailable) -> Response:
    """What was kept, and that nothing better is there."""
    old = {**orjson.loads(body), "stale": True, "unavailable": [error.service]}
    return as_json(old, headers=(STALE,))


def _listed(found: dict[str, Any], kind: str) -> dict[str, Any]:
    return {
        "user_id": found["user_id"],
        "content_type": kind,
        "recommendations": [item["id"] for item in found["items"]],
        "count": found["count"],
        "items": [
            {name: item[name] for name in ("id", "score", "source", "reason")} for item in found["items"]
        ],
        "recommendation_id": found["recommendation_id"],
        "answered_by": found["answered_by"],
        "model_version": found["model_version"],
        "stale": False,
        "unavailable": [],
    }
