"""What is kept of a person's content in the store goes with the person, and nobody else's does."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from sqlalchemy import Engine

from config.settings import Settings
from storage.contents import get_content, put_contents
from storage.media_jobs import request_job
from storage.moderation import history, insert_decisions
from storage.moderation_images import store_image
from tasks.forgetting import MEDIA, forget, look
from tasks.platform import Platform

AT = datetime(2026, 11, 20, 12, tzinfo=UTC)


def decide(engine: Engine, content: str, creator: str, images: list[str]) -> None:
    row: dict[str, Any] = {
        "id": uuid4(), "content_id": content, "content_kind": "post", "creator_id": creator, "at": AT,
        "text": "hello", "images": images, "decision": "review_required", "scores": {}, "reasons": [],
        "uncertainty": 1.0, "received_at": AT,
    }  # fmt: skip
    insert_decisions(engine, [row])


def test_pictures_thumbnails_and_captions_go_and_those_of_others_stay(
    ml_settings: Settings, engine: Engine
) -> None:
    parts = Platform(ml_settings)
    put_contents(engine, [{"id": "a", "kind": "post", "creator_id": "ana"}], AT)
    put_contents(engine, [{"id": "b", "kind": "post", "creator_id": "bo"}], AT)
    own, shared, others = (store_image(ml_settings, data) for data in (b"own", b"shared", b"others"))
    decide(engine, "a", "ana", [own, shared, "films/poster.jpg"])
    decide(engine, "b", "bo", [others, shared])
    for creator, content in (("ana", "a"), ("bo", "b")):
        job = request_job(engine, "captions", "x.mp4", content_id=content, creator_id=creator, at=AT)
        parts.store.put(f"media/{job}/captions.vtt", b"WEBVTT")

    assert [one.count for one in look(parts, "ana") if one.place == MEDIA] == [2]
    done = forget(parts, "ana", by="eva", reason=None, at=AT)

    assert [one.count for one in done.removed if one.place == MEDIA] == [2]
    assert [parts.store.exists(key) for key in (own, shared, others)] == [False, True, True]
    assert len(list(parts.store.list("media/"))) == 1
    assert get_content(engine, "a") is None
    assert history(engine, "a") == []
    assert len(history(engine, "b")) == 1
    assert not [one for one in look(parts, "ana") if one.place == MEDIA]
    parts.close()
