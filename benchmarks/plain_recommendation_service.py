"""The recommendation service as a good team would write it with FastAPI: what ours is measured against.

Factors of users and items in memory, scores by one product of numpy, seen items masked, the best by
``argpartition``, and pydantic models for the request and the answer. Nothing is recorded, mixed, explained or
made diverse, and nothing that users do meanwhile counts. ``FACTORS`` names the file with the arrays; numpy is
told to use one thread, as suits one product best.
"""

from __future__ import annotations

import os
import uuid

import numpy as np
from fastapi import FastAPI, HTTPException
from pydantic import BaseModel, ConfigDict, Field

_data = np.load(os.environ["FACTORS"], allow_pickle=False)
USER_FACTORS, ITEM_FACTORS = _data["user_factors"], _data["item_factors"]
USERS = {name: row for row, name in enumerate(_data["users"].tolist())}
ITEMS: list[str] = _data["items"].tolist()
SEEN, SEEN_FROM = _data["seen"], _data["seen_from"]
VERSION = "1"

app = FastAPI(title="Recommendation")


class Question(BaseModel):
    """The request's fields."""

    model_config = ConfigDict(extra="forbid")

    user_id: str = Field(min_length=1, max_length=256)
    limit: int = Field(20, ge=1, le=100)
    exclude_ids: list[str] = Field(default_factory=list, max_length=1000)


class Item(BaseModel):
    """One item of the answer."""

    id: str
    kind: str
    score: float


class Answer(BaseModel):
    """The answer's fields."""

    user_id: str
    items: list[Item]
    count: int
    model_version: str
    recommendation_id: str


@app.post("/api/v1/recommend")
def recommend(question: Question) -> Answer:
    """The best items that the user has not seen."""
    row = USERS.get(question.user_id)
    if row is None:
        raise HTTPException(404, "unknown user")
    scores = ITEM_FACTORS @ USER_FACTORS[row]
    scores[SEEN[SEEN_FROM[row] : SEEN_FROM[row + 1]]] = -np.inf
    best = np.argpartition(-scores, question.limit)[: question.limit]
    best = best[np.argsort(-scores[best])]
    out = set(question.exclude_ids)
    items = [Item(id=ITEMS[at], kind="video", score=float(scores[at])) for at in best if ITEMS[at] not in out]
    return Answer(
        user_id=question.user_id,
        items=items,
        count=len(items),
        model_version=VERSION,
        recommendation_id=str(uuid.uuid4()),
    )
