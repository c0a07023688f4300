"""Reports of experiments are slow, and may not be at the cost of who asks for a variant."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from config.settings import Settings
from tests.integration.serving.conftest import eventually
from tests.integration.serving.experiment_world import World, make_world


@pytest.fixture
def world(settings: Settings) -> Iterator[World]:
    made = make_world(settings)
    made.service.start()
    yield made
    made.service.stop()


def test_a_crowd_that_asks_for_reports_waits_and_keeps_nobody_else_waiting(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.create()
    desk, now, most = world.service.desk, threading.Semaphore(2), []
    real, go_on = desk.stats, threading.Event()

    def slow(name: str) -> dict[str, Any]:
        most.append(now.acquire(blocking=False))
        try:
            go_on.wait(5)
            return real(name)
        finally:
            now.release()

    monkeypatch.setattr(desk, "stats", slow)
    reports = [("GET", "/experiments/shop/stats", None)] * 40
    crowd = threading.Thread(target=lambda: answers.extend(world.ask_many(reports, at_once=40)))
    answers: list[httpx.Response] = []
    crowd.start()
    try:
        eventually(lambda: len(most) == 2)
        assert world.ask("GET", "/experiments/shop").status_code == 200
    finally:
        go_on.set()
        crowd.join()
    assert [answer.status_code for answer in answers] == [200] * 40
    assert all(most)
