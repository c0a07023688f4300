"""What goes wrong with one content, one worker or the product costs that alone, and nobody is overruled."""

from __future__ import annotations

import io
import threading
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from uuid import uuid4

import numpy as np
import pytest
from PIL import Image
from pydantic import SecretStr

from config.errors import DatabaseUnavailable, InputError, RegistryUnavailable, StoreUnavailable
from demo.content_pictures import film
from storage.content_claims import ask_again, claim_due, in_hand
from storage.contents import StoredContent, get_content, put_contents
from storage.media_jobs import RETRIES, StoredJob, get_job, hand_out, jobs_of, request_job, take_job
from storage.moderation import appeal, history, insert_decisions, review
from storage.objects import open_store
from tasks import content_jobs, content_pictures
from tasks.content_dispatch import Dispatcher
from tasks.content_hooks import Teller
from tasks.content_models import ContentModels
from tasks.content_runs import media_work, moderate_contents
from tasks.content_work import work_on
from tasks.platform import Platform
from tasks.runtime import now
from tests.content_models import NEUTRAL, SPAM, content_predictor
from tests.content_world import AT, dispatching, publish, until
from tests.imagery_world import tiny_imagery_model

HOUR = timedelta(hours=1)


def content(parts: Platform, name: str) -> StoredContent:
    found = get_content(parts.engine, name)
    assert found is not None
    return found


def in_production(parts: Platform, family: str, version: str) -> None:
    model = tiny_imagery_model() if family == "imagery" else content_predictor(family)
    parts.registry.production_of[family] = (version, model)  # type: ignore[attr-defined]


@pytest.mark.parametrize("version", ["3", "4"])
def test_what_a_person_decided_holds_when_it_is_moderated_again_by_hand(
    shared: Platform, models: ContentModels, version: str
) -> None:
    work_on(shared, models, publish(shared, {"id": "p", "text": SPAM}), AT)
    (first,) = history(shared.engine, "p")
    review(shared.engine, first.id, decision="approved", labels=[], reviewer="eva", at=AT)
    in_production(shared, "moderation", version)

    done = moderate_contents.fn(["p"], "post")

    assert done["decisions"] == {"p": "approved"}
    assert (content(shared, "p").moderation_status, content(shared, "p").is_flagged) == ("approved", False)
    assert not content(shared, "p").wants_moderation
    assert [one.open for one in history(shared.engine, "p")] == [False] * len(history(shared.engine, "p"))


def test_an_appeal_is_answered_by_a_person_even_if_a_model_looks_again(
    shared: Platform, models: ContentModels
) -> None:
    work_on(shared, models, publish(shared, {"id": "p", "text": SPAM}), AT)
    (first,) = history(shared.engine, "p")
    appeal(shared.engine, first.id, appellant_id="ana", text="It is a song.", at=AT)
    in_production(shared, "moderation", "4")
    moderate_contents.fn(["p"], "post")

    review(shared.engine, first.id, decision="approved", labels=[], reviewer="eva", at=AT)

    assert content(shared, "p").moderation_status == "approved"


def test_a_review_of_an_older_text_says_nothing_about_the_present_one(
    shared: Platform, models: ContentModels
) -> None:
    work_on(shared, models, publish(shared, {"id": "p", "text": NEUTRAL}), AT)
    (first,) = history(shared.engine, "p")
    put_contents(shared.engine, [{"id": "p", "kind": "post", "creator_id": "ana", "text": SPAM}], AT)

    review(shared.engine, first.id, decision="approved", labels=[], reviewer="eva", at=AT)

    assert content(shared, "p").moderation_status == "pending"
    work_on(shared, models, ["p"], AT)
    assert content(shared, "p").moderation_status == "rejected"


def test_a_text_that_changed_after_a_review_is_the_models_again(
    shared: Platform, models: ContentModels
) -> None:
    work_on(shared, models, publish(shared, {"id": "p", "text": NEUTRAL}), AT)
    (first,) = history(shared.engine, "p")
    review(shared.engine, first.id, decision="approved", labels=[], reviewer="eva", at=AT)
    put_contents(shared.engine, [{"id": "p", "kind": "post", "creator_id": "ana", "text": SPAM}], AT)
    work_on(shared, models, ["p"], AT)
    assert content(shared, "p").moderation_status == "rejected"


