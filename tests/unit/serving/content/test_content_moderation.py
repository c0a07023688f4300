"""``POST /api/v1/moderate``: what is decided, what is kept, and what is refused."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any
from uuid import UUID

import numpy as np
import orjson
import pytest

from demo.content_pictures import draw
from serving.content_schema import MAX_ITEMS
from storage.moderation_images import ModeratedImages
from storage.moderation_rows import checked
from storage.objects import open_store
from tests.content_models import NEUTRAL, SPAM
from tests.unit.serving.content.conftest import ContentWorld

BATCH = "/api/v1/moderate/batch"


def picture(seed: int = 1) -> bytes:
    return draw("safe", np.random.default_rng(seed))


def test_spam_in_disguise_is_rejected_and_the_answer_says_why(content: ContentWorld) -> None:
    answer = content.moderate(
        content_id="c1", content_type="comment", text=SPAM, creator_id="u1", language="en"
    )
    assert answer.status_code == 200
    found = answer.json()
    assert (found["decision"], found["is_safe"], found["flags"]) == ("rejected", False, ["spam"])
    assert found["versions"] == {"moderation": "3", "imagery": None}
    (reason,) = found["reasons"]
    assert reason["score"] == found["scores"]["spam"] >= reason["threshold"] == 0.8
    assert any("win.example" in SPAM[start:end] for start, end in reason["spans"])
    UUID(found["id"])


def test_spans_count_in_the_title_a_line_break_and_the_text(content: ContentWorld) -> None:
    title = "Look at this"
    found = content.moderate(title=title, text=SPAM).json()
    whole = f"{title}\n{SPAM}"
    said = [whole[start:end] for reason in found["reasons"] for start, end in reason["spans"]]
    assert any("win.example" in one for one in said)


def test_a_text_that_names_people_is_approved(content: ContentWorld) -> None:
    found = content.moderate(text=NEUTRAL).json()
    assert (found["decision"], found["is_safe"], found["reasons"]) == ("approved", True, [])
    assert found["confidence"] > 0.5


def test_without_a_model_a_person_decides(make_content: Callable[..., ContentWorld]) -> None:
    service = make_content()
    found = service.moderate(text=NEUTRAL).json()
    assert (found["decision"], found["confidence"]) == ("review_required", 0.0)
    assert [reason["label"] for reason in found["reasons"]] == ["text"]
    assert found["versions"]["moderation"] is None
    assert service.ask("GET", "/health").status_code == 200


def test_a_picture_without_a_version_is_for_a_person_and_kept_for_them(content: ContentWorld) -> None:
    data = picture()
    found = content.moderate(text=NEUTRAL, images=[base64.b64encode(data).decode()]).json()
    assert found["decision"] == "review_required"
    assert [reason["label"] for reason in found["reasons"]] == ["image"]
    (entry,) = found["images"]
    assert (entry["index"], entry["scores"]) == (0, None)
    assert "no version" in entry["reason"]
    (row,) = content.shipped()
    assert ModeratedImages(content.runtime.settings).get(row["images"][0]) == data


def test_a_rejected_text_goes_before_a_picture_that_nobody_saw(content: ContentWorld) -> None:
    found = content.moderate(text=SPAM, images=["bm8="]).json()
    assert found["decision"] == "rejected"
    assert [reason["label"] for reason in found["reasons"]] == ["spam", "image"]


def test_a_picture_of_the_media_bucket_is_named_and_not_copied(content: ContentWorld) -> None:
    settings = content.runtime.settings
    open_store(settings, settings.media_bucket).put("posts/1.jpg", picture())
    found = content.moderate(images=[{"key": "posts/1.jpg"}, {"key": "posts/none.jpg"}]).json()
    assert [entry["reason"] for entry in found["images"]] == [
        "no version of image moderation is in production",
        "there is no such object in the media bucket",
    ]
    (row,) = content.shipped()
    assert row["images"] == ["posts/1.jpg", "posts/none.jpg"]


@pytest.mark.parametrize(
    ("image", "reason"), [("%%%", "not base64"), ("", "empty file"), ("aGVsbG8=", "no version")]
)
def test_an_unreadable_picture_is_never_approved(content: ContentWorld, image: str, reason: str) -> None:
    found = content.moderate(text=NEUTRAL, images=[image]).json()
    assert found["decision"] == "review_required"
    assert reason in found["images"][0]["reason"]


def test_a_picture_of_too_many_bytes_is_never_approved(make_content: Callable[..., ContentWorld]) -> None:
    service = make_content("moderation", image_max_bytes=1024)
    found = service.moderate(images=[base64.b64encode(b"\xff\xd8" + bytes(4000)).decode()]).json()
    assert found["decision"] == "review_required"
    assert "file too large" in found["images"][0]["reason"]


def test_a_decision_is_kept_as_storage_takes_it(content: ContentWorld) -> None:
    answer = content.moderate(content_id="c1", content_type="comment", text=SPAM, creator_id="u1").json()
    (row,) = content.shipped()
    fit = checked(0, row)
    assert (fit["id"], fit["content_id"], fit["content_kind"]) == (answer["id"], "c1", "comment")
    assert (fit["decision"], fit["text"], fit["creator_id"]) == ("rejected", SPAM, "u1")
    assert (fit["version"], fit["image_version"], fit["revision"]) == ("3", None, None)
    assert json.loads(fit["reasons"]) == answer["reasons"]


def test_what_is_not_to_be_recorded_leaves_nothing(content: ContentWorld) -> None:
    assert content.moderate(text=SPAM, images=["bm8="], record=False).status_code == 200
    assert content.shipped() == []


def test_decisions_are_answered_while_the_database_is_away_and_wait(content: ContentWorld) -> None:
    content.store.away = True
    answer = content.moderate(text=SPAM)
    assert answer.status_code == 200
    with pytest.raises(ConnectionError):
        content.shipped()
    assert content.rows == {}
    content.store.away = False
    assert [row["id"] for row in content.shipped()] == [answer.json()["id"]]


def test_a_batch_answers_as_its_items_do_one_by_one(content: ContentWorld) -> None:
    texts = [SPAM, NEUTRAL, "see you at the lake", "🎉🎉", "x" * 5000]
    items = [{"content_id": str(number), "text": text} for number, text in enumerate(texts)]
    found = content.ask("POST", BATCH, json={"items": items}).json()
    assert (found["count"], found["faulty"]) == (5, 0)
    for item, answer in zip(items, found["results"], strict=True):
        alone = content.moderate(**item).json()
        assert {name: alone[name] for name in ("content_id", "decision", "scores", "reasons")} == {
            name: answer[name] for name in ("content_id", "decision", "scores", "reasons")
        }


def test_a_bad_item_of_a_batch_costs_itself_alone(content: ContentWorld) -> None:
    items: list[Any] = [
        {"text": SPAM},
        {"content_id": "bad", "text": 5},
        None,
        {"text": "nul\x00"},
        {"text": " "},
    ]
    found = content.ask("POST", BATCH, json={"items": [*items, {"text": NEUTRAL}]}).json()
    results = found["results"]
    assert [one.get("decision") for one in results] == ["rejected", None, None, None, None, "approved"]
    assert [one["index"] for one in results if "index" in one] == [1, 2, 3, 4]
    assert (results[1]["content_id"], results[1]["errors"][0]["field"]) == ("bad", "text")
    assert "NUL" in results[3]["detail"]
    assert "nothing to look at" in results[4]["detail"]
    assert len(content.shipped()) == 2


def test_a_batch_of_bad_items_alone_names_each(content: ContentWorld) -> None:
    answer = content.ask("POST", BATCH, json={"items": [{"text": 1}, {"txt": "a"}]})
    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["errors"]] == ["items[0].text", "items[1].txt"]


@pytest.mark.parametrize(
    ("body", "status", "sentence"),
    [
        (b"", 400, "no body"),
        (b"[]", 400, "must be a JSON object"),
        (b"{", 400, "not valid JSON"),
        (b'{"text": "\\ud800"}', 400, "not valid JSON"),
        (b'{"text": "a\\u0000b"}', 422, "text must not contain the NUL character"),
        (b"{}", 422, "nothing to look at"),
        (b'{"text": "  \\n "}', 422, "nothing to look at"),
        (b'{"text": "", "title": null, "images": []}', 422, "nothing to look at"),
        (b'{"text": 5}', 422, "text must be a text, not a whole number"),
        (b'{"text": "a", "content_type": "film"}', 422, "content_type must be 'video', 'post' or 'comment'"),
        (b'{"text": "a", "content_id": ""}', 422, "content_id must not be empty"),
        (b'{"text": "a", "creator": "u"}', 422, "Did you mean creator_id?"),
        (b'{"text": "a", "record": 1}', 422, "record must be true or false"),
        (b'{"images": [7]}', 422, "images[0] must be a text, not a whole number"),
        (b'{"images": [{"key": 7}]}', 422, "images[0].key must be a text"),
        (b'{"images": [{"kee": "a"}]}', 422, "images[0].key is required"),
        (orjson.dumps({"text": "a" * 20_001}), 422, "at most 20000 characters"),
        (orjson.dumps({"text": "a", "images": ["bm8="] * 11}), 422, "images must hold at most 10 items"),
    ],
)
def test_a_bad_question_is_told_what_is_wrong(
    content: ContentWorld, body: bytes, status: int, sentence: str
) -> None:
    answer = content.post("/api/v1/moderate", body)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    assert sentence in answer.text
    assert content.shipped() == []


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ({"items": []}, "a list of 1 to 1000 items"),
        ({"items": [{"text": "a"}] * (MAX_ITEMS + 1)}, "a list of 1 to 1000 items"),
        ({"items": "a"}, "a list of 1 to 1000 items"),
        ({"items": [{"text": "a"}], "text": "b"}, "text does not belong beside items"),
        ({"texts": [{"text": "a"}]}, "texts does not belong beside items"),
        ({"items": [{"images": ["bm8="] * 10}] * 11}, "one request may have 100"),
    ],
)
def test_a_bad_batch_is_told_what_is_wrong(content: ContentWorld, body: Any, sentence: str) -> None:
    answer = content.ask("POST", BATCH, json=body)
    assert answer.status_code == 422
    assert sentence in answer.json()["detail"]


def test_a_body_that_is_too_large_is_not_read(make_content: Callable[..., ContentWorld]) -> None:
    service = make_content(content_max_body_bytes=2048)
    assert service.moderate(images=["a" * 4000]).status_code == 413


def test_thresholds_of_the_settings_decide(make_content: Callable[..., ContentWorld]) -> None:
    strict = make_content("moderation", ml_spam_threshold=0.999999)
    assert strict.moderate(text=SPAM).json()["decision"] == "review_required"
