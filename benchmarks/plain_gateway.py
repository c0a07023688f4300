"""The gateway as a good team would write it with FastAPI, httpx and PyJWT: what ours is measured against.

A dependency verifies the token and the role, another counts requests a minute in a dictionary, one
``httpx.AsyncClient`` with kept connections asks the services, pydantic models go in and out, lists are kept in
a dictionary with their time. No breaker, no request ids, no stale answers: other work.
"""

from __future__ import annotations

import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any

import httpx
import jwt
from fastapi import Depends, FastAPI, HTTPException, Query, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import BaseModel, ConfigDict, Field

SECRET = os.environ.get("JWT_SECRET", "")
VIRAL = os.environ.get("VIRAL_URL", "")
RECOMMENDATION = os.environ.get("RECOMMENDATION_URL", "")
LIMIT = int(os.environ.get("RATE_LIMIT_PER_MINUTE", "100"))
KEPT_SECONDS = 300.0


class Content(BaseModel):
    """What is known of the video."""

    title: str | None = None
    description: str | None = None
    duration: float | None = Field(None, ge=0)
    category: str | None = None
    language: str | None = None
    creator_followers: int | None = Field(None, ge=0)


class Engagement(BaseModel):
    """Counts."""

    views: int = Field(ge=0)
    likes: int | None = Field(None, ge=0)
    comments: int | None = Field(None, ge=0)
    shares: int | None = Field(None, ge=0)


class ViralRequest(BaseModel):
    """A video and how it goes."""

    model_config = ConfigDict(extra="forbid")

    content_id: str = Field(min_length=1, max_length=256)
    content_data: Content = Content()
    engagement_data: Engagement


class ViralAnswer(BaseModel):
    """The score and its factors."""

    content_id: str
    viral_score: float
    is_likely_viral: bool
    factors: dict[str, float | None]
    confidence: float


class Recommendations(BaseModel):
    """Ids for a user."""

    user_id: str
    content_type: str
    recommendations: list[str]
    count: int


@asynccontextmanager
async def life(app: FastAPI) -> AsyncIterator[None]:
    """One client for all requests."""
    async with httpx.AsyncClient(timeout=2.0) as client:
        app.state.client = client
        yield


app = FastAPI(title="Gateway", lifespan=life)
bearer = HTTPBearer()
_counts: dict[tuple[str, int], int] = {}
_kept: dict[tuple[Any, ...], tuple[float, Recommendations]] = {}


def claims(credentials: Annotated[HTTPAuthorizationCredentials, Depends(bearer)]) -> dict[str, Any]:
    """Those of a good token, within its limit."""
    try:
        found: dict[str, Any] = jwt.decode(credentials.credentials, SECRET, algorithms=["HS256"])
    except jwt.InvalidTokenError:
        raise HTTPException(401, "The token is not valid.") from None
    key = (found["sub"], int(time.time() // 60))
    _counts[key] = _counts.get(key, 0) + 1
    if _counts[key] > LIMIT:
        raise HTTPException(429, "Too many requests.")
    return found


User = Annotated[dict[str, Any], Depends(claims)]


@app.post("/api/v1/ml/viral-prediction")
async def viral(request: Request, body: ViralRequest, user: User) -> ViralAnswer:
    """The viral service's answer as a score."""
    if not {"admin", "creator"} & set(user.get("roles", [])):
        raise HTTPException(403, "Admin or creator only.")
    known = body.content_data.model_dump(exclude_none=True)
    if "duration" in known:
        known["video_duration"] = known.pop("duration")
    counts = body.engagement_data.model_dump(exclude_none=True)
    row = {"video_id": body.content_id, **known, **counts, "explain": 0}
    answer = await request.app.state.client.post(f"{VIRAL}/predict", json=row)
    answer.raise_for_status()
    chances = answer.json()["probabilities"]
    score = min(1.0, chances["high"] + chances["ultra"])
    views = counts["views"] or 1
    return ViralAnswer(
        content_id=body.content_id,
        viral_score=score,
        is_likely_viral=score >= 0.5,
        factors={
            "engagement_rate": counts.get("likes", 0) / views,
            "share_velocity": counts.get("shares", 0) / views,
        },
        confidence=max(score, 1 - score),
    )


@app.get("/api/v1/ml/recommendations")
async def recommendations(
    request: Request,
    user: User,
    content_type: str = "video",
    limit: Annotated[int, Query(ge=1, le=50)] = 20,
    exclude_ids: str = "",
) -> Recommendations:
    """Kept for five minutes."""
    key = (user["sub"], content_type, limit, exclude_ids)
    kept = _kept.get(key)
    if kept is not None and time.time() - kept[0] < KEPT_SECONDS:
        return kept[1]
    row = {"user_id": user["sub"], "content_type": content_type, "limit": limit}
    answer = await request.app.state.client.post(f"{RECOMMENDATION}/api/v1/recommend", json=row)
    answer.raise_for_status()
    ids = [item["id"] for item in answer.json()["items"]]
    found = Recommendations(user_id=user["sub"], content_type=content_type, recommendations=ids, count=len(ids))
    _kept[key] = (time.time(), found)
    return found