def test_a_video_is_moderated_again_by_hand_with_its_frames(shared: Platform, models: ContentModels) -> None:
    in_production(shared, "imagery", "7")
    open_store(shared.settings, shared.settings.media_bucket).put("film.mp4", film(3))
    publish(shared, {"id": "v", "kind": "video", "text": SPAM, "video": "film.mp4"})
    work_on(shared, models, ["v"], AT)
    (job,) = jobs_of(shared.engine, "v")
    content_jobs.media_job.fn(str(job.id))
    in_production(shared, "imagery", "8")

    done = moderate_contents.fn(["v"], "video")

    assert (done["failed"], done["decisions"]) == ({}, {"v": "rejected"})
    assert not content(shared, "v").wants_moderation
    assert {one.image_version for one in history(shared.engine, "v")} == {"7", "8"}
    assert len(jobs_of(shared.engine, "v")) == 1


def test_a_film_that_nobody_knows_a_version_for_waits_and_loses_no_try(
    shared: Platform, models: ContentModels
) -> None:
    """MLflow is away, and this worker has never heard of a version: the film was not looked at."""
    in_production(shared, "imagery", "7")
    open_store(shared.settings, shared.settings.media_bucket).put("film.mp4", film(3))
    publish(shared, {"id": "v", "kind": "video", "text": SPAM, "video": "film.mp4"})
    work_on(shared, models, ["v"], AT)
    (job,) = jobs_of(shared.engine, "v")
    shared.registry.away = True  # type: ignore[attr-defined]
    for _ in range(RETRIES + 2):
        with pytest.raises(RegistryUnavailable):
            content_jobs.media_job.fn(str(job.id))
    waiting = get_job(shared.engine, job.id)
    assert waiting is not None
    assert (waiting.state, waiting.attempts) == ("queued", 0)
    assert content(shared, "v").moderation_status == "pending"
    shared.registry.away = False  # type: ignore[attr-defined]

    assert content_jobs.media_job.fn(str(job.id))["state"] == "done"

    assert content(shared, "v").moderation_status == "rejected"


def test_a_picture_that_has_come_meanwhile_is_a_decision_of_its_own(
    shared: Platform, models: ContentModels
) -> None:
    in_production(shared, "imagery", "7")
    publish(shared, {"id": "p", "text": NEUTRAL, "images": ["late.png"]})
    work_on(shared, models, ["p"], AT)
    assert content(shared, "p").moderation_status == "review_required"
    buffer = io.BytesIO()
    Image.fromarray(np.zeros((64, 64, 3), np.uint8)).save(buffer, "PNG")
    open_store(shared.settings, shared.settings.media_bucket).put("late.png", buffer.getvalue())

    done = moderate_contents.fn(["p"], "post")

    found = history(shared.engine, "p")
    assert len(found) == 2
    assert done["decisions"] == {"p": content(shared, "p").moderation_status}
    assert content(shared, "p").moderation_status in {one.decision for one in found} - {"review_required"}


def test_one_text_that_a_model_fails_at_costs_itself_alone_and_ends_with_people(
    shared: Platform, models: ContentModels, monkeypatch: pytest.MonkeyPatch
) -> None:
    predictor = content_predictor("moderation")
    real = type(predictor).score

    def score(self: Any, texts: Any) -> Any:
        if "poison" in texts:
            raise ValueError("boom")
        return real(self, texts)

    monkeypatch.setattr(type(predictor), "score", score)
    rows = [{"id": f"p{number}", "text": NEUTRAL} for number in range(5)]
    publish(shared, *rows, {"id": "bad", "text": "poison"})

    done = work_on(shared, models, [*(row["id"] for row in rows), "bad"], AT)

    assert done.failed == {"bad": "ValueError: boom"}
    assert {content(shared, row["id"]).moderation_status for row in rows} == {"approved"}
    at = AT
    for _ in range(4):
        at += HOUR
        work_on(shared, models, [one.id for one in claim_due(shared.engine, limit=9, at=at)], at)
    assert content(shared, "bad").moderation_status == "review_required"
    (decision,) = history(shared.engine, "bad")
    assert decision.open


def test_what_failed_is_due_again_after_a_minute(
    shared: Platform, models: ContentModels, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: Any, **__: Any) -> Any:
        raise StoreUnavailable("The store does not answer.")

    monkeypatch.setattr(content_pictures, "open_store", away)
    work_on(shared, models, publish(shared, {"id": "p", "text": NEUTRAL, "images": ["a.png"]}), AT)
    assert claim_due(shared.engine, limit=9, at=AT + timedelta(seconds=59)) == []
    assert [one.id for one in claim_due(shared.engine, limit=9, at=AT + timedelta(seconds=61))] == ["p"]


