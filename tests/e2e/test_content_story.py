"""Content from a post at the gateway to a decision, an appeal, its review, and thumbnails; all of it real."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest
from sqlalchemy import Engine

from config.settings import Settings
from demo.content_published import (
    API,
    CREATOR,
    POSTS,
    SPAM,
    appeal_and_review,
    ask_gateway,
    make_thumbnails,
    publish,
    token_of,
)
from demo.content_story import FAMILIES
from demo.progress import Progress
from storage.contents import get_content
from storage.database import make_engine
from storage.moderation import get_decision, history, queue
from storage.moderation_trail import appeals_of, reviews_of
from storage.objects import open_store
from tests.e2e.conftest import World, told

QUIET = Progress()


@pytest.fixture(scope="module")
def engine(settings: Settings) -> Iterator[Engine]:
    made = make_engine(settings)
    yield made
    made.dispose()


@pytest.fixture(scope="module")
def published(settings: Settings, world: World) -> World:
    publish(settings, QUIET)
    return world


def test_each_family_of_content_has_a_version_in_production(world: World) -> None:
    assert set(world.content) == set(FAMILIES)


def test_disguised_spam_is_stopped_and_the_naming_of_people_is_not(published: World, engine: Engine) -> None:
    spam, comment = get_content(engine, "demo-post"), get_content(engine, "demo-comment")
    assert spam is not None
    assert comment is not None
    assert spam.moderation_status in ("rejected", "review_required")
    assert spam.flag_reason is not None
    assert comment.moderation_status == "approved"
    (made,) = history(engine, "demo-post")
    assert made.version == published.content["moderation"]
    assert "spam" in [reason["label"] for reason in made.reasons]


def test_a_video_is_analyzed(published: World, engine: Engine) -> None:
    found = get_content(engine, "demo-video")
    assert found is not None
    assert found.analysis is not None
    assert found.analysis["language"] == "en"
    assert found.analysis["sentiment"] == "positive"
    assert {one["text"] for one in found.analysis["entities"]} & {"Mara Keller", "Brightline", "Lisbon"}


def test_an_appeal_is_answered_by_a_review(published: World, settings: Settings, engine: Engine) -> None:
    appeal_and_review(settings, QUIET)
    (made,) = history(engine, "demo-post")
    assert [one.outcome for one in appeals_of(engine, made.id)] == ["upheld"]
    (waits,) = [one for one in queue(engine, limit=10) if one.appealed]
    assert waits.content_id == "demo-reply"
    assert [one.labels for one in reviews_of(engine, made.id)] == [("spam",)]
    found = get_decision(engine, made.id)
    assert found is not None
    assert not found.open


def test_thumbnails_lie_in_the_store(published: World, settings: Settings) -> None:
    keys = make_thumbnails(settings, QUIET)
    assert len(keys) >= 3
    store = open_store(settings)
    assert all(store.get(key)[:3] == b"\xff\xd8\xff" for key in keys)


def test_the_gateway_answers_for_every_family(published: World, settings: Settings) -> None:
    ask_gateway(settings, published.feed.user, QUIET)


def test_the_gateway_wants_a_token(published: World, settings: Settings) -> None:
    url = f"http://127.0.0.1:{settings.gateway_port}{API}/content"
    assert httpx.post(url, json=POSTS[1], timeout=10).status_code == 401
    forged = token_of(settings, CREATOR)[:-4] + "AAAA"
    headers = {"Authorization": f"Bearer {forged}"}
    assert httpx.post(url, json=POSTS[1], headers=headers, timeout=10).status_code == 401


def test_the_shell_asks_shows_and_lists(published: World, settings: Settings) -> None:
    (answer,) = told(settings, "moderate", SPAM)
    assert answer["scores"]["spam"] > 0.3
    (about,) = told(settings, "analyze", "I love the night train with one backpack")
    assert about["sentiment"] == "positive"
    shown = told(settings, "content", "show", "demo-video")
    assert shown["content"]["kind"] == "video"
    assert isinstance(told(settings, "moderation", "queue"), list)
