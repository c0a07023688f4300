"""A recommendation service in process: the real heuristic, a small real model, and a double of the database."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from config.errors import DatabaseUnavailable
from config.flags import FlagState
from config.settings import Settings
from models.recommendation.question import Interaction
from serving.model_slot import ServedModel
from serving.recommendation_app import RecommendationService
from serving.runtime import ServiceRuntime
from storage.flags import Flag
from storage.recommendation_acts import Acts
from storage.recommendation_lists import StoredList
from tests.recommendation_board_world import world_items
from tests.recommendation_model_world import tiny_recommender

ITEMS = {item["id"]: item for item in world_items()}
FAMILY = SimpleNamespace(name="recommendation", options=lambda _: None)


@dataclass
class DatabaseDouble:
    """What the service asks of PostgreSQL, out of memory; ``away``: it does not answer."""

    history: dict[str, list[Interaction]] = field(default_factory=dict)
    stored: dict[tuple[str, str], StoredList] = field(default_factory=dict)
    flag_states: dict[str, FlagState] = field(default_factory=dict)
    trend: dict[str, float] = field(default_factory=lambda: {"v7": 1.0, "v20": 0.5})
    engaged: dict[str, float] = field(default_factory=lambda: {"v30": 400.0, "v5": 300.0})
    catalogue: dict[str, dict[str, Any]] = field(default_factory=lambda: dict(ITEMS))
    changed: list[dict[str, Any]] = field(default_factory=list)
    decided: dict[str, tuple[str, str]] = field(default_factory=dict)
    erased: set[str] = field(default_factory=set)
    events: dict[str, str] = field(default_factory=dict)
    complete: bool = True
    away: bool = False
    slow: float = 0.0
    asked: Counter[str] = field(default_factory=Counter)

    def _reach(self, what: str) -> None:
        self.asked[what] += 1
        if self.slow:
            time.sleep(self.slow)
        if self.away:
            raise DatabaseUnavailable("PostgreSQL is away.")

    def histories(self, users: Sequence[str]) -> dict[str, tuple[Interaction, ...]]:
        self._reach("histories")
        return {user: tuple(self.history[user]) for user in users if user in self.history}

    def lists(self, keys: Sequence[tuple[str, str]]) -> dict[tuple[str, str], StoredList]:
        self._reach("lists")
        return {key: self.stored[key] for key in keys if key in self.stored}

    def acts(self, last: str | None) -> Acts:
        self._reach("acts")
        found, self.events = ({} if last is None else self.events), {}
        return Acts("1:1:", found, self.complete)

    def flags(self) -> dict[str, Flag]:
        self._reach("flags")
        return {name: Flag(name, state.enabled, state.rollout) for name, state in self.flag_states.items()}

    def trending(self) -> dict[str, float]:
        self._reach("trending")
        return self.trend

    def engagement(self, now: datetime) -> dict[str, float]:
        assert now.tzinfo
        return self.engaged

    def newest(self, now: datetime) -> list[dict[str, Any]]:
        assert now.tzinfo
        return [row for row in self.catalogue.values() if not row["removed"]]

    def items(self, ids: Sequence[str]) -> dict[str, dict[str, Any]]:
        return {one: self.catalogue[one] for one in ids if one in self.catalogue}

    def updated(self, since: datetime, limit: int) -> list[dict[str, Any]]:
        assert since.tzinfo
        return self.changed[:limit]

    def erasures(self) -> int:
        self._reach("erasures")
        return len(self.erased)

    def forgotten(self, people: Sequence[str]) -> set[str]:
        self._reach("forgotten")
        return self.erased & set(people)

    def decisions(self, recommendations: Sequence[str]) -> dict[str, tuple[str, str]]:
        self._reach("decisions")
        return {one: self.decided[one] for one in recommendations if one in self.decided}

    def close(self) -> None:
        pass


@dataclass
class World:
    """A service, and what stands around it. Its threads are not started: tests turn the crank."""

    settings: Settings
    runtime: ServiceRuntime
    parts: RecommendationService
    application: Any
    database: DatabaseDouble
    recorded: dict[str, dict[str, Any]]
    kept: list[dict[str, Any]]

    def serve(self, version: str = "7", predictor: Any = None) -> None:
        """Put a version in service, and let the board know it."""
        facts = {"created_at": "2026-11-19T00:00:00+00:00", "dataset": "recommendation/full/2026-10"}
        model = ServedModel(predictor or tiny_recommender(), version, facts, "registry", datetime.now(UTC))
        self.runtime.slot.swap(model)
        self.parts.board.look()

    def set_flag(self, name: str, *, on: bool = True, rollout: int = 100) -> None:
        """Change a flag, and let the service look."""
        self.database.flag_states[name] = FlagState(on, rollout)
        self.parts.flags.look()

    def run(self, work: Callable[[httpx.AsyncClient], Any]) -> Any:
        """Do some requests in one event loop."""

        async def go() -> Any:
            transport = httpx.ASGITransport(app=self.application)
            async with httpx.AsyncClient(transport=transport, base_url="http://service") as client:
                return await work(client)

        return asyncio.run(go())

    def ask(self, method: str, path: str, **options: Any) -> httpx.Response:
        """One request."""
        answer: httpx.Response = self.run(lambda client: client.request(method, path, **options))
        return answer

    def recommend(self, **question: Any) -> dict[str, Any]:
        """One list."""
        answer = self.ask("POST", "/api/v1/recommend", json=question)
        assert answer.status_code == 200, answer.text
        body: dict[str, Any] = answer.json()
        return body

    def recommend_each(self, *questions: dict[str, Any]) -> list[dict[str, Any]]:
        """Lists one after the other, without the loop between them ending."""

        async def work(client: httpx.AsyncClient) -> list[dict[str, Any]]:
            return [(await client.post("/api/v1/recommend", json=one)).json() for one in questions]

        found: list[dict[str, Any]] = self.run(work)
        return found

    def shipped(self) -> list[dict[str, Any]]:
        """The predictions that reach "the database" when what was recorded is shipped now."""
        self.runtime.recorder.spool.rotate()
        self.runtime.recorder.shipper.ship()
        return list(self.recorded.values())


@pytest.fixture
def make_world(service_settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., World]]:
    """Makes services with no model in service yet."""
    monkeypatch.setattr("serving.runtime.get_family", lambda _: FAMILY)
    made: list[World] = []

    def make(database: DatabaseDouble | None = None, **changed: Any) -> World:
        settings = service_settings.model_copy(update=changed)
        database, recorded, kept = database or DatabaseDouble(), {}, []

        def insert(batch: list[dict[str, Any]]) -> int:
            recorded.update({row["id"]: row for row in batch})
            return len(batch)

        def take(rows: list[dict[str, Any]]) -> int:
            kept.extend(rows)
            return len(rows)

        runtime = ServiceRuntime(
            "recommendation",
            settings,
            registry=lambda: None,
            database=lambda: insert,
        )
        parts = RecommendationService(runtime, database=database, take=lambda: take)
        parts.board.look()
        parts.flags.look()
        parts.acts.look()
        made.append(World(settings, runtime, parts, parts.application(), database, recorded, kept))
        return made[-1]

    yield make
    for world in made:
        world.parts.stop()


@pytest.fixture
def world(make_world: Callable[..., World]) -> World:
    """A service with the small real model as version 7."""
    made = make_world()
    made.serve()
    return made