def test_a_job_that_kills_each_of_its_workers_is_given_up(shared: Platform) -> None:
    job = request_job(shared.engine, "captions", "x.mp4", at=AT)
    at = now() - 20 * HOUR
    for _ in range(RETRIES + 1):  # each of them dies
        at += HOUR
        assert [one.id for one in hand_out(shared.engine, limit=5, at=at)] == [job]
        assert take_job(shared.engine, job, at=at) is not None

    assert content_jobs.media_job.fn(str(job))["state"] == "failed"

    found = get_job(shared.engine, job)
    assert found is not None
    assert (found.state, found.error) == ("failed", "its worker died at each try")
    assert hand_out(shared.engine, limit=5, at=now() + HOUR) == []


def test_content_over_which_each_worker_died_ends_with_people_and_a_video_in_hand_does_not(
    shared: Platform, models: ContentModels
) -> None:
    publish(shared, {"id": "p", "text": NEUTRAL}, {"id": "v", "kind": "video", "video": "film.mp4"})
    work_on(shared, models, ["v"], AT)
    at = AT
    for _ in range(4):
        at += HOUR
        claim_due(shared.engine, limit=9, at=at)
    (job,) = jobs_of(shared.engine, "v")
    assert take_job(shared.engine, job.id, at=now()) is not None

    with dispatching(shared):
        assert until(lambda: not content(shared, "p").wants_moderation)

    assert content(shared, "p").moderation_status == "review_required"
    assert content(shared, "v").moderation_status == "pending"


def test_videos_that_wait_for_their_frames_hold_no_texts_back(shared: Platform, models: ContentModels) -> None:
    rows = [{"id": f"v{number}", "kind": "video", "video": "film.mp4"} for number in range(9)]
    publish(shared, *rows)
    assert in_hand(shared.engine, at=AT) == 9
    work_on(shared, models, [row["id"] for row in rows], AT)
    assert in_hand(shared.engine, at=AT) == 0


