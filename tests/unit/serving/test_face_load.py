"""The face service with more to do than it can: bounded in memory and in waiting, and never deaf."""

from __future__ import annotations

import asyncio
import base64
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest

from models.images.limits import Room
from tests.face_world import portrait

PHOTO_FILE = portrait(0, 5, 224)
PHOTO = base64.b64encode(PHOTO_FILE).decode()
ASK = ("POST", "/predict", {"json": {"images": [PHOTO]}})


@contextmanager
def all_threads_busy(service: Any) -> Iterator[None]:
    """Every thread of the pool waits until the block ends."""
    release = threading.Event()
    held = [service.pool.submit(release.wait, 30) for _ in range(service.pool._max_workers)]
    try:
        yield
    finally:
        release.set()
        for wait in held:
            wait.result()


async def sent(service: Any, count: int) -> tuple[httpx.AsyncClient, list[asyncio.Task[httpx.Response]]]:
    client = httpx.AsyncClient(
        transport=httpx.ASGITransport(app=service.application), base_url="http://service"
    )
    method, path, options = ASK
    tasks = [asyncio.create_task(client.request(method, path, **options)) for _ in range(count)]
    await asyncio.sleep(0.2)
    return client, tasks


def test_past_the_bound_a_request_is_told_at_once_when_to_come_again(
    make_ready_face: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("serving.face_api.WAITING_PER_THREAD", 2)
    service = make_ready_face(service_workers=64)  # one thread
    assert service.pool._max_workers == 1

    async def run() -> tuple[list[httpx.Response], httpx.Response, float, httpx.Response]:
        with all_threads_busy(service):
            client, tasks = await sent(service, 2)
            began = time.monotonic()
            refused = await client.request("POST", "/predict", json={"images": [PHOTO]})
            took = time.monotonic() - began
        answered = list(await asyncio.gather(*tasks))
        later = await client.request("POST", "/predict", json={"images": [PHOTO]})
        await client.aclose()
        return answered, refused, took, later

    answered, refused, took, later = asyncio.run(run())
    assert [answer.status_code for answer in answered] == [200, 200]
    assert (refused.status_code, refused.headers["retry-after"]) == (503, "1")
    assert "more to do" in refused.json()["detail"]
    assert took < 1
    assert later.status_code == 200


def test_a_request_of_ten_photos_is_taken_whole_when_there_is_room_for_one(
    make_ready_face: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("serving.face_api.WAITING_PER_THREAD", 1)
    service = make_ready_face(service_workers=64)
    assert service.predict([PHOTO] * 10).json()["count"] == 10


def test_the_event_loop_is_free_while_photos_are_looked_at(face: Any) -> None:
    async def run() -> tuple[float, httpx.Response]:
        with all_threads_busy(face):
            client, tasks = await sent(face, 3)
            began = time.monotonic()
            health = await client.get("/health")
            took = time.monotonic() - began
            assert not any(task.done() for task in tasks)
        await asyncio.gather(*tasks)
        await client.aclose()
        return took, health

    took, health = asyncio.run(run())
    assert health.status_code == 200
    assert took < 0.5


def test_a_body_past_the_limit_is_refused_and_large_bodies_together_are_bounded(
    make_ready_face: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    body = json.dumps({"images": [PHOTO]}).encode()
    service = make_ready_face(face_max_body_bytes=len(body) + 10)
    assert service.post("/predict", body).status_code == 200
    assert service.post("/predict", body + b" " * 20).status_code == 413

    async def run() -> list[int]:
        with all_threads_busy(service):
            client, tasks = await sent(service, 2)  # as many bodies as fit
            third = await client.request("POST", "/predict", content=body)
        first = await asyncio.gather(*tasks)
        last = await client.request("POST", "/predict", content=body)
        await client.aclose()
        return [answer.status_code for answer in (*first, third, last)]

    assert asyncio.run(run()) == [200, 200, 503, 200]


def test_many_at_once_are_all_answered_each_with_its_own(face: Any) -> None:
    names = [f"u-{number}" for number in range(24)]
    answers = face.ask_together(
        [("POST", "/predict", {"json": {"images": [PHOTO] * (1 + number % 3), "user_id": name}})
         for number, name in enumerate(names)]
    )  # fmt: skip
    assert [answer.status_code for answer in answers] == [200] * 24
    assert [answer.json()["count"] for answer in answers] == [1 + number % 3 for number in range(24)]
    assert len({json.dumps(answer.json()["photos"][0]) for answer in answers}) == 1
    assert sorted(row["entity_id"] for row in face.shipped()) == sorted(names)


def test_a_version_that_is_swapped_in_meanwhile_does_not_change_an_answer_under_way(face: Any) -> None:
    face.registry.versions["2"] = face.registry.versions["1"]

    async def run() -> list[str]:
        with all_threads_busy(face):
            client, tasks = await sent(face, 2)
            face.registry.promoted = "2"
            await asyncio.to_thread(face.runtime.watcher.look)
        before = await asyncio.gather(*tasks)
        after = await client.request("POST", "/predict", json={"images": [PHOTO]})
        await client.aclose()
        return [answer.json()["model_version"] for answer in (*before, after)]

    assert asyncio.run(run()) == ["1", "1", "2"]


def test_large_pictures_wait_for_one_another_and_small_ones_do_not() -> None:
    room, order = Room(100), []
    opened, leave = threading.Event(), threading.Event()

    def large() -> None:
        with room.take(90):
            order.append("large")
            opened.set()
            leave.wait(10)

    def another() -> None:
        with room.take(300):  # larger than all of it: let in alone
            order.append("another")

    threads = [threading.Thread(target=work) for work in (large, another)]
    threads[0].start()
    opened.wait(10)
    threads[1].start()
    with room.take(10):
        order.append("small")
        time.sleep(0.05)
        assert order == ["large", "small"]
    leave.set()
    for thread in threads:
        thread.join(10)
    assert order == ["large", "small", "another"]


def test_the_service_opens_no_more_pixels_at_once_than_one_picture_may_have(
    make_ready_face: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    most = 0
    take = Room.take

    @contextmanager
    def watched(room: Room, pixels: int) -> Iterator[None]:
        nonlocal most
        with take(room, pixels):
            most = max(most, room._taken)
            yield

    monkeypatch.setattr(Room, "take", watched)
    service = make_ready_face(image_max_pixels=60_000)
    assert service.predict([PHOTO_FILE] * 10).json()["count"] == 10
    assert 224 * 224 <= most <= 60_000
