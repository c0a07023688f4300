"""A worker that lost its media job, since nothing was heard of it: what stands is the other worker's."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from config.errors import InputError, StoreUnavailable
from demo.content_pictures import film
from storage.contents import get_content
from storage.media_jobs import LEASE, StoredJob, finish, get_job, jobs_of, request_job, take_job
from storage.moderation import history
from storage.objects import open_store
from tasks import content_jobs, media_work
from tasks.content_models import ContentModels
from tasks.content_work import work_on
from tasks.platform import Platform
from tasks.runtime import now
from tests.content_world import AT, publish

OTHERS = b"of the worker who has the job now"


def taken(parts: Platform, kind: str = "thumbnails") -> StoredJob:
    """A job that this worker has, of a film of three scenes."""
    open_store(parts.settings, parts.settings.media_bucket).put("film.mp4", film(3))
    found = take_job(parts.engine, request_job(parts.engine, kind, "film.mp4", at=now()), at=now())
    assert found is not None
    return found


def taken_over(parts: Platform, job: StoredJob) -> StoredJob:
    """Another worker takes the job, does it, and it stands."""
    other = take_job(parts.engine, job.id, at=now() + LEASE + timedelta(minutes=1))
    assert other is not None
    store = open_store(parts.settings)
    for name in ("1-16x9.jpg", "9-16x9.jpg"):
        store.put(f"media/{job.id}/{name}", OTHERS)
    assert finish(parts.engine, other, {"by": "the other"}, now())
    return other


def stands(parts: Platform, job: StoredJob) -> bool:
    """Whether nothing of the other worker's was touched."""
    store, found = open_store(parts.settings), get_job(parts.engine, job.id)
    assert found is not None
    files = {info.key: store.get(info.key) for info in store.list(f"media/{job.id}/")}
    whole = {f"media/{job.id}/{name}": OTHERS for name in ("1-16x9.jpg", "9-16x9.jpg")}
    return files == whole and (found.state, found.result) == ("done", {"by": "the other"})


def at_the_end(monkeypatch: pytest.MonkeyPatch, then: Callable[[], Any]) -> None:
    """Have something happen when the thumbnails are made, and not stored yet."""
    real = media_work._work

    def work(*given: Any) -> Any:
        made = real(*given)
        then()
        return made

    monkeypatch.setattr(media_work, "_work", work)


def test_who_slept_over_its_job_writes_and_deletes_nothing(
    shared: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = taken(shared)
    at_the_end(monkeypatch, lambda: taken_over(shared, job))
    with pytest.raises(content_jobs.JobLost, match="another worker's by now"):
        content_jobs.do_job(job)
    assert stands(shared, job)


def test_who_loses_its_job_while_it_writes_deletes_nothing(
    shared: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    job, beats = taken(shared), []
    real = content_jobs.Hold.beat

    def beat(hold: content_jobs.Hold) -> None:
        beats.append(1)
        if len(beats) == 2:
            taken_over(shared, job)
        real(hold)

    monkeypatch.setattr(content_jobs.Hold, "beat", beat)
    with pytest.raises(content_jobs.JobLost):
        content_jobs.do_job(job)
    store = open_store(shared.settings)
    assert store.get(f"media/{job.id}/9-16x9.jpg") == OTHERS


def test_a_beat_that_finds_the_job_lost_ends_the_work_at_its_next_step(
    shared: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(content_jobs, "HEARTBEAT_SECONDS", 0.01)
    job = taken(shared)
    taken_over(shared, job)
    steps, noticed = [], threading.Event()
    real = content_jobs.progress

    def progress(*given: Any) -> bool:
        ours = real(*given)
        noticed.set()
        return ours

    def work(_: Any, __: str, ___: Any, ____: Any, on_progress: Callable[[float], None]) -> Any:
        assert noticed.wait(10)
        for step in range(1000):
            steps.append(step)
            on_progress(step / 1000)
            threading.Event().wait(0.01)
        raise AssertionError("nobody ended it")

    monkeypatch.setattr(content_jobs, "progress", progress)
    monkeypatch.setattr(media_work, "_work", work)
    with pytest.raises(content_jobs.JobLost):
        content_jobs.do_job(job)
    assert len(steps) < 100
    assert stands(shared, job)


def test_the_task_of_a_lost_job_says_so_and_is_no_failure(
    shared: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_store(shared.settings, shared.settings.media_bucket).put("film.mp4", film(3))
    name = request_job(shared.engine, "thumbnails", "film.mp4", at=now())

    def over() -> None:
        job = get_job(shared.engine, name)
        assert job is not None
        taken_over(shared, job)

    at_the_end(monkeypatch, over)
    assert content_jobs.media_job.fn(str(name))["state"] == "somebody else's, or done"


def test_who_slept_over_a_video_decides_nothing(
    shared: Platform, models: ContentModels, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_store(shared.settings, shared.settings.media_bucket).put("film.mp4", film(3))
    publish(shared, {"id": "v", "kind": "video", "video": "film.mp4"})
    work_on(shared, models, ["v"], AT)
    (asked,) = jobs_of(shared.engine, "v")
    job = take_job(shared.engine, asked.id, at=now())
    assert job is not None
    real, clock = media_work.sample_frames, [timedelta(0)]

    def asleep(*given: Any, **more: Any) -> Any:
        clock[0] = 2 * LEASE
        assert take_job(shared.engine, asked.id, at=now() + clock[0]) is not None
        return real(*given, **more)

    monkeypatch.setattr(content_jobs, "own_clock", lambda: now() + clock[0])
    monkeypatch.setattr(media_work, "sample_frames", asleep)
    with pytest.raises(content_jobs.JobLost):
        content_jobs.do_job(job)
    assert history(shared.engine, "v") == []


@pytest.mark.parametrize("error", [InputError("The file is broken."), StoreUnavailable("The store is away.")])
def test_a_video_that_another_worker_looks_at_is_not_left_to_people_by_the_one_that_lost_it(
    shared: Platform, models: ContentModels, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    publish(shared, {"id": "v", "kind": "video", "video": "film.mp4"})
    work_on(shared, models, ["v"], AT)
    (asked,) = jobs_of(shared.engine, "v")
    at = now() - timedelta(days=1)
    for _ in range(4):  # the last try of the first workers
        at += timedelta(hours=1)
        job = take_job(shared.engine, asked.id, at=at)
    assert job is not None

    def broken(*_: Any, **__: Any) -> Any:
        assert take_job(shared.engine, asked.id, at=now()) is not None
        raise error

    monkeypatch.setattr(content_jobs, "moderate_video", broken)
    with pytest.raises(type(error)):
        content_jobs.do_job(job)
    found, content = get_job(shared.engine, asked.id), get_content(shared.engine, "v")
    assert found is not None
    assert content is not None
    assert (found.state, found.error) == ("running", None)
    assert content.moderation_status == "pending", "the other worker has yet to say"