def test_a_long_film_holds_no_comment_back(shared: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    begun, over = threading.Event(), threading.Event()

    def long(*_: Any) -> dict[str, Any]:
        begun.set()
        over.wait(60)
        return {}

    monkeypatch.setattr(content_jobs, "_result", long)
    for _ in range(5):
        request_job(shared.engine, "captions", "film.mp4", at=now())
    with dispatching(shared):
        try:
            assert begun.wait(20)
            put_contents(shared.engine, [{"id": "p", "kind": "comment", "text": NEUTRAL}], now())
            assert until(lambda: not content(shared, "p").wants_moderation)
        finally:
            over.set()


def test_a_job_that_somebody_does_by_hand_is_not_handed_out_too(
    shared: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    handed: list[Any] = []

    def look(job: Any, tell: Any) -> dict[str, Any]:
        handed.extend(hand_out(shared.engine, limit=5, at=now()))
        return {}

    monkeypatch.setattr(content_jobs, "_result", look)
    real = content_jobs.take_job
    monkeypatch.setattr("tasks.content_runs.take_job", lambda *a, **k: (look(None, None), real(*a, **k))[1])
    assert media_work.fn("captions", ["film.mp4"])["failed"] == {}
    assert handed == []


def test_runs_that_piled_up_while_a_job_waited_cost_it_one_try_and_its_pause_holds(
    shared: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    piled: list[dict[str, Any]] = []

    def away(*_: Any) -> dict[str, Any]:
        raise StoreUnavailable("The store does not answer.")

    monkeypatch.setattr(content_jobs, "_result", away)
    monkeypatch.setattr(content_jobs.media_job, "delay", lambda **given: piled.append(given))
    job = request_job(shared.engine, "captions", "film.mp4", at=now())
    dispatcher = Dispatcher(shared, 1, lambda: None, lambda: True)
    for number in range(3):  # every two minutes, while all workers are at long films
        dispatcher._media(now() + number * timedelta(minutes=3))
    assert [given["job_id"] for given in piled] == [str(job)] * 3

    with pytest.raises(StoreUnavailable):
        content_jobs.media_job.fn(**piled[0])
    for given in piled[1:]:
        assert content_jobs.media_job.fn(**given)["state"] == "somebody else's, or done"

    found = get_job(shared.engine, job)
    assert found is not None
    assert (found.state, found.attempts) == ("queued", 1)


def test_a_run_that_was_handed_out_before_tries_were_named_takes_its_job(
    shared: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(content_jobs, "_result", lambda *_: {})
    job = request_job(shared.engine, "captions", "film.mp4", at=now())
    assert content_jobs.media_job.fn(str(job), "captions", "film.mp4")["state"] == "done"


def test_a_task_that_is_tried_again_asks_for_the_same_jobs_and_does_none_of_them_twice(
    shared: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    did: list[str] = []

    def work(job: StoredJob, hold: Any) -> dict[str, Any]:
        did.append(job.source)
        if job.source == "broken.mp4":
            raise InputError("The file has no sound.")
        return {}

    monkeypatch.setattr(content_jobs, "_result", work)
    asked: list[str] = []

    def ask(engine: Any, kind: str, source: str, **given: Any) -> Any:
        asked.append(source)
        if asked == ["a.mp4", "broken.mp4", "b.mp4"]:
            raise DatabaseUnavailable("The database does not answer.")
        return request_job(engine, kind, source, **given)

    monkeypatch.setattr("tasks.content_runs.request_job", ask)
    monkeypatch.setenv("PREFECT__FLOW_RUN_ID", str(uuid4()))
    files = ["a.mp4", "broken.mp4", "b.mp4"]
    with pytest.raises(DatabaseUnavailable):
        media_work.fn("captions", files)
    done = media_work.fn("captions", files)  # as Prefect does it, in the same run
    assert did == ["a.mp4", "broken.mp4", "b.mp4"]
    assert (sorted(done["jobs"]), done["failed"]) == (
        ["a.mp4", "b.mp4"],
        {"broken.mp4": "The file has no sound."},
    )

    monkeypatch.setenv("PREFECT__FLOW_RUN_ID", str(uuid4()))
    other = media_work.fn("captions", ["a.mp4"])
    assert other["jobs"]["a.mp4"] != done["jobs"]["a.mp4"], "another run is another wish"
    assert did[3:] == ["a.mp4"]


def test_a_product_that_hangs_is_told_by_a_thread_of_its_own_and_holds_nothing_up(
    shared: Platform, models: ContentModels
) -> None:
    asked, over = threading.Event(), threading.Event()

    class Hanging(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked.set()
            over.wait(30)

        def log_message(self, *_: Any) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Hanging)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    settings = shared.settings.model_copy(
        update={
            "content_webhook_url": f"http://127.0.0.1:{server.server_port}/",
            "content_webhook_secret": SecretStr("a secret of the two"),
        }
    )
    work_on(shared, models, publish(shared, {"id": "old", "text": NEUTRAL}), AT)
    teller = Teller(shared.engine, settings, lambda: datetime.now(UTC))
    thread = threading.Thread(target=teller.run)
    thread.start()
    try:
        assert asked.wait(10)
        with dispatching(shared):
            put_contents(shared.engine, [{"id": "p", "kind": "comment", "text": NEUTRAL}], now())
            assert until(lambda: not content(shared, "p").wants_moderation, seconds=4.0)
    finally:
        teller.stop()
        over.set()
        server.shutdown()
        server.server_close()
        thread.join(20)


def test_a_decision_stored_while_a_person_reviews_waits_for_the_verdict(
    shared: Platform, models: ContentModels
) -> None:
    work_on(shared, models, publish(shared, {"id": "p", "text": SPAM}), AT)
    (first,) = history(shared.engine, "p")
    row = {
        "content_id": "p", "content_kind": "post", "creator_id": "ana", "at": AT, "decision": "flagged",
        "scores": {}, "reasons": [], "uncertainty": 0.5, "received_at": AT, "revision": 1, "version": "4",
        "id": "0c5f9d3e-0000-4000-8000-000000000001",
    }  # fmt: skip
    ask_again(shared.engine, ["p"], AT, moderate=True, analyze=False)
    review(shared.engine, first.id, decision="approved", labels=[], reviewer="eva", at=AT)
    insert_decisions(shared.engine, [row])
    assert content(shared, "p").moderation_status == "approved"
    assert not any(one.open for one in history(shared.engine, "p"))
