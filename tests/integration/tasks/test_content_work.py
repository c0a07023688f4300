"""Published content is looked at by what is in production, and by people where nothing can look."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import SecretStr
from sqlalchemy import Engine, text

from config.errors import StoreUnavailable
from demo.content_pictures import draw, film
from models.family import get_family
from storage.content_claims import claim_due
from storage.contents import get_content, put_contents
from storage.database import transaction
from storage.media_jobs import get_job, jobs_of, take_job
from storage.moderation import get_decision, history
from storage.moderation_images import ModeratedImages
from storage.objects import open_store
from storage.webhooks import SIGNATURE, sign
from tasks import content_jobs, content_pictures
from tasks.content_dispatch import Dispatcher
from tasks.content_hooks import deliver_due, new_client
from tasks.content_models import ContentModels, InUse
from tasks.content_runs import analyze_contents, media_work, moderate_contents
from tasks.content_work import frames_job, work_on
from tasks.platform import Platform
from tests.content_models import NEUTRAL, SPAM, content_files, content_predictor
from tests.content_world import AT, publish
from tests.imagery_world import tiny_imagery_model


def test_posts_are_moderated_and_analyzed_with_the_versions_that_did_it(
    parts: Platform, models: ContentModels
) -> None:
    ids = publish(parts, {"id": "spam", "text": SPAM}, {"id": "fine", "text": NEUTRAL, "tags": ["Food"]})

    done = work_on(parts, models, [*ids, "none"], AT)

    assert done.decisions == {"spam": "rejected", "fine": "approved"}
    assert (done.missing, done.failed, sorted(done.analyzed)) == (["none"], {}, ["fine", "spam"])
    spam, fine = get_content(parts.engine, "spam"), get_content(parts.engine, "fine")
    assert spam is not None
    assert fine is not None
    assert (spam.moderation_status, spam.flag_reason) == ("rejected", "spam")
    assert fine.analysis is not None
    assert "food" in [tag.lower() for tag in fine.analysis["tags"]]
    assert fine.analysis["parts"]["sentiment"] == "2"
    decision = get_decision(parts.engine, spam.moderation_id)  # type: ignore[arg-type]
    assert decision is not None
    assert (decision.version, decision.image_version, decision.text) == ("3", None, SPAM)
    start, end = decision.reasons[0]["spans"][0]
    assert 0 <= start < end <= len(SPAM)
    assert claim_due(parts.engine, limit=9, at=AT + timedelta(hours=1)) == []


def test_doing_it_twice_changes_nothing(parts: Platform, models: ContentModels) -> None:
    ids = publish(parts, {"id": "spam", "text": SPAM})
    work_on(parts, models, ids, AT)
    work_on(parts, models, ids, AT + timedelta(minutes=1))
    assert len(history(parts.engine, "spam")) == 1


def test_without_a_text_model_a_person_decides(parts: Platform, models: ContentModels) -> None:
    parts.registry.production_of.clear()  # type: ignore[attr-defined]
    done = work_on(parts, models, publish(parts, {"id": "p", "text": NEUTRAL}), AT)
    assert done.decisions == {"p": "review_required"}
    (decision,) = history(parts.engine, "p")
    assert (decision.open, decision.version, decision.uncertainty) == (True, None, 1.0)
    found = get_content(parts.engine, "p")
    assert found is not None
    assert found.analysis is not None
    assert found.analysis["parts"]["sentiment"] == "lexicon"


def test_pictures_without_an_image_model_are_for_people(parts: Platform, models: ContentModels) -> None:
    store = open_store(parts.settings, parts.settings.media_bucket)
    store.put("a.jpg", draw("safe", np.random.default_rng(1)))
    done = work_on(
        parts, models, publish(parts, {"id": "p", "text": NEUTRAL, "images": ["a.jpg", "gone.jpg"]}), AT
    )
    assert done.decisions == {"p": "review_required"}
    (decision,) = history(parts.engine, "p")
    assert decision.images == ["a.jpg", "gone.jpg"]
    assert decision.reasons[0]["label"] == "image"


def test_pictures_are_scored_by_the_version_in_production(parts: Platform, models: ContentModels) -> None:
    parts.registry.production_of["imagery"] = ("7", tiny_imagery_model())  # type: ignore[attr-defined]
    store = open_store(parts.settings, parts.settings.media_bucket)
    rng = np.random.default_rng(1)
    for name in ("safe", "violence"):
        store.put(f"{name}.jpg", draw(name, rng))
    ids = publish(parts, {"id": "p", "text": NEUTRAL, "images": ["safe.jpg", "violence.jpg"]})
    work_on(parts, models, ids, AT)
    (decision,) = history(parts.engine, "p")
    assert decision.image_version == "7"
    assert set(decision.scores) == {"spam", "hate", "toxicity", "nsfw", "violence"}


def test_a_store_that_is_away_costs_the_contents_with_pictures_a_pause_and_nothing_else(
    parts: Platform, models: ContentModels, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: Any) -> Any:
        raise StoreUnavailable("The store does not answer.")

    monkeypatch.setattr(content_pictures, "open_store", away)
    ids = publish(
        parts, {"id": "with", "text": NEUTRAL, "images": ["a.jpg"]}, {"id": "without", "text": NEUTRAL}
    )
    done = work_on(parts, models, ids, AT)
    assert done.failed == {"with": "The store does not answer."}
    assert done.decisions == {"without": "approved"}
    assert claim_due(parts.engine, limit=9, at=AT + timedelta(seconds=59)) == []


def test_a_video_waits_for_its_frames_and_the_worst_of_words_and_frames_decides(
    shared: Platform, models: ContentModels
) -> None:
    shared.registry.production_of["imagery"] = ("7", tiny_imagery_model())  # type: ignore[attr-defined]
    open_store(shared.settings, shared.settings.media_bucket).put("film.mp4", film(3))
    ids = publish(shared, {"id": "v", "kind": "video", "text": SPAM, "video": "film.mp4"})

    done = work_on(shared, models, ids, AT)

    assert (done.videos, done.decisions) == (["v"], {})
    content = get_content(shared.engine, "v")
    assert content is not None
    assert content.moderation_status == "pending"
    (job,) = jobs_of(shared.engine, "v")
    assert job.id == frames_job(content)
    result = content_jobs.media_job.fn(str(job.id))
    assert result["state"] == "done"
    assert result["frames"] > 0
    (decision,) = history(shared.engine, "v")
    assert decision.decision == "rejected"
    assert decision.image_version == "7"
    assert decision.images
    assert ModeratedImages(shared.settings).get(decision.images[0])[:2] == b"\xff\xd8"
    assert content_jobs.media_job.fn(str(job.id))["state"] == "somebody else's, or done"


def test_a_video_that_is_none_is_for_people_at_once(shared: Platform, models: ContentModels) -> None:
    open_store(shared.settings, shared.settings.media_bucket).put("film.mp4", b"this is no film at all")
    work_on(
        shared, models, publish(shared, {"id": "v", "kind": "video", "text": NEUTRAL, "video": "film.mp4"}), AT
    )
    (job,) = jobs_of(shared.engine, "v")
    with pytest.raises(Exception, match="file"):
        content_jobs.media_job.fn(str(job.id))
    found = get_job(shared.engine, job.id)
    assert found is not None
    assert (found.state, found.attempts) == ("failed", 1)
    (decision,) = history(shared.engine, "v")
    assert (decision.decision, decision.open) == ("review_required", True)
    assert decision.reasons[0]["label"] == "video"


def test_a_store_that_is_away_has_a_job_tried_again_later(
    shared: Platform, monkeypatch: pytest.MonkeyPatch, models: ContentModels
) -> None:
    from tasks import media_work as work

    def away(*_: Any, **__: Any) -> Any:
        raise StoreUnavailable("The store does not answer.")

    monkeypatch.setattr(work, "sample_frames", away)
    work_on(shared, models, publish(shared, {"id": "v", "kind": "video", "video": "film.mp4"}), AT)
    (job,) = jobs_of(shared.engine, "v")
    with pytest.raises(StoreUnavailable):
        content_jobs.media_job.fn(str(job.id))
    found = get_job(shared.engine, job.id)
    assert found is not None
    assert (found.state, found.error) == ("queued", "The store does not answer.")


def test_flows_do_what_is_asked_for_by_hand_and_name_what_they_cannot(
    shared: Platform, models: ContentModels
) -> None:
    work_on(shared, models, publish(shared, {"id": "p", "text": SPAM}, {"id": "c", "kind": "comment"}), AT)
    shared.registry.production_of["moderation"] = ("4", content_predictor("moderation"))  # type: ignore[attr-defined]

    done = moderate_contents.fn(["p", "c", "x"], "post")

    assert done["decisions"] == {"p": "rejected"}
    assert done["failed"] == {"c": "there is no post of that id", "x": "there is no post of that id"}
    assert sorted(one.version or "" for one in history(shared.engine, "p")) == ["3", "4"]
    assert analyze_contents.fn(["p", "c", "x"])["done"] == 2
    assert media_work.fn("captions", ["p"])["failed"] == {"p": "it has no video"}


def test_with_mlflow_away_a_worker_goes_on_and_a_new_one_finds_what_was_in_production_on_disk(
    parts: Platform, models: ContentModels, tmp_path: Path
) -> None:
    from registry.files import make_listing, write_folder

    files = dict(content_files("moderation"))
    write_folder(tmp_path / "models" / "moderation" / "3", files, make_listing("moderation", files))
    first = models.current("moderation")
    assert first is not None
    assert models.current("topics") is None
    parts.registry.away = True  # type: ignore[attr-defined]
    assert models.current("moderation") is first
    fresh = ContentModels(parts, tmp_path / "notes", clock=iter(range(100)).__next__)
    found = fresh.current("moderation")
    assert isinstance(found, InUse)
    assert found.version == "3"
    assert np.allclose(found.predictor.score([SPAM]), first.predictor.score([SPAM]))
    assert fresh.current("topics") is None, "that there was none is known from disk too"
    assert get_family("moderation").name == "moderation"


def test_the_dispatcher_does_the_work_itself_while_prefect_is_away(shared: Platform) -> None:
    put_contents(shared.engine, [{"id": f"p{n}", "kind": "post", "text": NEUTRAL} for n in range(5)], AT)
    looks = threading.Semaphore(0)
    own = Platform(shared.settings)
    dispatcher = Dispatcher(own, 1, looks.release, lambda: False)
    thread = threading.Thread(target=dispatcher.run)
    thread.start()
    try:
        assert _until(lambda: _pending(shared.engine) == 0)
        put_contents(shared.engine, [{"id": "late", "kind": "post", "text": SPAM}], datetime.now(UTC))
        assert _until(lambda: _pending(shared.engine) == 0, seconds=4.0), "it listens, and does not only poll"
        assert looks.acquire(timeout=5)
    finally:
        dispatcher.stop()
        thread.join(10)
        own.close()
    late = get_content(shared.engine, "late")
    assert late is not None
    assert late.moderation_status == "rejected"


def _pending(engine: Engine) -> int:
    query = "select count(*) from contents where moderated_revision < revision or analyzed_revision < revision"
    with transaction(engine) as connection:
        return int(connection.execute(text(query)).scalar_one())


def _until(done: Any, seconds: float = 20.0) -> bool:
    for _ in range(int(seconds / 0.05)):
        if done():
            return True
        threading.Event().wait(0.05)
    return bool(done())


@dataclass
class Product:
    """A real HTTP server that takes webhooks, and answers as it is told."""

    answers: list[int] = field(default_factory=list)
    got: list[tuple[dict[str, str], bytes]] = field(default_factory=list)

    def start(self) -> HTTPServer:
        product = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                product.got.append(({key.lower(): value for key, value in self.headers.items()}, body))
                status = product.answers.pop(0) if product.answers else 200
                self.send_response(status)
                if status == 302:
                    self.send_header("location", "http://127.0.0.1:1/elsewhere")
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                """Quiet."""

        server = HTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return server


def test_the_product_is_told_signed_and_again_until_it_has_answered(
    parts: Platform, models: ContentModels
) -> None:
    product = Product(answers=[500, 302, 204])
    server = product.start()
    settings = parts.settings.model_copy(
        update={
            "content_webhook_url": f"http://127.0.0.1:{server.server_address[1]}/hook",
            "content_webhook_secret": SecretStr("a secret of the two"),
        }
    )
    try:
        work_on(parts, models, publish(parts, {"id": "p", "text": SPAM}), AT)
        with transaction(parts.engine) as connection:
            connection.execute(text("delete from webhook_deliveries where event = 'content.analyzed'"))
        at = AT
        with new_client() as client:
            for seconds in (0, 10, 20):
                at += timedelta(seconds=seconds)
                moment = at
                assert deliver_due(parts.engine, settings, client, lambda moment=moment: moment) == 1
            assert deliver_due(parts.engine, settings, client, lambda: at + timedelta(days=1)) == 0
    finally:
        server.shutdown()
        server.server_close()
    assert len(product.got) == 3
    assert len({body for _, body in product.got}) == 1
    headers, body = product.got[-1]
    told = json.loads(body)
    assert (told["event"], told["data"]["decision"]) == ("content.moderated", "rejected")
    assert headers["x-assay-delivery"] == told["id"]
    stamp = int(headers[SIGNATURE.lower()].split(",")[0].removeprefix("t="))
    assert headers[SIGNATURE.lower()] == sign(b"a secret of the two", stamp, body)
    assert stamp == int(at.timestamp())


def test_a_job_is_claimed_once_by_two_workers(shared: Platform, models: ContentModels) -> None:
    work_on(shared, models, publish(shared, {"id": "v", "kind": "video", "video": "film.mp4"}), AT)
    (job,) = jobs_of(shared.engine, "v")
    assert take_job(shared.engine, job.id, at=datetime.now(UTC)) is not None
    assert content_jobs.media_job.fn(str(job.id))["state"] == "somebody else's, or done"
