"""The content service as a process, on a real database behind a gate; its models come from copies on disk."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

import pytest
from sqlalchemy import Engine, text

from config.settings import Settings
from local.ports import free_port
from serving.disk_copy import DiskCopy
from storage.contents import get_content
from storage.media_jobs import get_job
from storage.moderation import get_decision, queue
from storage.text_corrections import store_correction
from tests.content_models import NEUTRAL, SPAM, content_files
from tests.integration.serving.conftest import KEY_HEADER, Gate, ServiceProcess, eventually

API = "/api/v1"


@dataclass
class Content:
    """A running service, and the gate before its database."""

    service: ServiceProcess
    gate: Gate

    def post(self, path: str, body: object, status: int = 200) -> dict[str, object]:
        answer = self.service.client.post(f"{API}/{path}", json=body, headers=KEY_HEADER)
        assert answer.status_code == status, answer.text
        found: dict[str, object] = answer.json()
        return found


@pytest.fixture
def content(settings: Settings, engine: Engine) -> Iterator[Content]:
    """The service with a version of text moderation; nobody else is there."""
    gate = Gate("127.0.0.1", settings.database_port)
    behind = settings.model_copy(
        update={
            "db_port": gate.port,
            "content_port": free_port(),
            "mlflow_tracking_uri": "http://127.0.0.1:9",
            "prefect_api_url": "http://127.0.0.1:9/api",
        }
    )
    folder = behind.home / "services" / "content" / "moderation"
    DiskCopy(folder).save("4", content_files("moderation"), {"dataset": "moderation/full/2026-10"})
    service = ServiceProcess(behind, "content")
    service.start()
    yield Content(service, gate)
    service.close()
    gate.close()


def test_a_decision_reaches_the_database_and_people_have_their_say(content: Content, engine: Engine) -> None:
    asked = {"content_id": "c1", "content_type": "comment", "text": SPAM, "creator_id": "u1", "language": "en"}
    answer = content.post("moderate", asked)
    name = UUID(str(answer["id"]))
    eventually(lambda: get_decision(engine, name))
    found = get_decision(engine, name)
    assert found is not None
    assert (found.decision, found.version, found.text, found.language) == ("rejected", "4", SPAM, "en")
    assert found.scores == answer["scores"]
    content.post(f"moderation/{name}/appeal", {"appellant_id": "u2"}, 409)
    content.post(f"moderation/{name}/appeal", {"appellant_id": "u1", "text": "It is my song."})
    content.post(f"moderation/{name}/appeal", {"appellant_id": "u1"}, 409)
    assert [one.id for one in queue(engine, limit=5)] == [name]
    review = {"decision": "rejected", "labels": ["spam"], "reviewer": "mara"}
    said = content.post(f"moderation/{name}/review", review)
    assert (said["standing"], said["appealed"]) == ("rejected", False)
    assert [one["outcome"] for one in said["appeals"]] == ["upheld"]  # type: ignore[attr-defined]
    content.post(f"moderation/{name}/review", {**review, "labels": []}, 422)


def test_decisions_and_contents_outlast_the_database_and_the_process(content: Content, engine: Engine) -> None:
    content.gate.close()
    answers = content.post("moderate/batch", {"items": [{"text": SPAM}, {"text": NEUTRAL}]})
    names = [UUID(one["id"]) for one in answers["results"]]  # type: ignore[attr-defined]
    assert content.post("contents", {"id": "p1", "kind": "post", "text": SPAM}, 202)["counts"] == {"queued": 1}
    content.post("media/captions", {"source": "films/1.mp4"}, 503)
    assert content.post("analyze", {"content_data": {"text": "I love it"}})["sentiment"] == "positive"
    content.service.kill()
    content.gate.open()
    content.service.start()
    eventually(lambda: all(get_decision(engine, name) for name in names))
    eventually(lambda: get_content(engine, "p1"))
    with engine.connect() as connection:
        assert connection.scalar(text("select count(*) from moderation_decisions")) == 2


def test_contents_and_jobs_are_in_the_database_when_they_are_answered(content: Content, engine: Engine) -> None:
    many = {
        "contents": [{"id": "v1", "kind": "video", "video": "films/1.mp4", "creator_id": "u1"}, {"id": "v2"}]
    }
    found = content.post("contents", many, 202)
    assert found["counts"] == {"accepted": 1, "faulty": 1}
    asked = content.post("media/thumbnails", {"source": "films/1.mp4", "content_id": "v1"}, 202)
    job = get_job(engine, UUID(str(asked["job_id"])))
    assert job is not None
    assert (job.kind, job.state, job.content_id) == ("thumbnails", "queued", "v1")
    shown = content.service.client.get(f"{API}/contents/v1").json()
    assert (shown["status"], shown["due"]) == ("pending", ["moderation", "analysis"])
    assert [one["id"] for one in shown["jobs"]] == [asked["job_id"]]


def test_a_correction_is_learned_from_and_the_later_one_counts(content: Content, engine: Engine) -> None:
    body = {"family": "sentiment", "text": "not bad at all", "label": "neutral", "labelled_by": "mara"}
    content.post("labels", body)
    content.post("labels", {**body, "label": "positive"})
    store_correction(engine, body, datetime(2020, 1, 1, tzinfo=UTC))
    with engine.connect() as connection:
        rows = connection.execute(text("select family, label, source, labelled_by from text_labels")).all()
    assert [tuple(row) for row in rows] == [("sentiment", "positive", "correction", "mara")]


def test_the_first_answer_comes_soon_after_the_start(content: Content) -> None:
    content.service.stop()
    content.service.start()
    began = time.monotonic()
    content.post("moderate", {"text": NEUTRAL})
    assert time.monotonic() - began < 0.5
