"""Where the pictures of decisions are, and what the source of image moderation reads of their reviews."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from sqlalchemy import Engine

from config.errors import InputError, ObjectNotFound
from config.settings import Settings
from storage.moderation_images import ModeratedImages, image_key, is_kept, store_image
from storage.objects import open_store
from storage.sources import open_photos, read_sources
from tests.imagery_world import insert_decision, picture

DAY = dt.datetime(2026, 11, 2, tzinfo=dt.UTC)
NEXT = DAY + dt.timedelta(days=1)
NOON = DAY + dt.timedelta(hours=12)


def rows(engine: Engine, settings: Settings) -> list[dict[str, Any]]:
    found = read_sources(engine, "imagery", DAY, NEXT, photos=open_photos(settings, "imagery"))
    listed: list[dict[str, Any]] = found["reviewed"].to_pylist()
    return listed


def test_a_picture_is_kept_once_under_the_name_of_its_bytes_and_comes_back(settings: Settings) -> None:
    data = picture("safe", 1)
    key = store_image(settings, data)
    assert key == store_image(open_store(settings), data) == image_key(data)
    assert [found.key for found in open_store(settings).list("moderation/")] == [key]
    assert ModeratedImages(settings).get(key) == data


def test_a_key_that_the_content_names_is_read_from_the_media_bucket(settings: Settings) -> None:
    open_store(settings, settings.media_bucket).put("posts/1.jpg", b"a picture")
    assert ModeratedImages(settings).get("posts/1.jpg") == b"a picture"
    with pytest.raises(ObjectNotFound):
        ModeratedImages(settings).get(image_key(b"never stored"))


def test_no_key_of_the_content_reaches_other_artifacts(settings: Settings) -> None:
    open_store(settings).put("models/secret", b"weights")
    for key in ("models/secret", "moderation/images/../../models/secret", "moderation/images/secret"):
        assert not is_kept(key)
        with pytest.raises((ObjectNotFound, InputError)):
            ModeratedImages(settings).get(key)


def test_the_latest_review_of_the_day_counts_and_each_picture_is_a_row(
    engine: Engine, settings: Settings
) -> None:
    insert_decision(
        engine,
        ["b", "a"],
        creator="ann",
        reviews=[
            ("nsfw", "rita", NOON),
            ("violence", "rita", NOON + dt.timedelta(hours=1)),
            ("", "rita", NEXT),
        ],
    )
    found = rows(engine, settings)
    assert [(row["image"], row["labels"], row["pictures"], row["disputed"]) for row in found] == [
        ("a", "violence", 2, False), ("b", "violence", 2, False),
    ]  # fmt: skip
    assert {row["user_id"] for row in found} == {"ann"}


def test_reviewers_who_see_it_otherwise_dispute_it_whenever_the_other_did(
    engine: Engine, settings: Settings
) -> None:
    insert_decision(engine, ["a"], reviews=[("nsfw", "rob", DAY - dt.timedelta(days=3)), ("", "rita", NOON)])
    insert_decision(engine, ["b"], reviews=[("spam", "rob", DAY - dt.timedelta(days=3)), ("", "rita", NOON)])
    assert {row["image"]: row["disputed"] for row in rows(engine, settings)} == {"a": True, "b": False}


def test_without_a_creator_the_content_stands_in_and_texts_alone_are_no_pictures(
    engine: Engine, settings: Settings
) -> None:
    insert_decision(engine, ["a"], content="post-9", creator=None, reviews=[("", "rita", NOON)])
    insert_decision(engine, [], content="post-10", reviews=[("spam", "rita", NOON)])
    insert_decision(engine, ["unreviewed"], content="post-11")
    assert [(row["image"], row["user_id"]) for row in rows(engine, settings)] == [("a", "content/post-9")]


def test_pictures_of_both_buckets_come_in_their_order(engine: Engine, settings: Settings) -> None:
    open_store(settings, settings.media_bucket).put("posts/1.jpg", b"media")
    kept = store_image(settings, b"kept")
    sources = read_sources(engine, "imagery", DAY, NEXT, photos=open_photos(settings, "imagery"))
    found = list(sources["photos"]([kept, "gone", "posts/1.jpg"], 1000))
    assert [one.data for one in found] == [b"kept", None, b"media"]


def test_without_a_store_there_is_nothing_to_collect_from(engine: Engine) -> None:
    with pytest.raises(InputError, match="collected from pictures"):
        read_sources(engine, "imagery", DAY, NEXT)
