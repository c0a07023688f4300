"""Contents, media jobs, decisions, labels and analysis of the content service, with a database in memory."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest

from storage.objects import open_store
from storage.text_corrections import text_id_of
from tests.content_models import NEUTRAL, content_files
from tests.unit.serving.content.conftest import NOW, ContentWorld

CONTENTS, JOBS = "/api/v1/contents", "/api/v1/media/jobs"


def post(name: str = "p1", **more: Any) -> dict[str, Any]:
    return {"id": name, "kind": "post", "text": "the night train", **more}


def test_content_is_taken_once_and_known_again(content: ContentWorld) -> None:
    first, again, other = (
        content.ask("POST", CONTENTS, json=body) for body in (post(), post(), post(text="another"))
    )
    assert [answer.status_code for answer in (first, again, other)] == [202] * 3
    assert first.json()["results"] == [{"index": 0, "id": "p1", "status": "accepted", "revision": 1}]
    assert again.json()["results"][0]["status"] == "unchanged"
    assert other.json()["results"][0]["revision"] == 2


def test_of_many_each_is_told_what_became_of_it(content: ContentWorld) -> None:
    many = [post(), post("p2", kind="film"), post("p3", creator_id="forgotten"), {"id": "p4", "kind": "post"}]
    answer = content.ask("POST", CONTENTS, json={"contents": many})
    found = answer.json()
    assert answer.status_code == 202
    assert [one["status"] for one in found["results"]] == ["accepted", "faulty", "rejected", "faulty"]
    assert found["counts"] == {"accepted": 1, "faulty": 2, "rejected": 1}
    assert "creator was forgotten" in found["results"][2]["detail"]
    assert "nothing in it" in found["results"][3]["detail"]


def test_while_the_database_is_away_contents_wait_on_disk_in_their_order(content: ContentWorld) -> None:
    content.store.away = True
    assert content.ask("POST", CONTENTS, json=post()).json()["results"][0]["status"] == "queued"
    content.store.away = False
    assert content.ask("POST", CONTENTS, json=post(text="later")).json()["results"][0]["status"] == "queued"
    content.parts.inbox.spool.rotate()
    content.parts.inbox.shipper.ship()
    assert content.store.contents["p1"]["text"] == "later"
    assert content.ask("POST", CONTENTS, json=post("p2")).json()["results"][0]["status"] == "accepted"


def test_how_content_stands_is_told_with_what_it_waits_for(content: ContentWorld) -> None:
    content.ask("POST", CONTENTS, json=post("a/b"))
    found = content.ask("GET", CONTENTS, params={"id": "a/b"}).json()
    assert (found["status"], found["flags"], found["due"]) == ("flagged", ["spam"], ["analysis"])
    assert found["jobs"] == []
    assert content.ask("GET", f"{CONTENTS}/none").status_code == 404
    assert content.ask("GET", CONTENTS).status_code == 400


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (post(name=""), "id must not be empty"),
        (post(name=" "), "id must not be blank"),
        ({"kind": "post", "text": "a"}, "id is required"),
        (post(kind="film"), "kind must be 'video', 'post' or 'comment'"),
        (post(text="nul\x00"), "text must not contain the NUL character"),
        (post(video="../x.mp4"), "video cannot be a key of the media bucket"),
        (post(images=["a//b"]), "images[0] cannot be a key"),
        (post(images=["a"] * 21), "images must hold at most 20 items"),
        (post(created_at="yesterday"), "created_at must be a time"),
        (post(tags="a"), "tags must be a list"),
        (post(name="a" * 201), "id must have at most 200 characters"),
        ({"contents": []}, "contents must be a list of 1 to 500"),
        ({"contents": [post()] * 501}, "contents must be a list of 1 to 500"),
    ],
)
def test_bad_content_is_told_what_is_wrong(content: ContentWorld, body: Any, sentence: str) -> None:
    answer = content.ask("POST", CONTENTS, json=body)
    assert answer.status_code == 422
    assert sentence in answer.text
    assert content.store.contents == {}


def test_a_media_job_is_asked_for_watched_and_its_files_are_fetched(content: ContentWorld) -> None:
    asked = content.ask("POST", "/api/v1/media/thumbnails", json={"source": "films/1.mp4", "content_id": "v1"})
    assert asked.status_code == 202
    url = asked.json()["url"]
    assert content.ask("GET", url).json()["state"] == "queued"
    assert content.ask("GET", f"{url}/thumbnails/1/16x9.jpg").status_code == 409
    (job,) = content.store.jobs.values()
    names = ["1-16x9.jpg", "captions.vtt", "captions.json"]
    result: dict[str, Any] = {"thumbnails": [{"time": 1.0, "keys": {"16x9": f"media/{job.id}/{names[0]}"}}]}
    result |= {name: f"media/{job.id}/{name}" for name in names[1:]}
    content.store.jobs[job.id] = replace(job, state="done", result=result, finished_at=NOW)
    for name in names:
        open_store(content.runtime.settings).put(f"media/{job.id}/{name}", name.encode())
    found = content.ask("GET", url).json()
    assert found["files"] == [
        f"{url}/captions.vtt", f"{url}/thumbnails/1/16x9.jpg", f"media/{job.id}/captions.json",
    ]  # fmt: skip
    image = content.ask("GET", found["files"][1])
    assert (image.content, image.headers["content-type"]) == (b"1-16x9.jpg", "image/jpeg")
    captions = content.ask("GET", found["files"][0])
    assert captions.headers["content-type"].startswith("text/vtt")
    for missing in ("captions.srt", "thumbnails/2/16x9.jpg", "thumbnails/1/2x2.jpg", "thumbnails/x/1x1.jpg"):
        assert content.ask("GET", f"{url}/{missing}").status_code == 404


def test_a_file_that_was_removed_is_not_there(content: ContentWorld) -> None:
    content.ask("POST", "/api/v1/media/captions", json={"source": "films/1.mp4", "language": "en"})
    (job,) = content.store.jobs.values()
    content.store.jobs[job.id] = replace(job, state="done", result={"vtt": f"media/{job.id}/captions.vtt"})
    assert content.ask("GET", f"{JOBS}/{job.id}/captions.vtt").status_code == 404


@pytest.mark.parametrize("source", ["", "/a", "a/../b", "a//b", 5, None])
def test_a_job_needs_a_key_of_the_bucket(content: ContentWorld, source: Any) -> None:
    assert content.ask("POST", "/api/v1/media/captions", json={"source": source}).status_code == 422


def test_a_decision_is_appealed_and_reviewed(content: ContentWorld) -> None:
    name = str(uuid4())
    content.store.decisions[name] = {"id": name, "decision": "rejected"}
    path = f"/api/v1/moderation/{name}"
    assert content.ask("GET", path).json()["decision"] == "rejected"
    assert content.ask("POST", f"{path}/appeal", json={"appellant_id": "u1"}).status_code == 200
    review = {"decision": "approved", "reviewer": "mara"}
    assert content.ask("POST", f"{path}/review", json=review).status_code == 401
    assert content.with_key("POST", f"{path}/review", review).status_code == 200
    assert [row for _, row in content.store.said] == [{"appellant_id": "u1"}, review]
    content.store.no = "An appeal is open already."
    refused = content.ask("POST", f"{path}/appeal", json={"appellant_id": "u1"})
    assert (refused.status_code, refused.json()["detail"]) == (409, "An appeal is open already.")
    assert content.with_key("POST", f"{path}/review", review).status_code == 422


@pytest.mark.parametrize("name", ["x", str(uuid4())])
def test_a_decision_that_is_not_there_is_a_404(content: ContentWorld, name: str) -> None:
    answers = [
        content.ask("GET", f"/api/v1/moderation/{name}"),
        content.ask("POST", f"/api/v1/moderation/{name}/appeal", json={"appellant_id": "u1"}),
    ]
    assert [answer.status_code for answer in answers] == [404, 404]


@pytest.mark.parametrize(
    ("family", "text", "given", "kept"),
    [
        ("moderation", "buy now", "spam", "spam"),
        ("moderation", "they", "hate", "hate+toxicity"),
        ("sentiment", "not bad", "pos", "positive"),
        ("topics", "a match", "sports", "sports"),
        ("entities", "I met Mara Keller", "O O B-person I-person", "O O B-person I-person"),
        ("entities", "I met Mara", '[{"start": 6, "end": 10, "type": "person"}]', "O O B-person"),
    ],
)
def test_a_correction_is_kept_as_the_family_reads_it(
    content: ContentWorld, family: str, text: str, given: str, kept: str
) -> None:
    body = {"family": family, "text": text, "label": given, "labelled_by": "mara"}
    answer = content.with_key("POST", "/api/v1/labels", body)
    assert answer.json() == {"status": "saved", "family": family, "text_id": text_id_of(text), "label": kept}
    (row,) = content.store.labels
    assert (row["label"], row["text"], row["labelled_by"]) == (kept, text, "mara")


def test_a_correction_of_content_is_about_its_author(content: ContentWorld) -> None:
    content.ask("POST", CONTENTS, json=post(title="Lisbon", creator_id="u1"))
    body = {"family": "topics", "content_id": "p1", "label": "travel", "labelled_by": "mara"}
    assert content.with_key("POST", "/api/v1/labels", body).status_code == 200
    (row,) = content.store.labels
    assert (row["text"], row["text_id"], row["user_id"]) == ("Lisbon\nthe night train", "p1", "u1")


@pytest.mark.parametrize(
    ("changed", "status"),
    [
        ({"label": "great"}, 422),
        ({"label": " "}, 422),
        ({"family": "viral"}, 422),
        ({"text": None}, 422),
        ({"content_id": "p1"}, 422),
        ({"text": None, "content_id": "none"}, 404),
        ({"text": " "}, 422),
        ({"labelled_by": ""}, 422),
        ({"family": "entities", "label": "O O"}, 422),
    ],
)
def test_a_label_that_is_none_is_refused(content: ContentWorld, changed: dict[str, Any], status: int) -> None:
    body = {"family": "sentiment", "text": "good", "label": "positive", "labelled_by": "mara"} | changed
    assert content.with_key("POST", "/api/v1/labels", body).status_code == status
    assert content.store.labels == []


def test_corrections_need_the_key(content: ContentWorld) -> None:
    assert content.ask("POST", "/api/v1/labels", json={}).status_code == 401


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", f"{CONTENTS}/p1", None),
        ("GET", f"{JOBS}/{uuid4()}", None),
        ("GET", f"/api/v1/moderation/{uuid4()}", None),
        ("POST", "/api/v1/media/captions", {"source": "a.mp4"}),
    ],
)
def test_what_needs_the_database_says_that_it_is_away(
    content: ContentWorld, method: str, path: str, body: Any
) -> None:
    content.store.away = True
    answer = content.ask(method, path, json=body)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    assert "the database is away" in answer.json()["detail"]


def test_a_text_is_analyzed_and_each_part_says_what_answered(make_content: Callable[..., ContentWorld]) -> None:
    service = make_content("sentiment")
    data = {
        "title": "The night train",
        "text": "I love the train to Lisbon with OpenAI #travel",
        "tags": ["rail"],
    }
    question = {"content_id": "v1", "content_type": "video", "content_data": data}
    found = service.ask("POST", "/api/v1/analyze", json=question).json()
    assert (found["content_id"], found["content_type"], found["language"]) == ("v1", "video", "en")
    assert {"rail", "travel"} <= set(found["tags"])
    assert (found["parts"]["sentiment"], found["parts"]["categories"]) == ("3", "no model")
    assert -1 <= found["sentiment_score"] <= 1
    whole = f"{data['title']}\n{data['text']}"
    assert all(whole[one["start"] : one["end"]] == one["text"] for one in found["entities"])
    many = {"items": [question, {"content_data": {}}, {"content_data": {"text": "🎉"}}]}
    batch = service.ask("POST", "/api/v1/analyze/batch", json=many).json()
    assert batch["results"][0] == found
    assert (batch["count"], batch["faulty"], batch["results"][1]["status"]) == (2, 1, "faulty")


def test_a_version_that_comes_later_answers_from_then_on(content: ContentWorld) -> None:
    question = {"content_data": {"text": "I love it"}}
    before = content.ask("POST", "/api/v1/analyze", json=question).json()
    content.versions.files_of["sentiment"] = content_files("sentiment")
    content.runtime.models.look()
    after = content.ask("POST", "/api/v1/analyze", json=question).json()
    assert (before["parts"]["sentiment"], after["parts"]["sentiment"]) == ("lexicon", "3")


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ({}, "content_data is required"),
        ({"content_data": {}}, "nothing to analyze"),
        ({"content_data": {"text": " "}}, "nothing to analyze"),
        ({"content_data": {"text": 5}}, "content_data.text must be a text"),
        ({"content_data": {"txt": "a"}}, "Did you mean text?"),
        ({"content_data": {"text": "a"}, "content_type": "film"}, "content_type must be"),
        ({"content_data": {"text": "a" * 20_001}}, "at most 20000 characters"),
    ],
)
def test_a_bad_question_for_an_analysis_is_told(content: ContentWorld, body: Any, sentence: str) -> None:
    answer = content.ask("POST", "/api/v1/analyze", json=body)
    assert answer.status_code == 422
    assert sentence in answer.text


def test_501_items_are_not_analyzed(content: ContentWorld) -> None:
    items = [{"content_data": {"text": "a"}}] * 501
    assert content.ask("POST", "/api/v1/analyze/batch", json={"items": items}).status_code == 422


def test_each_family_has_its_model_and_can_be_unloaded(content: ContentWorld) -> None:
    models = {one["name"]: one for one in content.with_key("GET", "/models", None).json()["models"]}
    assert (models["moderation"]["model_version"], models["imagery"]["loaded"]) == ("3", False)
    assert content.with_key("GET", "/model/info/moderation", None).json()["model_version"] == "3"
    assert content.with_key("GET", "/model/info/imagery", None).status_code == 503
    assert content.with_key("GET", "/model/info/viral", None).status_code == 404
    assert content.with_key("DELETE", "/models/moderation", None).json()["loaded"] is False
    assert content.moderate(text="hello").json()["decision"] == "review_required"
    assert content.with_key("POST", "/models/moderation/load", None).json()["model_version"] == "3"
    assert content.moderate(text=NEUTRAL).json()["decision"] == "approved"
    assert content.ask("GET", "/models").status_code == 401


def test_health_names_the_families_that_have_no_model(content: ContentWorld) -> None:
    health = content.ask("GET", "/health")
    assert (health.status_code, health.json()["status"]) == (200, "degraded")
    assert "for imagery, sentiment, topics, entities" in health.json()["detail"]
    assert health.json()["model_versions"]["moderation"] == "3"


def test_figures_are_by_family(content: ContentWorld) -> None:
    content.moderate(text=NEUTRAL)
    text = content.with_key("GET", "/metrics", None).text
    assert 'assay_model_version{family="moderation",service="content"} 3.0' in text
    assert 'assay_predictions_total{answer="approved",family="moderation",service="content"} 1.0' in text
    assert 'assay_queue_rows{queue="contents",service="content"} 0.0' in text


def test_every_endpoint_is_in_the_document(content: ContentWorld) -> None:
    document = content.ask("GET", "/openapi.json").json()
    undocumented = {"/openapi.json", "/docs"}
    routes = {
        path: set(methods)
        for path, methods in {
            **content.application._routes,
            **{
                path: methods for found in content.application._templates.values() for _, path, methods in found
            },
        }.items()
        if path not in undocumented and not path.startswith("/docs/")
    }
    assert {path: {name.upper() for name in methods} for path, methods in document["paths"].items()} == routes
