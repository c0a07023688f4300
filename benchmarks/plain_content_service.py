"""Text moderation as one would write it with FastAPI and scikit-learn: what ours is measured against.

A TF-IDF of characters and one of words before a logistic regression for each label, asked in each request. It
is fitted at its start to the texts that ours learned from (``TEXTS``: a JSON list of [text, label]). It neither
records its decisions, nor calibrates, nor says which words it decided by.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from pydantic import BaseModel, ConfigDict, Field
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline, make_union

LABELS = ("spam", "hate", "toxicity")
THRESHOLDS = {"spam": 0.8, "hate": 0.7, "toxicity": 0.9}


class Content(BaseModel):
    """The request's fields."""

    model_config = ConfigDict(extra="forbid")

    text: str = Field(min_length=1, max_length=20_000)
    content_id: str | None = None
    content_type: str = "post"
    creator_id: str | None = None
    language: str | None = None


class Answer(BaseModel):
    """The answer's fields."""

    content_id: str | None
    content_type: str
    decision: str
    is_safe: bool
    flags: list[str]
    scores: dict[str, float]


class Batch(BaseModel):
    """At most 1000 texts."""

    items: list[Content] = Field(min_length=1, max_length=1000)


def _fitted() -> Any:
    rows = json.loads(Path(os.environ["TEXTS"]).read_text())
    held = [[float(name in label.split("+")) for name in LABELS] for _, label in rows]
    features = make_union(
        TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5), sublinear_tf=True),
        TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True),
    )
    model = make_pipeline(features, OneVsRestClassifier(LogisticRegression(max_iter=1000)))
    return model.fit([text for text, _ in rows], held)


_model = _fitted()
app = FastAPI(title="Text moderation")


def _answers(items: list[Content]) -> list[Answer]:
    found = _model.predict_proba([item.text for item in items])
    return [_answer(item, dict(zip(LABELS, row, strict=True))) for item, row in zip(items, found, strict=True)]


def _answer(item: Content, scores: dict[str, float]) -> Answer:
    flags = [label for label, score in scores.items() if score >= 0.5 * THRESHOLDS[label]]
    rejected = any(score >= THRESHOLDS[label] for label, score in scores.items())
    decision = "rejected" if rejected else "review_required" if flags else "approved"
    return Answer(
        content_id=item.content_id,
        content_type=item.content_type,
        decision=decision,
        is_safe=decision == "approved",
        flags=flags,
        scores=scores,
    )


@app.post("/moderate")
def moderate(content: Content) -> Answer:
    """One text."""
    return _answers([content])[0]


@app.post("/moderate/batch")
def moderate_batch(batch: Batch) -> list[Answer]:
    """Many texts."""
    return _answers(batch.items)
