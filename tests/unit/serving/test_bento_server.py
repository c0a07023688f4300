"""How often BentoML's server looks after its workers."""

from __future__ import annotations

import asyncio
import inspect
from types import SimpleNamespace
from typing import Any

import pytest
from circus import controller

from serving import bento_server
from serving.bento_server import Looks


class Arbiter:
    """One watcher, whose process is another one after each look in which it had died."""

    def __init__(self, deaths: int) -> None:
        self._processes = {1: object()}
        self._deaths = deaths
        self.looks = 0

    def iter_watchers(self) -> list[Any]:
        return [SimpleNamespace(processes=self._processes)]

    async def manage_watchers(self) -> None:
        self.looks += 1
        if self._deaths:
            self._deaths -= 1
            self._processes = {self.looks + 1: object()}


def looked(arbiter: Arbiter, until: int) -> list[float]:
    """The pauses before each look."""

    async def run() -> list[float]:
        looks, pauses = Looks(arbiter.manage_watchers, 10_000.0), []
        looks.start()
        while arbiter.looks < until:
            before = arbiter.looks
            pauses.append(looks.pause)
            while arbiter.looks == before:
                await asyncio.sleep(0.001)
            await asyncio.sleep(0)
        looks.stop()
        looks.stop()
        done = arbiter.looks
        await asyncio.sleep(0.05)
        assert arbiter.looks == done
        return pauses

    return asyncio.run(run())


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bento_server, "LOOK_SECONDS", 0.001)
    monkeypatch.setattr(bento_server, "MOST_SECONDS", 0.01)
    monkeypatch.setattr(bento_server, "CALM_SECONDS", 0.05)


def test_a_worker_that_dies_again_and_again_is_looked_after_less_often() -> None:
    assert looked(Arbiter(deaths=6), 7)[:6] == [0.001, 0.002, 0.004, 0.008, 0.01, 0.01]


def test_after_a_calm_time_a_death_is_noticed_at_once_again() -> None:
    pauses = looked(Arbiter(deaths=3), 30)
    assert max(pauses) == 0.008
    assert pauses[-1] == 0.001


def test_it_is_given_what_it_needs_by_the_server_itself() -> None:
    from circus.arbiter import Arbiter as Real

    assert callable(Real.iter_watchers)
    assert "AsyncPeriodicCallback(self.arbiter.manage_watchers" in inspect.getsource(controller)
