"""Decisions of moderation as the services and reviewers leave them, with drawn pictures in a real store."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid5

import numpy as np
from sqlalchemy import Engine, insert

from config.settings import Settings
from demo.content_pictures import draw
from storage.content_tables import (
    Content,
    MediaJob,
    ModerationAppeal,
    ModerationDecision,
    WebhookDelivery,
)
from storage.database import transaction
from storage.moderation_images import store_image
from storage.objects import open_store

SPACE = UUID("0bd0a5c5-55a4-4c0f-9f2d-6a1a1f1f0a01")
SPAM = "WIN a free phone now! Click http://win.example/3"
TOXIC = "shut up you wobblehead, this is the best film of the year"
POST, COMMENT, VIDEO = (uuid5(SPACE, name) for name in ("post", "comment", "video"))
JOB = uuid5(SPACE, "thumbnails")


def decision(number: int, at: datetime, **changes: Any) -> dict[str, Any]:
    """A comment that a model was unsure of, the less so the higher its number."""
    made: dict[str, Any] = {
        "id": uuid5(SPACE, f"comment-{number}"), "content_id": f"comment-{number}", "content_kind": "comment",
        "creator_id": f"creator-{number % 5}", "at": at - timedelta(hours=number), "text": TOXIC,
        "language": "en", "images": [], "decision": "review_required",
        "scores": {"spam": 0.03, "hate": 0.11, "toxicity": 0.71 + number / 1000},
        "reasons": [
            {"label": "toxicity", "score": 0.71, "threshold": 0.9, "spans": [[0, 22]], "frames": [], "text": ""}
        ],
        "uncertainty": round(0.8 - number / 100, 4), "version": "3", "image_version": None,
        "received_at": at - timedelta(hours=number), "open": True, "appealed": False,
    }  # fmt: skip
    return made | changes


def fill(settings: Settings, engine: Engine, at: datetime, comments: int = 3) -> None:
    """A rejected post whose creator appealed, a video with pictures and jobs, and ``comments`` that wait."""
    rng = np.random.default_rng(5)
    pictures = [store_image(settings, draw(kind, rng)) for kind in ("safe", "violence")]
    open_store(settings).put(f"media/{JOB}/1-16x9.jpg", draw("safe", rng))
    open_store(settings).put(f"media/{JOB}/captions.vtt", b"WEBVTT\n\n00:00.000 --> 00:02.000\nhello there\n")
    post = decision(
        0, at, id=POST, content_id="post-1", content_kind="post", text=SPAM, decision="rejected", appealed=True,
        scores={"spam": 0.97, "hate": 0.01, "toxicity": 0.02}, uncertainty=0.1, creator_id="creator-9",
        reasons=[{"label": "spam", "score": 0.97, "threshold": 0.8, "spans": [[0, 16], [28, 48]], "text": ""}],
    )  # fmt: skip
    video = decision(
        0, at, id=VIDEO, content_id="video/1", content_kind="video", text="My holiday <b>film</b>",
        images=pictures, scores={"nsfw": 0.02, "violence": 0.74, "spam": 0.01}, uncertainty=0.95,
        reasons=[{"label": "violence", "score": 0.74, "threshold": 0.75, "frames": [3.25], "text": "A frame."}],
        image_version="2",
    )  # fmt: skip
    common: dict[str, Any] = dict.fromkeys(("tags", "video", "images", "analysis", "flag_reason"))
    rows: list[dict[str, Any]] = [
        {**common, "id": "post-1", "kind": "post", "creator_id": "creator-9", "title": "Win!", "text": SPAM,
         "moderation_status": "rejected", "moderation_id": POST, "is_flagged": True, "flag_reason": "spam"},
        {**common, "id": "video/1", "kind": "video", "creator_id": "creator-0",
         "title": "My holiday <b>film</b>", "text": "Two weeks in Lisbon",
         "moderation_status": "review_required", "moderation_id": VIDEO,
         "is_flagged": True, "video": "films/1.mp4", "tags": ["travel"],
         "analysis": {"language": "en", "sentiment": "positive", "sentiment_score": 0.62,
                      "categories": ["travel"], "topics": ["holiday"], "tags": ["lisbon"],
                      "entities": [{"text": "Lisbon", "type": "location"}]}},
    ]  # fmt: skip
    waiting = [decision(number, at) for number in range(1, comments + 1)]
    with transaction(engine) as connection:
        connection.execute(insert(Content), rows)
        connection.execute(insert(ModerationDecision), [post, video, *waiting])
        connection.execute(
            insert(ModerationAppeal),
            [{"decision_id": POST, "appellant_id": "creator-9", "text": "It is a song title.", "at": at}],
        )
        connection.execute(insert(MediaJob), _jobs(at))
        connection.execute(insert(WebhookDelivery), _deliveries(at))


def _jobs(at: datetime) -> list[dict[str, Any]]:
    keys = [f"media/{JOB}/1-16x9.jpg", f"media/{JOB}/captions.vtt"]
    done = {
        "id": JOB, "kind": "thumbnails", "content_id": "video/1", "source": "films/1.mp4", "state": "done",
        "progress": 1.0, "attempts": 1, "requested_at": at, "next_at": at, "finished_at": at, "error": None,
        "result": {"thumbnails": [{"at": 1.5, "16:9": keys[0]}], "captions": keys[1], "seconds": 6.0},
    }  # fmt: skip
    failed = {
        **done, "id": uuid5(SPACE, "captions"), "kind": "captions", "state": "failed", "progress": 0.2,
        "attempts": 4, "error": "The file has no sound.", "result": None,
    }  # fmt: skip
    return [done, failed]


def _deliveries(at: datetime) -> list[dict[str, Any]]:
    common = {"content_id": "video/1", "payload": {}, "created_at": at}
    return [
        {**common, "event": "content.moderated", "attempts": 1, "delivered_at": at, "next_at": None,
         "error": None},
        {**common, "event": "content.analyzed", "attempts": 5, "delivered_at": None, "next_at": None,
         "error": "HTTP 500"},
    ]  # fmt: skip
